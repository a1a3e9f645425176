"""The language of cron expressions: text to fields, and errors that say which field is wrong.

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

The rules are cronie's where it has any. The reader is our own since croniter reads ``5-5/2`` and ``0-0`` as the
whole field and refuses ``LW`` and ``5L``, and its messages say little; what is read here is written again, for
croniter, in a form that leaves it no doubt (`cron`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import attrs

from cronicle.errors import CronicleError
from cronicle.schedule.days import MonthDays, WeekDays

__all__ = [
    "DAY_OF_MONTH",
    "DAY_OF_WEEK",
    "HOUR",
    "MINUTE",
    "MONTH",
    "SECOND",
    "CronError",
    "Field",
    "FieldReader",
    "begins_with_star",
    "has_hash",
    "split_fields",
]


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


SECOND: Final = Field("second", 0, 59)
MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
# No month is to be left out by a hash.
DAY_OF_MONTH: Final = Field("day of month", 1, 31, hash_high=28)
MONTH: Final = Field("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)})
# As in cronie the field goes to 7, and 7 is Sunday again.
DAY_OF_WEEK: Final = Field(
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
_HASH: Final = re.compile(r"(?<![A-Za-z])H(?![A-Za-z])", re.IGNORECASE)
_BEFORE_LAST: Final = re.compile(r"l-([0-9]{1,2})")
_NEAREST: Final = re.compile(r"([0-9]{1,2})w")
_LAST_WEEKDAY: Final = re.compile(rf"({_VALUE})l")
_NTH_WEEKDAY: Final = re.compile(rf"({_VALUE})\#([0-9])")


def has_hash(text: str) -> bool:
    """True if an expression has an ``H``, and so other values with another seed."""
    return _HASH.search(text) is not None


def begins_with_star(field: str) -> bool:
    """What cronie's rules for days and for changed clocks look at."""
    return field.startswith(("*", "?"))


def split_fields(text: str) -> tuple[str, str, str, str, str, str]:
    """An expression's six fields, seconds first, in lower case and with nicknames written out.

    Raises:
        CronError: If there are not five or six, or the nickname is unknown.
    """
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
class FieldReader:
    """Reads the fields of one expression, whose text and seed it keeps for messages and hashes."""

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
                before_last.add(self._number(DAY_OF_MONTH, match[1], high=30))
            elif match := _NEAREST.fullmatch(item):
                nearest.add(self._number(DAY_OF_MONTH, match[1]))
            else:
                days.update(self._item(DAY_OF_MONTH, item))
        return MonthDays(frozenset(days), frozenset(before_last), frozenset(nearest), last_working_day)

    def week_days(self, text: str) -> WeekDays:
        """The day-of-week field."""
        days: set[int] = set()
        last: set[int] = set()
        nth: set[tuple[int, int]] = set()
        for item in text.split(","):
            if match := _LAST_WEEKDAY.fullmatch(item):
                last.add(self._number(DAY_OF_WEEK, match[1]) % 7)
            elif match := _NTH_WEEKDAY.fullmatch(item):
                if not 1 <= int(match[2]) <= 5:
                    raise self._error(DAY_OF_WEEK, f'"{item}": a month has 1 to 5 of a weekday')
                nth.add((self._number(DAY_OF_WEEK, match[1]) % 7, int(match[2])))
            else:
                days.update(value % 7 for value in self._item(DAY_OF_WEEK, item))
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
        size = 7 if field is DAY_OF_WEEK else field.high - field.low + 1
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
        article = "An" if field is HOUR else "A"
        remedy = (
            f"{article} {field.name} is {field.values}; a field holds values, ranges a-b, steps /n, lists, "
        )
        remedy += "* or H"
        if field is DAY_OF_MONTH:
            remedy += ", or L, L-3, LW, 15W"
        elif field is DAY_OF_WEEK:
            remedy += ", or 5L (last Friday), 5#2 (second Friday)"
        return CronError(
            f'the {field.name} field of the cron expression "{_shorten(self.text)}": {problem}', f"{remedy}."
        )
