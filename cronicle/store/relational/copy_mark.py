"""The mark of a store that is being copied into: nobody else opens it before the copy is complete."""

from __future__ import annotations

from cronicle.store.interface import StoreError
from cronicle.store.relational.connection import Connection

PREFIX, END = "copying/", "copying0"
"""What the name in the table `progress` begins with, and what comes after all such names."""

Origin = tuple[str, str, int]
"""What a store is a copy of: the id of that store, where it is (without a password), and the number of its last event
when the copying began. No class, since every command looks for one."""


def origin_of(connection: Connection) -> Origin | None:
    """What the store is an incomplete copy of; None if it is complete, or no copy at all."""
    row = connection.row("SELECT name, value FROM progress WHERE name >= ? AND name < ?", (PREFIX, END))
    if row is None:
        return None
    store, _, location = str(row[0]).removeprefix(PREFIX).partition(" ")
    return store, location, int(row[1])


def put_mark(connection: Connection, origin: Origin) -> None:
    """Mark a store; within a transaction."""
    store, location, last_event = origin
    connection.execute(
        "INSERT INTO progress (name, value) VALUES (?, ?)", (f"{PREFIX}{store} {location}", last_event)
    )


def remove_mark(connection: Connection) -> None:
    """The copy is complete; within a transaction."""
    connection.execute("DELETE FROM progress WHERE name >= ? AND name < ?", (PREFIX, END))


def refuse_incomplete(connection: Connection, shown: str) -> None:
    """See to it that a store may be used.

    Raises:
        StoreError: It is an incomplete copy.
    """
    origin = origin_of(connection)
    if origin is not None:
        raise incomplete(shown, origin[1])


def incomplete(shown: str, origin: str) -> StoreError:
    """What is said to whoever wants to use an incomplete copy of the store at `origin`."""
    return StoreError(
        f"the store {shown} is an incomplete copy of {origin}",
        f"Go on with copying, which ends with a comparison: cronicle db copy {origin} {shown}",
    )
