"""What the failures of PostgreSQL mean to a user, and which of them may be tried again."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg

from cronicle.store.interface import StoreError, UnwritableError


class LostError(UnwritableError):
    """The connection was lost, or the server refused for now. Nothing of what was asked has happened."""


_FOR_NOW: tuple[type[psycopg.Error], ...] = (
    pg.AdminShutdown,
    pg.CrashShutdown,
    pg.CannotConnectNow,
    pg.ReadOnlySqlTransaction,  # a standby that is about to be promoted, or a primary that was
    pg.SerializationFailure,
    pg.DeadlockDetected,
    pg.IdleInTransactionSessionTimeout,
    pg.TooManyConnections,
    pg.QueryCanceled,
    pg.ObjectNotInPrerequisiteState,
)
"""Errors that say nothing about what was asked: whoever asks again may be answered."""

_FULL: tuple[type[psycopg.Error], ...] = (pg.DiskFull, pg.OutOfMemory, pg.InsufficientResources)


def explain(error: psycopg.Error, store: str, *, broken: bool) -> StoreError:
    """What an error means to whoever runs the command.

    Args:
        error: What psycopg has raised.
        store: The location of the store, without any credentials.
        broken: True if the connection is not usable any more.
    """
    said = one_line(error)
    match error:
        case pg.InvalidPassword() | pg.InvalidAuthorizationSpecification():
            return StoreError(
                f"the store {store} lets nobody in with these credentials: {said}",
                "Check the user name, and the password in PGPASSWORD, in ~/.pgpass, or in CRONICLE_STORE.",
            )
        case pg.InvalidCatalogName():
            return StoreError(
                f"the server of the store {store} has no such database: {said}",
                "Make it with `createdb`, or correct its name in --store.",
            )
        case pg.InsufficientPrivilege():
            return StoreError(
                f"the store {store} does not allow that: {said}",
                "Give the user of the store the right to create and change tables in its schema.",
            )
        case pg.LockNotAvailable():
            return UnwritableError(
                f"another process keeps the store {store} locked",
                "See which one in pg_stat_activity; end it if it hangs, and repeat the command.",
            )
        case _ if isinstance(error, _FULL):
            return UnwritableError(
                f"the server of the store {store} has no room left: {said}",
                "Make room on its disk and repeat the command.",
            )
        case _ if broken or isinstance(error, _FOR_NOW):
            return unreachable(store, said)
        case psycopg.DataError() | psycopg.IntegrityError() | psycopg.ProgrammingError():
            return StoreError(
                f"the store {store} has refused what was to be written: {said}",
                "If a text in it has a character that PostgreSQL cannot store (NUL), leave that out; else the store "
                "is damaged: put a backup of it in its place.",
            )
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return unreachable(store, said)
        case _:
            return StoreError(f"the store {store} failed: {said}", "Repeat the command.")


def unreachable(store: str, said: str) -> LostError:
    """What is said when there is no server to be talked to."""
    return LostError(
        f"the store {store} cannot be reached: {said}",
        "Check that its server runs and lets this machine in, and repeat the command; nothing was recorded.",
    )


def one_line(error: BaseException) -> str:
    """The first line of what was said."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    return next((line for line in lines if line), type(error).__name__)
