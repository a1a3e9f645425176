"""Durations, times and sizes as text and back: ``"1h30m"``, ``"2026-03-08"``, ``"512MiB"``.

Rules: units are spelt out and never guessed; what is printed reads back as the same value; a malformed text
is an error for its writer, with the right spelling.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Final

from cronicle.errors import CronicleError
from cronicle.schedule.zones import EARLIEST, LATEST, start_of_day

__all__ = [
    "TextError",
    "duration_text",
    "parse_date",
    "parse_duration",
    "parse_size",
    "parse_time",
    "size_text",
]


class TextError(CronicleError):
    """A duration, time or size is not written as one."""


_UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_DURATION: Final = re.compile("".join(rf"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNITS))

_SIZES: Final = {
    "B": 1,
    "KB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
    "TB": 10**12,
    "TiB": 2**40,
}
_SIZE: Final = re.compile(r"(?P<number>[0-9]{1,18}(?:\.[0-9]{1,6})?) ?(?P<unit>[KMGT]i?B|B)")

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339, whose seconds may be left out here.
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_HOW_TO_WRITE_A_TIME: Final = (
    'Write a date like "2026-03-08", or an instant with its offset: "2026-03-08T02:00:00Z".'
)


def parse_duration(text: str) -> timedelta:
    """A duration: numbers with the units d, h, m, s, ms, from the largest to the smallest.

    Raises:
        TextError: If it is not written so.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise TextError(f"{text!r} is not a duration", 'Write it like "90s", "5m", "1h30m" or "7d".')
    try:
        return sum(
            (float(number) * _UNITS[unit] for unit, number in match.groupdict("0").items()), timedelta(0)
        )
    except OverflowError as error:
        raise TextError(f"{text!r} is longer than any calendar", 'Write a duration like "7d".') from error


def duration_text(duration: timedelta) -> str:
    """A duration in the largest units that fit, which `parse_duration` reads back: ``1h30m``.

    Raises:
        ValueError: If it is negative: there is no text for that.
    """
    if duration < timedelta(0):
        raise ValueError(f"a negative duration has no text: {duration}")
    parts = []
    for unit, size in _UNITS.items():
        count, duration = divmod(duration, size)
        if unit == "ms" and duration:
            parts.append(f"{count}.{duration.microseconds:03d}".rstrip("0") + unit)
        elif count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_date(text: str) -> date:
    """A calendar date, ``YYYY-MM-DD``.

    Raises:
        TextError: If it is not written so, or there is no such day.
    """
    if not _DATE.fullmatch(text):
        raise TextError(f"{text!r} is not a date", 'Write it like "2026-03-08".')
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TextError(f"{text!r} is not a date: {error}", 'Write it like "2026-03-08".') from error


def parse_time(text: str, zone_name: str) -> datetime:
    """An instant, in UTC: RFC 3339, or a date, which is the beginning of that local day in a zone.

    A day that begins in a gap begins at the gap's end; one that begins twice, the first time.

    Raises:
        TextError: If it is neither, or there is no such moment.
        ZoneError: If there is no such time zone.
    """
    text = text.strip()
    if _DATE.fullmatch(text) and EARLIEST.date() < (day := parse_date(text)) < LATEST.date():
        return start_of_day(zone_name, day)
    if _RFC_3339.fullmatch(text):
        try:
            instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise TextError(f"{text!r} is not a time: {error}", _HOW_TO_WRITE_A_TIME) from error
        if EARLIEST < instant < LATEST:
            return instant
    elif not _DATE.fullmatch(text):
        raise TextError(f"{text!r} is not a time", _HOW_TO_WRITE_A_TIME)
    raise TextError(f"{text!r} is not in the years 2 to 9998", _HOW_TO_WRITE_A_TIME)


def parse_size(text: str) -> int:
    """A size in bytes: a number with B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024).

    Raises:
        TextError: If it is not written so.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise TextError(f"{text!r} is not a size", 'Write it like "512MiB" or "2GB".')
    return int(Fraction(match["number"]) * _SIZES[match["unit"]])


def size_text(size: int) -> str:
    """A size in the largest unit of which it is a whole number, which `parse_size` reads back: ``512MiB``."""
    unit, scale = max(
        ((unit, scale) for unit, scale in _SIZES.items() if size and size % scale == 0),
        key=lambda found: found[1],
        default=("B", 1),
    )
    return f"{size // scale}{unit}"
