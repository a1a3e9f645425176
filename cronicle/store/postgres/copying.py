"""A PostgreSQL store as one end of a copying (`cronicle.store.copying`).

Rows are read by a connection of their own, in one transaction, which of an origin holds the lock of whoever writes.
They come in the order of the primary key, for which the server is asked to sort nothing. They are written by COPY.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from cronicle.store.copied_tables import Table
from cronicle.store.copying import insert_statement
from cronicle.store.interface import StoreError
from cronicle.store.migrations import NEWEST, migrations, outdated
from cronicle.store.postgres.connection import TAKE_LOCK, PostgresConnection
from cronicle.store.postgres.dialect import translate
from cronicle.store.postgres.errors import explain
from cronicle.store.postgres.partitions import PARTITIONED, RUNS_PER_PARTITION, make
from cronicle.store.postgres.schema import upgrade, version_of
from cronicle.store.relational.connection import Row
from cronicle.store.relational.copy_mark import refuse_incomplete
from cronicle.store.relational.leases import Leases
from cronicle.store.relational.reader import RelationalReader

ROWS_PER_ANSWER = 200
"""Rows that are in memory at a time, where libpq can give several at once (17 and later)."""

# ruff: noqa: S608 - statements are put together from constants and numbers; values are always bound


class PostgresEnd:
    """The database of a store."""

    def __init__(self, connection: PostgresConnection, reading: psycopg.Connection[Row]) -> None:
        self.shown = connection.shown
        self.remedy = "make the database anew (dropdb, createdb)"
        self.connection = connection
        self.reader = RelationalReader(connection, Leases(connection))
        self._reading = reading
        self._made: set[int] = set()

    def read(self, sql: str, values: Row = ()) -> Iterator[Row]:
        size = ROWS_PER_ANSWER if psycopg.capabilities.has_stream_chunked() else 1
        try:
            with self._reading.cursor() as cursor:
                yield from cursor.stream(translate(sql), values or None, size=size)
        except psycopg.Error as error:
            raise explain(error, self.shown, broken=self._reading.broken) from error

    def insert(self, table: Table, rows: list[Row]) -> None:
        self.connection.again(lambda: self._insert(table, rows))

    def _insert(self, table: Table, rows: list[Row]) -> None:
        needed = {row[0] // RUNS_PER_PARTITION for row in rows} if table.name in PARTITIONED else set()
        with self.connection.write():
            for number in sorted(needed - self._made):
                make(self.connection, number, RUNS_PER_PARTITION)
            if table.is_preset:
                self.connection.execute_many(insert_statement(table), rows)
            else:
                columns = ", ".join(f'"{name}"' for name in table.columns)
                self.connection.copy_in(f"COPY {table.name} ({columns}) FROM STDIN", rows)
        self._made |= needed

    def last_number(self, table: Table) -> int:
        name = self._numbers_of(table)
        return int(
            self.connection.value(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")
        )

    def set_last_number(self, table: Table, number: int) -> None:
        if number:
            self.connection.execute("SELECT setval(?::regclass, ?)", (self._numbers_of(table), number))

    def _numbers_of(self, table: Table) -> str:
        """The sequence that numbers its rows."""
        return str(
            self.connection.value("SELECT pg_get_serial_sequence(?, ?)", (table.name, table.number or ""))
        )

    def check_lock(self) -> None:
        try:
            self._reading.execute("SELECT 1")
        except psycopg.Error as error:
            raise explain(error, self.shown, broken=self._reading.broken) from error

    def settle(self) -> None:
        """Nobody else looks at how the rows of a partitioned table are distributed."""
        self.connection.execute("ANALYZE")


@contextmanager
def copied_from(url: str) -> Iterator[PostgresEnd]:
    """A store to be read, locked against writing until the block ends."""
    with _opened(url) as (connection, reading):
        version = version_of(reading, connection.shown)
        if version == 0:
            from cronicle.store.postgres import no_store

            raise no_store(connection.shown)
        if version < NEWEST:
            raise outdated(connection.shown, version)
        connection.open("", connection.connect())
        refuse_incomplete(connection, connection.shown)
        with _begun(reading, connection, locked=True):
            yield PostgresEnd(connection, reading)


@contextmanager
def copied_to(url: str, client: str) -> Iterator[PostgresEnd]:
    """A store to be filled, which may be an incomplete copy; made if there is none.

    `client` names this process in what it writes.
    """
    with _opened(url) as (connection, reading):
        if version_of(reading, connection.shown) < NEWEST:
            upgrade(reading, connection.shown, migrations("postgres"))
        connection.open(client, connection.connect())
        with _begun(reading, connection, locked=False):
            yield PostgresEnd(connection, reading)
        with suppress(StoreError):
            connection.execute("DELETE FROM receipt WHERE client = ?", (client,))


@contextmanager
def _opened(url: str) -> Iterator[tuple[PostgresConnection, psycopg.Connection[Row]]]:
    connection = PostgresConnection(url)
    reading: psycopg.Connection[Any] = connection.connect()
    try:
        yield connection, reading
    finally:
        reading.close()
        connection.close()


@contextmanager
def _begun(
    reading: psycopg.Connection[Row], connection: PostgresConnection, *, locked: bool
) -> Iterator[None]:
    """A transaction for reading, as long as it takes; `locked`: it holds the lock of whoever writes."""
    try:
        reading.execute(
            "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_sort = off;"
            f"SET LOCAL enable_hashjoin = off; SET LOCAL lock_timeout = {int(connection.patience * 1000)}",
            prepare=False,
        )
        if locked:
            reading.execute(TAKE_LOCK, prepare=False)
    except psycopg.Error as error:
        raise explain(error, connection.shown, broken=reading.broken) from error
    yield
    with suppress(psycopg.Error):
        reading.rollback()
