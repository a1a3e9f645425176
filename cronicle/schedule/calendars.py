"""Calendars: sets of dates that a schedule is restricted to (``only``) or spares (``exclude``).

A tick is kept if its *nominal* date is in ``only``, if there is one, and not in ``exclude``. So a run of 00:30 on a
holiday's eve stays one of the eve, wherever clocks were changed in that night.

What a calendar says of weekdays it says for ever; its single dates are few, and come to an end. That is what lets a
search for a tick give up: beyond the last single date the weekdays alone decide (`DayFilter.regular`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import attrs

from cronicle.schedule.zones import segments
from cronicle.values import Value

__all__ = ["EVERY_DAY", "Calendar", "DayFilter", "kept_spans", "weekday_of"]

_DAY: Final = timedelta(days=1)


def weekday_of(day: date) -> int:
    """The day of the week as in cron: 0 is Sunday."""
    return day.isoweekday() % 7


def _are_weekdays(_instance: object, attribute: attrs.Attribute[Any], value: frozenset[int]) -> None:
    if not value <= frozenset(range(7)):
        raise ValueError(f"{attribute.name} must be numbers from 0 (Sunday) to 6, not {sorted(value)}")


def _to_dates(values: Iterable[date]) -> frozenset[date]:
    return frozenset(values)


def _to_numbers(values: Iterable[int]) -> frozenset[int]:
    return frozenset(values)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Calendar(Value):
    """A set of dates: those that it names, and all that fall on its weekdays."""

    dates: frozenset[date] = attrs.field(default=frozenset(), converter=_to_dates)
    weekdays: frozenset[int] = attrs.field(
        default=frozenset(), converter=_to_numbers, validator=_are_weekdays
    )
    """As in cron: 0 is Sunday."""

    def __contains__(self, day: date) -> bool:
        return day in self.dates or (bool(self.weekdays) and weekday_of(day) in self.weekdays)


@attrs.frozen(eq=False, repr=False)
class DayFilter(Value):
    """Which nominal dates a schedule keeps."""

    only: Calendar | None = None
    exclude: Calendar | None = None
    regular: frozenset[int] = attrs.field(init=False)
    """The weekdays that are kept on all days but the single dates of the calendars."""
    single: tuple[date, date] | None = attrs.field(init=False)
    """The first and the last single date of both calendars; None if they name none."""

    def __attrs_post_init__(self) -> None:
        kept = frozenset(range(7)) if self.only is None else self.only.weekdays
        dates = (self.only.dates if self.only else frozenset()) | (
            self.exclude.dates if self.exclude else frozenset()
        )
        object.__setattr__(self, "regular", kept - (self.exclude.weekdays if self.exclude else frozenset()))
        object.__setattr__(self, "single", (min(dates), max(dates)) if dates else None)

    @property
    def keeps_all(self) -> bool:
        """True if there are no calendars."""
        return self.only is None and self.exclude is None

    def keeps(self, day: date) -> bool:
        """True if a tick of this nominal date is kept."""
        return (self.only is None or day in self.only) and (self.exclude is None or day not in self.exclude)


EVERY_DAY: Final = DayFilter()
"""The filter of a schedule without calendars."""


def kept_spans(
    days: DayFilter, zone_name: str, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The spans of ``[start, end)`` in which clocks show a date that is kept, in order. No span crosses a change."""
    for segment in segments(zone_name, start, end):
        opened: datetime | None = None
        shift = segment.start - segment.local_start.replace(tzinfo=UTC)
        day = segment.local_start.date()
        while (midnight := datetime.combine(day, time())) < segment.local_end:
            begin = max(midnight, segment.local_start).replace(tzinfo=UTC) + shift
            is_kept = days.keeps(day)
            if is_kept and opened is None:
                opened = begin
            elif not is_kept and opened is not None:
                yield opened, begin
                opened = None
            day += _DAY
        if opened is not None:
            yield opened, segment.end
