"""What a series owes at a moment: which of its due ticks are on time, which are made up later, which are dropped.

1. The *cursor* of a series says that all ticks at or before its position are settled. What is due is what lies after
   it, up to now.
2. That time is cut into *segments*, each of the schedules that were deployed then: of the old ones up to a
   deployment, of the new ones after it. Where the series was not deployed or not enabled there are no due ticks.
   Those at or after the beginning of a pause, and before its end, are dropped as `paused`.
3. A due tick is *on time* if it is not before the instant since which somebody has watched without a break, or if it
   is the latest due tick and at most `ON_TIME_WITHIN` ago, so that a restart costs no tick. All others were *missed*.
4. `catchup` decides about the missed ones, and only those not longer ago than `catchup_window` are made up:
   `all` owes them; `latest` owes the latest due tick, so none if that is on time; `none` owes none.

Missed ticks are never enumerated. They are counted (`counting`), so that it does not matter how many they are;
on-time ticks are what runs are made of, and are taken up to a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final, TypeAlias

import attrs

from cronicle.schedule.counting import count_ticks
from cronicle.schedule.dropped import Dropped
from cronicle.schedule.rule import Catchup, Schedule
from cronicle.schedule.ticks import Tick, last_instant, next_instant, tick_at, ticks_between
from cronicle.values import Value

__all__ = [
    "ON_TIME_WITHIN",
    "Assessment",
    "Deployed",
    "DroppedSpan",
    "DueTick",
    "OwedSpan",
    "Paused",
    "Segment",
    "assess",
    "next_due",
    "owed_ticks",
    "segments_of",
]

ON_TIME_WITHIN: Final = timedelta(seconds=60)
"""So long ago the latest due tick may be to be on time, although nobody watched."""

_INSTANT: Final = timedelta.resolution


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Deployed(Value):
    """What a deployment says of a series, from an instant on."""

    number: int
    at: datetime
    """Ticks strictly after it are of this deployment."""
    schedules: tuple[Schedule, ...] = ()
    """Of the series; empty if it does not have it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Paused(Value):
    """A pause of the series' workflow, or of all of its environment."""

    start: datetime
    """Inclusive."""
    end: datetime | None = None
    """Exclusive; None if it still holds, and ends by nothing but somebody's doing."""
    detail: str = ""
    """For people: who paused it, and why."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Segment(Value):
    """A span of time, ``(after, until]``, in which the same rules hold for a series."""

    after: datetime
    until: datetime
    deployment: int
    schedules: tuple[Schedule, ...]
    """Of the series at that time, enabled or not; empty if it was not deployed."""
    paused: str | None = None
    """The detail of the pause that holds; None if none does."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DueTick(Value):
    """A tick that is on time, and the deployment whose schedule names it."""

    tick: Tick
    deployment: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OwedSpan(Value):
    """Missed ticks that are to be made up: those in ``(after, until]`` of the schedules of a deployment."""

    deployment: int
    after: datetime
    until: datetime
    count: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DroppedSpan(Value):
    """Ticks that make no run, from the first to the last (both are ticks)."""

    first: datetime
    last: datetime
    count: int
    reason: Dropped
    detail: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Assessment(Value):
    """What becomes of all ticks of a series up to a position."""

    on_time: tuple[DueTick, ...]
    owed: tuple[OwedSpan, ...]
    """In order."""
    dropped: tuple[DroppedSpan, ...]
    """In order."""
    position: datetime
    """All ticks up to it are settled by this: now, or the last on-time tick that the limit let in."""
    deployment: int
    """The one that holds from the position on."""
    is_complete: bool
    """False if the limit was reached: ask again from the new position."""


def segments_of(
    position: datetime, deployed: Sequence[Deployed], pauses: Sequence[Paused], now: datetime
) -> tuple[Segment, ...]:
    """The segments of ``(position, now]``, in order and without a gap; none if it is empty.

    Args:
        position: That of the cursor.
        deployed: The deployment that held at the position, then those that were made after it, in order.
        pauses: In any order; they may overlap.
        now: The moment of asking.
    """
    cuts = {position, now} | {one.at for one in deployed}
    for pause in pauses:  # `[start, end)` written as spans that leave out their beginning
        cuts.add(pause.start - _INSTANT)
        if pause.end is not None:
            cuts.add(pause.end - _INSTANT)
    found: list[Segment] = []
    by_start = sorted(pauses, key=lambda pause: pause.start)
    for after, until in pairwise(sorted(cut for cut in cuts if position <= cut <= now)):
        holds = deployed[0]
        for one in deployed[1:]:
            if one.at <= after:
                holds = one
        paused = next(
            (
                pause.detail
                for pause in by_start
                if pause.start <= until and (pause.end is None or until < pause.end)
            ),
            None,
        )
        before = found[-1] if found else None
        if before is not None and (before.deployment, before.paused) == (holds.number, paused):
            found[-1] = attrs.evolve(before, until=until)
        else:
            found.append(
                Segment(
                    after=after,
                    until=until,
                    deployment=holds.number,
                    schedules=holds.schedules,
                    paused=paused,
                )
            )
    return tuple(found)


def assess(
    segments: Sequence[Segment],
    *,
    watched_from: datetime,
    now: datetime,
    catchup: Catchup,
    catchup_window: timedelta,
    limit: int = 1000,
) -> Assessment:
    """What becomes of the ticks of some segments.

    Args:
        segments: Those of one series, up to now (`segments_of`); at least one.
        watched_from: Since when somebody has watched without a break.
        now: The moment of asking.
        catchup: That of the deployment in force.
        catchup_window: Likewise.
        limit: At most so many on-time ticks are taken; one at least.
    """
    missed_until = watched_from - _INSTANT
    latest = _latest_due(segments) if segments[0].after < missed_until else None  # else nothing can be missed
    on_time_from = watched_from
    if latest is not None and latest < watched_from and now - latest <= ON_TIME_WITHIN:
        on_time_from = latest
    on_time = tuple(islice(_due_from(segments, on_time_from), limit + 1))
    end = segments[-1].until
    if is_complete := len(on_time) <= limit:
        reached = segments
    else:
        on_time = on_time[:limit]
        end = on_time[-1].tick.logical_time
        reached = [attrs.evolve(one, until=min(one.until, end)) for one in segments if one.after < end]

    owed: list[OwedSpan] = []
    dropped: list[DroppedSpan] = []
    for segment in reached:
        for reason, after, until in _fates(segment, on_time_from, latest, now - catchup_window, catchup):
            schedules = _enabled(segment.schedules)
            if after >= until or not (count := count_ticks(schedules, after, until)):
                continue
            if reason is None:
                owed.append(OwedSpan(deployment=segment.deployment, after=after, until=until, count=count))
                continue
            first, last = next_instant(schedules, after), last_instant(schedules, until)
            assert first is not None
            assert last is not None
            detail = segment.paused or "" if reason is Dropped.PAUSED else ""
            span = DroppedSpan(first=first, last=last, count=count, reason=reason, detail=detail)
            if dropped and _is_continued(dropped[-1], span, owed, on_time):
                span = attrs.evolve(span, first=dropped[-1].first, count=dropped.pop().count + count)
            dropped.append(span)
    return Assessment(
        on_time=on_time,
        owed=tuple(owed),
        dropped=tuple(dropped),
        position=end,
        deployment=reached[-1].deployment,
        is_complete=is_complete,
    )


def owed_ticks(owed: OwedSpan, schedules: Sequence[Schedule], limit: int) -> tuple[Tick, ...]:
    """The first ticks of a span, at most so many; `schedules` are the series' in the deployment that it names."""
    return tuple(islice(_ticks(schedules, owed.after, owed.until), limit))


def next_due(schedules: Sequence[Schedule], after: datetime) -> datetime | None:
    """What to sleep until: the next instant after one at which a series owes a tick; None if there is none."""
    return next_instant(_enabled(schedules), after)


_Fate: TypeAlias = tuple[Dropped | None, datetime, datetime]
"""What becomes of the ticks in ``(after, until]``; None: they are owed."""


def _fates(
    segment: Segment, on_time_from: datetime, latest: datetime | None, window: datetime, catchup: Catchup
) -> tuple[_Fate, ...]:
    """What becomes of the ticks of a segment that are not on time, in order."""
    after, until = segment.after, segment.until
    if segment.paused is not None:
        return ((Dropped.PAUSED, after, until),)
    until = min(until, on_time_from - _INSTANT)
    if catchup is Catchup.NONE:
        return ((Dropped.NO_CATCHUP, after, until),)
    if catchup is Catchup.ALL:
        edge = window - _INSTANT
        return ((Dropped.CATCHUP_WINDOW, after, min(edge, until)), (None, max(edge, after), until))
    if latest is None or not after < latest <= until:
        return ((Dropped.NOT_LATEST, after, until),)
    edge = latest - _INSTANT
    fate = None if latest >= window else Dropped.CATCHUP_WINDOW
    return ((Dropped.NOT_LATEST, after, edge), (fate, edge, latest))


def _is_continued(
    before: DroppedSpan, span: DroppedSpan, owed: Sequence[OwedSpan], on_time: Sequence[DueTick]
) -> bool:
    """True if a span is of the same kind as the one before it, and nothing else happened between them."""
    if (before.reason, before.detail) != (span.reason, span.detail):
        return False
    return not any(before.last <= one.after < span.first for one in owed) and not any(
        before.last < one.tick.logical_time < span.first for one in on_time
    )


def _latest_due(segments: Sequence[Segment]) -> datetime | None:
    """The instant of the latest due tick that no pause drops."""
    for segment in reversed(segments):
        if segment.paused is None:
            last = last_instant(_enabled(segment.schedules), segment.until)
            if last is not None and last > segment.after:
                return last
    return None


def _due_from(segments: Sequence[Segment], start: datetime) -> Iterator[DueTick]:
    """The due ticks at or after an instant that no pause drops, in order."""
    for segment in segments:
        after = max(segment.after, start - _INSTANT)
        if segment.paused is None and after < segment.until:
            for tick in _ticks(segment.schedules, after, segment.until):
                yield DueTick(tick=tick, deployment=segment.deployment)


def _ticks(schedules: Sequence[Schedule], after: datetime, until: datetime) -> Iterator[Tick]:
    """The ticks of a series in ``(after, until]`` that its enabled schedules owe.

    Their intervals are those of the whole series: a run is for the same span, whoever asks for it.
    """
    enabled = _enabled(schedules)
    for tick in ticks_between(enabled, after + _INSTANT, until + _INSTANT):
        if enabled is schedules:
            yield tick
        elif whole := tick_at(schedules, tick.logical_time):
            yield attrs.evolve(tick, interval=whole.interval, previous_nominal=whole.previous_nominal)


def _enabled(schedules: Sequence[Schedule]) -> Sequence[Schedule]:
    if all(one.enabled for one in schedules):
        return schedules
    return tuple(one for one in schedules if one.enabled)
