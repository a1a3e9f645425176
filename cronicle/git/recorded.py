"""A folder written from git's objects, and the proof that nobody has changed it since.

Rules:

1. What is written is the blob, byte for byte, with mode 0644 or 0755 whatever the umask; links are links.
   Every step goes through the descriptor of the folder above, and creates: nothing is ever written through,
   or over, what is there.
2. The proof is inode, size, mode and change time (ctime) of every file, link and folder. Sizes and modification
   times can be forged (`utime`), a ctime only by setting the clock. That of a folder changes with every entry that
   is made, renamed or removed in it (POSIX, open(2) and its like: "shall mark for update"), so it also proves that
   there is nothing else, and nobody has to look.
3. Clocks of file systems tick coarsely (4 ms). A change in the same tick as the writing would leave the ctime
   equal, so writing ends only when the clock of the file system has moved on (git's "racy" entries).

No pygit2 here: checking must be cheap in a new process.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from cronicle.git.tree import EXECUTABLE, LINK, FolderContents

Stamp: TypeAlias = tuple[int, int, int, int]
"""Inode, size (of a folder: device), mode, ctime in nanoseconds."""

OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NANOSECONDS: Final = 1_000_000_000
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.frozen(eq=False, repr=False)
class RecordedFolder:
    """A folder as it was when it was written."""

    name: str
    stamp: Stamp
    files: tuple[tuple[str, Stamp], ...]
    """Files and links."""
    folders: tuple[RecordedFolder, ...]

    def count(self) -> int:
        """How many files and folders it holds, at all depths."""
        return len(self.files) + sum(1 + folder.count() for folder in self.folders)

    def to_json(self) -> list[Any]:
        """A value that `json` can write."""
        return [self.name, self.stamp, self.files, [folder.to_json() for folder in self.folders]]

    @classmethod
    def from_json(cls, value: Any) -> RecordedFolder:
        """The inverse of `to_json`; `ValueError` or `TypeError` for anything else."""
        name, stamp, files, folders = value
        if not isinstance(name, str):
            raise TypeError(name)
        return cls(
            name,
            _stamp(stamp),
            tuple((str(file), _stamp(its)) for file, its in files),
            tuple(cls.from_json(folder) for folder in folders),
        )

    def newest(self) -> int:
        """The latest ctime, in nanoseconds."""
        times = [self.stamp[3], *(stamp[3] for _, stamp in self.files)]
        return max([*times, *(folder.newest() for folder in self.folders)])


def write_folder(
    parent: int, name: str, contents: FolderContents, read: Callable[[str], bytes]
) -> RecordedFolder:
    """Creates the folder `name` below the open folder `parent`, with all its contents.

    Args:
        parent: A descriptor.
        name: Must not exist yet.
        contents: What to write; its own name is not looked at.
        read: Gives the bytes of a blob.

    Raises:
        OSError: It could not be written. What was written so far is the caller's to remove.
    """
    os.mkdir(name, 0o700, dir_fd=parent)
    folder = os.open(name, OPEN_FOLDER, dir_fd=parent)
    try:
        os.fchmod(folder, 0o755)
        files = tuple(
            (file.name, _write_file(folder, file.name, file.mode, read(file.id))) for file in contents.files
        )
        folders = tuple(write_folder(folder, inner.name, inner, read) for inner in contents.folders)
        return RecordedFolder(name, _folder_stamp(os.fstat(folder)), files, folders)
    finally:
        os.close(folder)


def wait_for_clock(folder: int, after: int) -> None:
    """Returns when a change in the file system of `folder` would get a ctime later than `after`.

    A clock that was set back by more than a second is not waited for: it gives other ctimes, too. The probe
    is a file that has lost its name, so that it leaves nothing behind.
    """
    name = f"clock-{os.urandom(8).hex()}"
    probe = os.open(name, _CREATE, 0o600, dir_fd=folder)
    try:
        os.unlink(name, dir_fd=folder)
        while 0 <= after - os.fstat(probe).st_ctime_ns < _NANOSECONDS:
            os.sched_yield()
            os.utime(probe)
    finally:
        os.close(probe)


def is_unchanged(parent: int, recorded: RecordedFolder) -> bool:
    """True if the folder below the open folder `parent` is what was recorded, down to the last entry."""
    try:
        return _matches(parent, recorded)
    except OSError:
        return False


def _matches(parent: int, recorded: RecordedFolder) -> bool:
    """As `is_unchanged`; what cannot be opened raises. Most of the cost of a snapshot, hence written out."""
    folder = os.open(recorded.name, OPEN_FOLDER, dir_fd=parent)
    try:
        if _folder_stamp(os.fstat(folder)) != recorded.stamp:
            return False
        for name, stamp in recorded.files:
            info = os.lstat(name, dir_fd=folder)
            if (info.st_ino, info.st_size, info.st_mode, info.st_ctime_ns) != stamp:
                return False
        for inner in recorded.folders:  # noqa: SIM110 - a generator costs more
            if not _matches(folder, inner):
                return False
        return True
    finally:
        os.close(folder)


def _write_file(folder: int, name: str, mode: int, content: bytes) -> Stamp:
    if mode == LINK:
        os.symlink(os.fsdecode(content), name, dir_fd=folder)
        return _file_stamp(os.stat(name, dir_fd=folder, follow_symlinks=False))
    file = os.open(name, _CREATE, 0o600, dir_fd=folder)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fchmod(file, 0o755 if mode == EXECUTABLE else 0o644)
        info = os.fstat(file)
    finally:
        os.close(file)
    if not stat.S_ISREG(info.st_mode) or info.st_size != len(content):
        raise OSError(f"{name} was not written as a whole")
    return _file_stamp(info)


def _file_stamp(info: os.stat_result) -> Stamp:
    return (info.st_ino, info.st_size, info.st_mode, info.st_ctime_ns)


def _folder_stamp(info: os.stat_result) -> Stamp:
    return (info.st_ino, info.st_dev, info.st_mode, info.st_ctime_ns)


def _stamp(value: Any) -> Stamp:
    inode, size, mode, ctime = (int(number) for number in value)
    return (inode, size, mode, ctime)
