"""The lines of `status` about workflows: how each does, those alike of many instances of one in one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from attrs import evolve

from cronicle.names import split_instance, typed
from cronicle.operations.served import pause_text
from cronicle.runs.states import LIVE, RunState
from cronicle.store.records import RunRecord
from cronicle.store.series import PauseRecord
from cronicle.views.naming import Naming
from cronicle.views.status import Line, Status, WorkflowHealth
from cronicle.views.words import local_time, plural, reason_text, relative

MOST_ALIKE = 5
"""Instances of a workflow to which the same has happened that have a line each; of more their number."""


def workflow_lines(status: Status, naming: Naming, now: datetime) -> list[Line]:
    """A line for each workflow: how its last logical time ended, and what failed and was never made good."""
    pairs = [(one, line) for one in status.workflows for line in _lines(one, naming, now)]
    alike: dict[object, list[tuple[WorkflowHealth, Line]]] = {}
    for one, line in pairs:
        alike.setdefault(_kind(one, line), []).append((one, line))
    shown = []
    for one, line in pairs:
        some = alike[_kind(one, line)]
        if len(some) <= MOST_ALIKE:
            shown.append(line)
        elif some[0][1] is line:
            shown.append(_of_many(some, naming))
    return shown


def _kind(one: WorkflowHealth, line: Line) -> object:
    """What the lines of instances have in common that are told of together; itself for any other."""
    name, key = split_instance(one.workflow)
    if key is None:
        return id(line)
    pause = line.cells[2] if line.state == "paused" else ""
    return one.deployment.project, one.deployment.environment, name, one.series, line.state, pause


def _of_many(some: list[tuple[WorkflowHealth, Line]], naming: Naming) -> Line:
    """One line for many instances that are alike: the last of them speaks for all."""
    health, line = max(some, key=lambda pair: _ended_at(pair[0]))
    whole = evolve(health, workflow=split_instance(health.workflow)[0])
    name = f"{whole.label(naming)} ({plural(len(some), 'instance')})"
    name_typed = typed(whole.workflow)
    command = {
        "queued": f"cronicle next {name_typed}",
        "failed": f"cronicle runs {name_typed} --failed",
        "paused": f"cronicle unpause {name_typed}",
    }.get(line.state, "")
    if health.pause is not None and health.pause.workflow is None and line.state == "paused":
        command = "cronicle unpause --all"
    command += whole.options(naming) if command else ""
    said = line.cells[2].replace("has never", "have never").replace("is not", "are not")
    return Line(line.state, (name, line.cells[1], said, *line.cells[3:]), command)


def _ended_at(one: WorkflowHealth) -> datetime:
    return (one.last and one.last.ended_at) or datetime.min.replace(tzinfo=UTC)


def _lines(one: WorkflowHealth, naming: Naming, now: datetime) -> Iterator[Line]:
    name, options = one.label(naming), one.options(naming)
    if one.pause is not None:
        yield _pause_line(name, one.workflow, one.pause, options)
    if one.last is None:
        options = f" --series {one.series}{options}" if one.series else options
        yield Line("queued", (name, "", "has never run"), f"cronicle run {typed(one.workflow)}{options}")
        return
    yield _last_line(name, one.last, now, one.runbook)
    if one.failure is not None and one.failure.id != one.last.id:
        yield _last_line(name, one.failure, now, one.runbook)


def _pause_line(name: str, workflow: str, pause: PauseRecord, options: str) -> Line:
    until = f" until {pause.until.astimezone():%Y-%m-%d %H:%M}" if pause.until else ""
    what = "--all" if pause.workflow is None else typed(workflow)
    return Line(
        "paused", (name, "", f"paused{until} {pause_text(pause)}"), f"cronicle unpause {what}{options}"
    )


def _last_line(name: str, run: RunRecord, now: datetime, runbook: str | None) -> Line:
    at = local_time(run.logical_time, run.timezone)
    if run.state in LIVE:
        return Line("running", (name, at, "is not over"), "")
    why = f" ({reason_text(run.reason)})" if run.reason else ""
    said = f"{run.state}{why} {relative(run.ended_at, now)}"
    command = "" if run.state is RunState.SUCCEEDED else f"cronicle explain {run.id}"
    book = (f"runbook {runbook}",) if runbook and run.state is RunState.FAILED else ()
    return Line(str(run.state), (name, at, said, *book), command)
