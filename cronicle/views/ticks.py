"""Coming ticks, and schedules in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from statistics import median

from attrs import frozen

from cronicle.config.deployed import series_from_json
from cronicle.schedule.cron import parse_cron
from cronicle.schedule.rule import Schedule
from cronicle.schedule.text import duration_text
from cronicle.schedule.ticks import Tick, ticks_after
from cronicle.schedule.words import describe_calendar, describe_cron
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord
from cronicle.views.parts import workflow_fields
from cronicle.views.words import local_time

RECENT_RUNS = 20
"""The last runs that tell how long the next will take."""


@frozen
class ComingTick:
    """A tick that is yet to come, and whose it is."""

    tick: Tick
    project: str
    environment: str
    workflow: str
    series: str | None


@frozen(kw_only=True, slots=False)
class TickShape:
    """A tick in JSON."""

    time: datetime
    local: str
    """RFC 3339 with the offset of the schedule's zone."""
    nominal: str
    """The local time that it stands for, without offset."""


@frozen(kw_only=True, slots=False)
class ComingTickShape(TickShape):
    """A tick in JSON where several workflows are listed."""

    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    expected_duration: float | None
    """Seconds that its run takes, by those before; null where none has succeeded."""


def tick_shape(tick: Tick) -> TickShape:
    """A tick as `next WORKFLOW --json` has it."""
    return TickShape(time=tick.logical_time, local=tick.time_text, nominal=tick.nominal.isoformat())


def coming_shape(coming: ComingTick, expected_duration: float | None) -> ComingTickShape:
    """A tick as `next --all --json` has it."""
    tick = coming.tick
    return ComingTickShape(
        time=tick.logical_time,
        local=tick.time_text,
        nominal=tick.nominal.isoformat(),
        project=coming.project,
        environment=coming.environment,
        **workflow_fields(coming.workflow),
        series=coming.series,
        expected_duration=expected_duration,
    )


def coming(deployments: Sequence[DeploymentRecord], after: datetime, count: int) -> tuple[ComingTick, ...]:
    """The next ticks that make runs of all series of what is deployed, in order."""

    def of_series(
        deployment: DeploymentRecord, workflow: str, series: str | None, schedules: Sequence[Schedule]
    ) -> Iterator[ComingTick]:
        for tick in ticks_after(schedules, after):
            yield ComingTick(tick, deployment.project, deployment.environment, workflow, series)

    sources = [
        of_series(deployment, workflow.name, series, [one for one in schedules if one.enabled])
        for deployment in deployments
        for workflow in deployment.workflows
        for series, schedules in series_from_json(workflow.schedules).items()
    ]
    ordered = merge(*sources, key=lambda one: (one.tick.logical_time, one.project, one.workflow))
    return tuple(islice(ordered, count))


def expected_duration(store: StoreReader, project: str, environment: str, workflow: str) -> float | None:
    """Seconds that a run takes: the median of the last that succeeded; None if none has."""
    durations = store.list_durations(project, environment, workflow, RECENT_RUNS)
    return median(durations) if durations else None


def describe(schedules: Sequence[Schedule]) -> list[str]:
    """Schedules in words, a line for each expression."""
    lines = []
    for schedule in schedules:
        zone = schedule.timezone
        said = [f"{text}   {describe_cron(parse_cron(text, schedule.seed))}" for text in schedule.crons]
        said += [f"every {duration_text(schedule.every)}"] if schedule.every else []
        said += [f"at {local_time(at, zone)}" for at in schedule.at]
        said += ["when the scheduler starts"] if schedule.on_start else []
        more = [f"only on {describe_calendar(schedule.only)}"] if schedule.only else []
        more += [f"not on {describe_calendar(schedule.exclude)}"] if schedule.exclude else []
        more += [f"from {local_time(schedule.start, zone)}"] if schedule.start else []
        more += [f"until {local_time(schedule.end, zone)}"] if schedule.end else []
        more += [] if schedule.enabled else ["disabled"]
        lines += ["   ".join([text, zone, *more]) for text in said]
    return lines
