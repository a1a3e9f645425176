"""Which logical time a run is for: the tick that is meant, or the moment of asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from cronicle.errors import CronicleError, UsageError
from cronicle.names import typed
from cronicle.operations.create_run import ticked, unscheduled

if TYPE_CHECKING:  # a workflow without schedules is run without what reads and enumerates them
    from cronicle.schedule.rule import Schedule
    from cronicle.schedule.ticks import Tick
    from cronicle.store.records import DeployedWorkflow


def series_of(workflow: DeployedWorkflow, series: str | None) -> tuple[Schedule, ...]:
    """The schedules of one series of a workflow; the unlabelled ones unless a label is given.

    Raises:
        UsageError: There is no such series, or only labelled ones and no choice was made.
    """
    schedules = _schedules_of(workflow)
    labels = sorted({schedule.name for schedule in schedules if schedule.name})
    chosen = tuple(schedule for schedule in schedules if schedule.name == series)
    if chosen or (series is None and not labels):
        return chosen
    if series is None:
        raise UsageError(
            f"all schedules of workflow {workflow.name!r} have labels", f"Choose one: --series {labels[0]}"
        )
    raise UsageError(
        f"workflow {workflow.name!r} has no schedule {series!r}",
        f"Its labelled schedules are: {', '.join(labels)}." if labels else "Its schedules have no labels.",
    )


def _schedules_of(workflow: DeployedWorkflow) -> tuple[Schedule, ...]:
    if not workflow.schedules:
        return ()
    from cronicle.config.deployed import schedules_from_json

    return schedules_from_json(workflow.schedules)


def time_of_run(
    workflow: str,
    schedules: Sequence[Schedule],
    timezone: str,
    *,
    asked: str | None,
    off_schedule: bool,
    now: datetime,
) -> Mapping[str, Any]:
    """The fields of a run that say which logical time it is for.

    Args:
        workflow: Its name, for messages.
        schedules: The schedules of the series; empty if it has none.
        timezone: The workflow's zone, where there is no schedule.
        asked: `--time`: a date with one tick, or an instant; None for the latest tick that is due.
        off_schedule: Whether an instant that is no tick will do.
        now: The moment of asking.

    Raises:
        CronicleError: There is no such tick, or more than one; its neighbours are named.
    """
    zone = schedules[0].timezone if schedules else timezone
    if not schedules or off_schedule:
        at = now if asked is None else parse_instant(asked, zone)
        return unscheduled(at, zone)
    if asked is None:
        tick = _latest(workflow, schedules, now)
        return ticked(tick) | {"lateness": (now - tick.logical_time).total_seconds()}
    return ticked(find_tick(workflow, schedules, asked))


def find_tick(workflow: str, schedules: Sequence[Schedule], asked: str) -> Tick:
    """The tick that a date or an instant names.

    Raises:
        CronicleError: There is none, or several.
    """
    from cronicle.schedule.ticks import tick_at, ticks_on

    zone = schedules[0].timezone
    day = as_date(asked)
    if day is not None:
        found = ticks_on(schedules, day)
        if len(found) == 1:
            return found[0]
        if found:
            times = ", ".join(tick.time_text for tick in found[:3]) + (", …" if len(found) > 3 else "")
            raise CronicleError(
                f"{workflow} has {len(found)} ticks on {asked}: {times}", "Give the instant of one of them."
            )
        raise _no_tick(workflow, schedules, asked, parse_instant(asked, zone))
    instant = parse_instant(asked, zone)
    tick = tick_at(schedules, instant)
    if tick is None:
        raise _no_tick(workflow, schedules, asked, instant)
    return tick


def ticks_of_range(schedules: Sequence[Schedule], first: str, last: str, now: datetime) -> tuple[Tick, ...]:
    """The ticks of a backfill, in order: from and to inclusive, a date is the whole local day, none later than now.

    Raises:
        UsageError: A bound is no date and no instant, or they are in the wrong order.
    """
    from zoneinfo import ZoneInfo

    from cronicle.schedule.ticks import ticks_in_dates

    zone = schedules[0].timezone
    start_day, end_day = as_date(first), as_date(last)
    start = parse_instant(first, zone)
    end = parse_instant(last, zone)
    if (start_day or start.astimezone(ZoneInfo(zone)).date()) > (
        end_day or end.astimezone(ZoneInfo(zone)).date()
    ):
        raise UsageError(f"--from {first} is later than --to {last}")
    local = ZoneInfo(zone)
    ticks = ticks_in_dates(
        schedules, start_day or start.astimezone(local).date(), end_day or end.astimezone(local).date()
    )
    return tuple(
        tick
        for tick in ticks
        if tick.logical_time <= now
        and (start_day is not None or tick.logical_time >= start)
        and (end_day is not None or tick.logical_time <= end)
    )


def _latest(workflow: str, schedules: Sequence[Schedule], now: datetime) -> Tick:
    from cronicle.schedule.ticks import latest_tick, ticks_after

    tick = latest_tick(schedules, now)
    if tick is not None:
        return tick
    first = next(ticks_after(schedules, now), None)
    if first is None:
        raise CronicleError(
            f"the schedule of {workflow} never fires", "See: cronicle next " + typed(workflow)
        )
    raise CronicleError(
        f"{workflow} has no tick that is due yet; its first is {first.time_text}",
        "Wait for it, or run for another time: --time TIME --off-schedule",
    )


def _no_tick(workflow: str, schedules: Sequence[Schedule], asked: str, instant: datetime) -> CronicleError:
    from cronicle.schedule.ticks import neighbours

    before, after = neighbours(schedules, instant)
    near = " and ".join(
        f"the {word} is {tick.time_text}"
        for word, tick in (("last before", before), ("first after", after))
        if tick
    )
    return CronicleError(
        f"{workflow} has no tick at {asked}" + (f"; {near}" if near else ""),
        "Choose one of them, or add --off-schedule to run for exactly that time.",
    )


def as_date(text: str) -> date | None:
    """The date that a text is; None if it is none."""
    from cronicle.schedule.text import TextError, parse_date

    try:
        return parse_date(text)
    except TextError:
        return None


def parse_instant(text: str, zone: str) -> datetime:
    """The instant that a text names.

    Raises:
        UsageError: It names none.
    """
    from cronicle.schedule.text import TextError, parse_time

    try:
        return parse_time(text, zone)
    except TextError as error:
        raise UsageError(str(error)) from error
