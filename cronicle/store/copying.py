"""Copying a store into an empty one of either backend, row by row, and comparing the two.

Rules:

1. Nobody writes the origin while it is copied: it is locked, and has no owner that lives, or has left something
   unsettled. So it is copied as it is at one moment, and nothing is written there that the copy lacks.
2. The target is empty, and marked before its first row comes. Until the mark is gone no other command opens it.
3. Rows are read in the order of their table's key, and written in that order, some thousand in one transaction. How
   far a copy has come is what is there: one that was interrupted goes on after the last key of each table.
4. At the end each table is read once more in both stores, counted and hashed. Only a copy that is equal is complete.
5. Not copied is what tells of processes (owners, leases, the leader, slots) or of the database itself (versions of
   its schema, receipts of commits, partitions with rows of pruned runs, the last backup). The copy has an id of its
   own.

Both dialects have the same tables and columns, and order texts by their bytes. What they do not have in common is an
`End`: reading row by row, writing many rows, and the numbers that the database gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec
from attrs import frozen

from cronicle.store.acts import Act
from cronicle.store.copied_tables import TABLES, Table
from cronicle.store.interface import StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.records import OwnerRecord
from cronicle.store.relational import audit
from cronicle.store.relational.connection import Connection, Row
from cronicle.store.relational.copy_mark import Origin, incomplete, origin_of, put_mark, remove_mark
from cronicle.values import Value

# ruff: noqa: S608 - statements are put together from constants; values are always bound

ROWS_AT_ONCE = 5_000
"""Rows that are written in one transaction at most."""

TEXT_AT_ONCE = 8 << 20
"""Characters of them at most, but for one row: an event may have a megabyte of outputs, a spec of many tasks more."""


class End(Protocol):
    """One of the two stores."""

    shown: str
    """Where it is, without a password."""
    remedy: str
    """How its user makes an empty store of it."""

    @property
    def connection(self) -> Connection:
        """What it is written with."""
        ...

    @property
    def reader(self) -> StoreReader:
        """The store as others see it."""
        ...

    def read(self, sql: str, values: Row = ()) -> Iterator[Row]:
        """The rows of a statement, of which only a few are in memory at a time."""
        ...

    def insert(self, table: Table, rows: list[Row]) -> None:
        """Insert rows, in one transaction that is durable when this returns."""
        ...

    def last_number(self, table: Table) -> int:
        """The greatest number that the database has given in a table; 0 if none."""
        ...

    def set_last_number(self, table: Table, number: int) -> None:
        """Have it go on after that number; within a transaction."""
        ...

    def check_lock(self) -> None:
        """See to it that nobody could write since it was locked.

        Raises:
            StoreError: The lock was lost.
        """
        ...

    def settle(self) -> None:
        """Do what the database wants done after many rows have come."""
        ...


@frozen(eq=False, repr=False)
class Copied(Value):
    """How far copying has come."""

    table: str
    rows: int
    """Of this table, by this process."""
    is_done: bool
    """True if that is all of them."""


@frozen(eq=False, repr=False)
class Summary(Value):
    """What a table holds."""

    rows: int
    checksum: str
    """SHA-256 of its rows in the order of their keys, each as JSON in a line."""


@frozen(eq=False, repr=False)
class Comparison(Value):
    """A table in both stores."""

    table: str
    origin: Summary
    copy: Summary

    @property
    def is_equal(self) -> bool:
        """True if all rows are."""
        return self.origin == self.copy


class Copying:
    """The copying of one store into another; `source` is locked."""

    def __init__(self, source: End, target: End) -> None:
        self.source = source
        self.target = target
        self.source_id = source.reader.get_store_id()
        self.target_id = target.reader.get_store_id()

    def begin(self) -> None:
        """See to it that the copy can be made, and mark the target.

        Raises:
            StoreError: It cannot; the message says why. Nothing was changed.
        """
        if self.source_id == self.target_id:
            raise StoreError(
                f"{self.source.shown} and {self.target.shown} are the same store",
                "Name another one to copy to.",
            )
        wanted = (self.source_id, self.source.shown, self.source.reader.last_event())
        with self.target.connection.write():
            found = origin_of(self.target.connection)
            if found is not None:
                self._check_same(found, wanted)
                return
            if there := contents_of(self.target):
                raise StoreError(
                    f"the store {self.target.shown} is not empty: it has {', '.join(there)}",
                    "Copy into a new store: a folder without one, or a database that was just made.",
                )
            put_mark(self.target.connection, wanted)
            salt = (
                self.source.reader.get_salt()
            )  # the same, so that equal tasks have equal fingerprints in both
            self.target.connection.execute("UPDATE store SET salt = ?", (salt,))

    def _check_same(self, found: Origin, wanted: Origin) -> None:
        """See to it that a copy that was begun is one of this store as it is now."""
        (store, location, last_event), (wanted_store, _, wanted_event) = found, wanted
        if store != wanted_store:
            raise incomplete(self.target.shown, location)
        if last_event != wanted_event:
            raise changed_meanwhile(self.source, self.target)

    def rows(self) -> Iterator[Copied]:
        """Copy what is not there yet; says after each transaction how far it is.

        Raises:
            StoreError: A store cannot be read or written. Repeated, copying goes on.
        """
        for table in TABLES:
            after = None if table.is_preset else last_key(self.target, table)
            count = 0
            for batch in batches(read(self.source, table, after)):
                self.target.insert(table, batch)
                count += len(batch)
                yield Copied(table.name, count, is_done=False)
            yield Copied(table.name, count, is_done=True)

    def compare(self) -> Iterator[Comparison]:
        """Compare the stores, table by table."""
        for table in TABLES:
            yield Comparison(
                table.name, summary_of(read(self.source, table)), summary_of(read(self.target, table))
            )

    def finish(self, act: Act | None = None) -> None:
        """Complete the copy: it may be used from now on. `act`: that somebody has made it.

        Raises:
            StoreError: It cannot be written, or the origin may have changed meanwhile.
        """
        self.source.check_lock()
        numbers = {table.name: self.source.last_number(table) for table in TABLES if table.number is not None}
        self.target.settle()
        with self.target.connection.write():
            for table in TABLES:
                if table.number is not None:
                    self.target.set_last_number(table, numbers[table.name])
            remove_mark(self.target.connection)
            audit.write(self.target.connection, act)


def check_settled(source: End) -> None:
    """See to it that no process drives anything in a store, and none has left something that is not settled.

    Raises:
        StoreError: One does, or has.
    """
    for owner in source.reader.list_owners():
        if source.reader.is_alive(owner.id):
            raise StoreError(
                f"process {owner.pid} on {owner.host} works on the store {source.shown} ({owner.command})",
                "End it first: TERM lets running attempts of `serve` finish; a backfill is paused with "
                "`cronicle pause`.",
            )
        if left := _left_by(source, owner):
            raise StoreError(
                f"process {owner.pid} on {owner.host} ({owner.command}) has died, and nobody has settled what it "
                f"left in the store {source.shown}: {', '.join(left)}",
                f"Go on with it: cronicle resume {left[0].split()[-1]}. Or end it with `cronicle cancel`; a backfill "
                "can also be paused with `cronicle pause`, and resumed in the copy.",
            )


def _left_by(source: End, owner: OwnerRecord) -> list[str]:
    """What a dead owner has left: `backfill ID`, `run ID`."""
    backfills = source.connection.rows(
        "SELECT id FROM backfill WHERE owner = ? AND state IN ('running', 'paused') ORDER BY sequence LIMIT 3",
        (owner.id,),
    )
    runs = source.connection.rows(
        "SELECT id FROM run WHERE owner = ? AND (state IN ('queued', 'running') OR hooks_open > 0)"
        " ORDER BY sequence LIMIT 3",
        (owner.id,),
    )
    return [*(f"backfill {row[0]}" for row in backfills), *(f"run {row[0]}" for row in runs)]


def contents_of(target: End) -> list[str]:
    """What a store has that a new one has not: `3 projects`."""
    found = []
    for table in TABLES:
        if not table.is_preset:
            where = f" WHERE {table.condition}" if table.condition else ""
            count = target.connection.value(f"SELECT count(*) FROM {table.name}{where}")
            if count:
                found.append(f"{count:,} {_noun(table.name, count)}")
    owners = len(target.reader.list_owners())
    return [*found, f"{owners} {_noun('process', owners)}"] if owners else found


_SPECIAL = {"audit": "entry of the audit log", "progress": "note of progress", "owed": "span of owed ticks"}
_SPECIAL |= {"dropped": "span of dropped ticks"}


def _noun(table: str, count: int) -> str:
    """The rows of a table in words."""
    first, *rest = _SPECIAL.get(table, table.replace("_", " ")).split(" of ", 1)
    if count != 1:
        first = {"entry": "entries", "process": "processes"}.get(first, f"{first}s")
    return " of ".join([first, *rest])


def changed_meanwhile(source: End, target: End) -> StoreError:
    """What is said when a store was written to after a copying of it had begun."""
    return StoreError(
        f"the store {source.shown} has been written to since it began to be copied to {target.shown}",
        f"Begin anew: {target.remedy}, and repeat the command.",
    )


def read(end: End, table: Table, after: Row | None = None) -> Iterator[Row]:
    """The rows of a table in the order of its key; those after a key."""
    terms = [table.condition] if table.condition else []
    if after is not None:
        terms.append(f"({_quoted(table.key)}) > ({', '.join('?' * len(table.key))})")
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    return end.read(
        f"SELECT {_quoted(table.columns)} FROM {table.name}{where} ORDER BY {_quoted(table.key)}", after or ()
    )


def last_key(end: End, table: Table) -> Row | None:
    """The greatest key in a table."""
    order = ", ".join(f'"{name}" DESC' for name in table.key)
    where = f" WHERE {table.condition}" if table.condition else ""
    return end.connection.row(
        f"SELECT {_quoted(table.key)} FROM {table.name}{where} ORDER BY {order} LIMIT 1"
    )


def insert_statement(table: Table) -> str:
    """The statement that inserts a row; of a preset table it takes the place of the one that is there."""
    statement = (
        f"INSERT INTO {table.name} ({_quoted(table.columns)}) VALUES ({', '.join('?' * len(table.columns))})"
    )
    if table.is_preset:
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in table.rest)
        statement += f" ON CONFLICT ({_quoted(table.key)}) DO UPDATE SET {changes}"
    return statement


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lots, as large as one transaction is to be."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        row_size = sum(len(cell) for cell in row if isinstance(cell, str | bytes))
        if batch and (len(batch) == ROWS_AT_ONCE or size + row_size > TEXT_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row_size
    if batch:
        yield batch


def summary_of(rows: Iterable[Row]) -> Summary:
    """Count and hash rows."""
    digest = hashlib.sha256()
    encode = msgspec.json.Encoder().encode
    count = 0
    for row in rows:
        count += 1
        digest.update(encode(row) + b"\n")
    return Summary(count, digest.hexdigest())


def _quoted(names: Iterable[str]) -> str:
    """Columns for a statement; some have names that are words of SQL."""
    return ", ".join(f'"{name}"' for name in names)
