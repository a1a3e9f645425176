"""The language of cron expressions: from text to a value that knows its nominal times, without any zone.

Five fields (minute, hour, day of month, month, day of week), or six with leading seconds, or a nickname:

| in a field | means |
| --- | --- |
| ``*`` ``?`` | every value; both the same, also where a leading star matters |
| ``5`` ``jan`` ``fri`` | a value; names of months and weekdays, in any case; Sunday is 0 and 7 |
| ``8-17`` ``fri-mon`` | a range; one that ends below its beginning goes on over the field's end |
| ``*/15`` ``8-17/2`` ``10/20`` | every so many of them; ``a/n`` runs from a to the field's end |
| ``1,15,20-25`` | a list |
| ``H`` ``H/15`` ``H(0-29)`` | a value chosen by a hash of the seed, to spread load |
| day of month: ``L`` ``L-3`` | the last, the third before it |
| day of month: ``LW`` ``15W`` | the last working day, the one nearest to the 15th |
| day of week: ``5L`` ``5#2`` | the last, the second Friday of the month |

An expression is *wild* if its field of minutes, hours or seconds begins with ``*``: it then follows real time
where the clock is changed (`instants`). The rules are cronie's where it has any. The parser is our own since
croniter reads ``5-5/2`` and ``0-0`` as the whole field, refuses ``LW`` and ``5L``, and combines day rules in
its own way, and cronsim knows no ``15W``; the tests compare with both where they are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

import attrs

from cronicle.errors import CronicleError
from cronicle.schedule.days import DayRule, MonthDays, WeekDays

__all__ = ["MONTHS", "WEEKDAYS", "Cron", "CronError", "parse_cron"]


class CronError(CronicleError):
    """A cron expression is malformed."""


WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@attrs.frozen
class Field:
    """One field of an expression: what it is called and which values it takes."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    hash_high: int = 0
    """The largest value for ``H``, where it is not ``high``."""

    @property
    def values(self) -> str:
        """The values as a user may write them."""
        names = f" or {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{names}"


_SECOND: Final = Field("second", 0, 59)
_MINUTE: Final = Field("minute", 0, 59)
_HOUR: Final = Field("hour", 0, 23)
# No month is to be left out by a hash.
_DAY_OF_MONTH: Final = Field("day of month", 1, 31, hash_high=28)
_MONTH: Final = Field("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)})
# As in cronie the field goes to 7, and 7 is Sunday again.
_DAY_OF_WEEK: Final = Field(
    "day of week", 0, 7, {name: number for number, name in enumerate(WEEKDAYS)}, hash_high=6
)

_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_VALUE = r"[0-9]{1,4}|[a-z]{3}"
_ITEM: Final = re.compile(
    rf"(?: (?P<all>[*?])"
    rf" | (?P<hash>h) (?: \( (?P<hash_low>{_VALUE}) - (?P<hash_high>{_VALUE}) \) )?"
    rf" | (?P<low>{_VALUE}) (?: - (?P<high>{_VALUE}) )?"
    rf") (?: / (?P<step>[0-9]{{1,4}}) )?",
    re.VERBOSE,
)
_BEFORE_LAST: Final = re.compile(r"l-([0-9]{1,2})")
_NEAREST: Final = re.compile(r"([0-9]{1,2})w")
_LAST_WEEKDAY: Final = re.compile(rf"({_VALUE})l")
_NTH_WEEKDAY: Final = re.compile(rf"({_VALUE})\#([0-9])")


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
    is_wild: bool
    ever_fires: bool
    """False for a day that no month has, such as 31 February."""

    def nominal_times(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The nominal times in ``[start, end)``, in order; all three naive."""
        if start >= end:
            return
        first, last = start.date(), end.date()
        year, month = start.year, start.month
        while (year, month) <= (end.year, end.month):
            if month in self.months:
                for day in self.days.in_month(year, month):
                    date = first.replace(year=year, month=month, day=day)
                    if first < date < last:
                        yield from self._times_of(year, month, day, 0)
                    elif date in (first, last):
                        for time in self._times_of(year, month, day, start.hour if date == first else 0):
                            if time >= end:
                                return
                            if time >= start:
                                yield time
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)

    def _times_of(self, year: int, month: int, day: int, from_hour: int) -> Iterator[datetime]:
        for hour in self.hours:
            if hour >= from_hour:
                for minute in self.minutes:
                    for second in self.seconds:
                        yield datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - nominal


@lru_cache(maxsize=1024)
def parse_cron(text: str, seed: str = "") -> Cron:
    """Parse a cron expression.

    Args:
        text: The expression; see the module for the language.
        seed: What ``H`` hashes, so that different jobs get different times, and one always the same.

    Raises:
        CronError: If it is malformed; the message names the field and what is wrong with it.
    """
    fields = _split(text)
    second, minute, hour, month_day, month, week_day = fields
    parser = _Parser(text, seed)
    months = parser.values(_MONTH, month)
    days = DayRule(
        parser.month_days(month_day),
        parser.week_days(week_day),
        both=_begins_with_star(month_day) or _begins_with_star(week_day),
    )
    return Cron(
        text=text,
        fields=fields,
        seconds=parser.values(_SECOND, second),
        minutes=parser.values(_MINUTE, minute),
        hours=parser.values(_HOUR, hour),
        months=months,
        days=days,
        is_wild=any(map(_begins_with_star, (second, minute, hour))),
        ever_fires=days.ever_matches(months),
    )


def _begins_with_star(field: str) -> bool:
    return field.startswith(("*", "?"))


def _split(text: str) -> tuple[str, str, str, str, str, str]:
    """An expression's six fields in lower case."""
    shown = _shorten(text)
    plain = text.strip().lower()
    if plain.startswith("@"):
        if plain == "@reboot":
            raise CronError(
                f'a cron expression cannot be "{shown}"',
                'For a run at the start of the scheduler use on = "start".',
            )
        if plain not in _NICKNAMES:
            raise CronError(
                f'unknown nickname in the cron expression "{shown}"',
                f"There are {', '.join(_NICKNAMES)}; for a fixed period use every.",
            )
        plain = _NICKNAMES[plain]
    match plain.split():
        case [minute, hour, month_day, month, week_day]:
            return "0", minute, hour, month_day, month, week_day
        case [second, minute, hour, month_day, month, week_day]:
            return second, minute, hour, month_day, month, week_day
        case fields:
            raise CronError(
                f'the cron expression "{shown}" has {len(fields)} field{"s" * (len(fields) != 1)}',
                "Write 5 fields: minute, hour, day of month, month, day of week; or 6 with leading seconds.",
            )


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


@attrs.frozen
class _Parser:
    """Parses the fields of one expression, whose text and seed it keeps for messages and hashes."""

    text: str
    seed: str

    def values(self, field: Field, text: str) -> tuple[int, ...]:
        """The values that a field without day rules names, in order."""
        return tuple(sorted({value for item in text.split(",") for value in self._item(field, item)}))

    def month_days(self, text: str) -> MonthDays:
        """The day-of-month field."""
        days: set[int] = set()
        before_last: set[int] = set()
        nearest: set[int] = set()
        last_working_day = False
        for item in text.split(","):
            if item == "l":
                before_last.add(0)
            elif item == "lw":
                last_working_day = True
            elif match := _BEFORE_LAST.fullmatch(item):
                before_last.add(self._number(_DAY_OF_MONTH, match[1], high=30))
            elif match := _NEAREST.fullmatch(item):
                nearest.add(self._number(_DAY_OF_MONTH, match[1]))
            else:
                days.update(self._item(_DAY_OF_MONTH, item))
        return MonthDays(frozenset(days), frozenset(before_last), frozenset(nearest), last_working_day)

    def week_days(self, text: str) -> WeekDays:
        """The day-of-week field."""
        days: set[int] = set()
        last: set[int] = set()
        nth: set[tuple[int, int]] = set()
        for item in text.split(","):
            if match := _LAST_WEEKDAY.fullmatch(item):
                last.add(self._number(_DAY_OF_WEEK, match[1]) % 7)
            elif match := _NTH_WEEKDAY.fullmatch(item):
                if not 1 <= int(match[2]) <= 5:
                    raise self._error(_DAY_OF_WEEK, f'"{item}": a month has 1 to 5 of a weekday')
                nth.add((self._number(_DAY_OF_WEEK, match[1]) % 7, int(match[2])))
            else:
                days.update(value % 7 for value in self._item(_DAY_OF_WEEK, item))
        return WeekDays(frozenset(days), frozenset(last), frozenset(nth))

    def _item(self, field: Field, item: str) -> range | list[int]:
        """One item of a list: all, a value, a range or a hash, with or without a step."""
        match = _ITEM.fullmatch(item)
        if not match:
            raise self._error(field, f'"{_shorten(item)}" is not understood' if item else "an item is empty")
        step = int(match["step"]) if match["step"] else None
        if step == 0:
            raise self._error(field, f'"{item}": the step must be at least 1')
        if match["all"]:
            return range(field.low, field.high + 1, step or 1)
        if match["hash"]:
            return self._hashed(field, match, step)
        low = self._number(field, match["low"])
        if match["high"] is None:
            return range(low, field.high + 1, step) if step else range(low, low + 1)
        high = self._number(field, match["high"])
        if low <= high:
            return range(low, high + 1, step or 1)
        # Over the field's end; the week has 7 days, though its field has 8 values.
        size = 7 if field is _DAY_OF_WEEK else field.high - field.low + 1
        return [field.low + (value - field.low) % size for value in range(low, high + size + 1, step or 1)]

    def _hashed(self, field: Field, match: re.Match[str], step: int | None) -> range:
        low, high = field.low, field.hash_high or field.high
        if match["hash_low"]:
            low, high = self._number(field, match["hash_low"]), self._number(field, match["hash_high"])
            if low > high:
                raise self._error(field, f'"{match[0]}": the range ends before it begins')
        digest = sha256(f"{self.seed}\n{field.name}".encode()).digest()
        choices = min(step or high, high - low + 1) if step else high - low + 1
        chosen = low + int.from_bytes(digest[:8]) % choices
        return range(chosen, high + 1, step) if step else range(chosen, chosen + 1)

    def _number(self, field: Field, text: str, high: int | None = None) -> int:
        if not text.isdigit():
            if text in field.names:
                return field.names[text]
            raise self._error(field, f'"{text}" is not understood')
        number, highest = int(text), field.high if high is None else high
        if not field.low <= number <= highest:
            raise self._error(field, f"{number} is not in {field.low}-{highest}")
        return number

    def _error(self, field: Field, problem: str) -> CronError:
        remedy = (
            f"A {field.name} is {field.values}; a field holds values, ranges a-b, steps /n, lists, * or H"
        )
        if field is _DAY_OF_MONTH:
            remedy += ", or L, L-3, LW, 15W"
        elif field is _DAY_OF_WEEK:
            remedy += ", or 5L (last Friday), 5#2 (second Friday)"
        return CronError(
            f'the {field.name} field of the cron expression "{_shorten(self.text)}": {problem}', f"{remedy}."
        )
