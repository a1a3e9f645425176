"""The store in a SQLite file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cronicle.store.backups import BackupReport
from cronicle.store.relational.writer import RelationalStore
from cronicle.store.sqlite.connection import Connection
from cronicle.store.sqlite.owners import OwnerLocks
from cronicle.store.sqlite.writing import write_down


class SqliteStore(RelationalStore):
    """Reads and writes the file in a folder; see `Store` for what each method promises."""

    runs_in_place = True

    def __init__(self, connection: Connection, folder: Path) -> None:
        super().__init__(connection, OwnerLocks(folder, connection), write_down)
        self._file = connection

    def backup(self, target: str, at: datetime) -> BackupReport:
        from cronicle.store.sqlite.backup import back_up

        return back_up(self._file, Path(target), at)
