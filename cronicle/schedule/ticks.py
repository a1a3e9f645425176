"""The ticks of schedules: which there are in a span, on a date, before and after an instant.

Rules:

1. A series is one schedule, or several whose union it is. Ticks that meet in one instant are one; it takes
   the nominal time that clocks really showed, else the earliest.
2. ``start`` (inclusive) and ``end`` (exclusive) bound ticks. ``enabled`` does not: what is owed is decided
   elsewhere.
3. Calendars keep or drop a tick by its nominal date (`calendars`), before the union is made.
4. A tick's interval begins at the previous tick of its series. Before the first there is none, so it is taken
   from the same rule, calendars included, as if it had no ``start`` and no ``end``: the first interval of a daily
   schedule is a day. Only the first of a series of single instants has an empty one.
5. A schedule that fires when the scheduler starts has none of these; `tick_of_start` is the one it makes then.
6. Ticks are a function of the schedule and of what is asked for, and of nothing else.

They are enumerated lazily and in order; an expression that never fires costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from itertools import groupby
from typing import Any, Final

import attrs

from cronicle.schedule.instants import LARGEST_REPAIRED_GAP, Firing
from cronicle.schedule.interval import DataInterval, aware_in_utc
from cronicle.schedule.parts import Part
from cronicle.schedule.rule import Rules, Schedule, parts_of
from cronicle.schedule.zones import EARLIEST, LATEST, local_time, zone_named, zoned_text
from cronicle.values import Value

__all__ = [
    "Rules",
    "Tick",
    "last_instant",
    "latest_tick",
    "neighbours",
    "next_instant",
    "previous_tick",
    "tick_at",
    "tick_of_start",
    "ticks_after",
    "ticks_between",
    "ticks_in_dates",
    "ticks_on",
]

_INSTANT: Final = timedelta.resolution


@attrs.frozen(eq=False, repr=False)
class Tick(Value):
    """One firing of a schedule."""

    logical_time: datetime
    """The instant, in UTC."""
    nominal: datetime
    """The local time that it stands for (naive); another than clocks showed if that fell into a gap."""
    interval: DataInterval
    """From the previous tick to this one."""
    previous_nominal: datetime
    """The nominal time of the previous tick."""
    timezone: str
    """IANA name of the schedule's zone."""
    jitter: timedelta = attrs.field(default=timedelta(0), kw_only=True)
    """Longest delay of its execution (`cronicle.schedule.jitter`)."""
    params: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    """The params that the schedule gives to its run."""

    @property
    def date(self) -> str:
        """The nominal local date, ``YYYY-MM-DD``."""
        return self.nominal.date().isoformat()

    @property
    def time_text(self) -> str:
        """The logical time as RFC 3339 with the zone's offset."""
        return zoned_text(self.logical_time, self.timezone)

    @property
    def interval_start_text(self) -> str:
        """The interval's start as RFC 3339 with the zone's offset."""
        return zoned_text(self.interval.start, self.timezone)

    @property
    def interval_end_text(self) -> str:
        """The interval's end, which is the logical time, as RFC 3339 with the zone's offset."""
        return self.time_text

    @property
    def interval_date(self) -> str:
        """The nominal local date of the interval's start, ``YYYY-MM-DD``."""
        return self.previous_nominal.date().isoformat()


def ticks_between(schedule: Rules, start: datetime, end: datetime) -> Iterator[Tick]:
    """The ticks at instants in ``[start, end)``, in order.

    Raises:
        CronError: If an expression is malformed.
        ZoneError: If there is no such time zone.
        ValueError: If a bound is naive.
    """
    return _ticks(parts_of(schedule), aware_in_utc(start), aware_in_utc(end))


def ticks_after(schedule: Rules, after: datetime) -> Iterator[Tick]:
    """The ticks strictly after an instant, in order and without end, unless the schedule has one."""
    return _ticks(parts_of(schedule), aware_in_utc(after) + _INSTANT, LATEST)


def next_instant(schedule: Rules, after: datetime) -> datetime | None:
    """The instant of the first tick strictly after an instant: what to sleep until. Cheaper than the tick."""
    return next(
        (
            firing.instant
            for firing, _ in _firings(parts_of(schedule), aware_in_utc(after) + _INSTANT, LATEST)
        ),
        None,
    )


def last_instant(schedule: Rules, until: datetime) -> datetime | None:
    """The instant of the last tick at or before an instant. Cheaper than the tick."""
    last = _last_before(parts_of(schedule), aware_in_utc(until) + _INSTANT)
    return last.instant if last else None


def tick_of_start(schedule: Schedule, instant: datetime) -> Tick:
    """The tick that a schedule with ``on_start`` makes when a scheduler starts. Its interval is empty."""
    instant = aware_in_utc(instant)
    nominal = local_time(schedule.timezone, instant)
    interval = DataInterval(instant, instant)
    return Tick(
        instant, nominal, interval, nominal, schedule.timezone, jitter=schedule.jitter, params=schedule.params
    )


def tick_at(schedule: Rules, instant: datetime) -> Tick | None:
    """The tick at exactly this instant, if it is one."""
    return next(ticks_between(schedule, instant, instant + _INSTANT), None)


def previous_tick(schedule: Rules, instant: datetime) -> Tick | None:
    """The last tick strictly before an instant, within the schedule's bounds."""
    last = _last_before(parts_of(schedule), aware_in_utc(instant))
    return tick_at(schedule, last.instant) if last else None


def latest_tick(schedule: Rules, now: datetime) -> Tick | None:
    """The last tick that is due at a moment: at it or before it."""
    return previous_tick(schedule, now + _INSTANT)


def neighbours(schedule: Rules, instant: datetime) -> tuple[Tick | None, Tick | None]:
    """The ticks next to an instant: the last before and the first after it."""
    return previous_tick(schedule, instant), next(ticks_after(schedule, instant), None)


def ticks_on(schedule: Rules, day: date) -> tuple[Tick, ...]:
    """The ticks of a whole local day, by nominal date."""
    return ticks_in_dates(schedule, day, day)


def ticks_in_dates(schedule: Rules, first: date, last: date) -> tuple[Tick, ...]:
    """The ticks of whole local days, by nominal date, first and last included."""
    parts = parts_of(schedule)
    first, last = max(first, EARLIEST.date()), min(last, LATEST.date() - timedelta(days=1))
    if not parts or first > last:
        return ()
    zones = {part.timezone for part in parts}
    start = min(min(_midnights(first, zone)) for zone in zones) - LARGEST_REPAIRED_GAP
    end = (
        max(max(_midnights(last + timedelta(days=1), zone)) for zone in zones)
        + LARGEST_REPAIRED_GAP
        + _INSTANT
    )
    return tuple(tick for tick in _ticks(parts, start, end) if first <= tick.nominal.date() <= last)


def _firings(parts: Sequence[Part], start: datetime, end: datetime) -> Iterator[tuple[Firing, Part]]:
    """The union of all parts, each instant once."""
    if not parts:
        return
    merged = (
        parts[0].between(start, end)
        if len(parts) == 1
        else merge(*(part.between(start, end) for part in parts), key=lambda found: found[0].instant)
    )
    for _, meeting in groupby(merged, key=lambda found: found[0].instant):
        yield min(meeting, key=lambda found: found[0])


def _last_before(parts: Sequence[Part], instant: datetime) -> Firing | None:
    """The last firing of the union of all parts that is strictly before an instant."""
    best: Firing | None = None
    for part in parts:
        last = part.last_before(instant)
        if last is not None and (
            best is None or last.instant > best.instant or (last.instant == best.instant and last < best)
        ):
            best = last
    return best


def _firing_before(parts: Sequence[Part], instant: datetime) -> Firing | None:
    """The previous firing of a series: the last within its bounds, else of its rule without bounds."""
    return _last_before(parts, instant) or _last_before([part.without_bounds() for part in parts], instant)


def _ticks(parts: Sequence[Part], start: datetime, end: datetime) -> Iterator[Tick]:
    previous: Firing | None = None
    for firing, part in _firings(parts, start, end):
        previous = previous or _firing_before(parts, firing.instant) or firing
        interval = DataInterval(previous.instant, firing.instant)
        yield Tick(
            firing.instant,
            firing.nominal,
            interval,
            previous.nominal,
            part.timezone,
            jitter=part.jitter,
            params=part.params,
        )
        previous = firing


def _midnights(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """The beginning of a local day, read with the offsets before and after a change that falls on it."""
    midnight = datetime.combine(day, time(), tzinfo=zone_named(zone_name))
    return midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
