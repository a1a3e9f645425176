"""Opening the store at a location that was given: the folder of a SQLite store, or a PostgreSQL URL.

Which location a command means (option, environment, settings, project) is for the caller to find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cronicle.store.interface import Store, StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.url import is_url, shown_url

if TYPE_CHECKING:
    from cronicle.store.backups import BackupReport
    from cronicle.store.copying import Copying, End
    from cronicle.store.postgres.health import ServerHealth
    from cronicle.store.records import Actor


def open_store(
    location: str, *, create: bool, patience: float | None = None, lease_seconds: float | None = None
) -> Store:
    """Open a store for writing; with `create` a new one is made where there is none.

    Args:
        location: Where it is.
        create: Whether to make it.
        patience: Seconds that each call waits at most for another process that writes; None: a minute.
        lease_seconds: For how long an owner on PostgreSQL lives that does not renew its lease; None: three.

    Raises:
        UnknownError: There is none, and `create` is false.
        StoreError: It cannot be used; the message says why.
    """
    if is_url(location):
        from cronicle.store import postgres

        return postgres.open_store(location, create=create, patience=patience, lease_seconds=lease_seconds)
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.open_store(folder, create=create, patience=patience)


def open_reader(location: str) -> StoreReader:
    """Open a store for reading; nothing is made or changed.

    Raises:
        UnknownError: There is none.
        StoreError: It cannot be used; the message says why.
    """
    if is_url(location):
        from cronicle.store import postgres

        return postgres.open_reader(location)
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.open_reader(folder)


def is_store_folder(folder: Path) -> bool:
    """True if a SQLite store lies in that folder."""
    from cronicle.store import sqlite

    return (folder / sqlite.FILE_NAME).exists()


def back_up(location: str, target: Path, at: datetime, *, asked_by: Actor | None = None) -> BackupReport:
    """Copy a store to a new file while others write to it. One of an older schema is copied as it is.

    `asked_by` is who does so at that moment, for the audit log.

    Raises:
        UnknownError: There is no store.
        StoreError: The target exists or cannot be written, or the copy was found not to be sound.
    """
    if is_url(location):
        from cronicle.store import postgres

        raise postgres.no_backup()
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.back_up(folder, target, at, asked_by)


def examine_server(url: str, now: Callable[[], datetime]) -> ServerHealth:
    """What there is to say of the server of a PostgreSQL store; `now` tells the time of this machine.

    Raises:
        StoreError: It cannot be reached, or has no store that this program can use.
    """
    from cronicle.store.postgres import health

    return health.examine(url, now)


def upgrade(location: str, *, asked: tuple[Actor, datetime] | None = None) -> tuple[int, int]:
    """Bring the schema of a store up to date; from which version to which.

    `asked` is who does so, and when, for the audit log.

    Raises:
        UnknownError: There is no store.
        StoreError: It cannot be done; the message says why.
    """
    if is_url(location):
        from cronicle.store import postgres

        return postgres.bring_up_to_date(location, asked)
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.bring_up_to_date(folder, asked)


@contextmanager
def open_copying(source: str, target: str) -> Iterator[Copying]:
    """The copying of one store into another, which is made if there is none. Nobody writes the first meanwhile.

    Raises:
        UnknownError: There is no store to be copied.
        StoreError: One of them cannot be used; the message says why.
    """
    from cronicle.store.copying import Copying, check_settled

    with _copied_from(source) as origin:
        check_settled(origin)
        with _copied_to(target) as copy:
            yield Copying(origin, copy)


def _copied_from(location: str) -> AbstractContextManager[End]:
    if is_url(location):
        from cronicle.store import postgres

        return postgres.copied_from(location)
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.copied_from(folder)


def _copied_to(location: str) -> AbstractContextManager[End]:
    if is_url(location):
        from cronicle.store import postgres

        return postgres.copied_to(location)
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.copied_to(folder)


def _folder(location: str) -> Path:
    if "://" in location:
        raise StoreError(
            f"{shown_url(location)!r} is not a location of a store.",
            "Name a folder with --store, or a database: postgresql://USER@HOST/DATABASE",
        )
    return Path(location).expanduser().absolute()
