"""Who serves, who leads, which runs wait for whom; each writing function runs inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cronicle.names import instance_label
from cronicle.runs.labels import missing_labels
from cronicle.store import owner_rows
from cronicle.store.cells import columns, from_labels, readable, to_json
from cronicle.store.records import OwnerRecord
from cronicle.store.relational.connection import Connection
from cronicle.store.serving import RunEnd, ServingRecord, UnownedRecord

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_SERVING = """
SELECT owner.id, owner.slots, owner.labels,
    count(run.owner) + (SELECT count(*) FROM run AS given INDEXED BY run_unowned WHERE given.owner IS NULL
        AND given.state IN ('queued', 'running') AND given.assigned_to = owner.id),
    coalesce(sum(CASE WHEN run.state = 'queued' AND run.backfill = '' THEN 1 ELSE 0 END), 0),
    count(run.runs_on)
FROM owner LEFT JOIN run ON run.owner = owner.id AND run.owner IS NOT NULL
    AND run.state IN ('queued', 'running') AND run.admitted = 1
WHERE owner.slots IS NOT NULL AND owner.scope = ? GROUP BY owner.id ORDER BY owner.epoch
"""
"""Each counts all that is live of an owner once: there may be thousands."""

_NEEDING = """
SELECT owner, runs_on, count(*) FROM run INDEXED BY run_needing
WHERE owner IS NOT NULL AND runs_on IS NOT NULL AND state IN ('queued', 'running')
    AND state = 'queued' AND admitted = 1 AND backfill = ''
GROUP BY owner, runs_on
"""

MOST_ALIKE = 500

_UNOWNED = f"""
SELECT id, project, environment, 0 AS is_backfill, assigned_to, runs_on, created_at
FROM run INDEXED BY run_unowned WHERE owner IS NULL AND state IN ('queued', 'running') AND runs_on IS NULL
UNION ALL
SELECT id, project, environment, 1, NULL, runs_on, created_at FROM backfill INDEXED BY backfill_unfinished
WHERE owner IS NULL AND state = 'running' AND state IN ('running', 'paused')
UNION ALL
SELECT id, project, environment, 0, assigned_to, runs_on, created_at FROM (
    SELECT id, project, environment, assigned_to, runs_on, created_at,
        row_number() OVER (
            PARTITION BY project, environment, runs_on, assigned_to ORDER BY created_at, sequence
        ) AS place
    FROM run INDEXED BY run_needing
    WHERE owner IS NULL AND runs_on IS NOT NULL AND state IN ('queued', 'running')
) AS alike WHERE place <= {MOST_ALIKE}
ORDER BY created_at, id
"""
"""What needs labels may wait for days: of those that are alike the oldest are enough to give out next."""

_ENDS = """
SELECT DISTINCT run.project, run.environment, run.workflow, run.instance, run.lock IS NOT NULL
FROM run_event JOIN run ON run.sequence = run_event.run
WHERE run_event.sequence > ? AND run_event.sequence <= ? AND run_event.type = 'RunFinished'
"""

_HAND_OVER = """
UPDATE run SET owner = NULL, assigned_to = nullif(CAST(? AS TEXT), '')
WHERE sequence IN (
    SELECT sequence FROM run
    WHERE owner = ? AND owner IS NOT NULL AND state = 'queued' AND state IN ('queued', 'running') AND backfill = ''
        AND (runs_on IS NULL OR runs_on IN (SELECT value FROM json_each(?)))
    ORDER BY admitted DESC, sequence DESC LIMIT ?
)
RETURNING id
"""

_NEEDED = """
SELECT DISTINCT runs_on FROM run INDEXED BY run_needing
WHERE owner = ? AND runs_on IS NOT NULL AND state IN ('queued', 'running') AND state = 'queued'
"""


def list_serving(
    connection: Connection, scope: str, is_alive: Callable[[str], bool]
) -> tuple[ServingRecord, ...]:
    """`StoreReader.list_serving`."""
    found = connection.rows(_SERVING, (scope,))
    needing: dict[str, dict[tuple[str, ...], int]] = {}
    if any(row[5] for row in found):  # few runs need labels
        for owner, runs_on, count in connection.rows(_NEEDING):
            needing.setdefault(owner, {})[from_labels(runs_on)] = count
    return tuple(
        ServingRecord(
            owner=owner,
            slots=slots,
            live=live,
            queued=queued,
            labels=from_labels(labels),
            needing=needing.get(owner, {}),
        )
        for owner, slots, labels, live, queued, _ in found
        if is_alive(owner)
    )


def list_leaders(
    connection: Connection, is_alive: Callable[[str], bool]
) -> tuple[tuple[str, OwnerRecord], ...]:
    """`StoreReader.list_leaders`."""
    found = connection.rows(
        f"SELECT leader.scope, {columns(owner_rows.OWNER_COLUMNS, 'owner')}"
        " FROM leader JOIN owner ON owner.id = leader.owner ORDER BY leader.scope"
    )
    return tuple(
        (scope, readable(f"owner {row[0]}", owner_rows.owner_from, tuple(row)))
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
            runs_on=from_labels(row[5]),
        )
        for row in connection.rows(_UNOWNED)
    )


def list_ends(connection: Connection, after: int, last: int) -> frozenset[RunEnd]:
    """`StoreReader.list_ends`."""
    return frozenset(
        RunEnd(
            project=project,
            environment=environment,
            workflow=instance_label(workflow, instance or None),
            held_lock=bool(held_lock),
        )
        for project, environment, workflow, instance, held_lock in connection.rows(_ENDS, (after, last))
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
    needed = [row[0] for row in connection.rows(_NEEDED, (source,))]
    if needed and target:
        labels = from_labels(connection.value("SELECT labels FROM owner WHERE id = ?", (target,)))
        needed = [one for one in needed if not missing_labels(from_labels(one), labels)]
    taken = connection.rows(_HAND_OVER, (target, source, to_json(needed), max(limit, 0)))
    return tuple(row[0] for row in taken)


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
