"""What a check of an installation asks of a SQLite store. Reads only."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import apsw
from attrs import frozen

from cronicle.store.cells import from_optional
from cronicle.store.sqlite.connection import LAST_BACKUP, Connection
from cronicle.store.sqlite.filesystem import file_system_type
from cronicle.store.sqlite.schema import version_of

_MOUNTS = Path("/proc/self/mountinfo")
_MOST_PROBLEMS = 5

OLDEST_SQLITE = (3, 51, 3)
"""The first version without the WAL-reset bug, which damages a file that several processes share."""


@frozen(kw_only=True)
class StoreHealth:
    """What was found in a store's file."""

    path: Path
    size: int
    """Bytes, with what is not yet in the main file."""
    schema_version: int
    problems: tuple[str, ...]
    """What SQLite's quick check found; empty if all is well."""
    last_backup: datetime | None = None
    """When `db backup` copied it last; None if that never happened."""


def sqlite_version() -> tuple[int, ...]:
    """The version of SQLite that stores are used with."""
    return tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


def file_system_of(folder: Path) -> str | None:
    """The type of the file system of a folder; None where it cannot be told."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    return file_system_type(os.path.realpath(folder), mounts)


def examine(path: Path) -> StoreHealth:
    """Look at a store's file; `StoreError` if it cannot be opened."""
    connection = Connection(path)
    try:
        connection.forbid_writing()
        version = version_of(connection)
        noted = None
        if version > 1:  # the table came with the second schema
            noted = connection.value("SELECT value FROM progress WHERE name = ?", (LAST_BACKUP,))
        found = [str(row[0]) for row in connection.rows(f"PRAGMA quick_check({_MOST_PROBLEMS})")]
    finally:
        connection.close()
    files = (path, path.with_name(path.name + "-wal"))
    return StoreHealth(
        path=path,
        size=sum(file.stat().st_size for file in files if file.exists()),
        schema_version=version,
        last_backup=from_optional(noted),
        problems=() if found == ["ok"] else tuple(found),
    )
