"""Opening the store at a location that was given: the folder of a SQLite store, or a PostgreSQL URL.

Which location a command means (option, environment, settings, project) is for the caller to find.
"""

from __future__ import annotations

from pathlib import Path

from cronicle.store.interface import Store, StoreError, StoreReader


def open_store(location: str, *, create: bool) -> Store:
    """Open a store for writing; with `create` a new one is made where there is none.

    Raises:
        UnknownError: There is none, and `create` is false.
        StoreError: It cannot be used; the message says why.
    """
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.open_store(folder, create=create)


def open_reader(location: str) -> StoreReader:
    """Open a store for reading; nothing is made or changed.

    Raises:
        UnknownError: There is none.
        StoreError: It cannot be used; the message says why.
    """
    folder = _folder(location)
    from cronicle.store import sqlite

    return sqlite.open_reader(folder)


def _folder(location: str) -> Path:
    if location.startswith(("postgresql:", "postgres:")):
        raise StoreError(
            "a PostgreSQL store cannot be used yet: this version keeps its state in a folder",
            "Name a folder with --store, or leave it out to use `.cronicle/` in the project's folder.",
        )
    if "://" in location:
        raise StoreError(f"{location!r} is not a location of a store.", "Name a folder with --store.")
    return Path(location).expanduser().absolute()
