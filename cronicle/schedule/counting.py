"""How many ticks there are in a span: by arithmetic, so that years of missed minutes cost milliseconds.

A day of UTC is a number of 86,400 bits, one for each second. What a part fires on a day is such a number, the
union of several parts is the *or* of theirs, and their count is that of its bits. Few days differ: which ones do
is told by a small key (the offset of the zone and which of the two local days that meet the day are fired on, or the
phase of a period), and the days with the same keys are counted once.

What does not fit into whole seconds (a period of half a second, single instants with fractions) is taken apart by the
fraction of the second at which it fires, since ticks of different fractions never meet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import gcd
from typing import Final, Protocol

import attrs

from cronicle.schedule.instants import CronSource, PeriodSource, PointSource
from cronicle.schedule.interval import aware_in_utc
from cronicle.schedule.parts import Part
from cronicle.schedule.rule import Rules, parts_of

__all__ = ["count_ticks"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_SECONDS: Final = 86_400  # of a day
_FULL: Final = (1 << _SECONDS) - 1
_MICRO: Final = 1_000_000
_TICK: Final = timedelta.resolution


def count_ticks(schedule: Rules, after: datetime, until: datetime) -> int:
    """The number of ticks at instants in ``(after, until]``: as many as `ticks.ticks_between` gives.

    Raises:
        CronError: If an expression is malformed.
        ZoneError: If there is no such time zone.
        ValueError: If a bound is naive.
    """
    start, end = aware_in_utc(after) + _TICK, aware_in_utc(until) + _TICK
    clipped = [
        attrs.evolve(part, start=max(part.start, start), end=min(part.end, end))
        for part in parts_of(schedule)
    ]
    parts = [part for part in clipped if part.start < part.end]
    fine = [
        part
        for part in parts
        if isinstance(part.source, PeriodSource) and _micros(part.source.period) % _MICRO
    ]
    coarse = [part for part in parts if part not in fine]
    fractions: set[int] = {fraction for part in coarse for fraction in _fractions(part)}
    if len(fine) > 1:
        fractions |= {fraction for part in fine for fraction in _fractions(part)}
    total = sum(_count_fraction(parts, fraction) for fraction in fractions)
    if len(fine) == 1:
        (alone,) = fine
        total += _count_alone(alone, _Progression.of(alone))
        for fraction in fractions:
            if (shared := _Progression.of(alone).at_fraction(fraction)) is not None:
                total -= _count_alone(alone, shared)
    return total


def _micros(duration: timedelta) -> int:
    return duration // _TICK


def _second_from(instant: datetime, fraction: int) -> int:
    """The number of the first second since 1970 of which this fraction is not before an instant."""
    return -((fraction - _micros(instant - _EPOCH)) // _MICRO)


def _fractions(part: Part) -> Iterable[int]:
    """The fractions of a second, in microseconds, at which a part may fire."""
    if isinstance(part.source, PointSource):
        return {point.microsecond for point in part.source.points if part.start <= point < part.end}
    if isinstance(part.source, PeriodSource):
        whole = _Progression.of(part)
        step = gcd(whole.period, _MICRO)
        return range(whole.anchor % step, _MICRO, step)
    return (0,)


@attrs.frozen
class _Progression:
    """The instants ``anchor + k * period``, in microseconds since 1970."""

    anchor: int
    period: int

    @staticmethod
    def of(part: Part) -> _Progression:
        assert isinstance(part.source, PeriodSource)
        return _Progression(_micros(part.source.anchor - _EPOCH), _micros(part.source.period))

    def at_fraction(self, fraction: int) -> _Progression | None:
        """Those at this fraction of a second; None if there are none."""
        step = gcd(self.period, _MICRO)
        missing, rest = divmod(fraction - self.anchor, step)
        if rest:
            return None
        cycle = _MICRO // step
        multiple = missing * pow(self.period // step, -1, cycle) % cycle if cycle > 1 else 0
        return _Progression(self.anchor + multiple * self.period, self.period * cycle)

    def count(self, start: int, end: int) -> int:
        """How many lie in ``[start, end)``."""
        return (self.anchor - start) // self.period - (self.anchor - end) // self.period


def _count_alone(part: Part, progression: _Progression) -> int:
    """How many of a progression are kept by the calendars of a part, within its bounds."""
    assert isinstance(part.source, PeriodSource)
    return sum(
        progression.count(_micros(start - _EPOCH), _micros(end - _EPOCH))
        for start, end in part.source.spans(part.start, part.end)
    )


def _count_fraction(parts: Sequence[Part], fraction: int) -> int:
    """The ticks of a union that fire at this fraction of a second."""
    lanes = [lane for part in parts if (lane := _lane(part, fraction)) is not None]
    if not lanes:
        return 0
    first = min(_second_from(part.start, fraction) for part in parts) // _SECONDS
    last = max(_second_from(part.end, fraction) for part in parts) // _SECONDS
    known: dict[tuple[Hashable, ...], int] = {}
    total = 0
    for day in range(first, last + 1):
        keys = tuple([lane.key(day) for lane in lanes])
        if None not in keys and keys in known:
            total += known[keys]
            continue
        union = 0
        for lane in lanes:
            union |= lane.mask(day)
        found = union.bit_count()
        if None not in keys:
            known[keys] = found
        total += found
    return total


class _Lane(Protocol):
    """What one part fires, a day of UTC at a time."""

    def key(self, day: int) -> Hashable:
        """What the mask of a day follows from; None for a day that is like no other."""
        ...

    def mask(self, day: int) -> int:
        """The seconds of the day, numbered from 1970, at which it fires."""
        ...


def _lane(part: Part, fraction: int) -> _Lane | None:
    source = part.source
    if isinstance(source, CronSource):
        return _CronLane.of(source, part) if fraction == 0 else None
    if isinstance(source, PeriodSource):
        progression = _Progression.of(part).at_fraction(fraction)
        return _PeriodLane.of(source, part, progression, fraction) if progression else None
    assert isinstance(source, PointSource)
    seconds = {
        (_micros(firing.instant - _EPOCH) - fraction) // _MICRO
        for firing, _ in part.between(part.start, part.end)
        if firing.instant.microsecond == fraction
    }
    return _PointLane.of(seconds) if seconds else None


@attrs.frozen
class _Piece:
    """A span of seconds since 1970, ``[start, end)``, in which a zone's offset is the same."""

    start: int
    end: int
    offset: int


@attrs.frozen
class _Pieces:
    """Pieces in order, and the one that a day lies in as a whole."""

    pieces: Sequence[_Piece]
    starts: Sequence[int]

    @staticmethod
    def of(pieces: Iterable[_Piece]) -> _Pieces:
        found = [piece for piece in pieces if piece.start < piece.end]
        return _Pieces(found, [piece.start for piece in found])

    def at(self, day: int) -> _Piece | None:
        """The piece that has all of a day; None if there is none."""
        begin = day * _SECONDS
        index = bisect_right(self.starts, begin) - 1
        if index < 0 or self.pieces[index].end < begin + _SECONDS:
            return None
        return self.pieces[index]

    def touching(self, day: int) -> Iterable[_Piece]:
        """The pieces that have a part of a day."""
        begin = day * _SECONDS
        for index in range(max(0, bisect_right(self.starts, begin) - 1), len(self.pieces)):
            if self.pieces[index].start >= begin + _SECONDS:
                return
            if self.pieces[index].end > begin:
                yield self.pieces[index]


def _within(mask: int, piece: _Piece, day: int) -> int:
    """The seconds of a mask that lie in a piece of the day."""
    low, high = piece.start - day * _SECONDS, piece.end - day * _SECONDS
    if low > 0:
        mask = mask >> low << low
    return mask & (1 << high) - 1 if high < _SECONDS else mask


@attrs.frozen
class _CronLane:
    pieces: _Pieces
    days: frozenset[int]
    """The nominal days, numbered from 1970, on which it fires."""
    times: int
    """When on such a day."""
    moved: _PointLane
    """The starts of pieces at which something fires that clocks have leapt over."""

    @staticmethod
    def of(source: CronSource, part: Part) -> _CronLane | None:
        stretches = list(source.stretches(part.start, part.end))
        if not stretches:
            return None
        cron = source.cron
        first, last = stretches[0].local_start.date(), stretches[-1].local_end.date()
        days = frozenset(found.toordinal() - _EPOCH_ORDINAL for found in cron.dates(first, last, source.days))
        moved = {
            _second_from(one.start, 0)
            for one in stretches
            if one.skipped and cron.last_nominal_time(*one.skipped, source.days)
        }
        pieces = _Pieces.of(
            _Piece(_second_from(one.start, 0), _second_from(one.end, 0), one.offset // timedelta(seconds=1))
            for one in stretches
        )
        return _CronLane(pieces, days, cron.time_mask if days else 0, _PointLane.of(moved))

    def key(self, day: int) -> Hashable:
        piece = self.pieces.at(day)
        if piece is None or self.moved.key(day) is None:
            return None
        local, rest = divmod(day * _SECONDS + piece.offset, _SECONDS)
        return rest, local in self.days, rest > 0 and local + 1 in self.days

    def mask(self, day: int) -> int:
        found = self.moved.mask(day)
        for piece in self.pieces.touching(day):
            local, rest = divmod(day * _SECONDS + piece.offset, _SECONDS)
            named = self.times >> rest if local in self.days else 0
            if rest and local + 1 in self.days:
                named |= self.times << _SECONDS - rest & _FULL
            found |= _within(named, piece, day)
        return found


@attrs.frozen
class _PeriodLane:
    pieces: _Pieces
    """Those that are kept."""
    anchor: int
    period: int
    """In seconds."""

    @staticmethod
    def of(source: PeriodSource, part: Part, progression: _Progression, fraction: int) -> _PeriodLane:
        pieces = _Pieces.of(
            _Piece(_second_from(start, fraction), _second_from(end, fraction), 0)
            for start, end in source.spans(part.start, part.end)
        )
        return _PeriodLane(pieces, (progression.anchor - fraction) // _MICRO, progression.period // _MICRO)

    def _phase(self, day: int) -> int:
        """The first second of a day that is in the progression; at or beyond its end if there is none."""
        return (self.anchor - day * _SECONDS) % self.period

    def key(self, day: int) -> Hashable:
        if self.pieces.at(day) is None:
            return None if any(True for _ in self.pieces.touching(day)) else -1
        return min(self._phase(day), _SECONDS)

    def mask(self, day: int) -> int:
        phase = self._phase(day)
        if phase >= _SECONDS:
            return 0
        named = _every(self.period) << phase & _FULL
        found = 0
        for piece in self.pieces.touching(day):
            found |= _within(named, piece, day)
        return found


@attrs.frozen
class _PointLane:
    days: dict[int, int]
    """Masks of the days that have some."""

    @staticmethod
    def of(seconds: Iterable[int]) -> _PointLane:
        days: dict[int, int] = {}
        for second in seconds:
            day, rest = divmod(second, _SECONDS)
            days[day] = days.get(day, 0) | 1 << rest
        return _PointLane(days)

    def key(self, day: int) -> Hashable:
        return None if day in self.days else 0

    def mask(self, day: int) -> int:
        return self.days.get(day, 0)


@lru_cache(maxsize=64)
def _every(period: int) -> int:
    """Every so manieth second of a day, from the first."""
    if period >= _SECONDS:
        return 1
    times = -(-_SECONDS // period)
    return ((1 << period * times) - 1) // ((1 << period) - 1) & _FULL
