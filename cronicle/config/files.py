"""Which files of a tree make up a project.

All `*.hcl` below the project's folder, without: names and folders that begin with `.`, `*.vars.hcl`,
`*.lock.hcl`, folders that hold a `cronicle.hcl` of their own (other projects), and what `.cronicleignore`
names in gitignore's syntax.
"""

from __future__ import annotations

from collections.abc import Callable

from cronicle.config.paths import folder_of
from cronicle.config.tree import Tree

MARKER = "cronicle.hcl"
"""Marks the folder of a project; it is read like every other file."""

IGNORE_FILE = ".cronicleignore"

_NOT_READ = (".vars.hcl", ".lock.hcl")


def project_files(tree: Tree) -> tuple[str, ...]:
    """The paths of a project's files, sorted."""
    candidates = [path for path in tree.paths() if path.endswith(".hcl") and not path.endswith(_NOT_READ)]
    nested = {folder_of(path) for path in candidates if path.rpartition("/")[2] == MARKER and path != MARKER}
    is_ignored = _ignore_rule(tree)
    return tuple(
        path
        for path in sorted(candidates)
        if not _is_hidden(path) and not _is_within(path, nested) and not is_ignored(path)
    )


def vars_file(environment: str) -> str:
    """The path of the file with an environment's values of variables."""
    return f"{environment}.vars.hcl"


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _is_within(path: str, folders: set[str]) -> bool:
    folder = folder_of(path)
    while folder:
        if folder in folders:
            return True
        folder = folder_of(folder)
    return False


def _ignore_rule(tree: Tree) -> Callable[[str], bool]:
    if IGNORE_FILE not in tree.paths():
        return lambda _path: False
    import pathspec

    lines = tree.read(IGNORE_FILE).decode("utf-8", errors="replace").splitlines()
    return pathspec.GitIgnoreSpec.from_lines(lines).match_file
