"""What a check of an installation asks of a SQLite store. Reads only."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
from attrs import frozen

from cronicle.store.sqlite.connection import Connection
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
        found = [str(row[0]) for row in connection.rows(f"PRAGMA quick_check({_MOST_PROBLEMS})")]
    finally:
        connection.close()
    files = (path, path.with_name(path.name + "-wal"))
    return StoreHealth(
        path=path,
        size=sum(file.stat().st_size for file in files if file.exists()),
        schema_version=version,
        problems=() if found == ["ok"] else tuple(found),
    )
