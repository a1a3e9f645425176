"""The backend of a cluster: a PostgreSQL database, shared by processes of any number of machines."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager, closing
from datetime import datetime
from typing import TYPE_CHECKING

from cronicle.store.interface import StoreError, UnknownError
from cronicle.store.migrations import NEWEST, migrations, outdated
from cronicle.store.postgres.connection import PostgresConnection
from cronicle.store.postgres.schema import upgrade, version_of
from cronicle.store.postgres.store import PostgresReader, PostgresStore, no_backup
from cronicle.store.relational.copy_mark import refuse_incomplete
from cronicle.store.relational.leases import LEASE_SECONDS

if TYPE_CHECKING:
    from cronicle.store.postgres.copying import PostgresEnd
    from cronicle.store.records import Actor

__all__ = ["bring_up_to_date", "copied_from", "copied_to", "no_backup", "open_reader", "open_store"]


def open_store(
    url: str, *, create: bool, patience: float | None = None, lease_seconds: float | None = None
) -> PostgresStore:
    """Open the store of a database for writing, of an older schema after bringing it up to date.

    Args:
        url: Where it is.
        create: Whether to make one in a database that has none.
        patience: Seconds that each call waits at most for others that write, or for a server that is away.
        lease_seconds: For how long an owner lives that does not renew its lease, and a transaction that stands still.
    """
    lease = LEASE_SECONDS if lease_seconds is None else lease_seconds
    connection = PostgresConnection(url, patience=patience, standstill=lease)
    first = connection.connect()
    try:
        version = version_of(first, connection.shown)
        if version == 0 and not create:
            raise no_store(connection.shown)
        if version < NEWEST:
            upgrade(first, connection.shown, migrations("postgres"))
        connection.open(secrets.token_hex(8), first)
        refuse_incomplete(connection, connection.shown)
        return PostgresStore(connection, lease)
    except (StoreError, UnknownError):
        connection.close()
        first.close()
        raise


def open_reader(url: str) -> PostgresReader:
    """Open the store of a database for reading only."""
    connection = PostgresConnection(url)
    first = connection.connect()
    try:
        version = version_of(first, connection.shown)
        if version == 0:
            raise no_store(connection.shown)
        if version < NEWEST:
            raise outdated(connection.shown, version)
        connection.open("", first)
        refuse_incomplete(connection, connection.shown)
        return PostgresReader(connection)
    except (StoreError, UnknownError):
        connection.close()
        first.close()
        raise


def bring_up_to_date(url: str, asked: tuple[Actor, datetime] | None) -> tuple[int, int]:
    """Apply the steps of the schema that the store of a database has not had; from which version to which."""
    connection = PostgresConnection(url)
    with closing(connection.connect()) as first:
        before = version_of(first, connection.shown)
        if before == 0:
            raise no_store(connection.shown)
        if before > 1:  # the table came with the second schema
            connection.open("", connection.connect())
            with closing(connection):
                refuse_incomplete(connection, connection.shown)
        if before < NEWEST:
            upgrade(first, connection.shown, migrations("postgres"), asked)
        return before, version_of(first, connection.shown)


def copied_from(url: str) -> AbstractContextManager[PostgresEnd]:
    """The store of a database as one to be copied, locked against writing."""
    from cronicle.store.postgres import copying  # only that needs it

    return copying.copied_from(url)


def copied_to(url: str) -> AbstractContextManager[PostgresEnd]:
    """The store of a database as one to be filled; made if there is none."""
    from cronicle.store.postgres import copying

    return copying.copied_to(url, secrets.token_hex(8))


def no_store(shown: str) -> UnknownError:
    """What is said where there is no store."""
    return UnknownError(
        f"there is no store in {shown}: nothing has been deployed or run there yet",
        "Deploy a project with `cronicle apply`, or name another store with --store.",
    )
