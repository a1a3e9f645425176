"""How many runs applying a plan will make by itself, and which ticks of the past make none.

The same rules as those of the scheduler (`cronicle.schedule.owed`), asked beforehand: what a series owes up to now is
treated by the `catchup` of the schedules that are to be in force. A deployment owes nothing for the past: ticks
before it that its schedules name, and those before it did not, are counted, to be offered as a backfill.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import evolve, frozen

from cronicle.runs.spec import RunSpec
from cronicle.schedule.counting import count_ticks
from cronicle.schedule.owed import Deployed, Paused, assess, segments_of
from cronicle.schedule.rule import Schedule
from cronicle.schedule.zones import start_of_day

_INSTANT = timedelta.resolution


@frozen(kw_only=True)
class SeriesState:
    """A series of a proposal, and what is known of its past."""

    workflow: str
    series: str | None
    new: tuple[Schedule, ...]
    """Its schedules as they are proposed."""
    old: tuple[Schedule, ...] = ()
    """As they are deployed now; none if it is new, or has returned."""
    position: datetime | None = None
    """Up to where its ticks are settled; None if it owes nothing yet."""
    deployed: tuple[Deployed, ...] = ()
    """What was deployed from the position on, in order; needed with it."""
    pauses: tuple[Paused, ...] = ()
    owed: int = 0
    """Missed ticks that are on record as still to be made up."""


@frozen(kw_only=True)
class PastTicks:
    """Ticks before now that are new, and make no runs."""

    count: int
    first: date
    """Local date of the first one."""
    last: date


@frozen(kw_only=True)
class SeriesEffect:
    """What applying leads to in one series."""

    workflow: str
    series: str | None
    runs: int
    """Of ticks that are owed, made as soon as a scheduler runs."""
    dropped: int
    """Ticks that were missed, and make no runs by `catchup` or a pause."""
    past: PastTicks | None


@frozen(kw_only=True)
class Effects:
    """What applying leads to."""

    series: tuple[SeriesEffect, ...] = ()
    """Of every series of the proposal."""
    on_deploy: tuple[str, ...] = ()
    """Workflows that run once since they are deployed anew."""
    problem: str | None = None
    """Why it cannot be told; None if it can."""

    @property
    def runs(self) -> int | None:
        """How many runs it makes by itself; None if that cannot be told."""
        if self.problem is not None:
            return None
        return sum(one.runs for one in self.series) + len(self.on_deploy)


def effect_on(state: SeriesState, now: datetime) -> SeriesEffect:
    """What applying a proposal now leads to in one of its series."""
    runs, dropped = state.owed, 0
    segments = (
        () if state.position is None else segments_of(state.position, state.deployed, state.pauses, now)
    )
    if segments and state.new:
        first = state.new[0]
        found = assess(
            segments,
            watched_from=now,
            now=now,
            catchup=first.catchup,
            catchup_window=max(one.catchup_window for one in state.new),
        )
        runs += len(found.on_time) + sum(span.count for span in found.owed)
        dropped = sum(span.count for span in found.dropped)
    return SeriesEffect(
        workflow=state.workflow,
        series=state.series,
        runs=runs,
        dropped=dropped,
        past=past_ticks(state.old, state.new, now),
    )


def past_ticks(old: Sequence[Schedule], new: Sequence[Schedule], now: datetime) -> PastTicks | None:
    """The ticks up to now that new schedules of a series name and the old ones did not; None if there are none.

    Schedules that have no `start` name ticks for all the past: there only a later `end` adds some that are meant.
    """
    named = [one for one in new if one.enabled]
    if all(
        one in old for one in named
    ):  # of a thousand workflows most stay as they are, and counting takes long
        return None
    start = _beginning(old, named)
    if start is None or start > now:
        return None
    before = start - _INSTANT

    def added(until: datetime) -> int:
        return count_ticks((*named, *old), before, until) - count_ticks(old, before, until)

    total = added(now)
    if not total:
        return None
    zone = named[0].timezone
    first, last = (instant.astimezone(ZoneInfo(zone)).date() for instant in (start, now))
    days = range(first.toordinal(), last.toordinal() + 1)

    def added_by(day: int) -> int:
        return added(min(now, start_of_day(zone, date.fromordinal(day + 1)) - _INSTANT))

    return PastTicks(
        count=total,
        first=date.fromordinal(days[bisect_left(days, 1, key=added_by)]),
        last=date.fromordinal(days[bisect_left(days, total, key=added_by)]),
    )


def _beginning(old: Sequence[Schedule], new: Sequence[Schedule]) -> datetime | None:
    """From where on new schedules may name ticks of the past that are meant; None if they do not."""
    if not new:
        return None
    starts = [one.start or (min(one.at) if one.at and not (one.crons or one.every) else None) for one in new]
    known = [start for start in starts if start is not None]
    if len(known) == len(starts):
        return min(known)
    if {_without_bounds(one) for one in old} != {_without_bounds(one) for one in new}:
        return None
    return min((one.end for one in old if one.end is not None), default=None)


def _without_bounds(schedule: Schedule) -> tuple[object, ...]:
    one = schedule
    return (one.crons, one.every, one.at, one.timezone, one.only, one.exclude, one.seed)


def deploys_anew(old: RunSpec | None, new: RunSpec) -> bool:
    """True if a deployment changes what a workflow is, so that `on_deploy` makes a run; a mere rename does not.

    Args:
        old: As it is deployed, under its present names (`cronicle.plan.renames`); None if it is not.
        new: As it is proposed.
    """
    return old is None or evolve(old, workflow=new.workflow) != new
