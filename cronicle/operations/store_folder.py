"""Keeping the default store, `.cronicle/` in a working directory, out of git's sight and reach."""

from __future__ import annotations

from pathlib import Path

from cronicle.folders import make_private_folder
from cronicle.operations.locate import STORE_FOLDER, Surroundings


def shield_from_git(folder: Path, where: Surroundings) -> None:
    """List the folder in `.git/info/exclude`, and make it one that `git clean -fdx` passes over.

    git clean leaves nested repositories alone unless asked twice (git-clean(1), `-f -f`), so the folder holds an
    empty one of its own.
    """
    if where.repository is None:
        return
    from cronicle.git.repository import init_repository, open_repository

    open_repository(where.repository).exclude(f"{STORE_FOLDER}/")
    make_private_folder(folder)
    if not (folder / ".git").exists():
        init_repository(folder)
