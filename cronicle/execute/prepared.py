"""The places of what `prepare` blocks make, below the files folder of a machine.

    prepared/HOST/PROJECT/KEY/lock          whoever makes or uses it holds a lock (flock) on this
                              files/        what was made: `$CRONICLE_PREPARED`, `prepare.NAME.path`
                              making.json   the attempt that makes it, or has died of it
                              made.json     it is complete; its time of change is that of the last use
                              failed.json   how making it failed last

Rules:

1. It is made where it stays, since many things (a virtual environment) know their own path. It counts only once
   `made.json` says so, which is written when all of it is durable, and only at the path that this names.
2. Who makes it holds the lock alone, who uses it shares it; the kernel frees the lock when a process ends, however it
   ends. So what is used is not removed, and what a dead process has left half made is made anew by the next.
3. What that process has started may live on for a moment and write there. `making.json` has the token that it carries
   in its environment, so that it can be ended before the place is used again.
4. What is made is shared, so nobody may change it: the right to write it is taken away. A file that has another name
   elsewhere (package managers link from their caches) belongs to others as well, and keeps its rights.
5. A place is renamed away before it is removed; whoever has just opened it sees that, and begins again.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import os
import socket
import stat
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from attrs import frozen

from cronicle.execute.belonging import LINUX
from cronicle.execute.places import OPEN_FOLDER, safe_name
from cronicle.folders import make_private_folder, put_file
from cronicle.git.removal import TRASH, remove_folder
from cronicle.names import task_label
from cronicle.values import Value

PREPARED = "prepared"
FILES = "files"
_LOCK, _MAKING, MADE, _FAILED = "lock", "making.json", "made.json", "failed.json"

_VERSION = 1
_ATTEMPTS = 8
"""So often a place is opened again that was removed, or completed, while it was opened."""

T = TypeVar("T")


class NothingMadeError(Exception):
    """A preparation has ended well, and there is nothing to use; the message is a sentence for people."""


class Entry(Enum):
    """What a place was when it was entered."""

    READY = auto()
    """It is complete, and stays until it is left."""
    TO_MAKE = auto()
    """It is not there, and whoever entered is alone there, to make it."""
    BUSY = auto()
    """Somebody makes or removes it; nothing was entered."""


@frozen(kw_only=True, eq=False, repr=False)
class Maker(Value):
    """The attempt for which something is made."""

    run: str
    task: str
    key: str | None
    attempt: int
    token: str

    @property
    def label(self) -> str:
        """It for people: `7K2M9QX4TA/report#1`."""
        return f"{self.run}/{task_label(self.task, self.key)}#{self.attempt}"


@frozen(kw_only=True, eq=False, repr=False)
class Failure(Value):
    """How making something failed."""

    maker: Maker
    detail: str
    """A sentence."""


@frozen(kw_only=True, eq=False, repr=False)
class Made(Value):
    """What `made.json` says."""

    version: int
    path: str
    name: str
    """Of the block; for people."""
    size: int
    """Bytes on the disk."""
    maker: Maker


def prepared_path(files: Path, project: str, key: str) -> Path:
    """Where on this machine the files are that a preparation makes, made or not."""
    return files / PREPARED / _host() / safe_name(project) / key / FILES


@functools.cache
def _host() -> str:
    """This machine as a part of a path: some share a files folder, and do not share what was made on one of them."""
    return safe_name(socket.gethostname())


class PreparedPlace:
    """The place of one preparation on this machine. To be left by whoever has entered it."""

    def __init__(self, files: Path, project: str, key: str) -> None:
        """Makes nothing yet."""
        self.path = prepared_path(files, project, key)
        self._folder = self.path.parent
        self._lock = -1

    def enter(self) -> Entry:
        """Take what lock the place allows now; waits for nobody.

        Raises:
            OSError: The place cannot be made or locked.
        """
        for _ in range(_ATTEMPTS):
            make_private_folder(self._folder)
            is_made = self._is_made()
            try:
                lock = self._try_lock(fcntl.LOCK_SH if is_made else fcntl.LOCK_EX)
            except FileNotFoundError:  # it was removed meanwhile
                continue
            if lock is None:
                return Entry.BUSY
            if self._is_there(lock) and self._is_made() == is_made:
                self._lock = lock
                if not is_made:
                    return Entry.TO_MAKE
                self._note_use()
                return Entry.READY
            os.close(lock)  # it was removed or completed meanwhile
        return Entry.BUSY

    def leave(self) -> None:
        """Let go of the place, if it was entered."""
        if self._lock >= 0:
            if self._is_made():
                self._note_use()
            os.close(self._lock)
            self._lock = -1

    def maker(self) -> Maker | None:
        """Who makes it; where nobody can, who has died of it."""
        return self._read(_MAKING, Maker)

    def failure(self) -> Failure | None:
        """How making it failed last."""
        return self._read(_FAILED, Failure)

    def begin(self, maker: Maker) -> None:
        """Make the empty folder in which it is to be made; what is left of an earlier attempt is removed.

        Raises:
            OSError: The disk does not take it, or something cannot be removed.
        """
        self._clear()
        put_file(self._folder / _MAKING, msgspec.json.encode(maker), replace=True)
        self.path.mkdir(mode=0o700)

    def finish(self, name: str, maker: Maker) -> None:
        """Have it count: it is read-only, durable and complete.

        Raises:
            NothingMadeError: There is nothing.
            OSError: The disk does not take it.
        """
        size = _make_read_only(self.path)
        _sync(self.path)
        made = Made(version=_VERSION, path=self._real_path, name=name, size=size, maker=maker)
        put_file(self._folder / MADE, msgspec.json.encode(made), replace=True)
        for passed in (_MAKING, _FAILED):
            (self._folder / passed).unlink(missing_ok=True)

    def give_up(self, failure: Failure | None) -> None:
        """Remove what was begun, of which nobody is at work any more, and let go of the place.

        Args:
            failure: What those are told who wait for it; None if it was no fault of what is made, and the next of
                them is to make it.
        """
        try:
            with suppress(OSError):  # whoever makes it next tries again
                self._clear()
                if failure is not None:
                    put_file(self._folder / _FAILED, msgspec.json.encode(failure), replace=True)
                (self._folder / _MAKING).unlink(missing_ok=True)
        finally:
            self.leave()

    def _clear(self) -> None:
        (self._folder / MADE).unlink(missing_ok=True)
        folder = os.open(self._folder, OPEN_FOLDER)
        try:
            remove_all(folder, {FILES, *(name for name in os.listdir(folder) if name.startswith(TRASH))})
        finally:
            os.close(folder)

    def _try_lock(self, kind: int) -> int | None:
        lock = open_lock(self._folder)
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError:
            os.close(lock)
            raise
        return lock

    def _is_there(self, lock: int) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(lock), os.stat(self._folder / _LOCK, follow_symlinks=False))
        return False

    def _is_made(self) -> bool:
        return self._read(MADE, Made) is not None and self.path.is_dir()

    @property
    def _real_path(self) -> str:
        return os.path.realpath(self.path)

    def _note_use(self) -> None:
        with suppress(OSError):
            os.utime(self._folder / MADE)

    def _read(self, name: str, kind: type[T]) -> T | None:
        found = read_record(self._folder / name, kind)
        if isinstance(found, Made) and (found.version, found.path) != (_VERSION, self._real_path):
            return None  # it was moved here, and knows another path
        return found


def open_lock(place: Path) -> int:
    """Open the lock of a place, for writing: network file systems lock alone only what may be written."""
    return os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def read_record(path: Path, kind: type[T]) -> T | None:
    """What a file beside what was made says; None if it is not there, or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError):
        return None


# Finishing


def _make_read_only(path: Path) -> int:
    """Take away the right to write a folder and all below it; its bytes on the disk.

    Raises:
        NothingMadeError: It is empty, or no folder any more.
        OSError: Something cannot be changed (another user's).
    """
    try:
        top = os.open(path, OPEN_FOLDER)
    except OSError as error:
        raise NothingMadeError("It has removed the folder $CRONICLE_PREPARED, or replaced it.") from error
    try:
        if not os.listdir(top):
            raise NothingMadeError(
                "It has written nothing into $CRONICLE_PREPARED, and that is all that is kept of it."
            )
        size = 0
        for _, _, names, folder in os.fwalk(".", topdown=False, follow_symlinks=False, dir_fd=top):
            size += sum(_without_writing(name, folder) for name in names)
            _take_away(folder)
    except RecursionError as error:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(path)) from error
    finally:
        os.close(top)
    return size


def _without_writing(name: str, folder: int) -> int:
    """Takes the right to write away from a file that has no other name; its bytes on the disk."""
    info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and info.st_mode & 0o222:
        os.chmod(name, stat.S_IMODE(info.st_mode) & ~0o222, dir_fd=folder)
    return info.st_blocks * 512


def _take_away(folder: int) -> None:
    os.fchmod(folder, stat.S_IMODE(os.fstat(folder).st_mode) & ~0o222)


def _sync(path: Path) -> None:
    """Make all that was written below a folder durable: its file system, which is quicker than file by file.

    Raises:
        OSError: The disk does not take it.
    """
    if not LINUX:
        os.sync()
        return
    folder = os.open(path, OPEN_FOLDER)
    try:
        libc: Any = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(folder) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(folder)


def remove_all(parent: int, names: set[str]) -> None:
    """Remove what has these names in an open folder, whatever it is.

    Raises:
        OSError: Something cannot be removed.
    """
    for name in names:
        try:
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            continue
        if is_folder:
            remove_folder(parent, name)
        else:
            os.unlink(name, dir_fd=parent)
