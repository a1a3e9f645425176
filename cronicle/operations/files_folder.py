"""Which store the files folder of a machine belongs to.

Rules:

1. A folder carries the id of its store in a file of its own, made by the first command that writes the store with it.
   Logs, data and mirrors of one store are never mixed with those of another.
2. A folder in which a SQLite store lies is that store's, and needs no such file. If it has one that names another
   store, then this one was copied there with its files: it can be read, and is not written any more.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.folders import is_open_to_all, make_private_folder, put_private_file
from cronicle.store.location import is_store_folder
from cronicle.store.reading import StoreReader
from cronicle.store.url import is_url, shown_url
from cronicle.values import Value

MARK = "belongs-to.json"
"""The file that says so: `{"store": ID, "location": WHERE}`."""


@frozen(eq=False, repr=False)
class Belonging(Value):
    """The store that a files folder belongs to."""

    store: str
    """Its id."""
    location: str
    """Where it was when the folder was given to it, without a password."""


def belonging_of(files: Path) -> Belonging | None:
    """Which store a files folder belongs to; None if it does not say.

    Raises:
        CronicleError: What it says cannot be read.
    """
    path = files / MARK
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        return Belonging(found["store"], found["location"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError) as error:
        raise CronicleError(
            f"it cannot be read which store the files folder {files} belongs to: {error}",
            f"Remove {path} if you know that its files are those of the store that you use.",
        ) from error


def check_files(files: Path, store: StoreReader, location: str) -> None:
    """See to it that a files folder is not another store's.

    Raises:
        CronicleError: It is; the message says whose, and what to do.
    """
    found = belonging_of(files)
    if found is not None and found.store != store.get_store_id():
        raise of_another(files, found, location)
    if found is None and is_url(location) and is_store_folder(files):
        raise _of_sqlite(files, location)


def take_files(files: Path, store: StoreReader, location: str) -> None:
    """Use a files folder for a store that is about to be written: it belongs to the store from now on.

    Raises:
        CronicleError: It belongs to another store, or cannot be used.
    """
    check_files(files, store, location)
    if not is_url(location):
        return
    if is_open_to_all(files):
        raise CronicleError(
            f"Every user of this machine may write into the files folder {files}, and so change what is executed.",
            f"Take that right away with `chmod o-w {files}`, or name another folder with --files.",
        )
    if belonging_of(files) is None and not _put_mark(files, store.get_store_id(), location, replace=False):
        check_files(files, store, location)  # another process was faster


def give_files(files: Path, store_id: str, location: str) -> None:
    """Have a files folder belong to another store than so far.

    Raises:
        CronicleError: It cannot be written.
    """
    _put_mark(files, store_id, location, replace=True)


def was_copied_to(store: StoreReader, location: str) -> str | None:
    """Where the store is that a SQLite store was copied to with its files; None if it was not."""
    if is_url(location) or (found := belonging_of(Path(location))) is None:
        return None
    return None if found.store == store.get_store_id() else found.location


def of_another(files: Path, found: Belonging, location: str) -> CronicleError:
    """What is said where a files folder is to be used for a store that is not its own."""
    if not is_url(location):
        return CronicleError(
            f"the store {location} was copied to {found.location}, which has its files from then on, "
            "so this one is not written any more",
            f"Use that store: --store {found.location}, CRONICLE_STORE, or `store` in the settings file. "
            f"To come back here: cronicle db copy {found.location} FOLDER",
        )
    return CronicleError(
        f"the files folder {files} belongs to the store {found.location} (id {found.store}), "
        f"not to {shown_url(location)}",
        "Name the folder that has the files of this store with --files, CRONICLE_FILES, or `files` in the settings "
        "file; for a new store any folder that is not there yet.",
    )


def _put_mark(files: Path, store_id: str, location: str, *, replace: bool) -> bool:
    content = msgspec.json.encode({"store": store_id, "location": shown_url(location)}) + b"\n"
    try:
        make_private_folder(files)
        return put_private_file(files / MARK, content, replace=replace)
    except OSError as error:
        raise CronicleError(
            f"the files folder {files} cannot be used: {error.strerror}",
            "Choose another one with --files, or give yourself write permission on it.",
        ) from error


def _of_sqlite(files: Path, location: str) -> CronicleError:
    return CronicleError(
        f"the files folder {files} belongs to the SQLite store that lies in it, not to {shown_url(location)}",
        f"To go on there with its history: cronicle db copy {files} {shown_url(location)}. "
        "To begin without it, name another folder with --files, CRONICLE_FILES, or `files` in the settings file.",
    )
