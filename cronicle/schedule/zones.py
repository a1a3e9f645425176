"""Time zones: names, and the spans of real time in which the offset does not change.

``zoneinfo`` answers what the offset is at an instant, and never when it changes. Schedules need the latter: a
clock change is where nominal and real time part. So the changes of a year are looked for once, by probing
each day and halving the days in which the offset moved. That finds them all: the two nearest changes in the
whole database are four days apart (Freetown, 1939).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

import attrs

from cronicle.errors import CronicleError
from cronicle.values import Value

__all__ = [
    "EARLIEST",
    "LATEST",
    "Segment",
    "ZoneError",
    "has_change",
    "local_time",
    "segments",
    "start_of_day",
    "zone_named",
    "zoned_text",
]

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Where the calendar of ``datetime`` ends, with room for offsets: nothing is looked for beyond."""
_WIDEST = timedelta(days=2)  # more than any offset, and more than any leap of a clock


class ZoneError(CronicleError):
    """There is no such time zone."""


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The time zone of an IANA name, such as ``Europe/Vienna``.

    Raises:
        ZoneError: If there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # not found; a folder such as "America"; a path
        raise ZoneError(
            f"unknown time zone {name!r}", 'Give the IANA name of a zone, such as "Europe/Vienna" or "UTC".'
        ) from error


@attrs.frozen(eq=False, repr=False)
class Change(Value):
    """The instant at which a zone's offset changes."""

    at: datetime
    offset: timedelta
    """East of UTC, from then on."""


@attrs.frozen(eq=False, repr=False)
class Segment(Value):
    """A span of instants, ``[start, end)``, in which the offset of a zone is the same."""

    start: datetime
    end: datetime
    offset: timedelta

    @property
    def local_start(self) -> datetime:
        """What clocks show at its start (naive)."""
        return self.start.replace(tzinfo=None) + self.offset

    @property
    def local_end(self) -> datetime:
        """What clocks would show at its end if they went on without a change (naive)."""
        return self.end.replace(tzinfo=None) + self.offset


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """The offset of a zone at an instant, east of UTC."""
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def local_time(zone_name: str, instant: datetime) -> datetime:
    """What clocks in the zone show at an instant (naive)."""
    return instant.astimezone(zone_named(zone_name)).replace(tzinfo=None)


@lru_cache(maxsize=4096)
def _changes(zone_name: str, year: int) -> tuple[Change, ...]:
    """All changes of offset in a year of UTC, in order."""
    zone = zone_named(zone_name)
    day = datetime(year, 1, 1, tzinfo=UTC)
    before, found = offset_at(zone, day), []
    while day.year == year:
        next_day = day + timedelta(days=1)
        if (after := offset_at(zone, next_day)) != before:
            found.append(Change(_find_change(zone, day, next_day), after))
            before = after
        day = next_day
    return tuple(found)


def _find_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The second at which the offset changes, after ``low`` and not after ``high``."""
    before = offset_at(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if offset_at(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def has_change(zone_name: str, after: datetime, until: datetime) -> bool:
    """True if the offset changes in ``(after, until]``."""
    return any(
        after < change.at <= until
        for year in range(after.year, until.year + 1)
        for change in _changes(zone_name, year)
    )


def segments(zone_name: str, start: datetime, end: datetime) -> Iterator[Segment]:
    """``[start, end)`` in spans of one offset each, in order.

    A span ends with its year at the latest, so that no further ahead is looked for changes than is asked for.
    """
    offset = offset_at(zone_named(zone_name), start)
    while start < end:
        year_end = min(end, datetime(start.year + 1, 1, 1, tzinfo=UTC))
        for change in _changes(zone_name, start.year):
            if start < change.at < year_end:
                yield Segment(start, change.at, offset)
                start, offset = change.at, change.offset
        yield Segment(start, year_end, offset)
        start, offset = year_end, offset_at(zone_named(zone_name), year_end)


def start_of_day(zone_name: str, day: date) -> datetime:
    """The first instant of a local day, in UTC; where clocks leap over it, the end of the leap.

    Raises:
        ZoneError: If there is no such time zone.
    """
    midnight = datetime.combine(day, time())
    around = min(max(midnight.replace(tzinfo=UTC), EARLIEST + _WIDEST), LATEST - _WIDEST)
    for segment in segments(zone_name, around - _WIDEST, around + _WIDEST):
        if segment.local_end > midnight:
            shown = max(segment.local_start, midnight)
            return shown.replace(tzinfo=UTC) - segment.offset
    raise AssertionError(f"no instant near {day} is on or after it [this is a bug]")


def zoned_text(instant: datetime, zone_name: str) -> str:
    """An instant as RFC 3339 with the offset of a zone: ``2026-03-08T03:00:00-04:00``."""
    local = instant.astimezone(zone_named(zone_name))
    offset = local.utcoffset() or timedelta(0)
    if offset % timedelta(
        minutes=1
    ):  # local mean times before standard time; RFC 3339 knows no seconds there
        local = instant.astimezone(timezone(offset // timedelta(minutes=1) * timedelta(minutes=1)))
    return local.isoformat()
