"""Functions on days, weeks and months, for the data interval of a run. They are ours: Terraform has none.

A day begins at midnight of a time zone's clock, or where that is skipped at the first instant after it. Weeks begin
on Mondays, as in ISO 8601. Results are written with the offset that the zone has then.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grammar.functions.dates import read_instant
from grammar.functions.signature import FunctionError, Library
from grammar.kinds import Value
from grammar.number import Number
from grammar.types import NUMBER, STRING

library = Library("date and time")

UNITS = ("hour", "day", "week", "month", "quarter", "year")


@library(time=STRING, zone=STRING)
def intimezone(time: str, zone: str) -> Value:
    """Write an instant with the offset that a time zone (IANA) has then.

    >>> intimezone("2026-07-01T12:00:00Z", "America/New_York")
    "2026-07-01T08:00:00-04:00"
    """
    return _written(read_instant(time, 0).astimezone(_zone(zone, 1)))


@library(time=STRING, unit=STRING, zone=STRING)
def startof(time: str, unit: str, zone: str) -> Value:
    """Return the beginning of the hour, day, week, month, quarter or year that an instant lies in.

    >>> startof("2026-03-08T20:00:00Z", "day", "America/New_York")
    "2026-03-08T00:00:00-05:00"
    >>> startof("2026-05-20T12:00:00Z", "month", "UTC")
    "2026-05-01T00:00:00Z"
    """
    return _written(_start(time, unit, zone))


@library(time=STRING, unit=STRING, zone=STRING)
def endof(time: str, unit: str, zone: str) -> Value:
    """Return the end of the hour, day, week, month, quarter or year that an instant lies in: where the next begins.

    >>> endof("2026-03-08T20:00:00Z", "day", "America/New_York")
    "2026-03-09T00:00:00-04:00"
    >>> endof("2026-02-20T12:00:00Z", "month", "UTC")
    "2026-03-01T00:00:00Z"
    """
    start = _start(time, unit, zone)
    if unit == "hour":
        return _written(_next_hour(start))
    return _written(_midnight(_moved(start.date(), 1, unit, 0), start))


@library(date=STRING, count=NUMBER, unit=STRING)
def dateadd(date: str, count: Number, unit: str) -> Value:
    """Add days, weeks, months, quarters or years to a date; a day that the month does not have is its last.

    >>> dateadd("2026-01-31", 1, "month")
    "2026-02-28"
    >>> dateadd("2026-03-01", -1, "day")
    "2026-02-28"
    """
    if count != int(count):
        raise FunctionError("must be a whole number", 1)
    if unit not in UNITS or unit == "hour":
        raise FunctionError(f"must be one of {', '.join(UNITS[1:])}", 2)
    return _moved(_day(date), int(count), unit, 1).isoformat()


def _day(text: str) -> date:
    try:
        if len(text) != 10:
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise FunctionError(f'must be a date such as "2026-01-31", this is "{text[:40]}"', 0) from None


def _zone(name: str, argument: int) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FunctionError(
            f'must be a time zone such as "Europe/Vienna", this is "{name[:40]}"', argument
        ) from None


def _start(time: str, unit: str, zone: str) -> datetime:
    local = read_instant(time, 0).astimezone(_zone(zone, 2))
    day = local.date()
    match unit:
        case "hour":
            return _hour(local)
        case "day":
            pass
        case "week":
            day -= timedelta(days=day.weekday()) if day.toordinal() > day.weekday() else timedelta()
        case "month":
            day = day.replace(day=1)
        case "quarter":
            day = day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            day = day.replace(month=1, day=1)
        case _:
            raise FunctionError(f"must be one of {', '.join(UNITS)}", 1)
    return _midnight(day, local)


def _hour(local: datetime) -> datetime:
    """The beginning of the hour as the clock shows it; an hour that comes twice has two."""
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return (local.astimezone(UTC) - past).astimezone(local.tzinfo)


def _next_hour(start: datetime) -> datetime:
    return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)


def _midnight(day: date, like: datetime) -> datetime:
    """The first instant of a day, in the zone of another instant."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=like.tzinfo)
    return midnight.astimezone(UTC).astimezone(
        like.tzinfo
    )  # one that is skipped is read with the offset before it


def _moved(day: date, count: int, unit: str, argument: int) -> date:
    days = {"day": 1, "week": 7}.get(unit)
    try:
        if days is not None:
            return day + timedelta(days=days * count)
        months = day.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[unit]
        year, month = day.year + months // 12, months % 12 + 1
        if not 1 <= year <= 9999:
            raise OverflowError(year)
        return date(year, month, min(day.day, monthrange(year, month)[1]))
    except OverflowError:
        raise FunctionError("the result lies beyond the years 1 to 9999", argument) from None


def _written(instant: datetime) -> str:
    text = instant.replace(microsecond=0).isoformat()
    return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text
