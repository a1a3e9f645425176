"""A SQLite store as one end of a copying (`cronicle.store.copying`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cronicle.store.copied_tables import Table
from cronicle.store.copying import insert_statement
from cronicle.store.migrations import NEWEST, migrations, outdated
from cronicle.store.relational.connection import Row
from cronicle.store.relational.copy_mark import refuse_incomplete
from cronicle.store.relational.reader import RelationalReader
from cronicle.store.sqlite.connection import Connection
from cronicle.store.sqlite.owners import OwnerLocks
from cronicle.store.sqlite.schema import upgrade, version_of


class SqliteEnd:
    """The file of a store."""

    def __init__(self, path: Path) -> None:
        folder = path.parent
        self.shown = str(folder)
        self.remedy = f"remove {path} with what begins with its name"
        self.connection = Connection(path)
        self.reader = RelationalReader(self.connection, OwnerLocks(folder, self.connection))

    def read(self, sql: str, values: Row = ()) -> Iterator[Row]:
        return self.connection.each(sql, values)

    def insert(self, table: Table, rows: list[Row]) -> None:
        with self.connection.write():
            self.connection.execute_many(insert_statement(table), rows)

    def last_number(self, table: Table) -> int:
        return int(
            self.connection.value("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)) or 0
        )

    def set_last_number(self, table: Table, number: int) -> None:
        self.connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        self.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))

    def check_lock(self) -> None:
        """Nothing can take it away."""

    def settle(self) -> None:
        """Nothing is to be done."""


@contextmanager
def copied_from(path: Path) -> Iterator[SqliteEnd]:
    """A store to be read, locked against writing until the block ends."""
    end = SqliteEnd(path)
    try:
        version = version_of(end.connection)
        if version < NEWEST:
            raise outdated(end.shown, version)
        refuse_incomplete(end.connection, end.shown)
        end.connection.begin()
        yield end
    finally:
        end.connection.roll_back()
        end.connection.close()


@contextmanager
def copied_to(path: Path) -> Iterator[SqliteEnd]:
    """A store to be filled, which may be an incomplete copy."""
    end = SqliteEnd(path)
    try:
        if version_of(end.connection) < NEWEST:
            upgrade(end.connection, migrations("sqlite"))
        yield end
    finally:
        end.connection.close()
