"""Looking through what was prepared, and removing what nobody uses (`cronicle.execute.prepared` has the rules)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cronicle.execute.places import OPEN_FOLDER
from cronicle.execute.prepared import MADE, PREPARED, Made, open_lock, read_record, remove_all
from cronicle.git.removal import TRASH, move_to_trash, remove_folder
from cronicle.runs.retention import PreparedFiles


def prepared_folders(files: Path) -> list[Path]:
    """For each machine and project the folder of all that it has; its name is the project's, as a part of a path.

    Raises:
        OSError: They cannot be read.
    """
    return [project for host in _folders_in(files / PREPARED) for project in _folders_in(host)]


def list_prepared(folder: Path) -> list[PreparedFiles]:
    """What a project has prepared on a machine, complete or not.

    Raises:
        OSError: The folder cannot be read.
    """
    found = []
    for place in _folders_in(folder):
        with suppress(FileNotFoundError):  # somebody removes it just now
            found += [] if place.name.startswith(TRASH) else [_prepared_files(place)]
    return found


def _prepared_files(place: Path) -> PreparedFiles:
    made = read_record(place / MADE, Made)
    info = (place if made is None else place / MADE).stat()
    return PreparedFiles(
        key=place.name,
        name=made.name if made else "",
        is_complete=made is not None,
        used_at=datetime.fromtimestamp(info.st_mtime, UTC),
        size=made.size if made else 0,
    )


def remove_prepared(folder: Path, one: PreparedFiles, may_be_used: Callable[[], bool]) -> bool:
    """Remove what was prepared, if nobody uses it; False if somebody does, or has since it was looked at.

    Args:
        folder: Where its project has it.
        one: What.
        may_be_used: Asked when the lock is held: whether processes of somebody who has died may still use it.

    Raises:
        OSError: Something in it cannot be removed; nobody uses it any more.
    """
    place = folder / one.key
    try:
        lock = open_lock(place)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _prepared_files(place).used_at > one.used_at or may_be_used():
            return False
        parent = os.open(folder, OPEN_FOLDER)
        try:
            remove_folder(parent, move_to_trash(parent, one.key))
        finally:
            os.close(parent)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(lock)
    return True


def remove_trash(folder: Path) -> None:
    """Remove what was renamed away there, and then left by a process that died.

    Raises:
        OSError: Something cannot be removed.
    """
    parent = os.open(folder, OPEN_FOLDER)
    try:
        remove_all(parent, {name for name in os.listdir(parent) if name.startswith(TRASH)})
    finally:
        os.close(parent)


def _folders_in(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return [path / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
