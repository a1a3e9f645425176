"""What runs have left below the files folder, seen without following any link: names, ages and sizes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cronicle.execute.places import OPEN_FOLDER, RUN_ID
from cronicle.runs.retention import Kind, RunFiles

FOLDERS = {Kind.LOGS: ("logs",), Kind.RUN_DATA: ("run-data", "stdout", "isolated")}
"""Where the files of a kind lie; `Places.remove_logs` and `Places.remove_run_data` remove them."""

NANOSECONDS = 1_000_000_000


def scan(files: Path, kind: Kind, *, modified_before: datetime, sized: bool) -> Iterator[RunFiles]:
    """What runs have left, each once.

    Args:
        files: The files folder.
        kind: Which files.
        modified_before: What has been modified after it is left out: its run has ended later still.
        sized: Whether sizes are wanted, for which every file has to be looked at.

    Raises:
        OSError: A folder cannot be read.
    """
    folders = FOLDERS[kind]
    for place, name in enumerate(folders):
        try:
            parent = os.open(files / name, OPEN_FOLDER)
        except FileNotFoundError:
            continue
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    if not RUN_ID.fullmatch(entry.name) or _is_in(files, folders[:place], entry.name):
                        continue
                    try:
                        info = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # somebody else cleans up, too
                    if info.st_mtime_ns >= int(modified_before.timestamp() * NANOSECONDS):
                        continue
                    yield RunFiles(
                        run_id=entry.name,
                        kind=kind,
                        # The time of the last change of the inode, which nobody can set: copies keep the other one.
                        changed_at=datetime.fromtimestamp(info.st_ctime, UTC),
                        size=size_of(files, kind, entry.name) if sized else 0,
                    )
        finally:
            os.close(parent)


def size_of(files: Path, kind: Kind, run_id: str) -> int:
    """Bytes on the disk of what a run has left of a kind; what cannot be looked at counts as nothing."""
    total = 0
    for name in FOLDERS[kind]:
        try:
            parent = os.open(files / name, OPEN_FOLDER)
        except OSError:
            continue
        try:
            total += _size_below(run_id, parent)
        finally:
            os.close(parent)
    return total


def _is_in(files: Path, folders: tuple[str, ...], run_id: str) -> bool:
    return any(os.path.lexists(files / name / run_id) for name in folders)


def _size_below(name: str, parent: int) -> int:
    total = 0
    try:
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            return info.st_blocks * 512
        for _, _, names, folder in os.fwalk(name, dir_fd=parent, follow_symlinks=False):
            total += sum(os.stat(one, dir_fd=folder, follow_symlinks=False).st_blocks * 512 for one in names)
    except OSError:
        return total
    return total
