"""What was computed before, kept in a folder by a hash of what it was made of."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from cronicle.execute.places import safe_name
from cronicle.folders import make_private_folder


@frozen
class FolderCache:
    """A folder with a file for each key. It may be deleted at any time."""

    folder: Path

    def get(self, key: str) -> bytes | None:
        """What was put under a key, or None."""
        try:
            return (self.folder / safe_name(key)).read_bytes()
        except OSError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key; where that fails the file is read anew the next time."""
        name = safe_name(key)
        temporary = self.folder / f".{name}.{secrets.token_hex(4)}"
        with suppress(OSError):
            make_private_folder(self.folder)
            temporary.write_bytes(data)
            os.replace(temporary, self.folder / name)

    def keep_newest(self, number: int) -> None:
        """Remove what was put longest ago, but for so many."""
        with suppress(OSError):
            files = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for path in files[number:]:
                path.unlink()
