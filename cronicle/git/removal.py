"""Deleting a folder that a task may have filled with anything.

Rules:

1. Only below a folder that is held open; links are unlinked, never followed (CVE-2026-31886 deleted /tmp).
2. No recursion: folders inside are moved up beside the first one before they are emptied, so that neither
   depth nor long paths matter, and two descriptors are enough.
3. Folders that forbid it (mode 0) are opened up first.
"""

from __future__ import annotations

import os
import stat

from cronicle.git.recorded import OPEN_FOLDER

TRASH = "trash-"
"""How the names of folders that are being deleted begin; what a dead process left of them may be deleted."""


def move_to_trash(parent: int, name: str) -> str:
    """Renames a folder below `parent` out of use, and returns its new name."""
    trash = fresh_name(TRASH)
    os.rename(name, trash, src_dir_fd=parent, dst_dir_fd=parent)
    return trash


def fresh_name(start: str) -> str:
    """A name that nobody else has."""
    return start + os.urandom(8).hex()


def remove_folder(parent: int, name: str) -> None:
    """Deletes the folder `name` below the open folder `parent`, and all in it.

    Raises:
        OSError: Something cannot be deleted (another owner's, a mount point). The rest may be gone.
    """
    pending = [name]
    while pending:
        folder = _open(parent, pending[-1])
        before = len(pending)
        try:
            for entry in os.listdir(folder):
                if not stat.S_ISDIR(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.unlink(entry, dir_fd=folder)
                elif not _removed_empty(folder, entry):
                    pending.append(_move_up(folder, entry, parent))
        finally:
            os.close(folder)
        if len(pending) == before:
            os.rmdir(pending.pop(), dir_fd=parent)


def _removed_empty(folder: int, name: str) -> bool:
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _move_up(folder: int, name: str, parent: int) -> str:
    trash = fresh_name(TRASH)
    try:
        os.rename(name, trash, src_dir_fd=folder, dst_dir_fd=parent)
    except PermissionError:  # moving a folder changes its `..`
        _open_up(folder, name)
        os.rename(name, trash, src_dir_fd=folder, dst_dir_fd=parent)
    return trash


def _open(parent: int, name: str) -> int:
    """Opens a folder for emptying it."""
    try:
        folder = os.open(name, OPEN_FOLDER, dir_fd=parent)
    except PermissionError:
        _open_up(parent, name)
        folder = os.open(name, OPEN_FOLDER, dir_fd=parent)
    if os.fstat(folder).st_mode & 0o700 != 0o700:
        os.fchmod(folder, 0o700)
    return folder


def _open_up(parent: int, name: str) -> None:
    """Gives its owner all rights to a folder, which must be no link."""
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(name, 0o700, dir_fd=parent, follow_symlinks=False)
        return
    path_only = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{path_only}", 0o700)
    finally:
        os.close(path_only)
