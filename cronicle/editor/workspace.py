"""The projects of an editor: which files belong together, what is wrong with them, and what they declare.

Which project a file belongs to is asked anew each time, so that one that is made, moved or removed is noticed. Nobody
has chosen a folder, as who calls `cronicle validate` has: so the nearest `cronicle.hcl` upwards marks the project
without a repository, too. Where there is none the file's own folder is taken, and listed in part only if it is large:
it may be anything, such as the user's home.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import quote, unquote

from attrs import define, field

from cronicle import __version__
from cronicle.config.files import project_files, vars_file
from cronicle.config.load import Loaded, load_project
from cronicle.config.tree import Tree
from cronicle.editor.index import Index, index_of
from cronicle.editor.trees import NoFiles, OpenTree
from cronicle.errors import CronicleError
from cronicle.git.working import WorkingTree
from cronicle.operations.locate import MARK, find_repository
from grammar.diagnostics import Diagnostic, error, has_errors
from grammar.parse import parse
from grammar.source import SourceFile
from grammar.syntax import Body

VALUES = ".vars.hcl"
"""The end of the name of a file with values of variables."""

MOST_OF_ANY_FOLDER = 2_000
"""How many files are looked at in a folder that nothing marks as a project's."""

_KEPT = 20
"""A listing of files is used for so many times as long as making it took, so that most time is left for the rest."""


@define
class _Parsed:
    """The last tree of a file, and the last one in which no error was."""

    file: SourceFile
    body: Body
    good: Body | None


@define
class _Listed:
    """A folder with the listing of its files, which is made when it is asked for first."""

    tree: WorkingTree
    until: float


@define
class Workspace:
    """What is open, by path. The path of a text that is no file is relative: `place_of` makes it."""

    texts: dict[Path, str] = field(factory=dict)
    _parsed: dict[Path, _Parsed] = field(factory=dict)
    _listed: dict[Path, _Listed] = field(factory=dict)

    def open(self, path: Path, text: str) -> None:
        """A file has this text, whatever is on disk."""
        self.texts[path] = text

    def close(self, path: Path) -> None:
        """What is on disk counts again."""
        self.texts.pop(path, None)
        self._parsed.pop(path, None)

    def look_again(self) -> None:
        """Files were made, removed or renamed."""
        self._listed.clear()

    def project_of(self, path: Path) -> Path:
        """The folder of the project that a file belongs to; outside of any the file's own."""
        if not path.is_absolute():
            return path.parent
        folder = path.parent
        while not folder.is_dir():  # a file that was never saved, in a folder that is not there
            folder = folder.parent
        repository = find_repository(folder)
        for candidate in (folder, *folder.parents):
            if candidate / MARK in self.texts or (candidate / MARK).is_file():
                return candidate
            if candidate == repository:
                break
        return folder

    def tree(self, folder: Path) -> OpenTree:
        """The files of a project."""
        inside = {
            path.relative_to(folder).as_posix(): text
            for path, text in self.texts.items()
            if path.is_relative_to(folder)
        }
        return OpenTree(self._disk(folder), inside)

    def diagnostics(self, folder: Path) -> dict[Path, list[Diagnostic]]:
        """What is wrong in each file of a project; files in which nothing is are there, too.

        In a folder that nothing marks as a project's only those that are open.
        """
        tree = self.tree(folder)
        for path in tree.texts:
            self.body(folder / path)  # so that what was declared is known when the file is broken
        open_values = [path for path in tree.texts if path.endswith(VALUES)]
        try:
            loaded = _load(tree, folder)
            found: dict[Path, list[Diagnostic]] = {
                folder / path: [] for path in (*loaded.paths, *open_values)
            }
            for one in loaded.diagnostics:
                name = one.subject.file.name if one.subject is not None else _first(tree, loaded)
                if name is not None:
                    found.setdefault(folder / name, []).append(one)
            for path in open_values:
                if path == vars_file(environment := path.removesuffix(VALUES)) and "/" not in path:
                    found[folder / path] = [
                        one
                        for one in _load(tree, folder, environment).diagnostics
                        if one.subject is not None and one.subject.file.name == path
                    ]
        except (OSError, CronicleError) as fault:
            why = error("unreadable-file", f"{folder} cannot be read", str(fault))
            return {folder / path: [why] for path in tree.texts}
        if MARK in loaded.paths:
            return found
        return {path: wrong for path, wrong in found.items() if path in self.texts}  # others may be anybody's

    def index(self, folder: Path) -> Index:
        """What a project declares. What was declared before a file was broken still is."""
        return index_of([*self.bodies(folder), *self._good_ones(folder)])

    def source(self, path: Path) -> SourceFile:
        """The text of a file, as it is open or on disk; of one that is gone an empty one."""
        text = self.texts.get(path)
        if text is None:
            try:
                text = SourceFile.from_bytes(path.name, path.read_bytes())[0].text
            except OSError:
                text = ""
        folder = self.project_of(path)
        return SourceFile(path.relative_to(folder).as_posix(), text)

    def body(self, path: Path) -> Body:
        """The syntax tree of a file."""
        return self._parse(path, self.source(path))

    def bodies(self, folder: Path) -> Iterator[Body]:
        """The trees of a project's files."""
        tree = self.tree(folder)
        try:
            names = project_files(tree)
        except (OSError, CronicleError):
            names = tuple(tree.texts)
        for name in names:
            try:
                file, _ = SourceFile.from_bytes(name, tree.read(name))
            except (OSError, CronicleError):
                continue
            yield self._parse(folder / name, file)

    def _good_ones(self, folder: Path) -> Iterator[Body]:
        for path, parsed in self._parsed.items():
            if parsed.good is not None and parsed.good is not parsed.body and path.is_relative_to(folder):
                yield parsed.good

    def _parse(self, path: Path, file: SourceFile) -> Body:
        kept = self._parsed.get(path)
        if kept is not None and kept.file == file:
            return kept.body
        body, diagnostics = parse(file)
        good = (kept.good if kept is not None else None) if has_errors(diagnostics) else body
        self._parsed[path] = _Parsed(file, body, good)
        return body

    def _disk(self, folder: Path) -> Tree:
        if not folder.is_absolute():
            return NoFiles()
        listed = self._listed.get(folder)
        if listed is None or monotonic() > listed.until:
            repository = find_repository(folder)
            is_marked = repository is not None or (folder / MARK).is_file()
            tree = WorkingTree(folder, repository, None if is_marked else MOST_OF_ANY_FOLDER)
            began = monotonic()
            try:
                tree.paths()
            except OSError:
                return tree  # who asks for its listing is told
            ended = monotonic()
            listed = _Listed(tree, ended + _KEPT * (ended - began))
            self._listed[folder] = listed
        return listed.tree


def place_of(uri: str) -> Path:
    """A path for a text that is no file, alone in a folder that is not there."""
    return Path(quote(uri, safe="")) / "untitled.hcl"


def uri_of(place: Path) -> str:
    """The name of a text that is no file."""
    return unquote(place.parent.name)


def _load(tree: Tree, folder: Path, environment: str | None = None) -> Loaded:
    name = folder.name if folder.is_absolute() else "untitled"
    return load_project(tree, folder_name=name, environment=environment, version=__version__)


def _first(tree: OpenTree, loaded: Loaded) -> str | None:
    """Where to say what is wrong with no file in particular: in `cronicle.hcl`, or in one that is open."""
    paths = [path for path in (MARK, *tree.texts, *loaded.paths) if path in loaded.paths]
    return paths[0] if paths else None
