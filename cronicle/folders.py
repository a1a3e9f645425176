"""Folders that are for their owner only, whatever the umask says."""

from __future__ import annotations

from pathlib import Path

PRIVATE = 0o700


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
