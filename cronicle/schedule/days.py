"""On which days of a month a cron expression fires.

Day of month and day of week combine as in cronie (``cron.c``: ``DOM_STAR``, ``DOW_STAR``): both must match if
either field begins with ``*``, else one of them is enough. Which days match depends on nothing but the
weekday that the month begins with and its length; there are only 28 such shapes, each worked out once.
"""

from __future__ import annotations

from calendar import monthrange
from functools import lru_cache

import attrs

__all__ = ["DayRule", "MonthDays", "WeekDays"]

_SATURDAY, _SUNDAY = 6, 0  # days of the week as in cron: 0 is Sunday


@attrs.frozen
class MonthShape:
    """All that matters of a month: the weekday of its first day (0 is Sunday) and its length."""

    first_weekday: int
    length: int

    def weekday(self, day: int) -> int:
        """The weekday of a day of the month."""
        return (self.first_weekday + day - 1) % 7

    def nearest_working_day(self, day: int) -> int:
        """The working day (Monday to Friday) next to a day, without leaving the month."""
        match self.weekday(day):
            case 6:
                return day - 1 if day > 1 else day + 2
            case 0:
                return day + 1 if day < self.length else day - 2
            case _:
                return day


@attrs.frozen
class MonthDays:
    """The field of the day of the month, taken apart."""

    days: frozenset[int] = frozenset()
    before_last: frozenset[int] = frozenset()
    """``L`` is 0, ``L-3`` is 3 days before the last."""
    nearest: frozenset[int] = frozenset()
    """``15W``: the working day nearest to the 15th. A day that the month has not fires nothing."""
    last_working_day: bool = False
    """``LW``."""

    def matching(self, shape: MonthShape) -> set[int]:
        """The days of such a month that match."""
        found = {day for day in self.days if day <= shape.length}
        found |= {shape.length - back for back in self.before_last if back < shape.length}
        found |= {shape.nearest_working_day(day) for day in self.nearest if day <= shape.length}
        if self.last_working_day:
            back = {_SATURDAY: 1, _SUNDAY: 2}.get(shape.weekday(shape.length), 0)
            found.add(shape.length - back)
        return found


@attrs.frozen
class WeekDays:
    """The field of the day of the week, taken apart; 0 is Sunday."""

    days: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    """``5L``: the last Friday of the month."""
    nth: frozenset[tuple[int, int]] = frozenset()
    """``5#2``: (5, 2), the second Friday of the month."""

    def matching(self, shape: MonthShape) -> set[int]:
        """The days of such a month that match."""
        return {
            day
            for day in range(1, shape.length + 1)
            if (weekday := shape.weekday(day)) in self.days
            or (weekday in self.last and day + 7 > shape.length)
            or (weekday, (day + 6) // 7) in self.nth
        }


@attrs.frozen
class DayRule:
    """Both day fields and how they combine."""

    month_days: MonthDays
    week_days: WeekDays
    both: bool
    """True: a day must match both fields; else one is enough."""

    def in_month(self, year: int, month: int) -> tuple[int, ...]:
        """The days of that month that match, in order."""
        first_weekday, length = monthrange(year, month)  # there 0 is Monday
        return _matching(self, MonthShape((first_weekday + 1) % 7, length))

    def ever_matches(self, months: tuple[int, ...]) -> bool:
        """True if some day in one of these months matches in some year; exact, since every shape occurs."""
        lengths = {length for month in months for length in _LENGTHS[month]}
        return any(_matching(self, MonthShape(first, length)) for first in range(7) for length in lengths)


_LENGTHS = {month: (28, 29) if month == 2 else (monthrange(2001, month)[1],) for month in range(1, 13)}


@lru_cache(maxsize=4096)
def _matching(rule: DayRule, shape: MonthShape) -> tuple[int, ...]:
    by_month, by_week = rule.month_days.matching(shape), rule.week_days.matching(shape)
    return tuple(sorted(by_month & by_week if rule.both else by_month | by_week))
