"""The chain of causes of a run or a task: from the person who asked to how it ended, or why it has not.

Everything that is said was recorded: the events of the run, replayed, say why each task is where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from attrs import frozen

from cronicle.names import task_label
from cronicle.operations.gates import waiting_reasons
from cronicle.operations.labels import find_lacking
from cronicle.runs.states import LIVE, Cause, Reason, RunState, TaskState
from cronicle.runs.units import Unit
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord, RunRecord
from cronicle.views.details import actor_text
from cronicle.views.inputs import inputs_of
from cronicle.views.parts import InputShape
from cronicle.views.purpose import isolation_text, purpose
from cronicle.views.reuse import why_executed
from cronicle.views.runbooks import how_to_read
from cronicle.views.runs import overruled_by
from cronicle.views.staleness import staleness_of
from cronicle.views.story import MOST_NAMED, Story, some_of
from cronicle.views.told import last_success
from cronicle.views.words import (
    duration,
    moment,
    name_of,
    plural,
    reason_text,
    short,
)

NOTABLE_LATENESS = 1.0
"""Seconds; a run that was made later than its tick by less is not called late."""

LONGEST_CHAIN = 20
"""Steps upwards that are told of retries of retries."""


@frozen(kw_only=True, slots=False)
class Explanation:
    """Why something is as it is: the answer first, what it follows from, and what one could do."""

    subject: str
    project: str
    environment: str
    summary: str
    because: tuple[str, ...] = ()
    """Each follows from the next ones."""
    commands: tuple[str, ...] = ()
    inputs: tuple[InputShape, ...] = ()
    """Of a task the files that define what it does."""


def explain_run(store: StoreReader, run: RunRecord, now: datetime) -> Explanation:
    """Why a run is in its state, and why there is one."""
    story = Story.of(store, run, now)
    failed = story.failed_units()
    because: list[str] = []
    commands: list[str] = []
    title = f"{name_of(run)} (run {run.id})"
    names = some_of([task_label(*unit.id) for unit in failed])
    match run.state:
        case RunState.FAILED:
            summary = f"{title} failed: {names} failed" if failed else f"{title} failed"
            if run.reason:
                summary = f"{title} failed: {reason_text(run.reason)}"
                because += [*story.timed_out(), *story.marked()]
            for unit in failed[:MOST_NAMED]:
                because += story.chain(unit)
            because += story.skipped_below()
            commands = [f"cronicle logs {story.address(failed[0].id)}"] if failed else []
            commands += [f"cronicle diff {run.id}"] if last_success(store, run) is not None else []
            commands += [how_to_read(run)] if story.machine.spec.runbook else []
            is_held = bool(failed) and failed[0].carried_from is not None
            commands.append(f"cronicle retry {run.id}" + (f" --from {failed[0].id[0]}" if is_held else ""))
        case RunState.CANCELLED:
            summary = f"{title} was cancelled" + (f": {reason_text(run.reason)}" if run.reason else "")
            because += story.cancels()
        case RunState.SUCCEEDED:
            units = [unit for unit in story.leaves() if unit.state is TaskState.SUCCEEDED]
            summary = f"{title} succeeded: {plural(len(units), 'task')}"
            because += [line for unit in story.leaves() if not _is_good(unit) for line in story.chain(unit)]
            if run.reason == Reason.MARKED:
                summary, because = f"{title} succeeded: {reason_text(run.reason)}", [*story.marked()]
        case RunState.SKIPPED:
            summary = f"{title} was skipped" + (f": {reason_text(run.reason)}" if run.reason else "")
        case _ if (lacking := find_lacking(store, run)) is not None:
            summary = f"{title} is {run.state}, {lacking.text}"
            because += lacking.served_by
            commands = [f"cronicle cancel {run.id}"]
        case _ if not story.is_driven():
            summary = f"{title} is {run.state}, and no process drives it"
            commands = [f"cronicle resume {run.id}", f"cronicle cancel {run.id}"]
        case RunState.RUNNING:
            summary = (
                f"{title} is running since {moment(run.started_at or run.created_at, run.timezone, now)}"
            )
        case _:
            summary = f"{title} is {run.state}" + (f": {reason_text(run.reason)}" if run.reason else "")
    if run.state is RunState.QUEUED and not run.admitted:
        because += waiting_reasons(store, run, story.machine.spec.policy, now)
    elif run.state in LIVE:
        because += story.open_tasks()
    return Explanation(
        subject=run.id,
        project=run.project,
        environment=run.environment,
        summary=summary,
        because=(*because, *origin(store, run, now), *staleness_of(store, run, now)),
        commands=tuple(commands),
    )


def explain_task(
    store: StoreReader, run: RunRecord, task: str, key: str | None, now: datetime, files: Path | None = None
) -> Explanation:
    """Why a task of a run, or an instance of it, ran, waits, failed or was skipped.

    Args:
        store: Where the run is.
        run: The run.
        task: The task.
        key: The key of the instance; None for the whole.
        now: The present moment.
        files: The files folder, whose mirror tells of its files; None: nothing of them is told.
    """
    story = Story.of(store, run, now)
    unit = story.unit((task, key))
    summary, *because = story.chain(unit)
    because += [why] if (why := why_executed(story, unit, files)) else []
    commands = [f"cronicle logs {story.address(unit.id)}"] if story.attempts_of(unit.id) else []
    if run.state in LIVE and not unit.ended and not story.is_driven():
        if lacking := find_lacking(store, run):
            because[:0] = [f"run {run.id} is {lacking.text}", *lacking.served_by]
        else:
            because.insert(0, f"no process drives run {run.id}")
            commands.append(f"cronicle resume {run.id}")
    return Explanation(
        subject=story.address(unit.id),
        project=run.project,
        environment=run.environment,
        summary=summary,
        because=(*because, *origin(store, run, now), *staleness_of(store, run, now, task)),
        commands=tuple(commands),
        inputs=inputs_of(store, files, run, task) if files is not None else (),
    )


def origin(store: StoreReader, run: RunRecord, now: datetime) -> Iterator[str]:
    """Why there is a run, and why at its revision."""
    current: RunRecord | None = run
    for _ in range(LONGEST_CHAIN):
        if current is None:
            break
        yield _asked(store, current, now)
        current = store.find_run(current.retry_of) if current.retry_of else None
    yield _revision(store, run, now)
    if by := overruled_by(store, run):
        yield f"it does not count any more: run {by.id} has marked its logical time as failed"
    elif not run.counts:
        yield "it does not count: an experiment never becomes the result of its logical time"
        if isolated := isolation_text(run):
            yield f"it was isolated: {isolated}"


def _asked(store: StoreReader, run: RunRecord, now: datetime) -> str:
    command = f": {run.actor.command}" if run.actor.command else ""
    when = moment(run.created_at, run.timezone, now)
    who = f"{actor_text(run.actor)}, {when}{command}"
    if run.cause is Cause.BACKFILL and run.backfill:
        backfill = store.find_backfill(run.backfill)
        if isinstance(backfill, BackfillRecord):
            who = f"{actor_text(backfill.actor)}, {moment(backfill.created_at, run.timezone, now)}{command}"
        return f"run {run.id} is one of backfill {run.backfill}, which was asked for by {who}"
    if run.cause is Cause.RETRY and run.retry_of:
        return f"run {run.id} is a retry of {run.retry_of}, asked for by {who}"
    if what := purpose(run):
        return f"run {run.id} {what}; it was asked for by {who}"
    if run.cause is Cause.MANUAL:
        return f"run {run.id} was asked for by {who}"
    late = (
        f", {duration(run.lateness)} late"
        if run.lateness is not None and run.lateness >= NOTABLE_LATENESS
        else ""
    )
    match run.cause:
        case Cause.SCHEDULE:
            return f"run {run.id} was made by its tick, {when}{late}"
        case Cause.CATCHUP:
            return f"run {run.id} makes up a tick that was missed; it was made {when}{late}"
        case Cause.WORKFLOW:
            return f"run {run.id} was made {run.actor.command}, {when}"
        case Cause.DEPLOY:
            return f"run {run.id} was made by {run.actor.command}, which changed the workflow, {when}"
    return f"run {run.id} was made by {run.cause}, {when}"


def _revision(store: StoreReader, run: RunRecord, now: datetime) -> str:
    at = f"at {short(run.revision)}"
    if run.dirty:
        return f"{at}, the working tree as it was then"
    if run.deployment is None:
        if run.cause is Cause.REPRODUCE and run.experiment is not None:
            return f"{at}, as run {run.experiment.of} was"
        return f"{at}, which was chosen for it"
    deployment = store.find_deployment(run.project, run.environment, run.deployment)
    current = store.find_deployment(run.project, run.environment)
    if deployment is None or current is None:
        return f"{at}, deployment {run.deployment} of {run.environment}"
    since = moment(deployment.created_at, run.timezone, now)
    number = f"(deployment {deployment.number}, {deployment.actor.user})"
    if current.number == deployment.number:
        return f"{at}, because that is deployed to {run.environment} since {since} {number}"
    now_is = f"now it is {short(current.revision)}"
    return f"{at}, because that was deployed to {run.environment} on {since} {number}; {now_is}"


def _is_good(unit: Unit) -> bool:
    return unit.state is TaskState.SUCCEEDED and not unit.carried_from
