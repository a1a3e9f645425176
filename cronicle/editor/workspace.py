"""The projects of an editor: their files on disk, with what is open and not saved yet in place of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, field, frozen

from cronicle import __version__
from cronicle.config.files import project_files
from cronicle.config.load import load_project
from cronicle.editor.index import Index, index_of
from cronicle.errors import CronicleError
from cronicle.git.working import WorkingTree
from cronicle.operations.locate import find_project_folder, find_repository
from grammar.diagnostics import Diagnostic
from grammar.parse import parse
from grammar.source import SourceFile
from grammar.syntax import Body


@frozen
class OpenTree:
    """`cronicle.config.tree.Tree`: a working directory, with the texts of open files in place of those on disk."""

    disk: WorkingTree
    texts: Mapping[str, str]
    """By their paths relative to the project's folder."""

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        text = self.texts.get(path)
        return self.disk.read(path) if text is None else text.encode("utf-8", "replace")

    def blob_id(self, path: str) -> str:
        """Git's id of what is on disk: nothing that is open is executed."""
        return self.disk.blob_id(path)

    def mode(self, path: str) -> int:
        """Git's mode of a file."""
        return self.disk.mode(path)

    def paths(self) -> tuple[str, ...]:
        """All files and links, sorted, and those that are open and not saved for the first time."""
        return tuple(sorted({*self.disk.paths(), *self.texts}))


@define
class Workspace:
    """What is open."""

    texts: dict[Path, str] = field(factory=dict)

    def project_of(self, path: Path) -> Path:
        """The folder of the project that a file belongs to; outside of any the file's own."""
        folder = path.parent
        while not folder.is_dir():  # a file that was never saved, in a folder that is not there
            folder = folder.parent
        return find_project_folder(folder, find_repository(folder)) or folder

    def tree(self, folder: Path) -> OpenTree:
        """The files of a project."""
        inside = {
            path.relative_to(folder).as_posix(): text
            for path, text in self.texts.items()
            if path.is_relative_to(folder)
        }
        return OpenTree(WorkingTree(folder, find_repository(folder)), inside)

    def diagnostics(self, folder: Path) -> dict[Path, list[Diagnostic]]:
        """What is wrong in each file of a project; files in which nothing is are there, too."""
        tree = self.tree(folder)
        loaded = load_project(tree, folder_name=folder.name, version=__version__)
        found: dict[Path, list[Diagnostic]] = {folder / path: [] for path in loaded.paths}
        for one in loaded.diagnostics:
            name = one.subject.file.name if one.subject is not None else _first(loaded.paths)
            if name is not None:
                found.setdefault(folder / name, []).append(one)
        return found

    def index(self, folder: Path) -> Index:
        """What a project declares."""
        return index_of(self._bodies(folder))

    def source(self, path: Path) -> SourceFile:
        """The text of a file, as it is open or on disk."""
        text = self.texts.get(path)
        if text is None:
            file, _ = SourceFile.from_bytes(path.name, path.read_bytes())
            text = file.text
        return SourceFile(self._name(path), text)

    def _name(self, path: Path) -> str:
        folder = self.project_of(path)
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name

    def _bodies(self, folder: Path) -> Iterator[Body]:
        tree = self.tree(folder)
        for name in project_files(tree):
            try:
                file, _ = SourceFile.from_bytes(name, tree.read(name))
            except (OSError, CronicleError):
                continue
            yield parse(file)[0]


def _first(paths: tuple[str, ...]) -> str | None:
    return paths[0] if paths else None
