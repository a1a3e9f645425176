"""What a check of an installation asks of a PostgreSQL store. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

import psycopg
from attrs import frozen

from cronicle.store.cells import from_instant
from cronicle.store.interface import StoreError
from cronicle.store.postgres.connection import PostgresConnection
from cronicle.store.postgres.errors import explain
from cronicle.store.postgres.schema import version_of

_ASKED = """
SELECT current_setting('server_version'), pg_database_size(current_database()), current_setting('fsync'),
    current_setting('full_page_writes'), current_setting('synchronous_commit')
"""


@frozen(kw_only=True)
class ServerHealth:
    """What was found of the server of a store."""

    shown: str
    """Where it is, without a password."""
    server: str
    """The version of PostgreSQL."""
    schema_version: int
    size: int
    """Bytes of the database."""
    off: tuple[str, ...]
    """Settings that durability depends on, and that are off."""
    is_pooled: bool
    """True if a pooler stands between that gives each transaction another session."""
    ahead: timedelta
    """By how much the clock of the server is ahead of that of this machine."""


def examine(url: str, now: Callable[[], datetime]) -> ServerHealth:
    """Look at the server of a store; `now` tells the time of this machine.

    Raises:
        StoreError: It cannot be reached, or has no store that this program can use.
    """
    connection = PostgresConnection(url)
    with closing(connection.connect()) as opened:
        version = version_of(opened, connection.shown)
        try:
            asked = opened.execute(_ASKED).fetchone()
            before = now()
            clock = opened.execute("SELECT store_now()").fetchone()
            after = now()
        except psycopg.Error as error:
            raise explain(error, connection.shown, broken=opened.broken) from error
    if asked is None or clock is None:
        raise StoreError(f"the store {connection.shown} answers nothing", "Repeat the command.")
    server, size, fsync, full_page_writes, synchronous_commit = asked
    settings = {"fsync": fsync, "full_page_writes": full_page_writes}
    if not connection.is_pooled:  # behind a pooler it is set for each transaction, and not for this one
        settings["synchronous_commit"] = synchronous_commit
    return ServerHealth(
        shown=connection.shown,
        server=server.split()[0],
        schema_version=version,
        size=size,
        off=tuple(name for name, value in settings.items() if value == "off"),
        is_pooled=connection.is_pooled,
        ahead=from_instant(clock[0]) - (before + (after - before) / 2),
    )
