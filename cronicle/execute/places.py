"""The folders and files of attempts and runs, below the files folder of a machine.

    attempts/DIGEST/{output,summary,scratch/}   one attempt; gone after it
    logs/RUN/TASK.ATTEMPT.log                   with its `.index`; `TASK.KEY.ATTEMPT.log` for an instance
    stdout/RUN/TASK.ATTEMPT.stdout              a stdout that is data
    run-data/RUN/                               shared by the tasks of a run
    data/PROJECT/ENVIRONMENT/                   lasting
    isolated/RUN/                               the data of a run that must not touch the lasting one

Rules:

1. Whatever text names a thing, only `safe_name` and `run_folder_name` turn it into a part of a path, and what
   they give is never empty, never `.` or `..`, and holds neither `/` nor NUL.
2. Everything is for the owner only (0700, 0600); the folder of an attempt has a name that nobody can guess.
3. Removing follows no link and goes by descriptors: a task may have put anything anywhere.
4. Making and removing the folder of an attempt costs a few system calls; what exists is remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from cronicle.logs import make_private_folder

LONGEST_NAME = 100
"""Bytes of a safe name: two of them, an attempt's number and a suffix stay below the 255 of file systems."""

RUN_ID = re.compile(r"[0-9A-Za-z]{1,64}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""Names of the language (tasks, projects, environments) stay as they are."""
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
MODE = 0o700


@attrs.frozen
class AttemptPlaces:
    """The places of one attempt. Output and summary do not exist until the task makes them."""

    folder: Path
    output: Path
    summary: Path
    scratch: Path


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
    return files / "logs" / run_folder_name(run_id) / instance_file_name(task, key, attempt, ".log")


class Places:
    """The places below one files folder. Keeps a descriptor open: to be used with `with`, or closed."""

    def __init__(self, files: Path) -> None:
        """Makes the files folder if it is not there.

        Raises:
            OSError: it cannot be made.
        """
        self.files = files
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
        """Closes the descriptor."""
        if self._attempts_fd >= 0:
            os.close(self._attempts_fd)
            self._attempts_fd = -1

    def log_path(self, run_id: str, task: str, key: str | None, attempt: int) -> Path:
        """The log of an attempt. Its folder is made by whoever writes the first byte."""
        return log_path(self.files, run_id, task, key, attempt)

    def stdout_path(self, run_id: str, task: str, key: str | None, attempt: int) -> Path:
        """The stdout of an attempt where it is data."""
        name = instance_file_name(task, key, attempt, ".stdout")
        return self.files / "stdout" / run_folder_name(run_id) / name

    def run_data(self, run_id: str) -> Path:
        """The folder shared by the tasks of a run, made."""
        return self._folder("run-data", run_folder_name(run_id))

    def data(self, project: str, environment: str) -> Path:
        """The lasting folder of a project in an environment, made."""
        return self._folder("data", safe_name(project), safe_name(environment))

    def isolated_data(self, run_id: str) -> Path:
        """What stands for the lasting folder in a run that must not touch it, made."""
        return self._folder("isolated", run_folder_name(run_id))

    def attempt(self, token: str) -> AttemptPlaces:
        """Where an attempt works; says only where, so that recovery can ask as well."""
        folder = self._attempts / _attempt_folder_name(token)
        return AttemptPlaces(folder, folder / "output", folder / "summary", folder / "scratch")

    def make_attempt(self, token: str) -> AttemptPlaces:
        """Makes the private folder of an attempt.

        Raises:
            FileExistsError: the token is in use.
            OSError: the file system does not take it.
        """
        name = _attempt_folder_name(token)
        os.mkdir(name, MODE, dir_fd=self._attempts_fd)
        os.mkdir(f"{name}/scratch", MODE, dir_fd=self._attempts_fd)
        return self.attempt(token)

    def remove_attempt(self, token: str) -> None:
        """Removes the private folder of an attempt, whatever the task has made of it; fine if there is none.

        Raises:
            OSError: something in it cannot be removed (another user's files).
        """
        name = _attempt_folder_name(token)
        try:
            fd = os.open(
                name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._attempts_fd
            )
        except FileNotFoundError:
            return
        except OSError:  # the task has put a file or a link in its place
            os.unlink(name, dir_fd=self._attempts_fd)
            return
        try:
            for file in ("output", "summary"):
                _unlink_if_there(file, fd)
            os.rmdir("scratch", dir_fd=fd)
            os.rmdir(name, dir_fd=self._attempts_fd)
        except OSError:
            _remove_tree(name, self._attempts_fd)
        finally:
            os.close(fd)

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
            parent = os.open(self.files / kind, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
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


def _attempt_folder_name(token: str) -> str:
    """Not the token itself: a path is shown in more places than an environment is."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _unlink_if_there(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


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
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, dir_fd=parent)
    except PermissionError:
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
        os.chmod(name, MODE, dir_fd=parent)
        fd = os.open(name, flags, dir_fd=parent)
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & MODE != MODE:
        os.fchmod(fd, mode | MODE)
    return fd
