"""Reading what a store knows of series of ticks; how it comes to be is in `cronicle.store.relational.ticks`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cronicle.store.cells import columns, readable, readable_only, to_instant
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.terms import LAST_OF_ALL, OF_SERIES, in_scope
from cronicle.store.series import CursorRecord, OwedRecord, SeriesKey, TickSpan
from cronicle.store.series_rows import (
    CURSOR_COLUMNS,
    DROPPED_COLUMNS,
    OWED_COLUMNS,
    cursor_from,
    dropped_from,
    key_row,
    owed_from,
)

# ruff: noqa: S608 - statements are put together from constants; values are always bound


def list_cursors(connection: Connection, project: str, environment: str) -> tuple[CursorRecord, ...]:
    """`StoreReader.list_cursors`."""
    found = connection.rows(
        f"SELECT {columns(CURSOR_COLUMNS)} FROM cursor WHERE project = ? AND environment = ?"
        " ORDER BY workflow, instance, series",
        (project, environment),
    )
    return readable_only("a cursor of", cursor_from, found)


def find_cursor(connection: Connection, key: SeriesKey) -> CursorRecord | None:
    """`StoreReader.find_cursor`."""
    row = connection.row(f"SELECT {columns(CURSOR_COLUMNS)} FROM cursor WHERE {OF_SERIES}", key_row(key))
    return None if row is None else readable(f"the cursor of {key.workflow}", cursor_from, row)


def list_owed(connection: Connection, project: str, environment: str) -> tuple[OwedRecord, ...]:
    """`StoreReader.list_owed`."""
    found = connection.rows(
        f"SELECT sequence, {columns(OWED_COLUMNS)} FROM owed WHERE project = ? AND environment = ?"
        " ORDER BY after, sequence",
        (project, environment),
    )
    return readable_only("owed ticks, number", owed_from, found)


def list_dropped(
    connection: Connection,
    scope: Mapping[str, str | None],
    start: datetime | None,
    end: datetime | None,
    limit: int,
    *,
    with_instances: bool,
) -> tuple[TickSpan, ...]:
    """`StoreReader.list_dropped`."""
    terms, values = in_scope(scope, with_instances=with_instances)
    terms += ["last >= ?", "first < ?"]
    found = connection.rows(
        f"SELECT {columns(DROPPED_COLUMNS)} FROM dropped WHERE {' AND '.join(terms)}"
        " ORDER BY sequence DESC LIMIT ?",
        (
            *values,
            -LAST_OF_ALL if start is None else to_instant(start),
            LAST_OF_ALL if end is None else to_instant(end),
            max(limit, 0),
        ),
    )
    return readable_only("dropped ticks of", dropped_from, found)
