"""What a ``schedule`` block says, as plain data.

A schedule is the union of its cron expressions, its ``every`` and its single instants, all shown in one time
zone, on the dates that its calendars keep. One that fires when the scheduler starts (``on = "start"``) has no ticks
of its own. Which ticks are owed, whether a schedule is paused and what runs it makes is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from cronicle.schedule.calendars import EVERY_DAY, Calendar, DayFilter
from cronicle.schedule.interval import require_instant, to_utc
from cronicle.schedule.parts import Part, make_parts
from cronicle.values import Value

__all__ = ["Catchup", "Rules", "Schedule", "parts_of"]


class Catchup(StrEnum):
    """What is made up of the ticks that were missed."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


def _to_texts(values: str | Iterable[str]) -> tuple[str, ...]:
    """One expression may be given bare, as in a file; never as the tuple of its characters."""
    return (values,) if isinstance(values, str) else tuple(values)


def _to_instants(values: Iterable[datetime]) -> tuple[datetime, ...]:
    for value in values:
        if value.utcoffset() is None:
            raise ValueError(f"at must hold aware datetimes, not {value!r}")
    return tuple(sorted({value.astimezone(UTC) for value in values}))


def _require_positive(_instance: object, attribute: attrs.Attribute[Any], value: timedelta | None) -> None:
    if value is not None and value <= timedelta(0):
        raise ValueError(f"{attribute.name} must be longer than nothing, not {value}")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Schedule(Value):
    """One schedule. Its expressions and its zone are checked when they are used, with errors for users."""

    name: str | None = None
    """Its label; None for a part of the workflow's unlabelled series."""
    crons: tuple[str, ...] = attrs.field(default=(), converter=_to_texts)
    every: timedelta | None = attrs.field(default=None, validator=_require_positive)
    """Ticks at the whole multiples of this elapsed time, from ``start``, else from 1970."""
    at: tuple[datetime, ...] = attrs.field(default=(), converter=_to_instants)
    """Single instants; kept in order, in UTC, each once."""
    timezone: str = "UTC"
    """IANA name; of the nominal times of ``crons`` and of all that is shown."""
    start: datetime | None = attrs.field(default=None, converter=to_utc, validator=require_instant)
    """Inclusive bound of its ticks."""
    end: datetime | None = attrs.field(default=None, converter=to_utc, validator=require_instant)
    """Exclusive bound of its ticks."""
    only: Calendar | None = None
    """If given, ticks whose nominal date is not in it are none."""
    exclude: Calendar | None = None
    """Ticks whose nominal date is in it are none, also if they are in ``only``."""
    on_start: bool = False
    """It fires whenever a scheduler starts, for that moment (`cronicle.schedule.ticks.tick_of_start`)."""
    jitter: timedelta = timedelta(0)
    """Longest delay of the execution; moves no tick."""
    catchup: Catchup = attrs.field(default=Catchup.NONE, converter=Catchup)
    catchup_window: timedelta = timedelta(days=7)
    enabled: bool = True
    """False: owes no ticks. They are still there, to be asked for and backfilled."""
    seed: str = ""
    """What an ``H`` in an expression hashes: project and workflow."""
    params: Mapping[str, Any] = attrs.field(factory=dict)
    """The params of the runs that its ticks make, by name; JSON."""

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What makes its ticks. Kept, since a scheduler asks the same ten thousand schedules again and again.

        Raises:
            CronError: If an expression is malformed.
            ZoneError: If there is no such time zone.
        """
        return make_parts(
            crons=self.crons,
            seed=self.seed,
            every=self.every,
            at=self.at,
            timezone=self.timezone,
            start=self.start,
            end=self.end,
            days=DayFilter(self.only, self.exclude) if self.only or self.exclude else EVERY_DAY,
            jitter=self.jitter,
            params=self.params,
        )


Rules: TypeAlias = Schedule | Sequence[Schedule]
"""A schedule, or those that make up one series."""


def parts_of(schedule: Rules) -> Sequence[Part]:
    """The parts of a schedule or series.

    Raises:
        CronError: If an expression is malformed.
        ZoneError: If there is no such time zone.
    """
    if isinstance(schedule, Schedule):
        return schedule.parts
    if len(schedule) == 1:
        return schedule[0].parts
    return [part for one in schedule for part in one.parts]
