"""A connection to the SQLite file of a store, and what its failures mean to a user. Sole home of apsw.

Rules:

1. WAL with `synchronous=FULL`: what was committed survives a loss of power. No mmap: several processes share
   the file.
2. A write begins with `BEGIN IMMEDIATE`, so it never finds halfway that somebody else was faster; whoever
   comes second waits in short, uneven steps. No user ever sees "database is locked", short of a writer that
   hangs for a minute.
3. Every error of SQLite becomes a `StoreError` that says what to do. A commit that failed halfway is an
   `UncertainWriteError`: after a failed fsync nothing in memory can be trusted (PostgreSQL's "fsyncgate").
4. The write-ahead log stays when the last process closes the file, empty of meaning but not of blocks: to
   overwrite blocks and sync them takes about two thirds of what it takes to make a file grow.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw

from cronicle.store.interface import StoreError, UncertainWriteError, UnwritableError
from cronicle.store.relational.connection import Ahead, Transaction

LOCK_PATIENCE = 60.0
"""Seconds to wait for other writers. A write takes milliseconds; a minute means that its process hangs."""

SHORTEST_WAIT, LONGEST_WAIT = 0.0002, 0.010
"""Seconds between two looks at a lock that is held; a commit with its sync takes about 0.0003."""

CHECKPOINT_PAGES = 4000
"""Pages in the write-ahead log (16 MB) after which a commit copies them into the file; with SQLite's own 1000 one
commit in 140 does so, and the pages that every commit changes are copied four times as often."""

LARGEST_KEPT_LOG = 32 << 20
"""Bytes; a write-ahead log that has grown larger (an enormous transaction) is not kept."""

CACHE_SIZE = 32 << 20
"""Bytes of pages kept in memory at most. Ten thousand runs in one transaction touch so many pages of indexes that
with SQLite's own 2 MB it writes most of them several times, and takes twice as long."""

LAST_BACKUP = "backup_at"
"""Name of the number in the table `progress` that says when the last backup was made."""

_CACHED_STATEMENTS = 200

Row = tuple[Any, ...]


class Connection:
    """One connection to a store's file; for one thread at a time."""

    def __init__(self, path: Path, *, patience: float = LOCK_PATIENCE, keeps_log: bool = True) -> None:
        self.path = path
        self.patience = patience
        """Seconds that a statement waits for a lock at most."""
        self._waiting_since = 0.0
        self._transaction = Transaction(self.begin, self.commit, self.roll_back)
        with self._explained():
            self._database = apsw.Connection(
                str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_CACHED_STATEMENTS
            )
            self._database.set_busy_handler(self._wait_for_lock)
            # Without this, what is compared with a value that a partial index names, too, is compiled anew each time
            # that it is bound (https://www.sqlite.org/c3ref/c_dbconfig_defensive.html, QPSG).
            self._database.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            self._database.execute(
                "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0;"
                f"PRAGMA cache_size = -{CACHE_SIZE >> 10};"
                f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"
            ).fetchall()  # some of these give rows, and what comes after is executed when they are fetched
            self._keep_log(keeps_log)

    def close(self) -> None:
        """Close it; doing so twice is fine."""
        with self._explained():
            with contextlib.suppress(OSError, apsw.ConnectionClosedError):
                if os.stat(f"{self.path}-wal").st_size > LARGEST_KEPT_LOG:
                    self._keep_log(False)
            self._database.close()

    def _keep_log(self, kept: bool) -> None:
        """Whether the write-ahead log stays when this connection is the last to be closed."""
        flag = ctypes.c_int(kept)
        self._database.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(flag))

    def forbid_writing(self) -> None:
        """Make every statement that would change the file fail."""
        self.execute("PRAGMA query_only = ON")

    # The methods below are on the hot path: a `try` costs nothing there, a context manager two microseconds.

    def execute(self, sql: str, values: Any = ()) -> None:
        """Execute a statement, or several without values, whose rows nobody wants."""
        try:
            self._database.execute(sql, values)
        except apsw.Error as error:
            raise explain(error, self.path) from error

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Execute a statement for each row of values."""
        try:
            self._database.executemany(sql, rows)
        except apsw.Error as error:
            raise explain(error, self.path) from error

    def row(self, sql: str, values: Any = ()) -> Row | None:
        """The first row, or None."""
        try:
            found: Row | None = self._database.execute(sql, values).fetchone()
        except apsw.Error as error:
            raise explain(error, self.path) from error
        return found

    def rows(self, sql: str, values: Any = ()) -> list[Row]:
        """All rows."""
        try:
            return self._database.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise explain(error, self.path) from error

    def each(self, sql: str, values: Any = ()) -> Iterator[Row]:
        """The rows, each read when it is asked for."""
        try:
            yield from self._database.execute(sql, values)
        except apsw.Error as error:
            raise explain(error, self.path) from error

    def value(self, sql: str, values: Any = ()) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self.row(sql, values)
        return None if row is None else row[0]

    def changed(self, sql: str, values: Any = ()) -> int:
        """Execute a statement; the number of rows that it changed."""
        self.execute(sql, values)
        return self._database.changes()

    def last_sequence(self) -> int:
        """The sequence of the row inserted last."""
        return self._database.last_insert_rowid()

    def write(self, ahead: Ahead | None = None) -> Transaction:  # noqa: ARG002 - answers are at hand
        """One transaction: durable when the block ends, without a trace when it raises."""
        return self._transaction

    def begin(self) -> None:
        """Begin to write; whoever else writes is waited for."""
        self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make durable what was written since `begin`.

        Raises:
            UncertainWriteError: It may have been, or not.
            StoreError: It was not.
        """
        try:
            self._database.execute("COMMIT")
        except apsw.Error as error:
            self.roll_back()
            explained = explain(error, self.path)
            if isinstance(error, apsw.IOError):
                raise UncertainWriteError(explained.message, explained.remedy) from error
            raise explained from error

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reading in this block sees the store as it is at the first reading, whatever others write meanwhile."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.roll_back()

    def take_all_of(self, source: Connection) -> None:
        """Become a copy of another file, in one step: within `source.snapshot()`, of what is read there."""
        with self._explained(), self._database.backup("main", source._database, "main") as copying:
            copying.step(-1)

    def roll_back(self) -> None:
        """Undo what was written since `begin`."""
        if self._database.in_transaction:  # some errors have rolled back already
            self.execute("ROLLBACK")

    def _wait_for_lock(self, tries: int) -> bool:
        """SQLite's busy handler: wait a little and say whether to try again."""
        now = time.monotonic()
        if tries == 0:
            self._waiting_since = now
        elif now - self._waiting_since > self.patience:
            return False
        wait = min(LONGEST_WAIT, SHORTEST_WAIT * 1.5 ** min(tries, 20))
        time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311, TID251 - inside a C callback; nothing secret
        return True

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise explain(error, self.path) from error


def is_mounted_read_only(folder: Path) -> bool:
    """True if nothing on the disk of a folder can be changed."""
    with contextlib.suppress(OSError):
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return False


def mounted_read_only(folder: Path) -> UnwritableError:
    """What is said of a store there."""
    return UnwritableError(
        f"the store {folder} lies on a disk that is mounted read-only",
        "Mount the disk for writing, or choose another store with --store.",
    )


def _is_full(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.statvfs(folder).f_bavail == 0
    return False


def explain(error: Exception, path: Path) -> StoreError:
    """What an error of SQLite means to whoever runs the command."""
    folder = path.parent
    match error:
        case apsw.ReadOnlyError() | apsw.CantOpenError() if is_mounted_read_only(folder):
            return mounted_read_only(folder)
        case apsw.ReadOnlyError():
            return UnwritableError(
                f"the store {folder} is read-only, so nothing can be recorded in it",
                "Mount its disk for writing and give yourself write permission on the folder and the files in it, "
                "or choose another store with --store.",
            )
        case apsw.FullError() | apsw.IOError() if isinstance(error, apsw.FullError) or _is_full(folder):
            return UnwritableError(
                f"the disk of the store {folder} is full; nothing was recorded",
                "Make room on it and repeat the command.",
            )
        case apsw.BusyError() | apsw.LockedError():
            return UnwritableError(
                f"another process keeps the store {folder} locked",
                f"See which one with `fuser {path}`; end it if it hangs, and repeat the command.",
            )
        case apsw.NotADBError():
            return _damaged(path, "it is not a SQLite database")
        case apsw.CorruptError() | apsw.FormatError():
            return _damaged(path, str(error))
        case apsw.SQLError() | apsw.ConstraintError() | apsw.SchemaChangeError() | apsw.MismatchError():
            return _damaged(path, str(error))
        case apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return StoreError(
                f"the store {folder} cannot be opened: {error}",
                "Check that you may read and write the folder and the files in it.",
            )
        case apsw.IOError():
            return StoreError(
                f"the disk of the store {folder} failed: {error}",
                "See the kernel's log (`dmesg`) for the disk's error before anything else is written to it.",
            )
        case _:
            return StoreError(f"the store {folder} failed: {error}", "Repeat the command.")


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(
        f"the store file {path} is damaged: {what}",
        "Move the folder aside, and put a backup of it in its place.",
    )
