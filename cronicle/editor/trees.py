"""The files of a project as an editor has them: those on disk, with the texts of open files in place of theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from attrs import frozen

from cronicle.config.tree import Tree
from cronicle.errors import CronicleError
from cronicle.git.tree import FILE


@frozen
class NoFiles:
    """`cronicle.config.tree.Tree` of a text that lies in no folder."""

    def read(self, path: str) -> bytes:
        """Nothing is there to be read."""
        raise FileNotFoundError(path)

    def blob_id(self, path: str) -> str:
        """Nothing has an id."""
        raise FileNotFoundError(path)

    def mode(self, path: str) -> int:
        """Nothing has a mode."""
        raise FileNotFoundError(path)

    def paths(self) -> tuple[str, ...]:
        """None."""
        return ()


@frozen
class OpenTree:
    """`cronicle.config.tree.Tree`: files on disk, with the texts of open files in place of theirs."""

    disk: Tree
    texts: Mapping[str, str]
    """By their paths relative to the project's folder."""

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        text = self.texts.get(path)
        return self.disk.read(path) if text is None else text.encode("utf-8", "replace")

    def blob_id(self, path: str) -> str:
        """Git's id of the content."""
        content = self.read(path)
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

    def mode(self, path: str) -> int:
        """Git's mode of a file; of one that was never saved that of a plain one."""
        try:
            return self.disk.mode(path)
        except (OSError, CronicleError):
            if path not in self.texts:
                raise
            return FILE

    def paths(self) -> tuple[str, ...]:
        """All files and links, sorted, and those that are open and were never saved."""
        return tuple(sorted({*self.disk.paths(), *self.texts}))
