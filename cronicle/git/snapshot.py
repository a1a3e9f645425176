"""Clean snapshots: folders with exactly the files of a revision, lent to one attempt at a time.

Rules:

1. Nothing that a task does in a snapshot is ever seen by another attempt: before a folder is lent again all
   of it is checked (`cronicle.git.recorded`), and one that differs is renamed away and made anew. A used
   folder is never repaired, hence never written through.
2. A folder has its final name only when it is complete and recorded; what a dead process left half made, or
   half deleted, is removed.
3. Processes share the pool. Who has a folder holds a lock (flock) on it, which ends with the process, however
   it ends; then the folder may be adopted by another, by the record beside it. Records of an earlier boot are
   not trusted, as they are not synced: a loss of power could have kept names and lost bytes.
4. All is done below the pool's folder, which is held open, and by descriptors.

In the pool: `<revision>-<token>/` with `tree/` (the snapshot) and `record.json`; `new-*`, `trash-*`.
Lending a folder again needs no git: pygit2 is imported by the first one that must be made.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from cronicle.folders import make_private_folder
from cronicle.git.errors import GitError, UnknownRevision
from cronicle.git.recorded import OPEN_FOLDER, RecordedFolder, is_unchanged, wait_for_clock, write_folder
from cronicle.git.removal import TRASH, fresh_name, move_to_trash, remove_folder
from cronicle.git.tree import MAX_BYTES, MAX_FILES, Contents, checked_contents

if TYPE_CHECKING:
    from cronicle.git.mirror import Mirror

MAX_IDLE: Final = 32
"""Folders kept for reuse; each costs its size on disk, and a descriptor."""

_NEW: Final = "new-"
_TREE: Final = "tree"
_RECORD: Final = "record.json"
_RECORD_VERSION: Final = 1
_REVISION: Final = re.compile(r"[0-9a-f]{40}")
_SLOT: Final = re.compile(r"[0-9a-f]{40}-[0-9a-f]{16}")
_ATTEMPTS: Final = 8
_CHECKED_KEPT: Final = 4  # checked trees remembered, for folders that are made again and again


@attrs.frozen(eq=False, repr=False)
class Snapshot:
    """A folder with the files of a revision, for one attempt."""

    revision: str
    path: Path
    """The root of the repository's tree."""
    submodules: tuple[str, ...]
    """Paths of submodules: their folders are there, and empty."""
    slot: _Slot = attrs.field(repr=False)

    @property
    def is_adopted(self) -> bool:
        """True if another process left it, and this is the first time that it is lent here.

        That process may have died and left survivors that work there still; only the caller can tell.
        """
        return self.slot.is_adopted

    @property
    def entries(self) -> int:
        """How many files and folders it has: what checking it costs."""
        return self.slot.record.count()


@attrs.define(eq=False, repr=False)
class _Slot:
    """A folder of the pool that this process holds."""

    revision: str
    name: str
    lock: int
    """Descriptor of the folder, with the lock on it."""
    record: RecordedFolder
    submodules: tuple[str, ...]
    path: Path
    lent: bool = True
    is_adopted: bool = False


class SnapshotPool:
    """Lends snapshots. May be used by several threads; several processes may use one folder.

    Args:
        folder: The pool's folder, made if needed (mode 0700).
        open_mirror: Called once, when the first folder has to be made.
        max_idle: Folders kept for reuse, by this process and by all that have ended.
        max_files: Entries of the largest tree that is accepted.
        max_bytes: Bytes of all files of the largest tree that is accepted.
    """

    def __init__(
        self,
        folder: Path,
        open_mirror: Callable[[], Mirror],
        *,
        max_idle: int = MAX_IDLE,
        max_files: int = MAX_FILES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.folder = folder
        self._open_mirror = open_mirror
        self._max_idle = max_idle
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._idle: list[_Slot] = []  # the longest unused first
        self._guard = threading.Lock()
        self._making = threading.Lock()  # one thread at a time uses the mirror
        self._mirror: Mirror | None = None
        self._checked: dict[str, Contents] = {}
        self._is_tidy = False
        try:
            make_private_folder(folder)
            self._pool = os.open(folder, OPEN_FOLDER)
        except OSError as error:
            raise self._failure(error) from error

    def acquire(self, revision: str, *, adopt: bool = True) -> Snapshot:
        """A clean folder with the files of a revision, for the caller alone until `release` or `discard`.

        Args:
            revision: The full id of a commit.
            adopt: Whether a folder that an ended process left will do.

        Raises:
            UnsafeTree: The revision has an entry that may not be written; names it.
            UnknownRevision: The mirror has no such commit.
            BadRepository: The mirror lacks an object of it.
            GitError: The pool's folder cannot be written; the disk may be full.
        """
        while (slot := self._take_idle(revision)) is not None:
            if is_unchanged(slot.lock, slot.record):
                return _lent(slot)
            self._discard(slot)
        if not _REVISION.fullmatch(revision):
            raise UnknownRevision.named(revision, self.folder, "is not the full id of a commit, asked")
        try:
            return _lent((self._adopted(revision) if adopt else None) or self._made(revision))
        except OSError as error:
            raise self._failure(error) from error

    def release(self, snapshot: Snapshot) -> None:
        """Takes a snapshot back, in whatever state; nothing may write there any more.

        Raises:
            ValueError: It was given back before.
        """
        slot = snapshot.slot
        with self._guard:
            if not slot.lent:
                raise ValueError(f"{snapshot.path} was released before")
            slot.lent = slot.is_adopted = False
            self._idle.append(slot)
            surplus = self._idle.pop(0) if len(self._idle) > self._max_idle else None
        if surplus is not None:
            self._discard(surplus)

    def discard(self, snapshot: Snapshot) -> None:
        """Takes a snapshot back that nobody is to have again."""
        with self._guard:
            snapshot.slot.lent = False
        self._discard(snapshot.slot)

    def close(self) -> None:
        """Leaves idle folders to other processes, and removes those beyond `max_idle` that nobody uses.

        Snapshots that are still lent stay locked until this process ends.
        """
        with self._guard:
            idle, self._idle = self._idle, []
        for slot in idle:
            with suppress(OSError):
                os.utime(slot.lock)  # so that those last used are kept
            os.close(slot.lock)
        self._tidy()

    def _take_idle(self, revision: str) -> _Slot | None:
        with self._guard:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].revision == revision:
                    slot = self._idle.pop(index)
                    slot.lent = True
                    return slot
        return None

    def _adopted(self, revision: str) -> _Slot | None:
        """A folder that an ended process left, if there is one and it is clean."""
        for name in os.listdir(self._pool):
            if not name.startswith(f"{revision}-") or (lock := self._claim(name)) is None:
                continue
            recorded = _read_record(lock)
            if recorded is not None and is_unchanged(lock, recorded[0]):
                slot = self._slot(revision, name, lock, *recorded)
                slot.is_adopted = True
                return slot
            self._remove(name, lock)
        return None

    def _made(self, revision: str) -> _Slot:
        """A new folder, complete and recorded."""
        with self._making:
            if not self._is_tidy:
                self._tidy()
            if self._mirror is None:
                self._mirror = self._open_mirror()
            contents = self._checked_contents(self._mirror, revision)
            name, lock = self._new_folder()
            try:
                record = write_folder(lock, _TREE, contents.root, self._mirror.read_object)
                _write_record(lock, record, contents.submodules)
                wait_for_clock(lock, record.newest())
                final = fresh_name(f"{revision}-")
                os.rename(name, final, src_dir_fd=self._pool, dst_dir_fd=self._pool)
            except BaseException:
                self._remove(name, lock)
                raise
        return self._slot(revision, final, lock, record, contents.submodules)

    def _checked_contents(self, mirror: Mirror, revision: str) -> Contents:
        contents = self._checked.get(revision)
        if contents is None:
            reader = mirror.reader(revision)
            contents = checked_contents(reader, max_files=self._max_files, max_bytes=self._max_bytes)
            while len(self._checked) >= _CHECKED_KEPT:
                del self._checked[next(iter(self._checked))]
            self._checked[revision] = contents
        return contents

    def _new_folder(self) -> tuple[str, int]:
        """A new empty folder, and the descriptor that holds its lock."""
        for _ in range(_ATTEMPTS):
            name = fresh_name(_NEW)
            os.mkdir(name, 0o700, dir_fd=self._pool)
            if (lock := self._claim(name)) is not None:  # else somebody tidied up just now
                return name, lock
        raise OSError(errno.ENOLCK, "this file system cannot lock folders")

    def _claim(self, name: str) -> int | None:
        """Locks a folder of the pool; None if another has it, or it is gone."""
        try:
            lock = os.open(name, OPEN_FOLDER, dir_fd=self._pool)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(name, dir_fd=self._pool, follow_symlinks=False).st_ino == os.fstat(lock).st_ino:
                return lock
        except OSError:
            pass
        os.close(lock)
        return None

    def _discard(self, slot: _Slot) -> None:
        self._remove(slot.name, slot.lock)

    def _remove(self, name: str, lock: int) -> None:
        """Deletes a folder whose lock is held; what cannot be deleted now is out of use, and tried again."""
        try:
            remove_folder(self._pool, move_to_trash(self._pool, name))
        except OSError:
            self._is_tidy = False
        finally:
            os.close(lock)

    def _tidy(self) -> None:
        """Removes what dead processes left, and unused folders beyond the bound, the longest unused first."""
        self._is_tidy = True
        kept: list[tuple[int, str]] = []
        for name in os.listdir(self._pool):
            if name.startswith((_NEW, TRASH)):
                self._remove_unused(name)
            elif _SLOT.fullmatch(name):
                with suppress(OSError):
                    kept.append((os.stat(name, dir_fd=self._pool, follow_symlinks=False).st_mtime_ns, name))
        kept.sort(reverse=True)
        for _, name in kept[self._max_idle :]:
            self._remove_unused(name)

    def _remove_unused(self, name: str) -> None:
        lock = self._claim(name)
        if lock is not None:
            self._remove(name, lock)

    def _slot(
        self, revision: str, name: str, lock: int, record: RecordedFolder, submodules: tuple[str, ...]
    ) -> _Slot:
        return _Slot(revision, name, lock, record, submodules, self.folder / name / _TREE)

    def _failure(self, error: OSError) -> GitError:
        return GitError(
            f"no snapshot could be made in {self.folder}: {error.strerror or error}",
            "Check the free space of the disk (`df`) and the owner of the folder.",
        )


def _lent(slot: _Slot) -> Snapshot:
    return Snapshot(slot.revision, slot.path, slot.submodules, slot)


def _write_record(folder: int, record: RecordedFolder, submodules: tuple[str, ...]) -> None:
    value = {"version": _RECORD_VERSION, "boot": _boot(), "submodules": submodules, "tree": record.to_json()}
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(_RECORD, flags, 0o600, dir_fd=folder), "w", encoding="ascii") as stream:
        json.dump(value, stream, separators=(",", ":"))


def _read_record(folder: int) -> tuple[RecordedFolder, tuple[str, ...]] | None:
    """The record of a folder and its submodules, or None if it is missing, damaged, or of an earlier boot."""
    try:
        descriptor = os.open(
            _RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder
        )
        with open(descriptor, encoding="ascii") as stream:
            value: Any = json.load(stream)
        boot = _boot()
        if value["version"] != _RECORD_VERSION or not boot or value["boot"] != boot:
            return None
        record = RecordedFolder.from_json(value["tree"])
        return (record, tuple(map(str, value["submodules"]))) if record.name == _TREE else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _boot() -> str:
    """What names this boot of the machine; empty where nothing does, and then nothing is adopted."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
