"""The files that define what a task does: declared by its `inputs`, else inferred from what it executes.

Inferred are: each literal argument of `command` and each word of the literal text of `script` (split as a shell
does) that names a file of the tree, or a folder (the files below it); the module after `-m`; and, for each Python
file among them, the modules of the project that it imports. Names are seen from the task's `workdir`. Why a file was
inferred is found with it, and is no part of a spec: it follows from that and the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from attrs import define, field, frozen

from cronicle.config.imports import Import, imported_files, imports_of, module_files
from cronicle.config.paths import below, folder_of, matching, normalise
from cronicle.config.tree import Tree
from cronicle.errors import CronicleError
from cronicle.runs.spec import Lazy, PrepareSpec, TaskSpec
from grammar.evaluate import evaluate
from grammar.functions import FUNCTIONS
from grammar.scope import Scope
from grammar.serial import expression_from_json
from grammar.values import Unknown

GAP = "\0"
"""Stands in a text for a piece that is not literal."""


def words_of(script: str) -> tuple[str, ...]:
    """The words of a shell script, operators and comments left out; those with a `GAP` inside are no words."""
    words: list[str] = []
    for line in _logical_lines(script):
        words += _split(line)
    return tuple(word for word in words if GAP not in word)


def _logical_lines(script: str) -> list[str]:
    """The script in one piece if its quotes pair, else line by line, so that an odd quote spoils one line."""
    try:
        _split_strictly(script)
    except ValueError:
        return script.splitlines()
    return [script]


def _split(text: str) -> list[str]:
    try:
        return _split_strictly(text)
    except ValueError:
        return text.replace('"', " ").replace("'", " ").split()


def _split_strictly(text: str) -> list[str]:
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&`$={},\n")
    lexer.whitespace = " \t\r\n"
    lexer.wordchars += GAP + ":+@%^!"
    lexer.whitespace_split = False
    return list(lexer)


class Why(StrEnum):
    """Why a file was inferred as an input."""

    NAMED = "named"
    """A word of what is executed names it."""
    BELOW = "below"
    """A word names a folder that it lies in."""
    MODULE = "module"
    """It belongs to the module after a `-m`."""
    IMPORTED = "imported"
    """A Python file that was inferred imports it."""


@frozen(kw_only=True)
class InputReason:
    """Why a file is an input, where nobody has declared it."""

    why: Why
    of: str
    """The word as it is written; of `imported` the path of the file that imports it."""


def words_to_execute(spec: TaskSpec | PrepareSpec) -> tuple[str, ...]:
    """The literal words of what a task or a preparation executes, from its spec: by them its inputs were inferred."""
    if isinstance(spec, PrepareSpec):
        return spec.command or () if spec.script is None else words_of(spec.script)
    if spec.command is not None:
        return tuple(_words_of_command(spec.command))
    return words_of(_literal_text(spec.script)) if spec.script is not None else ()


def _words_of_command(command: Lazy) -> Iterator[str]:
    """The arguments, with a `GAP` for each that is not literal."""
    if "known" in command:
        items = command["known"]
    else:
        scope = Scope(dict.fromkeys(_LATER, Unknown()), FUNCTIONS)
        items, _ = evaluate(expression_from_json(command["expression"]), scope)
    for item in items if isinstance(items, list | tuple) else ():
        yield item if isinstance(item, str) else GAP


_LATER = ("run", "param", "task", "each", "attempt", "previous", "prepare", "secret")
"""What an expression may refer to once all that is known has been put into it."""


def _literal_text(script: Lazy) -> str:
    """The text of a script, with a `GAP` for everything that is not literal."""
    if "known" in script:
        return script["known"] if isinstance(script["known"], str) else GAP
    match script["expression"]:
        case ["template", list() as parts]:
            return "".join(part if isinstance(part, str) else GAP for part in parts)
    return GAP


@define
class InputFinder:
    """Finds inputs in one tree; reads each Python file once for all tasks of a project."""

    tree: Tree
    _files: frozenset[str] | None = field(default=None, init=False)
    _folders: frozenset[str] | None = field(default=None, init=False)
    _imports: dict[str, tuple[Import, ...]] = field(factory=dict, init=False)

    @property
    def files(self) -> frozenset[str]:
        """All paths of the tree."""
        if self._files is None:
            self._files = frozenset(self.tree.paths())
        return self._files

    @property
    def folders(self) -> frozenset[str]:
        """All folders of the tree, the project's own (empty) among them."""
        if self._folders is None:
            found = {""}
            for path in self.files:
                folder = folder_of(path)
                while folder not in found:
                    found.add(folder)
                    folder = folder_of(folder)
            self._folders = frozenset(found)
        return self._folders

    def declared(self, patterns: Iterable[str]) -> dict[str, str]:
        """The files that match any of the globs: path -> `mode:blob id`, by path."""
        return self._described(path for pattern in patterns for path in matching(pattern, self.files))

    def inferred(self, words: Sequence[str], workdir: str = "") -> dict[str, str]:
        """The files that a task uses, by the words of what it executes: path -> `mode:blob id`, by path."""
        return self._described(self._found(words, workdir))

    def reasons(self, words: Sequence[str], workdir: str = "") -> dict[str, InputReason]:
        """The same files with the reason why each is used: the first that there is."""
        found = self._found(words, workdir)
        return {path_text(path): found[path] for path in sorted(found) if self._is_readable(path)}

    def _found(self, words: Sequence[str], workdir: str) -> dict[str, InputReason]:
        found: dict[str, InputReason] = {}
        for number, word in enumerate(words):
            if number and words[number - 1] == "-m":
                for path in module_files(word, self.files, workdir):
                    found.setdefault(path, InputReason(why=Why.MODULE, of=word))
            itself = normalise(word, workdir)
            for path in self._named(word, workdir):
                found.setdefault(path, InputReason(why=Why.NAMED if path == itself else Why.BELOW, of=word))
        for path in sorted(found):
            if path.endswith(".py"):
                for imported, by in imported_files(path, self.files, self._read_imports).items():
                    found.setdefault(imported, InputReason(why=Why.IMPORTED, of=path_text(by)))
        return found

    def _named(self, word: str, workdir: str) -> tuple[str, ...]:
        """The file that a word names, or the files below the folder that it names."""
        path = normalise(word, workdir) if word else None
        if path in self.files:
            return (path,)
        return below(path, self.tree.paths()) if path is not None and path in self.folders else ()

    def _read_imports(self, path: str) -> tuple[Import, ...]:
        if path not in self._imports:
            self._imports[path] = imports_of(self.tree.read(path)) if self._is_readable(path) else ()
        return self._imports[path]

    def _is_readable(self, path: str) -> bool:
        return next(self._describe(path), None) is not None

    def _described(self, paths: Iterable[str]) -> dict[str, str]:
        return {path_text(path): said for path in sorted(set(paths)) for said in self._describe(path)}

    def _describe(self, path: str) -> Iterator[str]:
        """`mode:blob id` of a file; nothing for a link that leads nowhere, to a folder or out of the repository."""
        try:
            yield f"{self.tree.mode(path):o}:{self.tree.blob_id(path)}"
        except (OSError, CronicleError):
            return


def path_text(path: str) -> str:
    r"""The path as a spec can hold it: bytes that are not UTF-8 are written out, as `\xef`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
