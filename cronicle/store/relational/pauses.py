"""Pauses in a store; each writing function runs inside a transaction of the caller."""

from __future__ import annotations

from datetime import datetime

from cronicle.names import split_instance
from cronicle.store.cells import columns, marks, readable, readable_only, to_instant, to_optional
from cronicle.store.relational.connection import Connection
from cronicle.store.series import PauseRecord
from cronicle.store.series_rows import PAUSE_COLUMNS, pause_from, pause_row

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_PAUSE = f"SELECT sequence, {columns(PAUSE_COLUMNS)} FROM pause"


def add(connection: Connection, pause: PauseRecord) -> PauseRecord:
    """`Store.add_pause`."""
    row = connection.row(
        f"INSERT INTO pause ({columns(PAUSE_COLUMNS)}) VALUES ({marks(PAUSE_COLUMNS)})"
        f" RETURNING sequence, {columns(PAUSE_COLUMNS)}",
        pause_row(pause),
    )
    assert row is not None
    return readable("a pause", pause_from, row)


def end(connection: Connection, project: str, environment: str, workflow: str | None, at: datetime) -> int:
    """`Store.end_pauses`."""
    name, key = split_instance(workflow or "")
    return connection.changed(
        "UPDATE pause SET ended_at = ?1 WHERE project = ?2 AND environment = ?3 AND workflow = ?4 AND instance = ?5"
        " AND ended_at IS NULL AND (until IS NULL OR until > ?1)",
        (to_instant(at), project, environment, name, key or ""),
    )


def find(
    connection: Connection, project: str, environment: str, ended_after: datetime | None
) -> tuple[PauseRecord, ...]:
    """`StoreReader.list_pauses`."""
    after = to_optional(ended_after)
    found = connection.rows(
        f"{_PAUSE} WHERE project = ?1 AND environment = ?2 AND (ended_at IS NULL AND until IS NULL"
        " OR CASE WHEN CAST(?3 AS BIGINT) IS NULL THEN ended_at IS NULL"
        " ELSE coalesce(ended_at, until) > CAST(?3 AS BIGINT) END)"
        " ORDER BY paused_at, sequence",
        (project, environment, after),
    )
    return readable_only("pause", pause_from, found)
