"""Repositories to test with: usual ones, shallow ones, and raw trees that no git would make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pygit2
from pygit2.enums import ObjectType

from cronicle.config.locations import location_of
from cronicle.git.repository import Identity, Repository, init_repository
from cronicle.git.source_mirror import Origin

WHEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ADA = Identity("Ada", "ada@example.org")


@attrs.frozen
class Clone:
    """A repository with a working directory, and short ways to change it."""

    repository: Repository

    @property
    def path(self) -> Path:
        return self.repository.workdir

    @property
    def git(self) -> pygit2.Repository:
        return self.repository.git

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: Mapping[str, str | bytes] | None = None, message: str = "Change") -> str:
        self.write(files or {})
        self.git.index.add_all()
        self.git.index.write()
        return self.repository.commit_files([], message, ADA, WHEN)

    def blob(self, content: bytes) -> str:
        return str(self.git.create_blob(content))

    def raw_tree(self, *entries: tuple[int, bytes, str]) -> str:
        """A tree object as given, however wrong."""
        data = b"".join(b"%o %s\0" % (mode, name) + bytes.fromhex(oid) for mode, name, oid in entries)
        return str(self.git.write(ObjectType.TREE, data))

    def commit_tree(self, tree: str) -> str:
        """A commit of a raw tree, on no branch; libgit2 does not get to look at the tree."""
        who = "Eve <eve@example.org> 5 +0000"
        raw = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nraw\n"
        return str(self.git.write(ObjectType.COMMIT, raw.encode()))


def shallow_copy(clone: Clone, open_clone: Callable[[Path], Clone]) -> Clone:
    """A clone of four commits that holds the last two, as `git clone --depth 2` makes it."""
    revisions = [clone.commit({"a": str(n)}) for n in range(4)]
    path = clone.path.parent / "shallow"
    copied = init_repository(path)
    for revision in revisions[2:]:
        for oid in (revision, str(clone.git[revision].peel(ObjectType.TREE).id)):
            copied.git.write(*clone.git.read(oid))
        copied.git.write(ObjectType.BLOB, clone.repository.tree(revision).read("a"))
    (path / ".git/shallow").write_text(f"{revisions[2]}\n")
    copied.git.create_reference("refs/heads/main", revisions[3])
    return open_clone(path)


def origin(where: object, key_file: Path | None = None) -> Origin:
    return Origin(location_of(str(where)), key_file)
