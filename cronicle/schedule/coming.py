"""The coming ticks of a series, kept between two questions, so that each costs microseconds.

A scheduler asks ten thousand series for the tick after the one that has just fired. Asked anew each time, a rule is
read from its beginning and looked back on for the previous tick; here one enumeration goes on, and series with equal
rules may share it (`likeness`). What it gives is what `cronicle.schedule.ticks.ticks_after` gives.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from datetime import datetime

from cronicle.schedule.dialect import has_hash
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import Tick, ticks_after

__all__ = ["Coming", "likeness"]

KEPT = 600
"""Ticks that are kept: who is further behind asks anew."""

TRIMMED_AT = 2 * KEPT


def likeness(schedules: tuple[Schedule, ...]) -> Hashable:
    """Equal for series that have the same ticks; None where it is not worth while to find out."""
    found = []
    for one in schedules:
        if one.params or one.only is not None or one.exclude is not None:
            return None
        seed = one.seed if any(map(has_hash, one.crons)) else ""
        found.append((one.crons, one.every, one.at, one.timezone, one.start, one.end, one.jitter, seed))
    return tuple(found)


class Coming:
    """The ticks of the schedules of one series, from where somebody has first asked on.

    Args:
        schedules: Those of the series that are enabled.
    """

    def __init__(self, schedules: tuple[Schedule, ...]) -> None:
        self._schedules = schedules
        self._more: Iterator[Tick] = iter(())
        self._from: datetime | None = None
        """All ticks after it, up to the last one in `_ticks`, are there."""
        self._ticks: list[Tick] = []
        self._instants: list[datetime] = []

    def next_after(self, instant: datetime) -> Tick | None:
        """The first tick strictly after an instant; None if there is none."""
        place = self._place(instant)
        return self._ticks[place] if self._reaches(place) else None

    def due(self, after: datetime, until: datetime, limit: int) -> tuple[Tick, ...] | None:
        """The ticks in ``(after, until]``; None if they are more than `limit`."""
        place = first = self._place(after)
        while self._reaches(place) and self._instants[place] <= until:
            place += 1
            if place - first > limit:
                return None
        return tuple(self._ticks[first:place])

    def _place(self, after: datetime) -> int:
        """Where the first tick after an instant is, or will be, among those that are kept."""
        if self._from is None or after < self._from:
            self._begin(after)
        elif len(self._ticks) > TRIMMED_AT:
            self._from = self._instants[-KEPT - 1]
            del self._ticks[:-KEPT], self._instants[:-KEPT]
            if after < self._from:
                self._begin(after)
        place = bisect_right(self._instants, after)
        furthest = place + KEPT
        while place == len(self._ticks) and self._reaches(place) and self._instants[place] <= after:
            place += 1
            if place == furthest:  # who has asked before is far behind
                self._begin(after)
                return 0
        return place

    def _begin(self, after: datetime) -> None:
        self._more = ticks_after(self._schedules, after)
        self._from = after
        self._ticks, self._instants = [], []

    def _reaches(self, place: int) -> bool:
        """See to it that there is a tick at a place; False if there are not so many."""
        if place < len(self._ticks):
            return True
        tick = next(self._more, None)
        if tick is None:
            return False
        self._ticks.append(tick)
        self._instants.append(tick.logical_time)
        return True
