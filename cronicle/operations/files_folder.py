"""Which store the files folder of a machine belongs to.

Rules:

1. A PostgreSQL store has one files folder, for all its processes. The folder carries the id of the store, and the
   store that of the folder, from the first command on that writes. So the logs, data and mirrors of two stores are
   never mixed, and those of one are never in two places.
2. A folder in which a SQLite store lies is that store's, and carries nothing. If it carries the id of another store,
   then this one was copied there with its files: it can be read, and is not written any more.
"""

from __future__ import annotations

import secrets
import shlex
import socket
from pathlib import Path

import msgspec
from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.folders import is_open_to_all, make_private_folder, put_file
from cronicle.operations.locate import FILES_MARK
from cronicle.store.files import FilesFolder
from cronicle.store.interface import Store
from cronicle.store.location import is_store_folder
from cronicle.store.reading import StoreReader
from cronicle.store.url import is_url, shown_url
from cronicle.values import Value


@frozen(eq=False, repr=False)
class Belonging(Value):
    """What the mark of a files folder says: `{"store": ID, "location": WHERE, "folder": ID}`."""

    store: str
    """The id of the store that it belongs to."""
    location: str
    """Where the store was when the folder was given to it, without a password."""
    folder: str
    """The id of the folder."""


def belonging_of(files: Path) -> Belonging | None:
    """Which store a files folder belongs to; None if it does not say.

    Raises:
        CronicleError: What it says cannot be read.
    """
    path = files / FILES_MARK
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        return Belonging(found["store"], found["location"], found["folder"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError) as error:
        raise CronicleError(
            f"it cannot be read which store the files folder {files} belongs to: {error}",
            f"Remove {path} if you know that its files are those of the store that you use.",
        ) from error


def check_files(files: Path, store: StoreReader, location: str) -> None:
    """See to it that a files folder is not another store's, nor another folder than that of the store.

    Raises:
        CronicleError: It is; the message says whose, and what to do.
    """
    found = belonging_of(files)
    if found is not None and found.store != store.get_store_id():
        raise of_another(files, found, location)
    if not is_url(location):
        return
    bound = store.find_files_folder()
    if bound is not None and (found is None or found.folder != bound.id):
        raise _elsewhere(files, bound, store, location)
    if found is None and is_store_folder(files):
        raise _of_sqlite(files, location)


def check_free(files: Path, location: str) -> None:
    """See to it that a files folder may be used for a store that is not there yet.

    Raises:
        CronicleError: It is another store's; the message says whose, and what to do.
    """
    found = belonging_of(files)
    if found is not None and is_url(location):
        raise of_another(files, found, location)
    if found is not None:
        raise CronicleError(
            f"the folder {files} has the files of the store {found.location}, and no store of its own",
            f"Use that one: --store {found.location}, CRONICLE_STORE, or `store` in the settings file. "
            "For a new store name another folder with --store.",
        )
    if is_url(location) and is_store_folder(files):
        raise _of_sqlite(files, location)


def take_files(files: Path, store: Store, location: str) -> None:
    """Use a files folder for a store that is about to be written: the two belong together from now on.

    Raises:
        CronicleError: It belongs to another store, or the store has another one, or it cannot be used.
    """
    check_files(files, store, location)
    if not is_url(location):
        return
    if is_open_to_all(files):
        raise CronicleError(
            f"Every user of this machine may write into the files folder {files}, and so change what is executed.",
            f"Take that right away with `chmod o-w {files}`, or name another folder with --files.",
        )
    if belonging_of(files) is None:
        mark = Belonging(store.get_store_id(), shown_url(location), secrets.token_hex(8))
        _put_mark(files, mark, replace=False)
    check_files(files, store, location)  # another process may have been faster
    bind_folder(files, store, location)


def bind_folder(files: Path, store: Store, location: str) -> None:
    """Have a store know its files folder, which carries its id.

    Raises:
        CronicleError: It has another one.
    """
    found = belonging_of(files)
    assert found is not None
    bound = store.bind_files_folder(FilesFolder(id=found.folder, host=socket.gethostname(), path=str(files)))
    if bound.id != found.folder:
        raise _elsewhere(files, bound, store, location)


def give_files(files: Path, store_id: str, location: str) -> None:
    """Have a files folder belong to another store than so far.

    Raises:
        CronicleError: It cannot be written.
    """
    found = belonging_of(files)
    folder = secrets.token_hex(8) if found is None else found.folder
    _put_mark(files, Belonging(store_id, shown_url(location), folder), replace=True)


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


def _put_mark(files: Path, mark: Belonging, *, replace: bool) -> None:
    content = _mark_text(mark.store, mark.location, mark.folder).encode() + b"\n"
    try:
        make_private_folder(files)
        put_file(files / FILES_MARK, content, replace=replace)
    except OSError as error:
        raise CronicleError(
            f"the files folder {files} cannot be used: {error.strerror}",
            "Choose another one with --files, or give yourself write permission on it.",
        ) from error


def _mark_text(store: str, location: str, folder: str) -> str:
    return msgspec.json.encode({"store": store, "location": location, "folder": folder}).decode()


def _elsewhere(files: Path, bound: FilesFolder, store: StoreReader, location: str) -> CronicleError:
    mark = _mark_text(store.get_store_id(), shown_url(location), bound.id)
    return CronicleError(
        f"the files of the store {shown_url(location)} are in {bound.path} on {bound.host}; "
        f"{files} is another folder",
        "Name that folder with --files, CRONICLE_FILES, or `files` in the settings file: all processes of a store "
        f"use one. If it is lost for good, take the new one by saying so: mkdir -p {shlex.quote(str(files))} && "
        f"echo {shlex.quote(mark)} > {shlex.quote(str(files / FILES_MARK))}",
    )


def _of_sqlite(files: Path, location: str) -> CronicleError:
    return CronicleError(
        f"the files folder {files} belongs to the SQLite store that lies in it, not to {shown_url(location)}",
        f"To go on there with its history: cronicle db copy {files} {shown_url(location)}. "
        "To begin without it, name another folder with --files, CRONICLE_FILES, or `files` in the settings file.",
    )
