"""Making folders and files: for their owner only unless said otherwise, and files whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

PRIVATE = 0o700
PRIVATE_FILE = 0o600

NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems answer that have no hard links."""


def make_private_folder(path: Path) -> None:
    """Makes a folder, and those above it that are missing, for the owner only (`mkdir` would let all see those).

    Raises:
        OSError: it cannot be made.
    """
    try:
        path.mkdir(mode=PRIVATE, exist_ok=True)
    except FileNotFoundError:
        make_private_folder(path.parent)
        path.mkdir(mode=PRIVATE, exist_ok=True)


def is_open_to_all(path: Path) -> bool:
    """True if any user of the machine may put files into a folder; False for one that is not there."""
    try:
        return bool(path.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return False


def put_file(path: Path, content: bytes, *, replace: bool, mode: int = PRIVATE_FILE) -> bool:
    """Makes a file in a folder that is there, complete and durable or not at all; False if it is there already.

    Args:
        path: The file.
        content: What it is to hold.
        replace: Whether to take the place of one that is there.
        mode: The rights it is to have; nobody but the owner has any before it is there.

    Raises:
        OSError: it cannot be made.
    """
    import secrets  # most commands make no such file

    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(
        partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if mode != PRIVATE_FILE:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            partial.replace(path)
        else:
            try:
                os.link(partial, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if path.exists():
                    return False
                partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
