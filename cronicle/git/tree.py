"""The files of a revision, read from git's objects: single ones, or a whole tree checked to be safe to write.

Rules:

1. Trees are parsed here from their raw bytes, so that a mode or a name is seen as it is stored and not as a
   library has mended it.
2. Links are followed inside the tree of the repository, never out of it.
3. Work is bounded: a few objects can stand for 10^10 files (each tree holding ten times the next), so that
   listings end with an error at a limit, which is an argument.

No pygit2 here: objects come through the protocol `Objects`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Protocol

import attrs

from cronicle.git.errors import UnsafeTree
from cronicle.git.paths import fault_of_name, folded, follow, matching, normalise
from cronicle.values import Value

FILE: Final = 0o100644
EXECUTABLE: Final = 0o100755
LINK: Final = 0o120000
FOLDER: Final = 0o040000
SUBMODULE: Final = 0o160000
_GROUP_WRITABLE: Final = 0o100664  # git before 1.0; git reads it as FILE
_MODES: Final = frozenset({FILE, EXECUTABLE, LINK, FOLDER, SUBMODULE})

MAX_FILES: Final = 1_000_000
"""Entries of a whole tree; the largest public repositories have half of this."""
MAX_DEPTH: Final = 200
"""Folders inside each other; PATH_MAX ends usual trees far earlier."""
MAX_BYTES: Final = 16 << 30
"""Bytes of all files of a snapshot."""


class Objects(Protocol):
    """Where objects are read from."""

    def read_object(self, object_id: str) -> bytes:
        """The content of an object; `BadRepository` if it is missing or damaged."""
        ...

    def object_size(self, object_id: str) -> int:
        """The size of its content in bytes, without reading all of it."""
        ...


@attrs.frozen(eq=False, repr=False)
class TreeEntry(Value):
    """One entry of a tree object."""

    name: str
    """Bytes that are not UTF-8 stand as lone surrogates (`os.fsdecode`)."""
    mode: int
    """As stored, apart from 0o100664."""
    id: str
    """The id of the object: a blob, a tree, or the commit of a submodule."""


def parse_tree(data: bytes) -> tuple[TreeEntry, ...]:
    """The entries of a raw tree object, in its order.

    Raises:
        ValueError: The bytes are no tree.
    """
    entries: list[TreeEntry] = []
    position = 0
    while position < len(data):
        space = data.index(b" ", position)
        zero = data.index(b"\0", space)
        end = zero + 21
        if end > len(data):
            raise ValueError("the last entry is cut off")
        mode = int(data[position:space], 8)
        name = os.fsdecode(data[space + 1 : zero])
        entries.append(TreeEntry(name, FILE if mode == _GROUP_WRITABLE else mode, data[zero + 1 : end].hex()))
        position = end
    return tuple(entries)


class TreeReader:
    """Reads trees of one root, each once."""

    def __init__(self, objects: Objects, root: str, revision: str) -> None:
        self.objects = objects
        self.root = root
        self.revision = revision
        self._trees: dict[str, dict[str, TreeEntry]] = {}

    def entries(self, tree_id: str) -> dict[str, TreeEntry]:
        """The entries of a tree by name; of two with one name the first."""
        known = self._trees.get(tree_id)
        if known is None:
            known = {}
            for entry in self.parsed(tree_id):
                known.setdefault(entry.name, entry)
            self._trees[tree_id] = known
        return known

    def parsed(self, tree_id: str) -> tuple[TreeEntry, ...]:
        """The entries of a tree as they stand."""
        try:
            return parse_tree(self.objects.read_object(tree_id))
        except ValueError as error:
            raise UnsafeTree.entry(tree_id, f"the object is no tree ({error})", self.revision) from None

    def lookup(self, path: str) -> TreeEntry | None:
        """The entry at a normalised path from the root; links are not followed. None where there is none."""
        entry = TreeEntry("", FOLDER, self.root)
        for part in path.split("/") if path else ():
            if entry.mode != FOLDER:
                return None
            found = self.entries(entry.id).get(part)
            if found is None:
                return None
            entry = found
        return entry

    def link_target(self, path: str) -> str | None:
        """The target of the link at `path`, or None."""
        entry = self.lookup(path)
        if entry is None or entry.mode != LINK:
            return None
        return os.fsdecode(self.objects.read_object(entry.id))

    def follow(self, path: str) -> str:
        """Where a normalised path leads when its links are followed.

        Raises:
            UnsafeTree: Out of the tree.
            FileNotFoundError: Round in a circle.
        """
        try:
            target = follow(path, self.link_target)
        except RecursionError:
            raise FileNotFoundError(path) from None
        if target is None:
            raise UnsafeTree.entry(path, "it is, or passes through, a link out of the tree", self.revision)
        return target

    def walk(self, prefix: str = "", max_files: int = MAX_FILES) -> Iterator[tuple[str, TreeEntry]]:
        """All entries below the folder `prefix` but folders, with their paths relative to it.

        Raises:
            UnsafeTree: There are more than `max_files`, or folders deeper than `MAX_DEPTH`.
        """
        start = self.lookup(prefix)
        pending = [("", start.id, 1)] if start is not None and start.mode == FOLDER else []
        count = 0
        while pending:
            folder, tree_id, depth = pending.pop()
            if depth > MAX_DEPTH:
                raise UnsafeTree.entry(
                    folder, f"more than {MAX_DEPTH} folders inside each other", self.revision
                )
            for entry in self.entries(tree_id).values():
                count += 1
                if count > max_files:
                    raise UnsafeTree.entry(
                        folder, f"the tree has more than {max_files} entries", self.revision
                    )
                if entry.mode == FOLDER:
                    pending.append((f"{folder}{entry.name}/", entry.id, depth + 1))
                else:
                    yield folder + entry.name, entry


class GitTree:
    """The files below a folder of a revision: `cronicle.config.tree.Tree`, and a little more.

    Args:
        reader: Reads the tree of the whole repository, in which links may lead anywhere.
        prefix: The project's folder, a normalised path; empty for the root.
    """

    def __init__(self, reader: TreeReader, prefix: str = "") -> None:
        self.reader = reader
        self.prefix = prefix
        self._listed: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._entries: dict[str, TreeEntry] = {}

    @property
    def revision(self) -> str:
        """The commit whose tree this is."""
        return self.reader.revision

    def read(self, path: str) -> bytes:
        """The bytes of a file; links are followed."""
        return self.reader.objects.read_object(self._file(path).id)

    def blob_id(self, path: str) -> str:
        """Git's id of the content of a file; links are followed."""
        return self._file(path).id

    def mode(self, path: str) -> int:
        """Git's mode of a file; links are followed."""
        return self._file(path).mode

    def size(self, path: str) -> int:
        """Bytes of a file; links are followed."""
        return self.reader.objects.object_size(self._file(path).id)

    def exists(self, path: str) -> bool:
        """True if there is a file; False for folders, and for what is refused."""
        try:
            self._file(path)
        except (OSError, UnsafeTree):
            return False
        return True

    def paths(self) -> tuple[str, ...]:
        """All files and links, sorted; submodules are not among them."""
        return self._list()[0]

    def submodules(self) -> tuple[str, ...]:
        """The paths of submodules, sorted. In a snapshot they are empty folders."""
        return self._list()[1]

    def _list(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The paths of files and links, and those of submodules, both sorted."""
        if self._listed is None:
            files: list[str] = []
            submodules: list[str] = []
            for path, entry in self.reader.walk(self.prefix):
                (submodules if entry.mode == SUBMODULE else files).append(path)
            self._listed = tuple(sorted(files)), tuple(sorted(submodules))
        return self._listed

    def glob(self, pattern: str) -> tuple[str, ...]:
        """The files that match a pattern, sorted (`cronicle.git.paths.matching`)."""
        return matching(pattern, self.paths())

    def _file(self, path: str) -> TreeEntry:
        known = self._entries.get(path)
        if known is None:
            known = self._entries[path] = self._find_file(path)
        return known

    def _find_file(self, path: str) -> TreeEntry:
        inside = normalise(path)
        if inside is None:
            raise UnsafeTree.entry(path, "it leads out of the project's folder", self.revision)
        target = self.reader.follow(f"{self.prefix}/{inside}" if self.prefix else inside)
        entry = self.reader.lookup(target)
        if entry is None:
            raise FileNotFoundError(path)
        if entry.mode in (FOLDER, SUBMODULE):
            raise IsADirectoryError(path)
        return entry


@attrs.frozen(eq=False, repr=False)
class FolderContents(Value):
    """All that a folder of a snapshot holds."""

    name: str
    files: tuple[TreeEntry, ...]
    """Files and links."""
    folders: tuple[FolderContents, ...]
    """Submodules among them, empty."""


@attrs.frozen(eq=False, repr=False)
class Contents(Value):
    """A whole tree, found safe to write anywhere."""

    root: FolderContents
    submodules: tuple[str, ...]
    """Their paths, sorted."""


def checked_contents(
    reader: TreeReader,
    max_files: int = MAX_FILES,
    max_depth: int = MAX_DEPTH,
    max_bytes: int = MAX_BYTES,
) -> Contents:
    """The whole tree of a revision, if no entry of it could do harm where it is written.

    Raises:
        UnsafeTree: Names the first path that is a link out of the tree, has a name or a mode that is not
            allowed or a sibling that may be the same file, or is past a limit.
    """
    return _Check(reader, max_files, max_depth, max_bytes).contents()


class _Check:
    """One pass over a tree, counting as it goes."""

    def __init__(self, reader: TreeReader, max_files: int, max_depth: int, max_bytes: int) -> None:
        self._reader = reader
        self._max_files = max_files
        self._max_depth = max_depth
        self._max_bytes = max_bytes
        self._count = 0
        self._bytes = 0
        self._submodules: list[str] = []

    def contents(self) -> Contents:
        root = self._folder("", self._reader.root, "", 0)
        return Contents(root, tuple(sorted(self._submodules)))

    def _refuse(self, path: str, why: str) -> UnsafeTree:
        return UnsafeTree.entry(path, why, self._reader.revision)

    def _folder(self, name: str, tree_id: str, path: str, depth: int) -> FolderContents:
        if depth > self._max_depth:
            raise self._refuse(path, f"more than {self._max_depth} folders inside each other")
        files: list[TreeEntry] = []
        folders: list[FolderContents] = []
        seen: dict[str, str] = {}
        for entry in self._reader.parsed(tree_id):
            inner = f"{path}/{entry.name}" if path else entry.name
            self._check_entry(entry, inner, seen)
            if entry.mode == FOLDER:
                folders.append(self._folder(entry.name, entry.id, inner, depth + 1))
            elif entry.mode == SUBMODULE:
                self._submodules.append(inner)
                folders.append(FolderContents(entry.name, (), ()))
            else:
                files.append(entry)
        return FolderContents(name, tuple(files), tuple(folders))

    def _check_entry(self, entry: TreeEntry, path: str, seen: dict[str, str]) -> None:
        if (fault := fault_of_name(entry.name)) is not None:
            raise self._refuse(path, fault)
        if entry.mode not in _MODES:
            raise self._refuse(path, f"its mode {entry.mode:06o} is not one of git's")
        key = folded(entry.name)
        if key in seen:
            raise self._refuse(path, f"{seen[key]!r} beside it is the same file on some file systems")
        seen[key] = entry.name
        self._count += 1
        if self._count > self._max_files:
            raise self._refuse(path, f"the tree has more than {self._max_files} entries")
        if entry.mode == LINK:
            self._check_link(path)
        elif entry.mode in (FILE, EXECUTABLE):
            self._bytes += self._reader.objects.object_size(entry.id)
            if self._bytes > self._max_bytes:
                raise self._refuse(path, f"up to here the files have more than {self._max_bytes} bytes")

    def _check_link(self, path: str) -> None:
        with suppress(FileNotFoundError):  # a circle, which no system follows: it leads nowhere
            self._reader.follow(path)
