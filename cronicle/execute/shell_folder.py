"""The folder in which somebody works in a task's place (`cronicle shell`): private, and gone afterwards.

    shells/NAME/files       the files of the run's revision, or of the task's source
                run-data    a copy of what the tasks of the run had for each other
                data        what stands for the lasting folder
                scratch, output, summary, script, bin

Whoever works there holds a lock on the folder, which ends with the process, however it ends; one that nobody holds
was left by a process that died, and is removed by the next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cronicle.execute.places import run_folder_name, special_files
from cronicle.folders import PRIVATE, make_private_folder
from cronicle.git.recorded import OPEN_FOLDER, write_folder
from cronicle.git.removal import fresh_name, remove_folder
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.git.tree import Contents

SHELLS = "shells"
_START = "shell-"


class Data(StrEnum):
    """What `$CRONICLE_DATA` is there."""

    EMPTY = "empty"
    COPY = "copy"
    REAL = "real"


@frozen(eq=False, repr=False)
class ShellPlaces(Value):
    """Where things are in such a folder; nothing needs to exist."""

    root: Path

    @property
    def files(self) -> Path:
        """The files of the revision: the root of the repository's tree."""
        return self.root / "files"

    @property
    def run_data(self) -> Path:
        """The copy of the run's data."""
        return self.root / "run-data"

    @property
    def data(self) -> Path:
        """What stands for the lasting folder."""
        return self.root / "data"

    @property
    def scratch(self) -> Path:
        """Where `$CRONICLE_SCRATCH` points."""
        return self.root / "scratch"

    @property
    def output(self) -> Path:
        """Where `$CRONICLE_OUTPUT` points."""
        return self.root / "output"

    @property
    def summary(self) -> Path:
        """Where `$CRONICLE_SUMMARY` points."""
        return self.root / "summary"

    @property
    def script(self) -> Path:
        """The text of a script."""
        return self.root / "script"

    @property
    def bin(self) -> Path:
        """The folder of `cronicle-task`."""
        return self.root / "bin"


@contextmanager
def shell_folder(files: Path) -> Iterator[ShellPlaces]:
    """A folder to work in, with nothing but the empty `scratch` and `bin`; removed at the end.

    Raises:
        OSError: It cannot be made.
    """
    make_private_folder(files / SHELLS)
    parent = os.open(files / SHELLS, OPEN_FOLDER)
    try:
        _remove_left(parent)
        name = fresh_name(_START)
        os.mkdir(name, PRIVATE, dir_fd=parent)
        lock = os.open(name, OPEN_FOLDER, dir_fd=parent)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            places = ShellPlaces(files / SHELLS / name)
            for folder in (places.scratch, places.bin):
                folder.mkdir(PRIVATE)
            yield places
        finally:
            with suppress(OSError):  # another user's files; nobody comes here again
                remove_folder(parent, name)
            os.close(lock)
    finally:
        os.close(parent)


def _remove_left(parent: int) -> None:
    """Remove what dead processes have left; what cannot be removed stays."""
    for name in os.listdir(parent):
        try:
            lock = os.open(name, OPEN_FOLDER, dir_fd=parent)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_folder(parent, name)
        except OSError:
            continue
        finally:
            os.close(lock)


def run_data_path(files: Path, run_id: str) -> Path:
    """The folder that the tasks of a run share."""
    return files / "run-data" / run_folder_name(run_id)


def write_files(target: Path, contents: Contents, read: Callable[[str], bytes]) -> None:
    """Write a tree into a new folder, exactly as an attempt has it.

    Raises:
        OSError: The folder is there already, or the disk does not take it.
    """
    parent = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        write_folder(parent, target.name, contents.root, read)
    finally:
        os.close(parent)


def copy_or_make(source: Path, target: Path) -> bool:
    """Copy a folder; make an empty one, and give False, if it is not there. Links are copied as links.

    Raises:
        OSError: Something cannot be read, or there is no room for it.
    """
    if not source.is_dir() or source.is_symlink():
        target.mkdir(PRIVATE)
        return False
    shutil.copytree(source, target, symlinks=True, ignore=special_files)
    return True
