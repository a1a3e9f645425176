"""Who leads the ticking of a store; each writing function runs inside a transaction of the caller.

A scope is what a process serves, as it names it; whoever serves the same shares the work, and one of them leads. A
leader leads until it stops or dies; its epoch tells what it writes from what somebody wrote who led before.
"""

from __future__ import annotations

from collections.abc import Callable

from cronicle.store.relational.connection import Connection
from cronicle.store.relational.counters import next_number


def is_open(connection: Connection, owner: str, scope: str, is_alive: Callable[[str], bool]) -> bool:
    """True if nobody leads who lives: then `owner` can."""
    present, _ = _leader(connection, scope)
    return present is None or (present != owner and not is_alive(present))


def lead(connection: Connection, owner: str, scope: str, is_alive: Callable[[str], bool]) -> int | None:
    """`Store.lead`."""
    present, epoch = _leader(connection, scope)
    if present == owner:
        return epoch
    if not is_open(connection, owner, scope, is_alive):
        return None
    new = next_number(connection, "leader")
    connection.execute(
        "INSERT INTO leader (scope, owner, epoch) VALUES (?, ?, ?)"
        " ON CONFLICT (scope) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch",
        (scope, owner, new),
    )
    return new


def epoch_of(connection: Connection, owner: str, scope: str) -> int | None:
    """The epoch of the leader of a scope if that is `owner`."""
    present, epoch = _leader(connection, scope)
    return epoch if present == owner else None


def stop(connection: Connection, owner: str) -> None:
    """`Store.stop_leading`."""
    connection.execute("UPDATE leader SET owner = NULL WHERE owner = ?", (owner,))


def leader_of(connection: Connection, epoch: int) -> str | None:
    """The leader of whatever scope, if that epoch is its; else None."""
    owner: str | None = connection.value("SELECT owner FROM leader WHERE epoch = ?", (epoch,))
    return owner


def _leader(connection: Connection, scope: str) -> tuple[str | None, int]:
    row = connection.row("SELECT owner, epoch FROM leader WHERE scope = ?", (scope,))
    return (None, 0) if row is None else (row[0], row[1])
