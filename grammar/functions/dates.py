"""Functions on instants, which are strings in RFC 3339 form. None asks for the time of day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from grammar.functions.signature import FunctionError, Library, per_character
from grammar.kinds import Value, nfc
from grammar.types import STRING

library = Library("date and time")

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@library(effort=per_character(0.5), spec=STRING, time=STRING)
def formatdate(spec: str, time: str) -> Value:
    """Format an instant.

    `YYYY` `YY` year, `M` `MM` `MMM` `MMMM` month, `D` `DD` day, `EEE` `EEEE` weekday, `h` `hh` hour of 24, `H` `HH`
    hour of 12, `AA` `aa` AM or pm, `m` `mm` minute, `s` `ss` second, `Z` to `ZZZZZ` zone; text in single quotes is
    taken as it is.

    >>> formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")
    "02 Jan 2018 23:12 UTC"
    >>> formatdate("YYYY-MM", "2018-01-02T23:12:01+01:00")
    "2018-01"
    """
    instant, _ = _instant(time, 1)
    return nfc("".join(_format_piece(piece, instant) for piece in _pieces(spec)))


@library(time=STRING, duration=STRING)
def timeadd(time: str, duration: str) -> Value:
    """Add a duration such as `"1h30m"` or `"-10m"` to an instant, to the second.

    >>> timeadd("2017-11-22T00:00:00Z", "10m")
    "2017-11-22T00:10:00Z"
    """
    instant, nanoseconds = _instant(time, 0)
    total = nanoseconds + _duration(duration)
    try:
        result = instant + timedelta(seconds=total // 10**9)
    except OverflowError:
        raise FunctionError("the result lies beyond the years 1 to 9999", 1) from None
    return (
        result.strftime("%Y").rjust(4, "0")
        + result.strftime("-%m-%dT%H:%M:%S")
        + _offset(result, ":", zulu=True)
    )


@library(time=STRING, other=STRING)
def timecmp(time: str, other: str) -> Value:
    """Compare two instants: -1 if the first is earlier, 0 if they are the same, 1 if it is later.

    >>> timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00+01:00")
    0
    """
    left, right = _instant(time, 0), _instant(other, 1)
    return (left > right) - (left < right)


def read_instant(text: str, argument: int) -> datetime:
    """Read an RFC 3339 instant, to the second; raise `FunctionError` about the argument if it is none."""
    return _instant(text, argument)[0]


def _instant(text: str, argument: int) -> tuple[datetime, int]:
    """Read an RFC 3339 instant: to the second, and the nanoseconds beyond."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise FunctionError(f'must be a time such as "2018-01-02T23:12:01Z", this is "{text[:40]}"', argument)
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    try:
        if match[8] in "Zz":
            zone = UTC
        else:
            hours, minutes = int(match[8][1:3]), int(match[8][4:6])
            if minutes > 59:
                raise ValueError("minutes of the offset")
            offset = timedelta(hours=hours, minutes=minutes)
            zone = timezone(-offset if match[8][0] == "-" else offset)
        instant = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FunctionError(f'there is no such time as "{text[:40]}"', argument) from None
    return instant, int((match[7] or "0")[:9].ljust(9, "0"))


def _duration(text: str) -> int:
    """Read a duration as Go writes it, in nanoseconds."""
    sign = -1 if text.startswith("-") else 1
    rest = text.lstrip("+-") if text[:1] in ("+", "-") and text[1:2] not in ("+", "-") else text
    if rest == "0":
        return 0
    parts = list(_DURATION.finditer(rest)) if len(rest) <= 100 else []
    if not parts or "".join(part[0] for part in parts) != rest:
        raise FunctionError(
            f'must be a duration such as "1h30m" with the units h, m, s, this is "{text[:40]}"', 1
        )
    return sign * sum(_scaled(part[1], _NANOSECONDS[part[2]]) for part in parts)


def _scaled(number: str, unit: int) -> int:
    integer, _, fraction = number.partition(".")
    return int(integer or 0) * unit + int(fraction or 0) * unit // int(10 ** len(fraction))


def _pieces(spec: str) -> list[str]:
    """Take a specification apart: runs of one letter, quoted text with its quotes, other characters."""
    pieces: list[str] = []
    position = 0
    while position < len(spec):
        start = position
        character = spec[position]
        if character == "'":
            position = _end_of_quote(spec, position)
        elif character.isascii() and character.isalpha():
            while position < len(spec) and spec[position] == character:
                position += 1
        else:
            position += 1
        pieces.append(spec[start:position])
    return pieces


def _end_of_quote(spec: str, position: int) -> int:
    while (end := spec.find("'", position + 1)) >= 0:
        if spec[end + 1 : end + 2] != "'":
            return end + 1
        position = end + 1
    raise FunctionError("the text after ' has no closing '", 0)


def _format_piece(piece: str, instant: datetime) -> str:
    if piece.startswith("'"):
        return piece[1:-1].replace("''", "'")
    if not (piece[0].isascii() and piece[0].isalpha()):
        return piece
    verb = _VERBS.get(piece)
    if verb is None:
        known = ", ".join(name for name in _VERBS if name[0] == piece[0])
        remedy = f"there are {known}" if known else "put text in single quotes"
        raise FunctionError(f'"{piece[:20]}" is no part of a date format; {remedy}', 0)
    return verb(instant)


def _offset(instant: datetime, colon: str, *, zulu: bool) -> str:
    offset = instant.utcoffset() or timedelta()
    if not offset and zulu:
        return "Z"
    minutes = int(abs(offset).total_seconds()) // 60
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


def _zone_name(instant: datetime) -> str:
    return _offset(instant, "", zulu=False) if instant.utcoffset() else "UTC"


_VERBS: dict[str, Callable[[datetime], str]] = {
    "YYYY": lambda t: f"{t.year:04d}",
    "YY": lambda t: f"{t.year % 100:02d}",
    "MMMM": lambda t: _MONTHS[t.month - 1],
    "MMM": lambda t: _MONTHS[t.month - 1][:3],
    "MM": lambda t: f"{t.month:02d}",
    "M": lambda t: str(t.month),
    "DD": lambda t: f"{t.day:02d}",
    "D": lambda t: str(t.day),
    "EEEE": lambda t: _WEEKDAYS[t.weekday()],
    "EEE": lambda t: _WEEKDAYS[t.weekday()][:3],
    "hh": lambda t: f"{t.hour:02d}",
    "h": lambda t: str(t.hour),
    "HH": lambda t: f"{t.hour % 12 or 12:02d}",
    "H": lambda t: str(t.hour % 12 or 12),
    "AA": lambda t: "AM" if t.hour < 12 else "PM",
    "aa": lambda t: "am" if t.hour < 12 else "pm",
    "mm": lambda t: f"{t.minute:02d}",
    "m": lambda t: str(t.minute),
    "ss": lambda t: f"{t.second:02d}",
    "s": lambda t: str(t.second),
    "ZZZZZ": lambda t: _offset(t, ":", zulu=False),
    "ZZZZ": lambda t: _offset(t, "", zulu=False),
    "ZZZ": _zone_name,
    "Z": lambda t: _offset(t, ":", zulu=True),
}
