"""What the failures of PostgreSQL mean to a user, and which of them may be tried again."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg

from cronicle.store.interface import StoreError, UnwritableError
from cronicle.store.url import shown_url


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

_NOT_LET_IN = (
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "permission denied for database",
    "is not permitted to log in",
)


def explain(error: psycopg.Error, store: str, *, broken: bool) -> StoreError:
    """What an error means to whoever runs the command.

    Args:
        error: What psycopg has raised.
        store: The location of the store, without any credentials.
        broken: True if the connection is not usable any more.
    """
    said = one_line(error)
    match error:
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
        case psycopg.DataError():
            return unstorable(store, said)
        case psycopg.IntegrityError() | psycopg.ProgrammingError():
            return StoreError(
                f"the store {store} has refused what was to be written: {said}",
                "It is damaged: put a backup of it in its place.",
            )
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return unreachable(store, said)
        case _:
            return StoreError(f"the store {store} failed: {said}", "Repeat the command.")


def refused(error: psycopg.Error, store: str) -> StoreError:
    """What it means that no connection could be made. All that tells the reasons apart is what the server says."""
    said = one_line(error)
    if any(words in said for words in _NOT_LET_IN) or ("role " in said and "does not exist" in said):
        return StoreError(
            f"the store {store} lets nobody in with these credentials: {said}",
            "Check the user name, and the password in PGPASSWORD, in ~/.pgpass, or in CRONICLE_STORE.",
        )
    if "database " in said and "does not exist" in said:
        return StoreError(
            f"the server of the store {store} has no such database: {said}",
            "Make it with `createdb`, or correct its name in --store.",
        )
    return unreachable(store, said)


def unstorable(store: str, said: str) -> StoreError:
    """What is said of a value that PostgreSQL has no place for."""
    return StoreError(
        f"the store {store} cannot hold what was to be written: {said}",
        "PostgreSQL stores no text with the character NUL in it; leave it out and repeat the command.",
    )


def is_refusal(error: psycopg.Error) -> bool:
    """True if the server has said that a statement failed, and so that its transaction comes to nothing.

    An end of the session (`FATAL`) is none: it may come after a commit.
    """
    return error.diag.severity_nonlocalized == "ERROR"


def unreachable(store: str, said: str) -> LostError:
    """What is said when there is no server to be talked to."""
    return LostError(
        f"the store {store} cannot be reached: {said}",
        "Check that its server runs and lets this machine in, and repeat the command; nothing was recorded.",
    )


def one_line(error: BaseException) -> str:
    """The first line of what was said."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    return shown_url(next((line for line in lines if line), type(error).__name__))
