"""How a value is written in a cell of the store, and how a damaged one is met.

Rules: an instant is a whole number of microseconds since 1970 in UTC; JSON is text; a null that must collide
in a unique key is '' (a series, an instance, a backfill); the key of a task run is '' for the task as a whole
and `[KEY]` for an instance, so that no key is mistaken for none. A damaged row is said to be so, and what is
listed beside it goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from cronicle.store.interface import StoreError

Row = tuple[Any, ...]
T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()
_LABELS = msgspec.json.Decoder(tuple[str, ...])


def to_json(value: Any) -> str:
    """Compact JSON."""
    return _ENCODER.encode(value).decode()


def from_json(text: str) -> Any:
    """The value of a JSON text."""
    return _DECODER.decode(text)


def to_instant(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def from_instant(number: int) -> datetime:
    """The instant of `to_instant`."""
    return EPOCH + timedelta(microseconds=number)


def to_optional(at: datetime | None) -> int | None:
    """As `to_instant`; None stays None."""
    return None if at is None else (at - EPOCH) // MICROSECOND


def from_optional(number: int | None) -> datetime | None:
    """As `from_instant`; None stays None."""
    return None if number is None else EPOCH + timedelta(microseconds=number)


def to_labels(labels: tuple[str, ...]) -> str | None:
    """A sorted list of labels; None for none, so that what needs none costs nothing."""
    return to_json(labels) if labels else None


def from_labels(text: str | None) -> tuple[str, ...]:
    """The labels of `to_labels`."""
    return () if text is None else _LABELS.decode(text)


def to_key(key: str | None) -> str:
    """A task run's key as it is stored."""
    return "" if key is None else f"[{key}]"


def from_key(text: str) -> str | None:
    """The key of `to_key`."""
    return text[1:-1] if text else None


def readable(what: str, read: Callable[[Row], T], row: Row) -> T:
    """The value of a row.

    Raises:
        StoreError: The row is damaged; `what` says whose it is.
    """
    try:
        return read(row)
    except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise StoreError(
            f"the record of {what} in the store is damaged: {error}",
            "Put a backup of the store in its place to have it back; everything else can be used as before.",
        ) from error


def columns(names: str, table: str = "") -> str:
    """A list of columns for SELECT, each with its table's name."""
    return ", ".join(f"{table}.{name}" if table else name for name in names.split())


def marks(names: str) -> str:
    """A question mark for each column, for INSERT."""
    return ", ".join("?" * len(names.split()))


def readable_only(what: str, read: Callable[[Row], T], found: Iterable[Row]) -> tuple[T, ...]:
    """The values of the rows of a list; damaged ones are left out and logged, so that the others can be seen."""
    values = []
    for row in found:
        try:
            values.append(readable(f"{what} {row[0]}", read, row))
        except StoreError as error:
            log_damage(error)
    return tuple(values)


def log_damage(error: StoreError) -> None:
    """Say that something damaged was set aside."""
    logging.getLogger("cronicle.store").warning("%s", error.message)
