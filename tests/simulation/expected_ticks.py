"""Which ticks there must be: an enumeration of its own, written from the design and sharing no code with Cronicle.

Instants are whole seconds since 1970. Where the offset of a zone does not change on a day, the times of that day are
the product of the fields; on any other day real time is walked through minute by minute (wild expressions), or each
nominal time is placed by hand (fixed ones).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from attrs import field, frozen

LARGEST_GAP = timedelta(hours=3)
RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
DAY = 86_400


@frozen
class Rule:
    """A schedule as the simulation means it."""

    name: str | None = None
    crons: tuple[str, ...] = ()
    every: int | None = None
    at: tuple[int, ...] = ()
    timezone: str = "UTC"
    start: int | None = None
    end: int | None = None
    only: frozenset[int] | None = None
    """Weekdays (Sunday is 0) that are kept."""
    exclude: frozenset[str] = field(factory=frozenset)
    """ISO dates that are not."""
    jitter: int = 0
    catchup: str = "none"
    window: int = 7 * DAY
    enabled: bool = True

    def ticks(self, start: int, end: int) -> list[int]:
        """All ticks in (start, end], in order."""
        first = start if self.start is None else max(start, self.start - 1)
        last = end if self.end is None else min(end, self.end - 1)
        if first >= last:
            return []
        found: set[int] = set()
        for cron in self.crons:
            found |= self._kept(_cron_ticks(cron, self.timezone, first, last))
        if self.every is not None:
            anchor = self.start or 0
            begin = anchor + ((first - anchor) // self.every + 1) * self.every
            found |= self._kept(_plain(range(begin, last + 1, self.every), self.timezone))
        found |= self._kept(_plain((one for one in self.at if first < one <= last), self.timezone))
        return sorted(one for one in found if first < one <= last)

    def _kept(self, ticks: Iterator[tuple[int, date | None]]) -> set[int]:
        if self.only is None and not self.exclude:
            return {instant for instant, _ in ticks}
        zone = _zone(self.timezone)
        kept = set()
        for instant, day in ticks:
            nominal = day or datetime.fromtimestamp(instant, zone).date()
            if self.only is not None and nominal.isoweekday() % 7 not in self.only:
                continue
            if nominal.isoformat() in self.exclude:
                continue
            kept.add(instant)
        return kept


def _plain(instants, timezone: str) -> Iterator[tuple[int, date | None]]:
    return ((instant, None) for instant in instants)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@frozen
class _Fields:
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    is_last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    both: bool
    """Day of month and day of week must both match."""
    is_wild: bool

    def has_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        of_month = day.day in self.days
        if self.is_last_day:
            of_month = of_month or (day + timedelta(days=1)).day == 1
        of_week = day.isoweekday() % 7 in self.weekdays
        return of_month and of_week if self.both else of_month or of_week


@cache
def _fields(cron: str) -> _Fields:
    words = cron.split()
    if len(words) == 5:
        words = ["0", *words]
    second, minute, hour, day, _, weekday = words
    values = [_values(word, *bounds) for word, bounds in zip(words, RANGES, strict=True)]
    is_wild = minute[0] == "*" or hour[0] == "*" or second[0] == "*"
    return _Fields(
        seconds=tuple(sorted(values[0])),
        minutes=tuple(sorted(values[1])),
        hours=tuple(sorted(values[2])),
        days=frozenset(values[3]),
        is_last_day=day == "L",
        months=frozenset(values[4]),
        weekdays=frozenset(one % 7 for one in values[5]),
        both=day[0] == "*" or weekday[0] == "*",
        is_wild=is_wild,
    )


def _values(word: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in word.split(","):
        if part == "L":
            continue
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (int(one) for one in span.split("-"))
        else:
            first = int(span)
            last = high if step else first
        found |= set(range(first, last + 1, int(step) if step else 1))
    return found


def _cron_ticks(cron: str, timezone: str, first: int, last: int) -> Iterator[tuple[int, date]]:
    """The ticks in about (first, last], with their nominal dates."""
    fields, zone = _fields(cron), _zone(timezone)
    day = datetime.fromtimestamp(first, zone).date() - timedelta(days=1)
    final = datetime.fromtimestamp(last, zone).date() + timedelta(days=1)
    while day <= final:
        changes = _changes_about(timezone, day)
        if changes is not None:
            if fields.has_day(day):
                midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - changes
                yield from ((midnight + one, day) for one in _times(fields, midnight, first, last))
        elif fields.is_wild:
            yield from _walk(fields, zone, day)
        elif fields.has_day(day):
            yield from _place(fields, zone, day)
        day += timedelta(days=1)


def _times(fields: _Fields, midnight: int, first: int, last: int) -> Iterator[int]:
    for hour in fields.hours:
        at = hour * 3600
        if midnight + at + 3600 <= first or midnight + at > last:
            continue
        for minute in fields.minutes:
            for second in fields.seconds:
                yield at + minute * 60 + second


@lru_cache(maxsize=200_000)
def _changes_about(timezone: str, day: date) -> int | None:
    """The offset of a zone in seconds on a day and around it; None if it changes."""
    zone = _zone(timezone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    offsets = {
        (noon + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in (-40, -20, 0, 20, 40)
    }
    if len(offsets) > 1:
        return None
    offset = offsets.pop()
    assert offset is not None
    return int(offset.total_seconds())


def _walk(fields: _Fields, zone: ZoneInfo, day: date) -> Iterator[tuple[int, date]]:
    """Real time, second by second where it matters: what clocks show on this date is what counts."""
    if not fields.has_day(day):
        return
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    for minute in range(noon - 2 * DAY, noon + 2 * DAY, 60):
        local = datetime.fromtimestamp(minute, zone)
        if local.date() == day and local.hour in fields.hours and local.minute in fields.minutes:
            yield from ((minute + second, day) for second in fields.seconds)


def _place(fields: _Fields, zone: ZoneInfo, day: date) -> Iterator[tuple[int, date]]:
    """Fixed times near a change: once in a fold, at the end of a gap of up to three hours."""
    for hour in fields.hours:
        for minute in fields.minutes:
            for second in fields.seconds:
                nominal = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
                instant = int(nominal.timestamp())
                back = datetime.fromtimestamp(instant, zone)
                if back.replace(tzinfo=None) == nominal.replace(tzinfo=None):
                    yield instant, day
                    continue
                before, after = nominal.utcoffset(), nominal.replace(fold=1).utcoffset()
                assert before is not None
                assert after is not None
                if after - before <= LARGEST_GAP:
                    yield _gap_end(zone, instant - int((after - before).total_seconds()), instant), day


def _gap_end(zone: ZoneInfo, low: int, high: int) -> int:
    """The instant of the change in (low, high]."""
    offset = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def union(rules: tuple[Rule, ...], start: int, end: int) -> list[int]:
    """The ticks that a series owes in (start, end]: those of its enabled rules, each once."""
    found: set[int] = set()
    for rule in rules:
        if rule.enabled:
            found |= set(rule.ticks(start, end))
    return sorted(found)
