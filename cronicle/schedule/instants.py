"""From a single rule to instants: cron expressions over the changes of a zone's clock, and fixed periods.

The rules of daylight saving time are those of cronie:

1. A *wild* expression follows real time: it fires whenever clocks show a time that it names. So not at all
   in a gap, and twice in a fold.
2. Of any other a nominal time in a gap of up to three hours fires at the gap's end and keeps its nominal date
   and time; a larger gap (Apia's missing day) drops it. In a fold it fires the first time only.

Both are one walk over the spans of equal offset (`zones.segments`): real time goes on steadily, and what is
followed is how far nominal time has been covered. No library is trusted near a change of the clock: croniter
and cronsim both lose, double or move ticks there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from cronicle.schedule.calendars import EVERY_DAY, DayFilter, kept_spans
from cronicle.schedule.zones import EARLIEST, LATEST, Segment, has_change, local_time, segments
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.schedule.cron import Cron

__all__ = ["CronSource", "Firing", "PeriodSource", "PointSource", "Source"]

LARGEST_REPAIRED_GAP: Final = timedelta(hours=3)  # cronie, cron.c: a larger jump is the clock being set
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_FOLD: Final = timedelta(days=2)  # crossing the date line repeats a day, nothing more
_FIRST_LOOK_BACK: Final = timedelta(days=3)
_LONGEST_SEARCH: Final = timedelta(days=41 * 366)
"""A period that for so long meets no date that its calendars keep is taken never to meet one any more."""


@attrs.frozen(order=True)
class Firing:
    """A rule names this instant. In order, the best one of an instant comes first."""

    instant: datetime
    is_moved: bool
    """True if clocks never showed the nominal time: it fell into a gap."""
    nominal: datetime
    """The local time that the rule names (naive)."""


class Source(Protocol):
    """A rule without bounds."""

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """The firings in ``[start, end)``, in order of instants; an instant may come several times."""
        ...

    def last_before(self, instant: datetime) -> Firing | None:
        """The last firing strictly before an instant, the best one if there are several; None if there is none."""
        ...


@attrs.frozen(eq=False, repr=False)
class Stretch(Segment):
    """A span of real time in which the times of an expression go along with it: local times are nominal ones."""

    skipped: tuple[datetime, datetime] | None = None
    """The nominal span that clocks have leapt over just before it: what is named there fires at its start."""


@attrs.frozen(eq=False, repr=False)
class CronSource(Value):
    """A cron expression in a time zone, on the dates that are kept."""

    cron: Cron
    timezone: str
    days: DayFilter = EVERY_DAY

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """See `Source.between`."""
        for stretch in self.stretches(start, end):
            if stretch.skipped:
                for nominal in self.cron.nominal_times(*stretch.skipped, self.days):
                    yield Firing(stretch.start, True, nominal)
            for nominal in self.cron.nominal_times(stretch.local_start, stretch.local_end, self.days):
                yield Firing(nominal.replace(tzinfo=UTC) - stretch.offset, False, nominal)

    def last_before(self, instant: datetime) -> Firing | None:
        """See `Source.last_before`. Looks back over spans that grow, since an expression may be rare."""
        earliest, latest = self._bounds
        look_back, end = _FIRST_LOOK_BACK, min(instant, latest)
        while end > earliest:
            start = max(earliest, end - look_back) if end - earliest > look_back else earliest
            for stretch in reversed(list(self.stretches(start, end))):
                last = self.cron.last_nominal_time(stretch.local_start, stretch.local_end, self.days)
                if last is not None:
                    return Firing(last.replace(tzinfo=UTC) - stretch.offset, False, last)
                if stretch.skipped:
                    for nominal in self.cron.nominal_times(*stretch.skipped, self.days):
                        return Firing(stretch.start, True, nominal)
            end, look_back = start, look_back * 4
        return None

    def stretches(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """The stretches of ``[start, end)``, in order; there is nothing between them, and little in them."""
        earliest, latest = self._bounds
        start, end = max(start, earliest), min(end, latest)
        if start >= end:
            return
        if self.cron.is_wild:
            for segment in segments(self.timezone, start, end):
                yield Stretch(segment.start, segment.end, segment.offset)
        else:
            yield from self._follow_nominal(start, end)

    @cached_property
    def _bounds(self) -> tuple[datetime, datetime]:
        """Outside of these it certainly does not fire."""
        if not self.cron.ever_fires:
            return LATEST, EARLIEST
        return bounds_of(self.days, is_regular=self.cron.fires_on_weekdays(self.days.regular))

    def _follow_nominal(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        # What a change shortly before the start has covered already must be known: the second pass of a fold.
        begin = max(EARLIEST, start - _LONGEST_FOLD) if start - EARLIEST > _LONGEST_FOLD else EARLIEST
        if not has_change(self.timezone, begin, start):
            begin = start
        covered: datetime | None = None
        for segment in segments(self.timezone, begin, end):
            low, high = segment.local_start, segment.local_end
            if covered is None:
                covered = low
            is_gap = covered < low <= covered + LARGEST_REPAIRED_GAP and segment.start >= start
            first = max(segment.start, start, segment.start + (covered - low))
            if first < segment.end:
                yield Stretch(first, segment.end, segment.offset, (covered, low) if is_gap else None)
            covered = max(covered, high)


@attrs.frozen(eq=False, repr=False)
class PeriodSource(Value):
    """``every``: the whole multiples of a period since an origin, in elapsed time, before and after it."""

    period: timedelta
    origin: datetime | None
    timezone: str
    days: DayFilter = EVERY_DAY

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """See `Source.between`."""
        last = start
        for span_start, span_end in self.spans(start, end):
            if span_start - last > _LONGEST_SEARCH:
                return
            for multiple in count(self._first_multiple(span_start)):
                instant = self._multiple(multiple)
                if instant is None or instant >= span_end:
                    break
                last = instant
                yield Firing(instant, False, local_time(self.timezone, instant))

    def last_before(self, instant: datetime) -> Firing | None:
        """See `Source.last_before`."""
        if self.days.keeps_all:
            return self._firing(self._multiple(self._first_multiple(instant) - 1))
        earliest, latest = bounds_of(self.days, is_regular=bool(self.days.regular))
        end = min(instant, latest)
        earliest = max(earliest, end - _LONGEST_SEARCH) if end - EARLIEST > _LONGEST_SEARCH else earliest
        look_back = timedelta(days=8)
        while end > earliest:
            start = max(earliest, end - look_back) if end - earliest > look_back else earliest
            for span_start, span_end in reversed(list(self.spans(start, end))):
                last = self._multiple(self._first_multiple(span_end) - 1)
                if last is not None and last >= span_start:
                    return self._firing(last)
            end, look_back = start, look_back * 4
        return None

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans of ``[start, end)`` in which its multiples are kept, in order."""
        if self.days.keeps_all:
            yield start, end
            return
        earliest, latest = bounds_of(self.days, is_regular=bool(self.days.regular))
        start, end = max(start, earliest), min(end, latest)
        if start < end:
            yield from kept_spans(self.days, self.timezone, start, end)

    def _firing(self, instant: datetime | None) -> Firing | None:
        return None if instant is None else Firing(instant, False, local_time(self.timezone, instant))

    @property
    def anchor(self) -> datetime:
        """One of its multiples: what the others are counted from."""
        return self.origin or _EPOCH

    def _first_multiple(self, instant: datetime) -> int:
        """The number of the first multiple that is not before an instant."""
        return -((self.anchor - instant) // self.period)

    def _multiple(self, multiple: int) -> datetime | None:
        """The origin and so many periods; None beyond the calendar."""
        try:
            return self.anchor + multiple * self.period
        except OverflowError:
            return None


@attrs.frozen(eq=False, repr=False)
class PointSource(Value):
    """``at``: single instants, in order."""

    points: tuple[datetime, ...]
    timezone: str
    days: DayFilter = EVERY_DAY

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """See `Source.between`."""
        for point in self.points:
            if start <= point < end and self._keeps(point):
                yield Firing(point, False, local_time(self.timezone, point))

    def last_before(self, instant: datetime) -> Firing | None:
        """See `Source.last_before`."""
        for point in reversed(self.points):
            if point < instant and self._keeps(point):
                return Firing(point, False, local_time(self.timezone, point))
        return None

    def _keeps(self, point: datetime) -> bool:
        return self.days.keeps_all or self.days.keeps(local_time(self.timezone, point).date())


def bounds_of(days: DayFilter, *, is_regular: bool) -> tuple[datetime, datetime]:
    """Instants outside of which nothing is kept, wherever the zone is.

    Args:
        days: The filter.
        is_regular: Whether the rule fires on weekdays that are kept regularly.
    """
    if is_regular:
        return EARLIEST, LATEST
    if days.single is None:
        return LATEST, EARLIEST
    first, last = (datetime.combine(day, time(), UTC) for day in days.single)
    low = first - _LONGEST_FOLD if first - EARLIEST > _LONGEST_FOLD else EARLIEST
    high = last + 2 * _LONGEST_FOLD if LATEST - last > 2 * _LONGEST_FOLD else LATEST
    return low, high
