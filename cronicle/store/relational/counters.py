"""Numbers that only grow, whatever is deleted; inside a transaction of the caller."""

from __future__ import annotations

from cronicle.store.relational.connection import Connection


def next_number(connection: Connection, counter: str) -> int:
    """The next number of a counter."""
    number: int = connection.value(
        "UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value", (counter,)
    )
    return number
