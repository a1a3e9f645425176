"""The folders and files of attempts and runs, below the files folder of a machine.

    attempts/OWNER-N/{output,summary,scratch/}  one attempt at a time; `script` where the task has one
    logs/RUN/TASK.ATTEMPT.log                   with its `.index`; `TASK.KEY.ATTEMPT.log` for an instance
    logs/RUN/TASK.ATTEMPT.summary               what a task wrote to `$CRONICLE_SUMMARY`, if it did
    stdout/RUN/TASK.ATTEMPT.stdout              a stdout that is data
    run-data/RUN/                               shared by the tasks of a run
    data/PROJECT/ENVIRONMENT/                   lasting
    isolated/RUN/                               the data of a run that must not touch the lasting one

Rules:

1. Whatever text names a thing, only `safe_name` and `run_folder_name` turn it into a part of a path, and what
   they give is never empty, never `.` or `..`, and holds neither `/` nor NUL.
2. Everything is for the owner only (0700, 0600).
3. Removing follows no link and goes by descriptors: a task may have put anything anywhere.
4. Nothing of an attempt is seen by the next. A folder that can be made what it was by removing the files that
   belong there is lent again (making and removing folders costs as much as a small process); any other is
   removed.
5. The folders of attempts carry the id of the process that lends them, so that those of a dead one can go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from cronicle.folders import make_private_folder
from cronicle.values import Value

LONGEST_NAME = 100
"""Bytes of a safe name: two of them, an attempt's number and a suffix stay below the 255 of file systems."""

RUN_ID = re.compile(r"[0-9A-Za-z]{1,64}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""Names of the language (tasks, projects, environments) stay as they are."""
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
MODE = 0o700
EXPECTED_FILES = frozenset({"output", "summary", "script"})
"""What is in the folder of an attempt beside `scratch`, or comes to be there as it should."""

COARSEST_CLOCK = 50_000_000
"""Nanoseconds; file systems take the time of a change from a clock that ticks every 1 to 10 ms (`CONFIG_HZ`)."""

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.frozen(eq=False, repr=False)
class AttemptPlaces(Value):
    """The places of one attempt. Output and summary do not exist until the task makes them."""

    folder: Path
    output: Path
    summary: Path
    scratch: Path
    script: Path
    """Where the text of a script is put."""


@attrs.define(eq=False, repr=False)
class _Lent:
    """A folder for attempts, held open, as it was when it was made."""

    name: str
    places: AttemptPlaces
    folder_fd: int
    scratch_fd: int
    stamps: tuple[_Stamp, _Stamp]
    changed_at: tuple[int, int] | None = None
    """When the two folders were last changed, if that was long enough ago for a change to be seen by it."""

    def ctimes(self) -> tuple[int, int]:
        """When the kernel last saw a change of the folders: of names in them, rights, attributes or places."""
        return os.fstat(self.folder_fd).st_ctime_ns, os.fstat(self.scratch_fd).st_ctime_ns

    def close(self) -> None:
        os.close(self.folder_fd)
        os.close(self.scratch_fd)


_Stamp = tuple[int, int, int]
"""Inode, mode and user of a folder."""


def safe_name(text: str) -> str:
    """Makes any text a part of a file name; different texts give different names, on any file system.

    Letters, digits, `_` and `-` stay, all else is percent-encoded (dots too: they separate such parts).
    What is long is cut and ends in a hash, as does what is not a name and has capitals, which some file
    systems do not tell apart; `~` marks such a hash and the empty text.
    """
    if len(text) <= LONGEST_NAME and NAME.fullmatch(text):
        return text
    raw = text.encode("utf-8", "surrogatepass")
    if not raw:
        return "~"
    encoded = "".join(chr(byte) if byte in PLAIN else f"%{byte:02x}" for byte in raw)
    if len(encoded) <= LONGEST_NAME and encoded == encoded.lower():
        return encoded
    digest = hashlib.sha256(raw).hexdigest()[:24]
    return f"{encoded[: LONGEST_NAME - 25]}~{digest}"


def mirror_path(files: Path, project: str) -> Path:
    """Where the mirror of a project lies below the files folder."""
    return files / "mirrors" / f"{safe_name(project)}.git"


def source_mirror_path(files: Path, git: str) -> Path:
    """Where the mirror of a source lies, which all projects share that take code from there.

    Args:
        files: The files folder.
        git: Where the source comes from: an address, or an absolute path.
    """
    return files / "mirrors" / "sources" / f"{_source_name(git)}.git"


def source_snapshots_path(files: Path, git: str) -> Path:
    """Where the snapshots of a source lie."""
    return files / "source-snapshots" / _source_name(git)


def _source_name(git: str) -> str:
    last = re.split(r"[/:]", git.rstrip("/").removesuffix(".git"))[-1]
    digest = hashlib.sha256(git.encode("utf-8", "surrogateescape")).hexdigest()[:20]
    return f"{safe_name(last[:40])}-{digest}"


def run_folder_name(run_id: str) -> str:
    """The folder of a run.

    Raises:
        ValueError: the id is not one of a run.
    """
    if not RUN_ID.fullmatch(run_id):
        raise ValueError(f"not the id of a run: {run_id!r}")
    return run_id


def instance_file_name(task: str, key: str | None, attempt: int, suffix: str) -> str:
    """The name of a file that belongs to one attempt of a task or of an instance of it."""
    instance = safe_name(task) if key is None else f"{safe_name(task)}.{safe_name(key)}"
    return f"{instance}.{attempt:d}{suffix}"


def log_path(files: Path, run_id: str, task: str, key: str | None, attempt: int) -> Path:
    """The log of an attempt. Its folder is made by whoever writes the first byte."""
    name = instance_file_name(task, key, attempt, ".log")
    return Path(f"{files}/logs/{run_folder_name(run_id)}/{name}")  # one join: it is asked for every attempt


def data_path(files: Path, project: str, environment: str) -> Path:
    """The lasting folder of a project in an environment."""
    return files / "data" / safe_name(project) / safe_name(environment)


def isolated_path(files: Path, run_id: str) -> Path:
    """What stands for the lasting folder in a run that must not touch it."""
    return files / "isolated" / run_folder_name(run_id)


def summary_path(files: Path, run_id: str, task: str, key: str | None, attempt: int) -> Path:
    """Where the summary of an attempt is kept: beside its log, and as long as that."""
    name = instance_file_name(task, key, attempt, ".summary")
    return Path(f"{files}/logs/{run_folder_name(run_id)}/{name}")


def hook_log_path(files: Path, run_id: str, event: str, place: int, attempt: int, telling: int = 1) -> Path:
    """The log of a hook of a run, the `place`-th of its spec; no task can have that name."""
    return log_path(files, run_id, f"hooks/{event}", hook_key(place, telling), attempt)


def hook_key(place: int, telling: int) -> str:
    """What tells the logs of hooks apart: a hook may be told several times of one run."""
    return str(place) if telling == 1 else f"{place}.{telling}"


def stdout_path(files: Path, run_id: str, task: str, key: str | None, attempt: int) -> Path:
    """The stdout of an attempt where it is data."""
    name = instance_file_name(task, key, attempt, ".stdout")
    return Path(f"{files}/stdout/{run_folder_name(run_id)}/{name}")


class Places:
    """The places below one files folder. Keeps a descriptor open: to be used with `with`, or closed."""

    def __init__(self, files: Path, owner: str = "places") -> None:
        """Makes the files folder if it is not there.

        Args:
            files: the files folder.
            owner: the id of this process among those that use the folder; names the folders of its attempts.

        Raises:
            OSError: it cannot be made.
        """
        self.files = files
        self._owner = safe_name(owner)
        self._number = 0
        self._lent: dict[Path, _Lent] = {}
        self._idle: list[_Lent] = []
        self._attempts = files / "attempts"
        make_private_folder(self._attempts)
        self._attempts_fd = os.open(self._attempts, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._made: dict[tuple[str, ...], Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes the folders that wait for attempts, and closes all descriptors."""
        while self._idle:
            with contextlib.suppress(OSError):
                self._remove_attempt(self._idle.pop())
        for lent in self._lent.values():
            lent.close()
        self._lent.clear()
        if self._attempts_fd >= 0:
            os.close(self._attempts_fd)
            self._attempts_fd = -1

    def log_path(self, run_id: str, task: str, key: str | None, attempt: int) -> Path:
        """The log of an attempt. Its folder is made by whoever writes the first byte."""
        return log_path(self.files, run_id, task, key, attempt)

    def stdout_path(self, run_id: str, task: str, key: str | None, attempt: int) -> Path:
        """The stdout of an attempt where it is data."""
        return stdout_path(self.files, run_id, task, key, attempt)

    def run_data(self, run_id: str) -> Path:
        """The folder shared by the tasks of a run, made."""
        return self._folder("run-data", run_folder_name(run_id))

    def data(self, project: str, environment: str) -> Path:
        """The lasting folder of a project in an environment, made."""
        return self._folder("data", safe_name(project), safe_name(environment))

    def isolated_data(self, run_id: str) -> Path:
        """What stands for the lasting folder in a run that must not touch it, made."""
        return self._folder("isolated", run_folder_name(run_id))

    def lend_attempt(self) -> AttemptPlaces:
        """The private, empty folder of one attempt, until `take_back`.

        Raises:
            OSError: the file system does not take it.
        """
        lent = self._idle.pop() if self._idle else self._make_attempt()
        if lent.changed_at is None:
            ctimes = lent.ctimes()
            lent.changed_at = ctimes if time.time_ns() - max(ctimes) > COARSEST_CLOCK else None
        self._lent[lent.places.folder] = lent
        return lent.places

    def take_back(self, places: AttemptPlaces) -> None:
        """Ends the use of a folder, whatever the task has made of it.

        Raises:
            OSError: something in it cannot be removed (another user's files).
        """
        lent = self._lent.pop(places.folder)
        if self._is_as_made(lent):
            self._idle.append(lent)
        else:
            self._remove_attempt(lent)

    def remove_attempts_of_the_dead(self, find_owners: Callable[[], Iterable[str]]) -> None:
        """Removes the folders of attempts whose process is gone and settled.

        Args:
            find_owners: gives the ids of all other processes that may have folders here. Asked after looking at
                the folders, so that a process that has just begun is among them; not asked if there are none.

        Raises:
            OSError: something in one cannot be removed (another user's files).
        """
        foreign = [name for name in os.listdir(self._attempts_fd) if name.rpartition("-")[0] != self._owner]
        owners = set(map(safe_name, find_owners())) if foreign else set()
        for name in foreign:
            if name.rpartition("-")[0] not in owners:
                self._remove_folder(name)

    def _make_attempt(self) -> _Lent:
        self._number += 1
        name = f"{self._owner}-{self._number}"
        os.mkdir(name, MODE, dir_fd=self._attempts_fd)
        os.mkdir(f"{name}/scratch", MODE, dir_fd=self._attempts_fd)
        folder_fd = os.open(name, OPEN_FOLDER, dir_fd=self._attempts_fd)
        scratch_fd = os.open("scratch", OPEN_FOLDER, dir_fd=folder_fd)
        folder = self._attempts / name
        places = AttemptPlaces(
            folder, folder / "output", folder / "summary", folder / "scratch", folder / "script"
        )
        return _Lent(name, places, folder_fd, scratch_fd, self._stamps(name, folder_fd))

    def _stamps(self, name: str, folder_fd: int) -> tuple[_Stamp, _Stamp]:
        return _stamp(name, self._attempts_fd), _stamp("scratch", folder_fd)

    def _is_as_made(self, lent: _Lent) -> bool:
        """Removes the files that an attempt may well leave; True if that makes the folder what it was."""
        try:
            if lent.changed_at is not None and lent.ctimes() == lent.changed_at:
                return True  # most tasks leave nothing, and looking for it costs as much as a commit
            lent.changed_at = None
            names = os.listdir(lent.folder_fd)
            for name in EXPECTED_FILES.intersection(names):
                os.unlink(name, dir_fd=lent.folder_fd)
            return (
                EXPECTED_FILES.issuperset(name for name in names if name != "scratch")
                and not os.listdir(lent.scratch_fd)
                and self._stamps(lent.name, lent.folder_fd) == lent.stamps
                and not (_attributes(lent.folder_fd) or _attributes(lent.scratch_fd))
            )
        except OSError:
            return False

    def _remove_attempt(self, lent: _Lent) -> None:
        lent.close()
        self._remove_folder(lent.name)

    def _remove_folder(self, name: str) -> None:
        """Removes the folder of an attempt, or the file or link that a task has put in its place."""
        try:
            fd = os.open(name, OPEN_FOLDER, dir_fd=self._attempts_fd)
        except FileNotFoundError:
            return
        except PermissionError:  # its rights have been taken away
            _remove_tree(name, self._attempts_fd)
            return
        except OSError:
            os.unlink(name, dir_fd=self._attempts_fd)
            return
        try:
            for file in EXPECTED_FILES.intersection(os.listdir(fd)):
                os.unlink(file, dir_fd=fd)
            os.rmdir("scratch", dir_fd=fd)
            os.rmdir(name, dir_fd=self._attempts_fd)
        except OSError:
            _remove_tree(name, self._attempts_fd)
        finally:
            os.close(fd)

    def copy_run_data(self, source: str, run_id: str) -> None:
        """Gives a run a copy of what the tasks of another had in the folders of that run; fine if there is none.

        Links are copied as links; what is neither file, folder nor link is left out.

        Raises:
            OSError: something cannot be read, or there is no room for it.
        """
        for kind in ("run-data", "isolated"):
            origin = self.files / kind / run_folder_name(source)
            if origin.is_dir() and not origin.is_symlink():
                make_private_folder(self.files / kind)
                target = self.files / kind / run_folder_name(run_id)
                shutil.copytree(origin, target, symlinks=True, ignore=special_files)

    def remove_run_data(self, run_id: str) -> None:
        """Removes the run's data, its piped stdout and its isolated data; fine if there is none.

        Raises:
            OSError: something cannot be removed.
        """
        for kind in ("run-data", "stdout", "isolated"):
            self._remove_run_folder(kind, run_id)

    def remove_logs(self, run_id: str) -> None:
        """Removes the logs of a run; fine if there are none.

        Raises:
            OSError: something cannot be removed.
        """
        self._remove_run_folder("logs", run_id)

    def _remove_run_folder(self, kind: str, run_id: str) -> None:
        name = run_folder_name(run_id)
        self._made.pop((kind, name), None)
        try:
            parent = os.open(self.files / kind, OPEN_FOLDER)
        except FileNotFoundError:
            return
        try:
            if _is_there_but_no_folder(name, parent):
                os.unlink(name, dir_fd=parent)
            else:
                _remove_tree(name, parent)
        finally:
            os.close(parent)

    def _folder(self, *parts: str) -> Path:
        folder = self._made.get(parts)
        if folder is None:
            folder = self.files.joinpath(*parts)
            make_private_folder(folder)
            self._made[parts] = folder
        return folder


def _stamp(name: str, folder: int) -> _Stamp:
    info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return info.st_ino, info.st_mode, info.st_uid


def _attributes(folder: int) -> list[str]:
    """The extended attributes that a user can set; where Python knows none, nor do folders."""
    if not hasattr(os, "listxattr"):
        return []
    return [name for name in os.listxattr(folder) if name.startswith("user.")]


def special_files(folder: str, names: list[str]) -> list[str]:
    """Pipes, sockets and devices, which cannot be copied."""
    modes = {name: os.lstat(os.path.join(folder, name)).st_mode for name in names}
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    return [name for name, mode in modes.items() if not any(is_kind(mode) for is_kind in kinds)]


def _is_there_but_no_folder(name: str, parent: int) -> bool:
    """True for a file or a link that a task has put in a folder's place."""
    try:
        return not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _remove_tree(name: str, parent: int) -> None:
    """Removes a folder and all below it by descriptors, without following links; fine if it is not there.

    A folder in a folder is first moved to the top, so that no depth needs more than two descriptors. Folders
    whose rights have been taken away (Go's module cache does that) are given them back.
    """
    try:
        top = _open_folder(name, parent)
    except FileNotFoundError:
        return
    try:
        prefix = f".removing-{secrets.token_hex(8)}-"
        moved = 0
        pending = _remove_files(top)
        while pending:
            folder = pending.pop()
            fd = _open_folder(folder, top)
            try:
                for inner in _remove_files(fd):
                    os.close(_open_folder(inner, fd))  # moving a folder takes the right to write it
                    moved += 1
                    os.rename(inner, f"{prefix}{moved}", src_dir_fd=fd, dst_dir_fd=top)
                    pending.append(f"{prefix}{moved}")
            finally:
                os.close(fd)
            os.rmdir(folder, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent)


def _remove_files(folder: int) -> list[str]:
    """Removes all but the folders from an open folder; gives the names of these."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return folders


def _open_folder(name: str, parent: int) -> int:
    """Opens a folder, never through a link, and sees to it that its owner may change it."""
    try:
        fd = os.open(name, OPEN_FOLDER, dir_fd=parent)
    except PermissionError:
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
        os.chmod(name, MODE, dir_fd=parent)
        fd = os.open(name, OPEN_FOLDER, dir_fd=parent)
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & MODE != MODE:
        os.fchmod(fd, mode | MODE)
    return fd
