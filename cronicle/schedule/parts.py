"""What a schedule is made of: sources of firings, each within its bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from cronicle.schedule.calendars import DayFilter
from cronicle.schedule.instants import CronSource, Firing, PeriodSource, PointSource, Source
from cronicle.schedule.zones import EARLIEST, LATEST, zone_named
from cronicle.values import Value

__all__ = ["Part", "make_parts"]


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

    def last_before(self, instant: datetime) -> Firing | None:
        """The last firing strictly before an instant, if there is any."""
        last = self.source.last_before(min(instant, self.end))
        return last if last is not None and last.instant >= self.start else None

    def without_bounds(self) -> Part:
        """The same rule, from the beginning to the end of the calendar."""
        return attrs.evolve(self, start=EARLIEST, end=LATEST)


def make_parts(
    *,
    crons: Iterable[str],
    seed: str,
    every: timedelta | None,
    at: tuple[datetime, ...],
    timezone: str,
    start: datetime | None,
    end: datetime | None,
    days: DayFilter,
    jitter: timedelta,
    params: Mapping[str, Any],
) -> tuple[Part, ...]:
    """The parts of one schedule, from what its `Schedule` says.

    Raises:
        CronError: If an expression is malformed.
        ZoneError: If there is no such time zone.
    """
    zone_named(timezone)  # an error now, not at the first tick
    sources: list[Source] = []
    if crons:
        from cronicle.schedule.cron import parse_cron  # where there are no ticks it is not needed

        sources += [CronSource(parse_cron(text, seed), timezone, days) for text in dict.fromkeys(crons)]
    if every:
        sources.append(PeriodSource(every, start, timezone, days))
    if at:
        sources.append(PointSource(at, timezone, days))
    first, last = max(start or EARLIEST, EARLIEST), min(end or LATEST, LATEST)
    return tuple(Part(source, timezone, first, last, jitter, params) for source in sources)
