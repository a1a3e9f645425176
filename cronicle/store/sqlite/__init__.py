"""The embedded backend: one SQLite file in a folder, shared by any number of processes of one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cronicle.store.interface import UnknownError
from cronicle.store.migrations import NEWEST, migrations, outdated
from cronicle.store.relational.copy_mark import refuse_incomplete
from cronicle.store.relational.reader import RelationalReader
from cronicle.store.sqlite.connection import Connection, is_mounted_read_only, mounted_read_only
from cronicle.store.sqlite.filesystem import make_folder, refuse_network, refuse_open_to_all
from cronicle.store.sqlite.owners import OwnerLocks
from cronicle.store.sqlite.schema import make_file, upgrade, version_of

if TYPE_CHECKING:
    from cronicle.store.backups import BackupReport
    from cronicle.store.records import Actor
    from cronicle.store.sqlite.copying import SqliteEnd
    from cronicle.store.sqlite.store import SqliteStore

FILE_NAME = "store.sqlite3"


def open_store(folder: Path, *, create: bool, patience: float | None = None) -> SqliteStore:
    """Open the store in a folder for writing, of an older schema after bringing it up to date.

    `patience`: seconds that each call waits at most for another process that writes; None: a minute.
    """
    from cronicle.store.sqlite.store import SqliteStore  # readers start faster without it

    path = folder / FILE_NAME
    refuse_network(folder)
    refuse_open_to_all(folder)
    if not path.exists():
        if not create:
            raise no_store(folder)
        make_folder(folder)
        make_file(path)
    elif is_mounted_read_only(folder):
        raise mounted_read_only(folder)
    connection = Connection(path)
    try:
        if version_of(connection) < NEWEST:
            upgrade(connection, migrations("sqlite"))
        refuse_incomplete(connection, str(folder))
    except BaseException:
        connection.close()
        raise
    if patience is not None:
        connection.patience = patience
    return SqliteStore(connection, folder)


def open_reader(folder: Path) -> RelationalReader:
    """Open the store in a folder for reading only."""
    path = folder / FILE_NAME
    refuse_network(folder)
    if not path.exists():
        raise no_store(folder)
    connection = Connection(path)
    try:
        version = version_of(connection)
        if version < NEWEST:
            raise outdated(str(folder), version)
        refuse_incomplete(connection, str(folder))
        connection.forbid_writing()
    except BaseException:
        connection.close()
        raise
    return RelationalReader(connection, OwnerLocks(folder, connection))


def back_up(folder: Path, target: Path, at: datetime, asked_by: Actor | None) -> BackupReport:
    """Copy the store in a folder to a new file, whatever version its schema has."""
    from cronicle.store.sqlite.backup import back_up

    with _any_version(folder) as connection:
        return back_up(connection, target, at, asked_by)


def bring_up_to_date(folder: Path, asked: tuple[Actor, datetime] | None) -> tuple[int, int]:
    """Apply the steps of the schema that the store in a folder has not had; from which version to which."""
    if is_mounted_read_only(folder):
        raise mounted_read_only(folder)
    with _any_version(folder) as connection:
        before = version_of(connection)
        if before < NEWEST:
            upgrade(connection, migrations("sqlite"), asked)
        return before, version_of(connection)


@contextmanager
def copied_from(folder: Path) -> Iterator[SqliteEnd]:
    """The store in a folder as one to be copied, locked against writing."""
    from cronicle.store.sqlite import copying  # only that needs it

    refuse_network(folder)
    refuse_open_to_all(folder)
    path = folder / FILE_NAME
    if not path.exists():
        raise no_store(folder)
    if is_mounted_read_only(folder):
        raise mounted_read_only(folder)
    with copying.copied_from(path) as end:
        yield end


@contextmanager
def copied_to(folder: Path) -> Iterator[SqliteEnd]:
    """The store in a folder as one to be filled; made if there is none."""
    from cronicle.store.sqlite import copying

    refuse_network(folder)
    refuse_open_to_all(folder)
    path = folder / FILE_NAME
    if not path.exists():
        make_folder(folder)
        make_file(path)
    elif is_mounted_read_only(folder):
        raise mounted_read_only(folder)
    with copying.copied_to(path) as end:
        yield end


@contextmanager
def _any_version(folder: Path) -> Iterator[Connection]:
    path = folder / FILE_NAME
    refuse_network(folder)
    refuse_open_to_all(folder)
    if not path.exists():
        raise no_store(folder)
    connection = Connection(path)
    try:
        if version_of(connection) > 1:  # the table came with the second schema
            refuse_incomplete(connection, str(folder))
        yield connection
    finally:
        connection.close()


def no_store(folder: Path) -> UnknownError:
    """What is said where there is no store."""
    return UnknownError(
        f"there is no store in {folder}: nothing has been deployed or run from here yet",
        "Deploy the project with `cronicle apply`, or name another store with --store.",
    )
