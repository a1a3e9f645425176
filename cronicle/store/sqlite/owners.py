"""Owners of runs on one machine: a process is alive exactly while it holds the lock on its file.

Each owner has `owners/ID.lock` and holds an exclusive flock(2) on it for its whole life. The kernel frees the
lock when the process ends, however it ends, so death needs no clock. flock belongs to an open file, not to a
process: asking about an owner of this very process is not fooled, and a child does not inherit it (the file
is closed on exec).

Asking takes a shared lock for a moment, so that any number may ask at once; whoever wants the exclusive lock
and meets only askers tries again.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path

from cronicle.store.interface import StoreError
from cronicle.store.relational.connection import Connection
from cronicle.store.sqlite.filesystem import FILE_MODE, make_folder

_OWNER_ID = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")

_TRIES, _PAUSE = 200, 0.001
"""How often, and with how many seconds between, an exclusive lock is tried that only askers stand in the way of."""


class OwnerLocks:
    """The lock files in a store's folder, and those of them that this object holds."""

    lease_seconds: float | None = None

    def __init__(self, folder: Path, connection: Connection) -> None:
        self._folder = folder / "owners"
        self._connection = connection
        self._held: dict[str, int] = {}

    def close(self) -> None:
        """Let go of all locks: from now on their owners are dead."""
        while self._held:
            os.close(self._held.popitem()[1])

    def path_of(self, owner: str) -> Path:
        """The lock file of an owner; StoreError for an id that cannot be a file's name."""
        if not _OWNER_ID.match(owner):
            raise StoreError(
                f"{owner!r} cannot be the id of an owner", "The store may be damaged: check its disk."
            )
        return self._folder / f"{owner}.lock"

    def is_alive(self, owner: str) -> bool:
        """True while somebody, here or elsewhere, holds the lock of that owner."""
        if owner in self._held:
            return True
        try:
            descriptor = os.open(self.path_of(owner), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unusable(self._folder, error) from error
        try:
            return not _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def take(self, owner: str) -> bool:
        """Take the lock of an owner and keep it; False if somebody holds it."""
        if owner in self._held:
            return False
        path = self.path_of(owner)
        make_folder(self._folder)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        if _lock_among_askers(descriptor):
            self._held[owner] = descriptor
            return True
        os.close(descriptor)
        return False

    def note(self, owner: str, epoch: int) -> None:
        """Nothing to note: the lock says all."""

    def claim(self, dead: str) -> bool:
        """Take the lock of a dead owner; False if somebody holds it, or nobody knows that owner (any more)."""
        if not self._is_known(dead) or not self.take(dead):
            return False
        if self._is_known(dead):
            return True
        self.drop(dead)  # somebody settled it while the lock was taken
        return False

    def _is_known(self, owner: str) -> bool:
        return self._connection.row("SELECT 1 FROM owner WHERE id = ?", (owner,)) is not None

    def renew(self, owner: str) -> bool:  # noqa: ARG002 - so is the contract
        """A lock needs no renewal."""
        return True

    def is_held(self, owner: str) -> bool:  # noqa: ARG002 - so is the contract
        """A process that lives is never settled by another, so it may write whatever it wants to."""
        return True

    def asked(self, owner: str) -> None:
        """Nothing is asked for that."""

    def leave(self, dead: str) -> None:
        """Let go of a lock, if held."""
        descriptor = self._held.pop(dead, None)
        if descriptor is not None:
            os.close(descriptor)

    def drop(self, owner: str) -> None:
        """Remove the lock file of an owner that is no more, and let go of its lock."""
        self.path_of(owner).unlink(missing_ok=True)
        self.leave(owner)


def _lock_among_askers(descriptor: int) -> bool:
    for _ in range(_TRIES):
        if _try_lock(descriptor, fcntl.LOCK_EX):
            return True
        if not _try_lock(descriptor, fcntl.LOCK_SH):
            return False  # somebody holds it for himself
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(_PAUSE)  # noqa: TID251 - a millisecond, and only when somebody asks at this very moment
    return False


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the folder {folder} cannot be used: {error.strerror}",
        "Give yourself read and write permission on it and the files in it.",
    )
