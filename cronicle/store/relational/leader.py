"""Who leads the ticking of a store; each writing function runs inside a transaction of the caller.

A leader leads until it stops or dies; its epoch tells what it writes from what somebody wrote who led before.
"""

from __future__ import annotations

from collections.abc import Callable

from cronicle.store.relational.connection import Connection


def is_open(connection: Connection, owner: str, is_alive: Callable[[str], bool]) -> bool:
    """True if nobody leads who lives: then `owner` can."""
    present, _ = _leader(connection)
    return present is None or (present != owner and not is_alive(present))


def lead(connection: Connection, owner: str, is_alive: Callable[[str], bool]) -> int | None:
    """`Store.lead`."""
    present, epoch = _leader(connection)
    if present == owner:
        return epoch
    if not is_open(connection, owner, is_alive):
        return None
    connection.execute("UPDATE leader SET owner = ?, epoch = ?", (owner, epoch + 1))
    return epoch + 1


def epoch_of(connection: Connection, owner: str) -> int | None:
    """The epoch of the leader if that is `owner`."""
    present, epoch = _leader(connection)
    return epoch if present == owner else None


def stop(connection: Connection, owner: str) -> None:
    """`Store.stop_leading`."""
    connection.execute("UPDATE leader SET owner = NULL WHERE owner = ?", (owner,))


def leader_of(connection: Connection, epoch: int) -> str | None:
    """The leader, if that epoch is its; else None."""
    present, current = _leader(connection)
    return present if current == epoch else None


def _leader(connection: Connection) -> tuple[str | None, int]:
    row = connection.row("SELECT owner, epoch FROM leader")
    assert row is not None
    owner, epoch = row
    return owner, epoch
