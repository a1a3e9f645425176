"""Who serves, who leads, which runs wait for whom; each writing function runs inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cronicle.store import rows
from cronicle.store.cells import columns, readable
from cronicle.store.records import OwnerRecord
from cronicle.store.relational.connection import Connection
from cronicle.store.serving import RunEnd, ServingRecord, UnownedRecord

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_SERVING = """
SELECT owner.id, owner.slots,
    count(run.owner) + (SELECT count(*) FROM run AS given INDEXED BY run_unowned WHERE given.owner IS NULL
        AND given.state IN ('queued', 'running') AND given.assigned_to = owner.id),
    coalesce(sum(CASE WHEN run.state = 'queued' AND run.backfill = '' THEN 1 ELSE 0 END), 0)
FROM owner LEFT JOIN run ON run.owner = owner.id AND run.owner IS NOT NULL
    AND run.state IN ('queued', 'running') AND run.admitted = 1
WHERE owner.slots IS NOT NULL AND owner.scope = ? GROUP BY owner.id ORDER BY owner.epoch
"""
"""Each counts all that is live of an owner once: there may be thousands."""

_UNOWNED = """
SELECT id, project, environment, 0 AS is_backfill, assigned_to, created_at
FROM run INDEXED BY run_unowned WHERE owner IS NULL AND state IN ('queued', 'running')
UNION ALL
SELECT id, project, environment, 1, NULL, created_at FROM backfill INDEXED BY backfill_unfinished
WHERE owner IS NULL AND state = 'running' AND state IN ('running', 'paused')
ORDER BY created_at, id
"""

_ENDS = """
SELECT DISTINCT run.project, run.environment, run.workflow, run.lock IS NOT NULL
FROM run_event JOIN run ON run.sequence = run_event.run
WHERE run_event.sequence > ? AND run_event.sequence <= ? AND run_event.type = 'RunFinished'
"""

_HAND_OVER = """
UPDATE run SET owner = NULL, assigned_to = nullif(CAST(? AS TEXT), '')
WHERE sequence IN (
    SELECT sequence FROM run
    WHERE owner = ? AND owner IS NOT NULL AND state = 'queued' AND state IN ('queued', 'running') AND backfill = ''
    ORDER BY admitted DESC, sequence DESC LIMIT ?
)
RETURNING id
"""


def list_serving(
    connection: Connection, scope: str, is_alive: Callable[[str], bool]
) -> tuple[ServingRecord, ...]:
    """`StoreReader.list_serving`."""
    return tuple(
        ServingRecord(owner=owner, slots=slots, live=live, queued=queued)
        for owner, slots, live, queued in connection.rows(_SERVING, (scope,))
        if is_alive(owner)
    )


def list_leaders(
    connection: Connection, is_alive: Callable[[str], bool]
) -> tuple[tuple[str, OwnerRecord], ...]:
    """`StoreReader.list_leaders`."""
    found = connection.rows(
        f"SELECT leader.scope, {columns(rows.OWNER_COLUMNS, 'owner')}"
        " FROM leader JOIN owner ON owner.id = leader.owner ORDER BY leader.scope"
    )
    return tuple(
        (scope, readable(f"owner {row[0]}", rows.owner_from, tuple(row)))
        for scope, *row in found
        if is_alive(row[0])
    )


def list_unowned(connection: Connection) -> tuple[UnownedRecord, ...]:
    """`StoreReader.list_unowned`."""
    return tuple(
        UnownedRecord(
            id=row[0],
            project=row[1],
            environment=row[2],
            is_backfill=bool(row[3]),
            assigned_to=row[4],
        )
        for row in connection.rows(_UNOWNED)
    )


def list_ends(connection: Connection, after: int, last: int) -> frozenset[RunEnd]:
    """`StoreReader.list_ends`."""
    return frozenset(
        RunEnd(project=row[0], environment=row[1], workflow=row[2], held_lock=bool(row[3]))
        for row in connection.rows(_ENDS, (after, last))
    )


def serve_as(connection: Connection, owner: str, scope: str, slots: int | None) -> None:
    """`Store.serve_as`."""
    connection.execute("UPDATE owner SET scope = ?, slots = ? WHERE id = ?", (scope, slots, owner))


def assign(connection: Connection, assignments: Mapping[str, str]) -> None:
    """`Store.assign_runs`."""
    connection.execute_many(
        "UPDATE run SET assigned_to = ? WHERE id = ? AND owner IS NULL",
        [(owner, run_id) for run_id, owner in assignments.items()],
    )


def hand_over(connection: Connection, source: str, target: str, limit: int) -> tuple[str, ...]:
    """`Store.hand_over_queued`."""
    return tuple(row[0] for row in connection.rows(_HAND_OVER, (target, source, max(limit, 0))))


def remove_owner(connection: Connection, owner: str) -> None:
    """`Store.remove_owner`."""
    connection.execute(
        "UPDATE run SET owner = NULL WHERE owner = ? AND state IN ('queued', 'running')", (owner,)
    )
    connection.execute("UPDATE run SET owner = NULL WHERE owner = ? AND hooks_open > 0", (owner,))
    connection.execute(
        "UPDATE backfill SET owner = NULL WHERE owner = ? AND state IN ('running', 'paused')",
        (owner,),
    )
    connection.execute("DELETE FROM slot WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM control_request WHERE target = ?", (owner,))
    connection.execute("UPDATE leader SET owner = NULL WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM owner WHERE id = ?", (owner,))
