"""What the statements of this package need of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol

Row = tuple[Any, ...]

Statement = tuple[str, tuple[Any, ...]]
"""Its text, and its values."""

Ahead = Callable[[], Sequence[Statement]]
"""Gives statements; called only where it is of use to know them ahead."""


class Transaction:
    """What `with connection.write():` enters and leaves; a generator would take ten times as long."""

    def __init__(
        self, begin: Callable[[], None], commit: Callable[[], None], roll_back: Callable[[], None]
    ) -> None:
        self._begin = begin
        self._commit = commit
        self._roll_back = roll_back

    def __enter__(self) -> None:
        self._begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._commit()
        else:
            self._roll_back()


class Connection(Protocol):
    """Executes statements. Outside `write()` each of them is a transaction of its own.

    Raises:
        StoreError: A statement failed; the message says what that means to whoever runs the command.
    """

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Execute a statement whose rows nobody wants. In a transaction its error may come as late as at the end."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row of values."""
        ...

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        ...

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows."""
        ...

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row; None if there is no row."""
        ...

    def changed(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; the number of rows that it changed."""
        ...

    def write(self, ahead: Ahead | None = None) -> AbstractContextManager[None]:
        """One transaction: durable when the block ends, without a trace when it raises. Others that write wait.

        What will be asked for first, before anything is written, may be said ahead: where an answer is a round trip
        these come with the beginning.
        """
        ...

    def close(self) -> None:
        """Close it; doing so twice is fine."""
        ...
