"""Formatting files where they lie: which ones, and putting the formatted text in the place of the other."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from cronicle.config.files import project_files
from cronicle.errors import CronicleError, UsageError
from cronicle.folders import put_file
from cronicle.git.working import WorkingTree
from grammar.diagnostics import Diagnostics, has_errors
from grammar.format import format_file
from grammar.source import BYTE_ORDER_MARK, SourceFile

SUFFIX = ".hcl"
_VALUES = ".vars.hcl"


@frozen(kw_only=True)
class Formatted:
    """What formatting makes of a file."""

    name: str
    """As messages call it."""
    before: str
    after: str
    diagnostics: Diagnostics = ()

    @property
    def is_broken(self) -> bool:
        """True if it could not be formatted, since it cannot be parsed."""
        return has_errors(self.diagnostics)

    @property
    def is_changed(self) -> bool:
        """True if it was not formatted before."""
        return self.before != self.after


def format_bytes(name: str, content: bytes) -> Formatted:
    """What formatting makes of the content of a file."""
    file, undecodable = SourceFile.from_bytes(name, content)
    mark = BYTE_ORDER_MARK if file.has_mark else ""
    text, diagnostics = (file.text, undecodable) if undecodable else format_file(file)
    return Formatted(name=name, before=mark + file.text, after=mark + text, diagnostics=diagnostics)


def files_named(targets: Iterable[str], cwd: Path) -> Iterator[Path]:
    """The files that are meant: those named, and of folders all that a project there would have, with its values.

    Raises:
        UsageError: There is no such file or folder, or it is no HCL file.
    """
    for target in targets:
        path = cwd / target
        if path.is_dir():
            yield from _files_in(path)
        elif path.is_file() and path.name.endswith(SUFFIX):
            yield path
        elif path.is_file():
            raise UsageError(f"{target} is no HCL file: its name does not end with {SUFFIX}", "Leave it out.")
        else:
            raise UsageError(f"there is no file or folder {target}", "Name files that are there, or folders.")


def _files_in(folder: Path) -> list[Path]:
    tree = WorkingTree(folder)
    values = [path for path in tree.paths() if path.endswith(_VALUES) and "/" not in path]
    names = sorted({*project_files(tree), *(path for path in values if not path.startswith("."))})
    return [folder / name for name in names]


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of a file's content, all of it or nothing; a link stays, and so do the rights.

    Raises:
        CronicleError: It cannot be written; it is as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        put_file(target, text.encode(), replace=True, mode=stat.S_IMODE(target.stat().st_mode))
    except OSError as error:
        raise CronicleError(
            f"{path} cannot be written: {error.strerror}; it is as it was",
            "Make room, or give yourself the right to write it and its folder.",
        ) from error
