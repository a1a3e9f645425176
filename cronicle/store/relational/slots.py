"""Slots of pools in a store; each function runs inside a transaction of the caller.

Rules: by priority, then age, and nobody overtakes: where the first does not fit, those behind it wait, so
that a wish for many slots is not starved by wishes for one. Whoever wants more than the pool has gets all of
it, alone. A pool that is not named, or has no slots, grants nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cronicle.store.cells import columns, to_instant, to_key
from cronicle.store.owner_rows import SLOT_COLUMNS, slot_from
from cronicle.store.records import SlotRequest
from cronicle.store.relational.connection import Connection

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_SLOT = f"SELECT run.id, {columns(SLOT_COLUMNS, 'slot')} FROM slot JOIN run ON run.sequence = slot.run"

_REQUEST = """
INSERT INTO slot (run, task, key, attempt, owner, pool, slots, priority, requested_at, granted, started)
SELECT sequence, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0 FROM run WHERE id = ? AND state IN ('queued', 'running')
ON CONFLICT DO NOTHING
"""


def request(connection: Connection, requests: Sequence[SlotRequest]) -> None:
    """`Store.request_slots`."""
    connection.execute_many(
        _REQUEST,
        (
            (
                wish.task,
                to_key(wish.key),
                wish.attempt,
                wish.owner,
                wish.pool,
                max(wish.slots, 1),
                wish.priority,
                to_instant(wish.requested_at),
                wish.run_id,
            )
            for wish in requests
        ),
    )


def anybody_waits(connection: Connection) -> bool:
    """True if there is a request that has not been granted."""
    return connection.row("SELECT 1 FROM slot WHERE granted = 0 LIMIT 1") is not None


def grant(connection: Connection, sizes: Mapping[str, int]) -> tuple[SlotRequest, ...]:
    """`Store.grant_slots`."""
    granted: list[int] = []
    for pool, size in sizes.items():
        held = (
            "SELECT coalesce(sum(CASE WHEN slots < ?1 THEN slots ELSE ?1 END), 0) FROM slot"
            " WHERE pool = ?2 AND granted = 1"
        )
        free = size - int(connection.value(held, (size, pool)))
        waiting = (
            "SELECT sequence, slots FROM slot WHERE pool = ? AND granted = 0"
            " ORDER BY priority DESC, requested_at, sequence LIMIT ?"
        )
        for sequence, wanted in connection.rows(waiting, (pool, max(free, 0))):
            if min(wanted, size) > free:
                break
            free -= min(wanted, size)
            granted.append(sequence)
    connection.execute_many(
        "UPDATE slot SET granted = 1 WHERE sequence = ?", ((number,) for number in granted)
    )
    found = [connection.row(f"{_SLOT} WHERE slot.sequence = ?", (number,)) for number in granted]
    return tuple(slot_from(row) for row in found if row is not None)


def list_grants(connection: Connection, owner: str) -> tuple[SlotRequest, ...]:
    """`Store.list_grants`."""
    found = connection.rows(
        f"{_SLOT} WHERE slot.owner = ? AND slot.granted = 1 AND slot.started = 0 ORDER BY slot.sequence",
        (owner,),
    )
    return tuple(slot_from(row) for row in found)
