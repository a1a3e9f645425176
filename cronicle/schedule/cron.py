"""Cron expressions and their nominal times, without any zone. The only home of croniter.

What an expression may say is read by `dialect`. An expression is *wild* if its field of minutes, hours or seconds
begins with ``*``: it then follows real time where the clock is changed (`instants`).

croniter parses and enumerates, one field at a time, over one round of that field, in a calendar without zones:

| field | canonical expression | stepped through |
| --- | --- | --- |
| second, minute, hour | ``* * * * * 0,30``, ``5,35 * * * *``, ``0 2,14 * * *`` | a minute, an hour, a day |
| month | ``0 0 1 1,7 *`` | a year |
| day of month: days; ``L`` | ``0 0 1,15 * *``; ``0 0 l * *`` | a month of each shape |
| day of week: days; ``5L`` and ``5#2`` | ``0 0 * * 1,3``; ``0 0 * * l5,5#2`` | a month of each shape |

There it is right: a canonical field is ``*`` or a list of numbers in order, so that nothing of what it reads in its
own way (ranges of one value, wrapped ranges with steps, stars that are none) reaches it; the rounds are short, and
what they hold is kept, so that it costs what the distinct fields cost and not what the ticks do.

Ours is what it does otherwise than cronie or not at all: days of month and week combine as sets, by *and* if either
field begins with ``*`` and else by *or* (``cron.c``: ``DOM_STAR``, ``DOW_STAR``); ``L-3``, ``LW`` and ``15W``
(`days`); a day that never comes, for which it would search for decades; and, above all, the clock (`instants`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Final

import attrs

from cronicle.schedule.calendars import EVERY_DAY, DayFilter
from cronicle.schedule.days import SHAPES, DayRule, MonthDays, MonthShape, WeekDays
from cronicle.schedule.dialect import (
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    CronError,
    FieldReader,
    begins_with_star,
    has_hash,
    split_fields,
)

__all__ = ["Cron", "CronError", "parse_cron"]

_BEGINNING: Final = datetime(2001, 1, 1)  # noqa: DTZ001 - nominal; of a year that is no leap year
_MIDNIGHT: Final = time()
_LENGTHS: Final = {month: (28, 29) if month == 2 else (monthrange(2001, month)[1],) for month in range(1, 13)}


@attrs.frozen
class FieldValues:
    """The months, hours, minutes and seconds in which croniter finds an expression to fire, each in order."""

    months: tuple[int, ...]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]


@attrs.frozen
class Cron:
    """A parsed expression. Its times are nominal: naive, in a calendar in which clocks are never changed."""

    text: str
    """As it was written."""
    fields: tuple[str, str, str, str, str, str]
    """Second, minute, hour, day of month, month, day of week: in lower case, nicknames written out."""
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    days: DayRule
    """These five as they were read: what is said to people, and written for croniter."""
    is_wild: bool

    @cached_property
    def ever_fires(self) -> bool:
        """False for a day that no month has, such as 31 February. Exact, since every shape of a month occurs."""
        if not self.days.both:  # each weekday, also the fifth, is somewhere in every month
            return True
        month_days, week_days = self.days.month_days, self.days.week_days
        lengths = {length for month in self.months for length in _LENGTHS[month]}
        if not month_days.ever_match(max(lengths)):
            return False
        if month_days.days and min(month_days.days) <= max(lengths) and week_days.days:
            return True  # every date meets every weekday
        return any(_days_of(self.days, shape) for shape in SHAPES if shape.length in lengths)

    def fires_on_weekdays(self, weekdays: Collection[int]) -> bool:
        """True if some day on which it fires is one of these of the week (0 is Sunday). Exact, as `ever_fires`."""
        if len(weekdays) == 7:
            return self.ever_fires
        lengths = {length for month in self.months for length in _LENGTHS[month]}
        return any(
            shape.weekday(day) in weekdays
            for shape in SHAPES
            if shape.length in lengths
            for day in _days_of(self.days, shape)
        )

    def dates(self, first: date, last: date, days: DayFilter = EVERY_DAY) -> Iterator[date]:
        """The dates from the first to the last, both included, on which it fires and that are kept."""
        year, month, keeps_all = first.year, first.month, days.keeps_all
        while (year, month) <= (last.year, last.month):
            for day in self._days_in(year, month):
                found = date(year, month, day)
                if found > last:
                    return
                if found >= first and (keeps_all or days.keeps(found)):
                    yield found
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)

    def nominal_times(
        self, start: datetime, end: datetime, days: DayFilter = EVERY_DAY
    ) -> Iterator[datetime]:
        """The nominal times in ``[start, end)`` on dates that are kept, in order; all naive."""
        if start >= end:
            return
        first, last = start.date(), end.date()
        for found in self.dates(first, last, days):
            if first < found < last:
                yield from self._times_of(found, _MIDNIGHT)
                continue
            for moment in self._times_of(found, start.time() if found == first else _MIDNIGHT):
                if moment >= end:
                    return
                if moment >= start:  # but for fractions of a second
                    yield moment

    def last_nominal_time(
        self, start: datetime, end: datetime, days: DayFilter = EVERY_DAY
    ) -> datetime | None:
        """The last of the `nominal_times`; what there are before it costs nothing."""
        until = end - datetime.resolution
        first, last, year, month = start.date(), until.date(), until.year, until.month
        while (year, month) >= (first.year, first.month):
            for day in reversed(self._days_in(year, month)):
                found = date(year, month, day)
                if found > last or not days.keeps(found):
                    continue
                moment = self._last_time_of(found, until)
                if moment is not None:
                    return moment if moment >= start else None
                if found < first:
                    return None
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        return None

    @property
    def time_mask(self) -> int:
        """The seconds of a day at which it fires, as a number with so many bits: the lowest is midnight."""
        values = self._values
        return _time_mask(values.hours, values.minutes, values.seconds)

    @cached_property
    def _values(self) -> FieldValues:
        months = _step_through(f"0 0 1 {_listed(self.months, 12)} *", _BEGINNING, timedelta(days=365))
        hours = _step_through(f"0 {_listed(self.hours, 24)} * * *", _BEGINNING, timedelta(days=1))
        minutes = _step_through(f"{_listed(self.minutes, 60)} * * * *", _BEGINNING, timedelta(hours=1))
        seconds = _step_through(f"* * * * * {_listed(self.seconds, 60)}", _BEGINNING, timedelta(minutes=1))
        return FieldValues(
            months=tuple(found.month for found in months),
            hours=tuple(found.hour for found in hours),
            minutes=tuple(found.minute for found in minutes),
            seconds=tuple(found.second for found in seconds),
        )

    def _days_in(self, year: int, month: int) -> tuple[int, ...]:
        return _days_of(self.days, MonthShape.of(year, month)) if month in self._values.months else ()

    def _times_of(self, day: date, begin: time) -> Iterator[datetime]:
        """Its times on a day, from the second in which ``begin`` lies."""
        values, year, month, number = self._values, day.year, day.month, day.day
        for hour in values.hours[bisect_left(values.hours, begin.hour) :]:
            begins = hour == begin.hour
            for minute in values.minutes[bisect_left(values.minutes, begin.minute) if begins else 0 :]:
                at_once = begins and minute == begin.minute
                for second in values.seconds[bisect_left(values.seconds, begin.second) if at_once else 0 :]:
                    yield datetime(year, month, number, hour, minute, second)  # noqa: DTZ001

    def _last_time_of(self, day: date, until: datetime) -> datetime | None:
        """The last of its times on a day that is not after ``until``."""
        values = self._values
        hours, minutes, seconds = values.hours, values.minutes, values.seconds
        if day < until.date():
            return datetime.combine(day, time(hours[-1], minutes[-1], seconds[-1]))
        for hour in reversed(hours[: bisect_right(hours, until.hour)]):
            if hour < until.hour:
                return datetime.combine(day, time(hour, minutes[-1], seconds[-1]))
            for minute in reversed(minutes[: bisect_right(minutes, until.minute)]):
                if minute < until.minute:
                    return datetime.combine(day, time(hour, minute, seconds[-1]))
                if at := bisect_right(seconds, until.second):
                    return datetime.combine(day, time(hour, minute, seconds[at - 1]))
        return None


def parse_cron(text: str, seed: str = "") -> Cron:
    """Parse a cron expression.

    Args:
        text: The expression; see `dialect` for the language.
        seed: What ``H`` hashes, so that different jobs get different times, and one always the same.

    Raises:
        CronError: If it is malformed; the message names the field and what is wrong with it.
    """
    return _parse(text, seed if has_hash(text) else "")  # without an H all seeds read the same


@lru_cache(maxsize=4096)
def _parse(text: str, seed: str) -> Cron:
    fields = split_fields(text)
    second, minute, hour, month_day, month, week_day = fields
    reader = FieldReader(text, seed)
    days = _day_rule(
        reader.month_days(month_day),
        reader.week_days(week_day),
        begins_with_star(month_day) or begins_with_star(week_day),
    )
    return Cron(
        text=text,
        fields=fields,
        seconds=reader.values(SECOND, second),
        minutes=reader.values(MINUTE, minute),
        hours=reader.values(HOUR, hour),
        months=reader.values(MONTH, month),
        days=days,
        is_wild=any(map(begins_with_star, (second, minute, hour))),
    )


@lru_cache(maxsize=256)  # 11 kB each: not to be kept for each of ten thousand expressions
def _time_mask(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> int:
    minute_mask = sum(1 << second for second in seconds)
    hour_mask = sum(minute_mask << 60 * minute for minute in minutes)
    return sum(hour_mask << 3600 * hour for hour in hours)


@lru_cache(maxsize=4096)
def _day_rule(month_days: MonthDays, week_days: WeekDays, both: bool) -> DayRule:
    """One value for all expressions that say the same of days, so that what is known of it is found at once."""
    return DayRule(month_days, week_days, both=both)


@lru_cache(maxsize=4096)
def _days_of(rule: DayRule, shape: MonthShape) -> tuple[int, ...]:
    """The days of such a month on which a rule fires, in order."""
    by_month, by_week = _month_days(rule.month_days, shape), _week_days(rule.week_days, shape)
    return tuple(sorted(by_month & by_week if rule.both else by_month | by_week))


# Special items are never beside plain days: croniter refuses some such lists, and older ones lose the L of "31,L".


def _month_days(rule: MonthDays, shape: MonthShape) -> set[int]:
    fields = _listed(rule.days, 31), "l" if 0 in rule.before_last else ""
    known = {day for field in fields if field for day in _matching(f"0 0 {field} * *", shape)}
    return known | rule.beyond_croniter(shape)


def _week_days(rule: WeekDays, shape: MonthShape) -> set[int]:
    special = [*(f"l{day}" for day in sorted(rule.last)), *(f"{day}#{nth}" for day, nth in sorted(rule.nth))]
    fields = _listed(rule.days, 7), ",".join(special)
    return {day for field in fields if field for day in _matching(f"0 0 * * {field}", shape)}


def _listed(values: Collection[int], size: int) -> str:
    """A canonical field: a star if it has all values, else the values in order; nothing if there are none."""
    return "*" if len(values) == size else ",".join(map(str, sorted(values)))


def _matching(expression: str, shape: MonthShape) -> set[int]:
    """The days of such a month on which an expression at midnight fires, asked of an example of it."""
    first = datetime.combine(shape.example, time())
    return {found.day for found in _step_through(expression, first, timedelta(days=shape.length))}


@lru_cache(maxsize=4096)
def _step_through(expression: str, start: datetime, length: timedelta) -> tuple[datetime, ...]:
    """The times of a canonical expression in a span that begins with a minute, as croniter enumerates them."""
    from croniter import croniter

    steps, found = croniter(expression, start - timedelta(seconds=1), ret_type=datetime), []
    while (moment := steps.get_next()) < start + length:
        found.append(moment)
    return tuple(found)
