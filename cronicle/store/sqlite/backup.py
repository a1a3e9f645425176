"""Copying a SQLite store that others write to, by SQLite's own online backup.

Rules:

1. The copy is made within one read transaction, so it is the store as it was at one moment. Writers go on; what they
   write meanwhile is not in it.
2. It is built under another name, checked as a whole and compared with its origin by number, made durable, and only
   then gets its name. A target that exists is never touched.
3. It is for its owner only, one file, and needs nothing beside it.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

from cronicle.folders import NO_LINKS
from cronicle.store.acts import act_of_backup
from cronicle.store.backups import BackupReport
from cronicle.store.cells import to_instant
from cronicle.store.interface import StoreError
from cronicle.store.records import Actor
from cronicle.store.relational.audit import write_into_any
from cronicle.store.sqlite.connection import LAST_BACKUP, Connection
from cronicle.store.sqlite.filesystem import FILE_MODE, sync_file, sync_folder
from cronicle.store.sqlite.schema import version_of


def back_up(source: Connection, target: Path, at: datetime, asked_by: Actor | None = None) -> BackupReport:
    """Copy the store of a connection to a new file, and note in the store that it was done.

    Args:
        source: The connection; it must not be in a transaction.
        target: The file to be made; its folder must exist.
        at: The present moment.
        asked_by: Who does so, for the audit log.

    Raises:
        StoreError: The target exists or cannot be written, or the copy is not what it should be; then there is none.
    """
    _refuse_taken(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(
            os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        )
        try:
            report = _copy(source, partial, target, at)
            sync_file(partial)
            _give_name(partial, target)
            sync_folder(target.parent)
        finally:
            _remove(partial)
    except OSError as error:
        raise StoreError(
            f"the backup {target} cannot be written: {error.strerror}",
            "Name a file in a folder that exists, that you may write, and that has room: cronicle db backup FILE",
        ) from error
    with source.write():
        if version_of(source) > 1:  # the table came with the second schema
            source.execute(
                "INSERT INTO progress (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                (LAST_BACKUP, to_instant(at)),
            )
        if asked_by is not None:
            write_into_any(source, act_of_backup(str(target), asked_by, at))
    return report


def _copy(source: Connection, partial: Path, target: Path, at: datetime) -> BackupReport:
    copy = Connection(partial, keeps_log=False)
    try:
        with source.snapshot():
            expected = _report(source, target, at)
            copy.take_all_of(source)
        _check(copy, expected)
        return expected
    finally:
        copy.close()


def _report(connection: Connection, target: Path, at: datetime) -> BackupReport:
    return BackupReport(
        path=str(target),
        at=at,
        schema_version=version_of(connection),
        runs=connection.value("SELECT count(*) FROM run"),
        events=connection.value("SELECT count(*) FROM run_event"),
        last_event=connection.value("SELECT max(sequence) FROM run_event") or 0,
        deployments=connection.value("SELECT count(*) FROM deployment"),
        size=connection.value("PRAGMA page_count") * connection.value("PRAGMA page_size"),
    )


def _check(copy: Connection, expected: BackupReport) -> None:
    problems = [str(row[0]) for row in copy.rows("PRAGMA integrity_check(5)") if row[0] != "ok"]
    problems += [f"a row of {row[0]} refers to nothing" for row in copy.rows("PRAGMA foreign_key_check")[:5]]
    found = _report(copy, Path(expected.path), expected.at)
    if not problems and found != expected:
        problems = [
            f"it holds {found.runs} runs and {found.events} events, not {expected.runs} and {expected.events}"
        ]
    if problems:
        raise StoreError(
            f"the backup {expected.path} is not sound, and was removed: {'; '.join(problems)}",
            "See with `cronicle doctor` whether the store itself is damaged, and with `dmesg` whether a disk fails.",
        )


def _give_name(partial: Path, target: Path) -> None:
    """Give the copy its name, unless something has got that meanwhile."""
    try:
        os.link(partial, target)
    except FileExistsError:
        _refuse_taken(target)
        raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _refuse_taken(target)
        partial.rename(target)


def _refuse_taken(target: Path) -> None:
    if target.is_dir():
        raise StoreError(
            f"{target} is a folder",
            f"Name the file to be made in it: cronicle db backup {target}/store.sqlite3",
        )
    if os.path.lexists(target):
        raise StoreError(
            f"{target} is there already, and a backup replaces nothing",
            "Name another file, with the date for example: cronicle db backup store-$(date +%F).sqlite3",
        )


def _remove(partial: Path) -> None:
    for name in (partial, *(partial.with_name(partial.name + end) for end in ("-wal", "-shm", "-journal"))):
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)
