"""`cronicle next`: the coming ticks of a workflow, of all of them, or of any cron expression."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonOption,
    ProjectOption,
    SeriesOption,
    StoreOption,
    WorkflowsArgument,
)
from cronicle.cli.output import print_json, say, table, tell, visible_line
from cronicle.cli.session import Session, open_session
from cronicle.errors import UsageError
from cronicle.views.words import series_name

if TYPE_CHECKING:
    from cronicle.schedule.rule import Schedule
    from cronicle.schedule.ticks import Tick
    from cronicle.store.reading import StoreReader
    from cronicle.store.records import DeployedWorkflow, DeploymentRecord
    from cronicle.views.ticks import ComingTick

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("next")
def next_(
    workflow: WorkflowsArgument = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Of all that is deployed (so it is without WORKFLOW, too).")
    ] = False,
    count: Annotated[int, typer.Option("--count", "-n", min=0, metavar="N", help="How many ticks.")] = 5,
    cron: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Of this expression, not of a workflow.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of --cron, such as Europe/Vienna (default: UTC).")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Ticks strictly after it (default: now).")
    ] = None,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """The coming ticks, in the schedule's zone and in local time."""
    if cron is not None:
        if workflow is not None or series is not None or all_:
            raise UsageError(
                "--cron stands for itself", "Leave out the workflow, --all and --series, or --cron."
            )
        _of_expression(cron, timezone or "UTC", from_, count, json=json)
        return
    if timezone is not None:
        raise UsageError("--timezone is for --cron", "A workflow's schedules have their own time zones.")
    if all_ and workflow is not None:
        raise UsageError("--all is for all workflows, and one was named", "Leave out the name, or --all.")
    session = open_session(store, environment, files, project)
    if workflow is None:
        if series is not None:
            raise UsageError("--series is for one workflow", "Name the workflow.")
        _of_all(session, from_, count, json=json)
        return
    from cronicle.operations.deployed import get_deployment, get_workflows
    from cronicle.operations.times import series_of

    with session.reader() as reader:
        deployment = get_deployment(reader, session.target(reader))
        found = get_workflows(deployment, workflow)
        if found[0].name == workflow:
            schedules = series_of(found[0], series)
        else:
            _say_coming(session, reader, (_only(deployment, found, series),), from_, count, json=json)
            return
    now = session.clock.now()
    zone = schedules[0].timezone if schedules else "UTC"
    _show(schedules, _after(from_, zone, now), now, count, json=json)
    if not schedules and not json:
        tell(f"{visible_line(workflow)} has no schedule: it runs when somebody asks")


def _of_expression(cron: str, timezone: str, first: str | None, count: int, *, json: bool) -> None:
    from cronicle.clock import SystemClock
    from cronicle.schedule.rule import Schedule

    now = SystemClock().now()
    _show((Schedule(crons=(cron,), timezone=timezone),), _after(first, timezone, now), now, count, json=json)


def _of_all(session: Session, first: str | None, count: int, *, json: bool) -> None:
    """The next ticks of everything that is deployed, and how long their runs will take, by those before."""
    from cronicle.operations.deployed import deployments_in_force

    with session.reader() as reader:
        deployed = deployments_in_force(reader, *session.scope(reader))
        _say_coming(session, reader, deployed, first, count, json=json)


def _only(
    deployment: DeploymentRecord, workflows: Sequence[DeployedWorkflow], series: str | None
) -> DeploymentRecord:
    """A deployment with no more than some workflows of it, and of these one series."""
    from attrs import evolve

    from cronicle.config.deployed import schedules_to_json
    from cronicle.operations.times import series_of

    return evolve(
        deployment,
        workflows=tuple(
            evolve(one, schedules=schedules_to_json(series_of(one, series))) for one in workflows
        ),
    )


def _say_coming(
    session: Session,
    reader: StoreReader,
    deployments: Sequence[DeploymentRecord],
    first: str | None,
    count: int,
    *,
    json: bool,
) -> None:
    """The next ticks of several workflows."""
    from cronicle.views.ticks import coming, coming_shape, expected_duration
    from cronicle.views.words import duration

    now = session.clock.now()
    naming = session.naming(reader)
    found = coming(deployments, _after(first, "UTC", now), count)
    expected = {which: expected_duration(reader, *which) for which in {_workflow_of(one) for one in found}}
    if json:
        print_json([coming_shape(one, expected[_workflow_of(one)]) for one in found])
        return
    rows = []
    for one in found:
        seconds = expected[_workflow_of(one)]
        takes = "" if seconds is None else f"takes {duration(seconds)}"
        name = series_name(one.workflow, one.series)
        name = naming.of(one.project, one.environment, name)
        rows.append([visible_line(name), *_cells(one.tick, now), takes])
    say(table(rows)) if rows else tell("no ticks: nothing that is deployed has a schedule with more of them")


def _workflow_of(one: ComingTick) -> tuple[str, str, str]:
    return one.project, one.environment, one.workflow


def _after(text: str | None, zone: str, now: datetime) -> datetime:
    if text is None:
        return now
    from cronicle.operations.asked_times import asked_instant

    return asked_instant("--from", text, zone)


def _show(schedules: Sequence[Schedule], after: datetime, now: datetime, count: int, *, json: bool) -> None:
    from cronicle.schedule.ticks import ticks_after
    from cronicle.views.ticks import describe, tick_shape

    ticks = list(islice(ticks_after(schedules, after), count))
    if json:
        print_json([tick_shape(tick) for tick in ticks])
        return
    for line in describe(schedules):
        tell(visible_line(line))
    if ticks:
        say(table([_cells(tick, now) for tick in ticks]))
    elif schedules and count:
        tell("no more ticks")


def _cells(tick: Tick, now: datetime) -> list[str]:
    """A tick in its zone, on the clock of this machine if that shows another time, and how far away it is."""
    from cronicle.views.words import day_and_time, relative

    here = tick.logical_time.astimezone()
    text = day_and_time(tick.logical_time, tick.timezone)
    there = datetime.fromisoformat(tick.time_text)
    other: Any = "" if here.utcoffset() == there.utcoffset() else f"{here:%a %Y-%m-%d %H:%M} here"
    return [text, tick.timezone, other, relative(tick.logical_time, now)]
