"""The files of a project as they are on disk now: `cronicle.config.tree.Tree` over a working directory.

Works without a repository, and without pygit2. Rules:

1. Listings leave out hidden folders (`.git`, `.venv`, `.cronicle` ...) and whole repositories inside the
   project. A file in one of them can still be read by its path.
2. Links are followed inside `root` (the repository, or else the project itself), never out of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from pathlib import Path

from cronicle.git.errors import UnsafeTree
from cronicle.git.paths import follow, matching, normalise
from cronicle.git.tree import EXECUTABLE, FILE


class WorkingTree:
    """The files below `folder`.

    Args:
        folder: The project's folder.
        root: The repository's working directory, in which links may lead; else `folder` itself.
        most: For a folder that may be any: how many files a listing has at most. What lies deeper is left out first,
            and so are folders that cannot be listed.
    """

    def __init__(self, folder: Path, root: Path | None = None, most: int | None = None) -> None:
        self.folder = Path(os.path.realpath(folder))
        self.root = Path(os.path.realpath(root)) if root is not None else self.folder
        self._prefix = self.folder.relative_to(self.root).as_posix() if self.folder != self.root else ""
        self._most = most
        self._paths: tuple[str, ...] | None = None

    def read(self, path: str) -> bytes:
        """The bytes of a file; links are followed."""
        return self._file(path).read_bytes()

    def blob_id(self, path: str) -> str:
        """The id that git gives to these very bytes, no filter applied; links are followed."""
        content = self.read(path)
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

    def mode(self, path: str) -> int:
        """Git's mode of a file; links are followed."""
        return EXECUTABLE if self._file(path).stat().st_mode & stat.S_IXUSR else FILE

    def size(self, path: str) -> int:
        """Bytes of a file; links are followed."""
        return self._file(path).stat().st_size

    def exists(self, path: str) -> bool:
        """True if there is a file; False for folders, and for what is refused."""
        try:
            self._file(path)
        except (OSError, UnsafeTree):
            return False
        return True

    def paths(self) -> tuple[str, ...]:
        """All files and links but in hidden folders and nested repositories, sorted; as of the first call."""
        if self._paths is None:
            self._paths = tuple(sorted(self._listing()))
        return self._paths

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The files that match a pattern, sorted (`cronicle.git.paths.matching`)."""
        return matching(pattern, self.paths())

    def _listing(self) -> list[str]:
        found: list[str] = []
        pending = deque([""])
        while pending and (self._most is None or len(found) < self._most):
            prefix = pending.popleft()
            try:
                with os.scandir(self.folder / prefix) as entries:
                    listed = list(entries)
            except OSError:
                if self._most is None or not prefix:
                    raise
                continue
            if prefix and any(entry.name == ".git" for entry in listed):
                continue
            for entry in listed:
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith("."):
                        pending.append(f"{prefix}{entry.name}/")
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    found.append(prefix + entry.name)
        return found[: self._most]

    def _file(self, path: str) -> Path:
        """The regular file at `path`, every link followed and found to stay inside."""
        inside = normalise(path)
        if inside is None:
            raise UnsafeTree.entry(path, "it leads out of the project's folder")
        try:
            target = follow(f"{self._prefix}/{inside}" if self._prefix else inside, self._link_target)
        except RecursionError:
            raise FileNotFoundError(path) from None
        if target is None:
            raise UnsafeTree.entry(path, "it is, or passes through, a link out of the repository")
        file = self.root / target
        try:
            mode = file.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(path) from None
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(path)
        if not stat.S_ISREG(mode):
            raise UnsafeTree.entry(path, "it is not a regular file")
        return file

    def _link_target(self, path: str) -> str | None:
        try:
            return os.readlink(self.root / path)
        except OSError:
            return None
