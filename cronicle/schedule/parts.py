"""What a series is made of: sources of firings, each within the bounds of its schedule. Made once for each schedule.

A scheduler asks for the next tick of the same ten thousand series again and again, so what reading an expression
and a zone costs is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import attrs

from cronicle.schedule.calendars import EVERY_DAY, DayFilter
from cronicle.schedule.instants import CronSource, Firing, PeriodSource, PointSource, Source
from cronicle.schedule.rule import Schedule
from cronicle.schedule.zones import EARLIEST, LATEST, zone_named
from cronicle.values import Value

__all__ = ["Part", "Rules", "make_parts", "parts_of"]

Rules: TypeAlias = Schedule | Sequence[Schedule]
"""A schedule, or those that make up one series."""


@attrs.frozen(eq=False, repr=False)
class Part(Value):
    """A source of firings within the bounds of its schedule."""

    source: Source
    timezone: str
    start: datetime
    end: datetime
    jitter: timedelta = timedelta(0)
    params: Mapping[str, Any] = attrs.field(factory=dict)

    def between(self, start: datetime, end: datetime) -> Iterator[tuple[Firing, Part]]:
        """The firings in ``[start, end)``, in order, each with this part."""
        start, end = max(start, self.start), min(end, self.end)
        if start < end:
            for firing in self.source.between(start, end):
                yield firing, self

    def last_before(self, instant: datetime) -> datetime | None:
        """The last instant strictly before this one at which it fires, if there is any."""
        last = self.source.last_before(min(instant, self.end))
        return last if last is not None and last >= self.start else None

    def without_bounds(self) -> Part:
        """The same rule, from the beginning to the end of the calendar."""
        return attrs.evolve(self, start=EARLIEST, end=LATEST)


def parts_of(schedule: Rules) -> Sequence[Part]:
    """The parts of a schedule or series.

    Raises:
        CronError: If an expression is malformed.
        ZoneError: If there is no such time zone.
    """
    if isinstance(schedule, Schedule):
        return schedule.parts
    if len(schedule) == 1:
        return schedule[0].parts
    return [part for one in schedule for part in one.parts]


def make_parts(schedule: Schedule) -> tuple[Part, ...]:
    """The parts of one schedule; see `Schedule.parts`, which keeps them."""
    zone_named(schedule.timezone)  # an error now, not at the first tick
    sources: list[Source] = []
    days = EVERY_DAY
    if schedule.only is not None or schedule.exclude is not None:
        days = DayFilter(schedule.only, schedule.exclude)
    if schedule.crons:
        from cronicle.schedule.cron import parse_cron  # where there are no ticks it is not needed

        sources += [
            CronSource(parse_cron(text, schedule.seed), schedule.timezone, days)
            for text in dict.fromkeys(schedule.crons)
        ]
    if schedule.every:
        sources.append(PeriodSource(schedule.every, schedule.start, schedule.timezone, days))
    if schedule.at:
        sources.append(PointSource(schedule.at, schedule.timezone, days))
    start, end = max(schedule.start or EARLIEST, EARLIEST), min(schedule.end or LATEST, LATEST)
    return tuple(
        Part(source, schedule.timezone, start, end, schedule.jitter, schedule.params) for source in sources
    )
