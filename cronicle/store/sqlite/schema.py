"""The versions of the schema of a SQLite store: making a new file, and bringing an old one up to date.

Rules: migrations are SQL files, numbered from 1 without gaps, never changed once released, and only ever
applied forwards, all in one transaction. `PRAGMA user_version` says how far a file has come, `PRAGMA
application_id` that it is a store at all, and the checksum of each migration stands in the table `migration`.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from attrs import frozen

from cronicle.store.interface import StoreError
from cronicle.store.sqlite.connection import Connection
from cronicle.store.sqlite.filesystem import FILE_MODE, locked, sync_file, sync_folder
from cronicle.values import Value

APPLICATION_ID = 0x43726F6E
"""`Cron` in ASCII; `file` shows it."""

NEW_FILE = "store.sqlite3.new"


@frozen(eq=False, repr=False)
class Migration(Value):
    """One step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations that this program knows, in their order."""
    from importlib.resources import files  # takes as long to import as all of this package

    folder = files("cronicle.store") / "sql" / "sqlite"
    found = []
    for file in folder.iterdir():
        number, _, rest = file.name.partition("_")
        if number.isdigit() and rest.endswith(".sql"):
            found.append(Migration(int(number), rest.removesuffix(".sql"), file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    assert [m.version for m in found] == list(range(1, len(found) + 1)), (
        "migrations are numbered without gaps"
    )
    return tuple(found)


NEWEST = 2
"""The version of the last migration; a test compares it with the files, so that opening a store reads none."""


def version_of(connection: Connection) -> int:
    """The version of a store's file.

    Raises:
        StoreError: It is no store, or newer than this program.
    """
    if connection.value("PRAGMA application_id") != APPLICATION_ID:
        raise StoreError(
            f"{connection.path} is a database, but not a store of Cronicle.",
            "Choose another folder with --store.",
        )
    version = int(connection.value("PRAGMA user_version"))
    if version > NEWEST:
        raise StoreError(
            f"the store {connection.path.parent} has schema version {version}; this program knows versions up to "
            f"{NEWEST}",
            "Upgrade cronicle on this machine: a newer one has written to this store.",
        )
    return version


def upgrade(connection: Connection, steps: tuple[Migration, ...]) -> None:
    """Apply the steps that the store has not had yet."""
    with connection.write():
        done = int(connection.value("PRAGMA user_version"))  # again: another process may have been faster
        if done:
            _check_applied(connection, steps)
        for step in steps[done:]:
            connection.execute(step.sql)
            connection.execute(
                "INSERT INTO migration (version, name, checksum) VALUES (?, ?, ?)",
                (step.version, step.name, step.checksum),
            )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(done, len(steps))}")


def _check_applied(connection: Connection, steps: tuple[Migration, ...]) -> None:
    known = {step.version: step for step in steps}
    for version, name, checksum in connection.rows("SELECT version, name, checksum FROM migration"):
        step = known.get(version)
        if step is not None and step.checksum != checksum:
            raise StoreError(
                f"the store {connection.path.parent} was made by another schema {version} ({name}) than the one of "
                "this program",
                "Install the release of cronicle that made it, or choose another store with --store.",
            )


def make_file(path: Path) -> None:
    """Make the store's file unless it is there. Any number of processes may do so at once.

    It is built under another name and appears complete, durable and in its folder, or not at all.
    """
    folder = path.parent
    try:
        with locked(folder):
            if path.exists():
                return
            new = folder / NEW_FILE
            for leftover in folder.glob(NEW_FILE + "*"):
                leftover.unlink()
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
            connection = Connection(new, keeps_log=False)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                upgrade(connection, migrations())
            finally:
                connection.close()
            sync_file(new)
            new.rename(path)
            sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"the store {path} cannot be made: {error.strerror}",
            "Give yourself write permission on its folder and see that its disk is not full, or choose another "
            "store with --store.",
        ) from error
