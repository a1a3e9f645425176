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


def size_of(path: Path) -> int:
    """Bytes of a store's file, with what is not yet in the main file."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def last_backup_of(path: Path) -> datetime | None:
    """When the store was last backed up; None if that never happened."""
    connection = Connection(path)
    try:
        return _last_backup(connection, version_of(connection))
    finally:
        connection.close()


def _last_backup(connection: Connection, version: int) -> datetime | None:
    if version < 2:  # the table came with the second schema
        return None
    return from_optional(connection.value("SELECT value FROM progress WHERE name = ?", (LAST_BACKUP,)))


def examine(path: Path) -> StoreHealth:
    """Look at a store's file; `StoreError` if it cannot be opened."""
    connection = Connection(path)
    try:
        connection.forbid_writing()
        version = version_of(connection)
        backup = _last_backup(connection, version)
        found = [str(row[0]) for row in connection.rows(f"PRAGMA quick_check({_MOST_PROBLEMS})")]
    finally:
        connection.close()
    return StoreHealth(
        path=path,
        size=size_of(path),
        schema_version=version,
        last_backup=backup,
        problems=() if found == ["ok"] else tuple(found),
    )
