"""Backfills in a store; each writing function runs inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cronicle.names import split_instance
from cronicle.runs.states import BackfillState
from cronicle.store import backfill_rows
from cronicle.store.cells import columns, marks, readable, to_instant, to_json
from cronicle.store.interface import UnknownError
from cronicle.store.records import BackfillRecord, BackfillTick, RunRecord, TickRevision
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.terms import LAST_OF_ALL

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_FIND_OVERLAP = f"""
SELECT sequence, {columns(backfill_rows.BACKFILL_COLUMNS)} FROM backfill
WHERE project = ? AND environment = ? AND workflow = ? AND instance = ? AND series = ?
AND state IN ('running', 'paused') AND EXISTS (
    SELECT 1 FROM backfill_tick AS tick
    WHERE tick.backfill = backfill.sequence AND tick.logical_time IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
)
ORDER BY sequence LIMIT 1
"""


def insert(connection: Connection, backfill: BackfillRecord, ticks: Sequence[BackfillTick]) -> None:
    """Make a backfill with its ticks."""
    sequence = connection.value(
        f"INSERT INTO backfill ({columns(backfill_rows.BACKFILL_COLUMNS)})"
        f" VALUES ({marks(backfill_rows.BACKFILL_COLUMNS)}) RETURNING sequence",
        backfill_rows.backfill_row(backfill),
    )
    connection.execute_many(
        f"INSERT INTO backfill_tick (backfill, {columns(backfill_rows.TICK_COLUMNS)})"
        f" VALUES (?, {marks(backfill_rows.TICK_COLUMNS)})",
        ((sequence, *backfill_rows.tick_row(tick)) for tick in ticks),
    )


def find_overlapping(
    connection: Connection, backfill: BackfillRecord, ticks: Sequence[BackfillTick]
) -> BackfillRecord | None:
    """`Store.find_overlapping_backfill`."""
    name, key = split_instance(backfill.workflow)
    row = connection.row(
        _FIND_OVERLAP,
        (
            backfill.project,
            backfill.environment,
            name,
            key or "",
            backfill.series or "",
            to_json([to_instant(tick.logical_time) for tick in ticks]),
        ),
    )
    return None if row is None else readable(f"backfill {row[1]}", backfill_rows.backfill_from, row)


def list_ticks(
    connection: Connection, backfill_id: str, *, pending: bool, limit: int | None
) -> tuple[BackfillTick, ...]:
    """`StoreReader.list_ticks`."""
    found = connection.rows(
        f"SELECT {columns(backfill_rows.TICK_COLUMNS, 'tick')}, run.state FROM backfill_tick AS tick"
        " LEFT JOIN run ON run.id = tick.run_id WHERE tick.backfill = ?"
        f"{' AND tick.run_id IS NULL' if pending else ''} ORDER BY tick.position LIMIT ?",
        (_sequence_of(connection, backfill_id), LAST_OF_ALL if limit is None else max(limit, 0)),
    )
    return tuple(readable(f"backfill {backfill_id}", backfill_rows.tick_from, row) for row in found)


def list_tick_revisions(connection: Connection, backfill_id: str) -> tuple[TickRevision, ...]:
    """`StoreReader.list_tick_revisions`."""
    found = connection.rows(
        "SELECT revision, deployment, count(*) FROM backfill_tick"
        " WHERE backfill = ? AND revision IS NOT NULL GROUP BY revision, deployment ORDER BY min(position)",
        (_sequence_of(connection, backfill_id),),
    )
    return tuple(readable(f"backfill {backfill_id}", backfill_rows.tick_revision_from, row) for row in found)


def _sequence_of(connection: Connection, backfill_id: str) -> int:
    sequence: int | None = connection.value("SELECT sequence FROM backfill WHERE id = ?", (backfill_id,))
    if sequence is None:
        raise UnknownError(f"the store has no backfill {backfill_id}")
    return sequence


def adopt(connection: Connection, backfill_id: str, owner: str) -> bool:
    """`Store.adopt_backfill`."""
    adopted = connection.changed(
        "UPDATE backfill SET owner = ?, state = 'running', reason = NULL"
        " WHERE id = ? AND owner IS NULL AND state IN ('running', 'paused')",
        (owner, backfill_id),
    )
    return adopted == 1


def set_state(
    connection: Connection,
    backfill_id: str,
    state: BackfillState,
    reason: str | None,
    at: datetime,
    owner: str | None,
) -> bool:
    """`Store.set_backfill_state`."""
    ended = state not in (BackfillState.RUNNING, BackfillState.PAUSED)
    changed = connection.changed(
        "UPDATE backfill SET state = ?, reason = ?, ended_at = ?, owner = ?"
        " WHERE id = ? AND owner IS NOT DISTINCT FROM ? AND state IN ('running', 'paused')",
        (
            state,
            reason,
            to_instant(at) if ended else None,
            owner if state is BackfillState.RUNNING else None,
            backfill_id,
            owner,
        ),
    )
    if changed and ended:
        connection.execute("DELETE FROM control_request WHERE target = ?", (backfill_id,))
    elif changed and state is BackfillState.PAUSED:  # what others have asked for meanwhile has happened
        connection.execute("DELETE FROM control_request WHERE target = ? AND verb = 'pause'", (backfill_id,))
    return changed == 1


def take_tick(connection: Connection, run: RunRecord, position: int) -> None:
    """Give a tick its run; one that had another which has ended is open again."""
    backfill = connection.value("SELECT sequence FROM backfill WHERE id = ?", (run.backfill,))
    former = connection.row(
        "SELECT run.state FROM backfill_tick AS tick JOIN run ON run.id = tick.run_id"
        " WHERE tick.backfill = ? AND tick.position = ?",
        (backfill, position),
    )
    if former is not None:
        connection.execute(
            "UPDATE backfill SET done = done - 1, failed = failed - ? WHERE sequence = ?",
            (former[0] == "failed", backfill),
        )
    if not connection.changed(
        "UPDATE backfill_tick SET run_id = ? WHERE backfill = ? AND position = ?",
        (run.id, backfill, position),
    ):
        raise UnknownError(f"the store has no tick {position} of a backfill {run.backfill}")
