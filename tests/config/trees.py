"""A tree of files in memory, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cronicle.errors import CronicleError


class DictTree:
    """`cronicle.config.tree.Tree` over a mapping from path to content; text is UTF-8."""

    def __init__(
        self,
        files: Mapping[str, bytes | str],
        *,
        executable: frozenset[str] = frozenset(),
        out: frozenset[str] = frozenset(),
    ) -> None:
        self.files = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        self.executable = executable
        self.out = out
        """Paths of links that lead out of the repository."""
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self._file(path)

    def blob_id(self, path: str) -> str:
        data = self._file(path)
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def mode(self, path: str) -> int:
        self._file(path)
        return 0o100755 if path in self.executable else 0o100644

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted({*self.files, *self.out}))

    def _file(self, path: str) -> bytes:
        if path in self.out:
            raise CronicleError(f"{path}: a link out of the repository", "Remove it.")
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]
