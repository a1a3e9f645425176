"""The schema of a SQLite store: making a new file, and bringing an old one up to date.

`PRAGMA user_version` says how far a file has come, `PRAGMA application_id` that it is a store at all.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cronicle.store.interface import StoreError
from cronicle.store.migrations import NEWEST, Migration, check_applied, migrations, too_new
from cronicle.store.sqlite.connection import Connection
from cronicle.store.sqlite.filesystem import FILE_MODE, locked, sync_file, sync_folder

if TYPE_CHECKING:
    from cronicle.store.records import Actor

APPLICATION_ID = 0x43726F6E
"""`Cron` in ASCII; `file` shows it."""

NEW_FILE = "store.sqlite3.new"


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
        raise too_new(str(connection.path.parent), version)
    return version


def upgrade(
    connection: Connection, steps: tuple[Migration, ...], asked: tuple[Actor, datetime] | None = None
) -> None:
    """Apply the steps that the store has not had yet; `asked` is who does so, and when, for the audit log."""
    with connection.write():
        done = int(connection.value("PRAGMA user_version"))  # again: another process may have been faster
        if done:
            applied = connection.rows("SELECT version, name, checksum FROM migration")
            check_applied(str(connection.path.parent), steps, ((row[0], row[1], row[2]) for row in applied))
        for step in steps[done:]:
            connection.execute(step.sql)
            connection.execute(
                "INSERT INTO migration (version, name, checksum) VALUES (?, ?, ?)",
                (step.version, step.name, step.checksum),
            )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(done, len(steps))}")
        if asked is not None and done < len(steps):
            from cronicle.store.acts import act_of_upgrade  # readers start faster without
            from cronicle.store.relational import audit

            audit.write(connection, act_of_upgrade(done, len(steps), *asked))


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
                upgrade(connection, migrations("sqlite"))
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
