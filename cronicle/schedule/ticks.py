"""The ticks of schedules: which there are in a span, on a date, before and after an instant.

Rules:

1. A series is one schedule, or several whose union it is. Ticks that meet in one instant are one; it takes
   the nominal time that clocks really showed, else the earliest.
2. ``start`` (inclusive) and ``end`` (exclusive) bound ticks. ``enabled`` does not: what is owed is decided
   elsewhere.
3. A tick's interval begins at the previous tick of its series. Before the first there is none, so it is taken
   from the same rule as if it had no ``start`` and no ``end``: the first interval of a daily schedule is a
   day. Only the first of a series of single instants has an empty one.
4. Ticks are a function of the schedule and of what is asked for, and of nothing else.

They are enumerated lazily and in order; an expression that never fires costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from itertools import groupby
from typing import Final, TypeAlias

import attrs

from cronicle.schedule.instants import (
    LARGEST_REPAIRED_GAP,
    CronSource,
    Firing,
    PeriodSource,
    PointSource,
    Source,
)
from cronicle.schedule.interval import DataInterval
from cronicle.schedule.rule import Schedule
from cronicle.schedule.zones import EARLIEST, LATEST, zone_named, zoned_text
from cronicle.values import Value

__all__ = [
    "Rules",
    "Tick",
    "latest_tick",
    "neighbours",
    "previous_tick",
    "tick_at",
    "ticks_after",
    "ticks_between",
    "ticks_in_dates",
    "ticks_on",
]

Rules: TypeAlias = Schedule | Sequence[Schedule]
"""A schedule, or those that make up one series."""

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
    return _ticks(_parts(schedule), _aware(start), _aware(end))


def ticks_after(schedule: Rules, after: datetime) -> Iterator[Tick]:
    """The ticks strictly after an instant, in order and without end, unless the schedule has one."""
    return _ticks(_parts(schedule), _aware(after) + _INSTANT, LATEST)


def tick_at(schedule: Rules, instant: datetime) -> Tick | None:
    """The tick at exactly this instant, if it is one."""
    return next(ticks_between(schedule, instant, instant + _INSTANT), None)


def previous_tick(schedule: Rules, instant: datetime) -> Tick | None:
    """The last tick strictly before an instant, within the schedule's bounds."""
    last = _last_before(_parts(schedule), _aware(instant))
    return tick_at(schedule, last) if last else None


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
    parts = _parts(schedule)
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


@attrs.frozen(eq=False, repr=False)
class _Part(Value):
    """A source of firings within the bounds of its schedule."""

    source: Source
    timezone: str
    start: datetime
    end: datetime

    def between(self, start: datetime, end: datetime) -> Iterator[tuple[Firing, str]]:
        start, end = max(start, self.start), min(end, self.end)
        if start < end:
            for firing in self.source.between(start, end):
                yield firing, self.timezone

    def last_before(self, instant: datetime) -> datetime | None:
        last = self.source.last_before(min(instant, self.end))
        return last if last is not None and last >= self.start else None

    def without_bounds(self) -> _Part:
        return attrs.evolve(self, start=EARLIEST, end=LATEST)


def _parts(schedule: Rules) -> list[_Part]:
    from cronicle.schedule.cron import parse_cron  # where there are no ticks it is not needed

    parts: list[_Part] = []
    for one in (schedule,) if isinstance(schedule, Schedule) else schedule:
        zone_named(one.timezone)  # an error now, not at the first tick
        sources: list[Source] = [
            CronSource(parse_cron(text, one.seed), one.timezone) for text in dict.fromkeys(one.crons)
        ]
        if one.every:
            sources.append(PeriodSource(one.every, one.start, one.timezone))
        if one.at:
            sources.append(PointSource(one.at, one.timezone))
        start, end = max(one.start or EARLIEST, EARLIEST), min(one.end or LATEST, LATEST)
        parts += [_Part(source, one.timezone, start, end) for source in sources]
    return parts


def _firings(parts: Sequence[_Part], start: datetime, end: datetime) -> Iterator[tuple[Firing, str]]:
    """The union of all parts, each instant once."""
    merged = merge(*(part.between(start, end) for part in parts), key=lambda found: found[0].instant)
    for _, meeting in groupby(merged, key=lambda found: found[0].instant):
        yield min(meeting, key=lambda found: found[0])


def _last_before(parts: Sequence[_Part], instant: datetime) -> datetime | None:
    return max((last for part in parts if (last := part.last_before(instant))), default=None)


def _firing_before(parts: Sequence[_Part], instant: datetime) -> Firing | None:
    """The previous firing of a series: the last within its bounds, else of its rule without bounds."""
    for candidates in (parts, [part.without_bounds() for part in parts]):
        if last := _last_before(candidates, instant):
            firing, _ = next(_firings(candidates, last, last + _INSTANT))
            return firing
    return None


def _ticks(parts: Sequence[_Part], start: datetime, end: datetime) -> Iterator[Tick]:
    previous: Firing | None = None
    for firing, zone in _firings(parts, start, end):
        previous = previous or _firing_before(parts, firing.instant) or firing
        interval = DataInterval(previous.instant, firing.instant)
        yield Tick(firing.instant, firing.nominal, interval, previous.nominal, zone)
        previous = firing


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"an aware datetime is needed, not {instant!r}")
    return instant.astimezone(UTC)


def _midnights(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """The beginning of a local day, read with the offsets before and after a change that falls on it."""
    midnight = datetime.combine(day, time(), tzinfo=zone_named(zone_name))
    return midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
