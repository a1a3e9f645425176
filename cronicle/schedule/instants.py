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

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from cronicle.schedule.zones import EARLIEST, has_change, local_time, segments
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.schedule.cron import Cron

__all__ = ["CronSource", "Firing", "PeriodSource", "PointSource", "Source"]

LARGEST_REPAIRED_GAP: Final = timedelta(hours=3)  # cronie, cron.c: a larger jump is the clock being set
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_FOLD: Final = timedelta(days=2)  # crossing the date line repeats a day, nothing more
_FIRST_LOOK_BACK: Final = timedelta(minutes=10)


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

    def last_before(self, instant: datetime) -> datetime | None:
        """The last instant strictly before this one, if there is any."""
        ...


@attrs.frozen(eq=False, repr=False)
class CronSource(Value):
    """A cron expression in a time zone."""

    cron: Cron
    timezone: str

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """See `Source.between`."""
        start = max(start, EARLIEST)
        if start >= end or not self.cron.ever_fires:
            return
        firings = self._follow_real(start, end) if self.cron.is_wild else self._follow_nominal(start, end)
        yield from firings

    def last_before(self, instant: datetime) -> datetime | None:
        """See `Source.last_before`. Looks back over spans that grow, since an expression may be rare."""
        look_back, end = _FIRST_LOOK_BACK, instant
        while self.cron.ever_fires and end > EARLIEST:
            start = max(EARLIEST, end - look_back) if end - EARLIEST > look_back else EARLIEST
            if found := deque(self.between(start, end), maxlen=1):
                return found[0].instant
            end, look_back = start, look_back * 4
        return None

    def _follow_real(self, start: datetime, end: datetime) -> Iterator[Firing]:
        for segment in segments(self.timezone, start, end):
            shift = segment.start - segment.local_start.replace(tzinfo=UTC)
            for nominal in self.cron.nominal_times(segment.local_start, segment.local_end):
                yield Firing(nominal.replace(tzinfo=UTC) + shift, False, nominal)

    def _follow_nominal(self, start: datetime, end: datetime) -> Iterator[Firing]:
        # What a change shortly before the start has covered already must be known: the second pass of a fold.
        begin = max(EARLIEST, start - _LONGEST_FOLD) if start - EARLIEST > _LONGEST_FOLD else EARLIEST
        if not has_change(self.timezone, begin, start):
            begin = start
        covered: datetime | None = None
        for segment in segments(self.timezone, begin, end):
            low, high = segment.local_start, segment.local_end
            if covered is None:
                covered = low
            if covered < low <= covered + LARGEST_REPAIRED_GAP and segment.start >= start:
                for nominal in self.cron.nominal_times(covered, low):
                    yield Firing(segment.start, True, nominal)
            shift = segment.start - low.replace(tzinfo=UTC)
            # In naive local time of this segment, "not before start" reads:
            wanted = max(low, covered, start.replace(tzinfo=None) - shift)
            for nominal in self.cron.nominal_times(wanted, high):
                yield Firing(nominal.replace(tzinfo=UTC) + shift, False, nominal)
            covered = max(covered, high)


@attrs.frozen(eq=False, repr=False)
class PeriodSource(Value):
    """``every``: the whole multiples of a period since an origin, in elapsed time, before and after it."""

    period: timedelta
    origin: datetime | None
    timezone: str

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """See `Source.between`."""
        first = -((self._origin - start) // self.period)
        for multiple in count(first):
            instant = self._multiple(multiple)
            if instant is None or instant >= end:
                return
            yield Firing(instant, False, local_time(self.timezone, instant))

    def last_before(self, instant: datetime) -> datetime | None:
        """See `Source.last_before`."""
        return self._multiple(-((self._origin - instant) // self.period) - 1)

    @property
    def _origin(self) -> datetime:
        return self.origin or _EPOCH

    def _multiple(self, multiple: int) -> datetime | None:
        """The origin and so many periods; None beyond the calendar."""
        try:
            return self._origin + multiple * self.period
        except OverflowError:
            return None


@attrs.frozen(eq=False, repr=False)
class PointSource(Value):
    """``at``: single instants, in order."""

    points: tuple[datetime, ...]
    timezone: str

    def between(self, start: datetime, end: datetime) -> Iterator[Firing]:
        """See `Source.between`."""
        for point in self.points:
            if start <= point < end:
                yield Firing(point, False, local_time(self.timezone, point))

    def last_before(self, instant: datetime) -> datetime | None:
        """See `Source.last_before`."""
        return max((point for point in self.points if point < instant), default=None)
