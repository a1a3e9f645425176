"""The day fields of a cron expression: what they say, and the forms of them that croniter does not know.

Which days of a month match depends on nothing but the weekday that the month begins with and its length; there
are only 28 such shapes. ``cron`` asks croniter for the days of a shape, and this module for those of ``L-3``,
``LW`` and ``15W``; croniter refuses the first two, and of the third takes one alone and moves ``31W`` to the 30th.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from functools import cache, lru_cache

import attrs

__all__ = ["SHAPES", "DayRule", "MonthDays", "MonthShape", "WeekDays"]

_SATURDAY, _SUNDAY = 6, 0  # days of the week as in cron: 0 is Sunday


@attrs.frozen
class MonthShape:
    """All that matters of a month: the weekday of its first day (0 is Sunday) and its length."""

    first_weekday: int
    length: int

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(year: int, month: int) -> MonthShape:
        """The shape of a month."""
        first_weekday, length = monthrange(year, month)  # there 0 is Monday
        return MonthShape((first_weekday + 1) % 7, length)

    @property
    def example(self) -> date:
        """The first day of a month of this shape."""
        return _examples()[self]

    def weekday(self, day: int) -> int:
        """The weekday of a day of the month."""
        return (self.first_weekday + day - 1) % 7

    def nearest_working_day(self, day: int) -> int:
        """The working day (Monday to Friday) next to a day, without leaving the month."""
        weekday = self.weekday(day)
        if weekday == _SATURDAY:
            return day - 1 if day > 1 else day + 2
        if weekday == _SUNDAY:
            return day + 1 if day < self.length else day - 2
        return day

    @property
    def last_working_day(self) -> int:
        """The last day that is none of a weekend."""
        return self.length - {_SATURDAY: 1, _SUNDAY: 2}.get(self.weekday(self.length), 0)


SHAPES = tuple(MonthShape(first, length) for length in (28, 29, 30, 31) for first in range(7))
"""All there are."""


@cache
def _examples() -> dict[MonthShape, date]:
    # In 28 years of this century every date has met every weekday.
    months = (date(year, month, 1) for year in range(2000, 2028) for month in range(1, 13))
    return {MonthShape.of(first.year, first.month): first for first in months}


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

    def beyond_croniter(self, shape: MonthShape) -> set[int]:
        """The days of such a month that match by a form which croniter does not know."""
        found = {shape.length - back for back in self.before_last if 0 < back < shape.length}
        found |= {shape.nearest_working_day(day) for day in self.nearest if day <= shape.length}
        return found | {shape.last_working_day} if self.last_working_day else found

    def ever_match(self, length: int) -> bool:
        """True if a month of so many days has one of these."""
        return (
            self.last_working_day
            or min(self.days | self.nearest, default=length + 1) <= length
            or min(self.before_last, default=length) < length
        )


@attrs.frozen
class WeekDays:
    """The field of the day of the week, taken apart; 0 is Sunday."""

    days: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    """``5L``: the last Friday of the month."""
    nth: frozenset[tuple[int, int]] = frozenset()
    """``5#2``: (5, 2), the second Friday of the month."""


@attrs.frozen(cache_hash=True)
class DayRule:
    """Both day fields and how they combine."""

    month_days: MonthDays
    week_days: WeekDays
    both: bool
    """True: a day must match both fields; else one is enough."""
