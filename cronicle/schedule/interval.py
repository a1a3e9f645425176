"""The data interval of a run: the span of instants that it computes for.

Rules: half open, ``[start, end)``; both ends aware and in UTC; the end is the run's logical time, always.
The intervals of a series tile: one begins where the one before ended. Empty where there is no previous tick.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from cronicle.values import Value

__all__ = ["DataInterval", "aware_in_utc", "require_instant", "to_utc"]


def require_instant(_instance: object, attribute: attrs.Attribute[Any], value: datetime | None) -> None:
    """Attrs validator: an aware datetime, or None where the attribute allows it by its default.

    Raises:
        ValueError: If the datetime is naive, since it then names no instant.
    """
    if value is not None and value.utcoffset() is None:
        raise ValueError(f"{attribute.name} must be an aware datetime, not {value!r}")


def to_utc(value: datetime | None) -> datetime | None:
    """Attrs converter: the same instant in UTC; a naive datetime stays, for the validator to refuse."""
    return value.astimezone(UTC) if value is not None and value.utcoffset() is not None else value


def aware_in_utc(instant: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: If the datetime is naive, since it then names no instant.
    """
    if instant.utcoffset() is None:
        raise ValueError(f"an aware datetime is needed, not {instant!r}")
    return instant.astimezone(UTC)


@attrs.frozen(eq=False, repr=False)
class DataInterval(Value):
    """``[start, end)`` as aware datetimes in UTC."""

    start: datetime = attrs.field(converter=to_utc, validator=require_instant)
    end: datetime = attrs.field(converter=to_utc, validator=require_instant)

    def __attrs_post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"the interval ends before it starts: {self.start} > {self.end}")

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, datetime) and self.start <= instant < self.end

    @property
    def duration(self) -> timedelta:
        """Elapsed time, so 23 or 25 hours for a day on which the clock was changed."""
        return self.end - self.start

    @property
    def is_empty(self) -> bool:
        """True if no instant lies in it."""
        return self.start == self.end
