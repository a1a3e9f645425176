"""What the loader reads files through, be they of a revision or of the working directory.

Pure: the readers (`cronicle.git.tree`, `cronicle.git.working`) live elsewhere. Every path is relative to the
project's folder, with `/` between its parts. Links are followed, as far as they stay inside the repository;
all four questions are answered for the file that a link leads to.
"""

from __future__ import annotations

from typing import Protocol


class Tree(Protocol):
    """The files of a project at one moment.

    A path that does not exist raises `FileNotFoundError`, one of a folder `IsADirectoryError`, one that
    leads out of the repository `cronicle.errors.CronicleError` with its remedy.
    """

    def read(self, path: str) -> bytes:
        """The bytes of the file."""
        ...

    def blob_id(self, path: str) -> str:
        """Git's id of the file's content, 40 hex digits: equal for equal content."""
        ...

    def mode(self, path: str) -> int:
        """Git's mode of the file: 0o100644, or 0o100755 for an executable one."""
        ...

    def paths(self) -> tuple[str, ...]:
        """All files and links, sorted."""
        ...
