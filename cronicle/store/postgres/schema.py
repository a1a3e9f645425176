"""The schema of a PostgreSQL store: making it, and bringing an old one up to date.

The table `migration` says how far it has come. Any number of processes may try at once: one of them does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from cronicle.store.interface import StoreError
from cronicle.store.migrations import NEWEST, Migration, check_applied, too_new
from cronicle.store.postgres.errors import explain
from cronicle.store.records import Actor

UPGRADE_LOCK = 0x43726F6E_53636865
"""`CronSche`: held while the schema changes."""

OLDEST_SERVER = 140_000
"""The first version of PostgreSQL that is supported, as `server_version_num` has it."""


def version_of(connection: psycopg.Connection[Any], shown: str) -> int:
    """The version of the schema; 0 where there is none.

    Raises:
        StoreError: It is newer than this program, or the server is too old.
    """
    server = connection.info.server_version
    if server < OLDEST_SERVER:
        raise StoreError(
            f"the server of the store {shown} is PostgreSQL {server // 10_000}; versions from 14 on are supported",
            "Upgrade the server.",
        )
    try:
        found = connection.execute("SELECT to_regclass('migration')").fetchone()
        if found is None or found[0] is None:
            return 0
        row = connection.execute("SELECT coalesce(max(version), 0) FROM migration").fetchone()
    except psycopg.Error as error:
        raise explain(error, shown, broken=connection.broken) from error
    version = 0 if row is None else int(row[0])
    if version > NEWEST:
        raise too_new(shown, version)
    return version


def upgrade(
    connection: psycopg.Connection[Any],
    shown: str,
    steps: Sequence[Migration],
    asked: tuple[Actor, datetime] | None = None,
) -> None:
    """Apply the steps that the store has not had yet, all in one transaction.

    `asked` is who does so, and when, for the audit log.
    """
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock($1)", (UPGRADE_LOCK,))
            done = version_of(connection, shown)  # again: another process may have been faster
            if done:
                applied = connection.execute("SELECT version, name, checksum FROM migration").fetchall()
                check_applied(shown, steps, ((row[0], row[1], row[2]) for row in applied))
            for step in steps[done:]:
                connection.execute(step.sql.encode(), prepare=False)
                connection.execute(
                    "INSERT INTO migration (version, name, checksum) VALUES ($1, $2, $3)",
                    (step.version, step.name, step.checksum),
                )
            if asked is not None and done < len(steps):
                from cronicle.store.acts import act_of_upgrade  # readers start faster without
                from cronicle.store.postgres.dialect import inlined
                from cronicle.store.relational.audit import statement_of

                sql, values = statement_of(act_of_upgrade(done, len(steps), *asked))
                connection.execute(inlined(sql, values).encode(), prepare=False)
    except psycopg.Error as error:
        raise explain(error, shown, broken=connection.broken) from error
