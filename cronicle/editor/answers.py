"""What the language server answers: the questions of an editor, in the words of the protocol.

Everything is computed when it is asked for, from the texts that the editor has. Nothing here talks to anybody: the
server (`cronicle.editor.server`) does, and tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from lsprotocol import types as lsp

from cronicle.config.scope import with_functions
from cronicle.editor.completion import Completion, Kind, completions, values_of
from cronicle.editor.context import Context, context_at
from cronicle.editor.found import Found, found_at
from cronicle.editor.hover import hover, hover_in_values
from cronicle.editor.navigation import declaration_of
from cronicle.editor.outline import outline
from cronicle.editor.protocol import Tongue, path_of, uri_at
from cronicle.editor.renaming import Replacement, rename_task, task_at
from cronicle.editor.signature import signature_at
from cronicle.editor.workspace import VALUES, Workspace
from cronicle.operations.locate import MARK
from grammar.format import format_file
from grammar.functions import Function
from grammar.source import SourceFile, Span
from grammar.syntax import Body

_WORD = re.compile(r"[\w-]*\Z")
_GOES_ON = {
    Kind.ATTRIBUTE: re.compile(r"[\w-]*[ \t]*=(?!=)"),
    Kind.BLOCK: re.compile(r"[\w-]*[ \t]*[\"{]"),
}
"""What stands behind the cursor in a name that has its value, or its labels and body, already."""

Publish = Callable[[str, Sequence[lsp.Diagnostic]], None]
"""Takes what is wrong in a document, in the place of all that was told of it before."""


@define
class Answers:
    """The answers to one editor."""

    tongue: Tongue = field(factory=Tongue)
    workspace: Workspace = field(factory=Workspace)
    _uris: dict[Path, str] = field(factory=dict)
    """What the editor calls the documents that it has opened."""
    _told: dict[Path, set[Path]] = field(factory=dict)
    """By project the files in which something was said to be wrong."""

    # What is open

    def opened(self, uri: str, text: str) -> set[Path]:
        """A document is open, or has changed; the projects that are to be looked at anew."""
        path = path_of(uri)
        is_new_mark = path.name == MARK and path not in self.workspace.texts
        self._uris[path] = uri
        self.workspace.open(path, text)
        return self._all() if is_new_mark else {self.workspace.project_of(path)}

    def closed(self, uri: str) -> set[Path]:
        """A document was closed; the projects that are to be looked at anew."""
        path = path_of(uri)
        folder = self.workspace.project_of(path)
        self.workspace.close(path)
        return {folder, *self._all()} if path.name == MARK else {folder}

    def changed_on_disk(self) -> set[Path]:
        """Files were made, changed or removed; the projects that are to be looked at anew."""
        self.workspace.look_again()
        return self._all()

    def _all(self) -> set[Path]:
        return {*self._told, *map(self.workspace.project_of, self.workspace.texts)}

    def tell(self, folder: Path, publish: Publish) -> None:
        """Tell all that is wrong in a project, and of what was told before that it is not wrong any more."""
        is_project = self.workspace.project_of(folder / MARK) == folder  # and not part of another by now
        found = self.workspace.diagnostics(folder) if is_project else {}
        elsewhere = {path for told, paths in self._told.items() if told != folder for path in paths}
        gone = self._told.get(folder, set()) - set(found) - elsewhere
        for path in sorted({*found, *gone}):
            wrong = [self.tongue.diagnostic(one) for one in found.get(path, ())]
            publish(self._uri(path), wrong)
        told = {path for path, wrong in found.items() if wrong}
        if told:
            self._told[folder] = told
        else:
            self._told.pop(folder, None)
        for other in self._told.keys() - {folder}:  # to which they belonged before
            self._told[other] -= set(found)

    # Questions

    def complete(self, params: lsp.CompletionParams) -> lsp.CompletionList:
        """What may be written here."""
        path, file, offset = self._place(params)
        folder = self.workspace.project_of(path)
        index = self.workspace.index(folder)
        context = context_at(file, offset)
        found = found_at(self.workspace.body(path), offset)
        taken = _taken(found, self.workspace.body(path), offset)
        if path.name.endswith(VALUES):
            is_name = context.attribute is None and not context.blocks and not context.is_text
            proposals = values_of(index, taken) if is_name else ()
        else:
            zones = _zones() if context.attribute == "timezone" else ()
            paths = self.workspace.tree(folder).paths() if context.is_text else ()
            functions = self._functions(folder)
            proposals = completions(context, index, functions, taken=taken, zones=zones, paths=paths)
        start = offset - len(_written(context))
        replaced = lsp.Range(self.tongue.position(file, start), params.position)
        proposals = _in_place(proposals, file.text, offset)
        return lsp.CompletionList(False, [self.tongue.item(one, replaced) for one in proposals])

    def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """What this is."""
        path, _, offset = self._place(params)
        folder = self.workspace.project_of(path)
        index, found = self.workspace.index(folder), found_at(self.workspace.body(path), offset)
        if path.name.endswith(VALUES):
            text = hover_in_values(found, offset, index)
        else:
            text = hover(found, offset, index, self._functions(folder))
        return None if text is None else lsp.Hover(self.tongue.text(text))

    def signature(self, params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        """What is being called here."""
        path, file, offset = self._place(params)
        functions = self._functions(self.workspace.project_of(path))
        found = signature_at(context_at(file, offset), functions)
        return None if found is None else self.tongue.signature(found)

    def definition(self, params: lsp.DefinitionParams) -> lsp.Location | None:
        """Where this is declared."""
        path, _, offset = self._place(params)
        folder = self.workspace.project_of(path)
        declared = declaration_of(found_at(self.workspace.body(path), offset), self.workspace.index(folder))
        if declared is None:
            return None
        return lsp.Location(self._uri(folder / declared.span.file.name), self.tongue.range(declared.span))

    def prepare_rename(self, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        """Whether there is a name of a task here, and which."""
        path, _, offset = self._place(params)
        task = task_at(found_at(self.workspace.body(path), offset), offset)
        return None if task is None else lsp.PrepareRenamePlaceholder(self.tongue.range(task.word), task.name)

    def rename(self, params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        """The task here has another name.

        Raises:
            NotRenamedError: It cannot have that name, or there is no task here.
        """
        path, _, offset = self._place(params)
        folder = self.workspace.project_of(path)
        found = found_at(self.workspace.body(path), offset)
        changes: dict[str, list[Replacement]] = {}
        for one in rename_task(found, offset, params.new_name, self.workspace.bodies(folder)):
            changes.setdefault(self._uri(folder / one.span.file.name), []).append(one)
        return lsp.WorkspaceEdit(changes={uri: self.tongue.edits(ones) for uri, ones in changes.items()})

    def format(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        """The file as `cronicle fmt` would have it: the lines that differ."""
        file = self.workspace.source(path_of(params.text_document.uri))
        text, _ = format_file(file)
        return self.tongue.edits(_differences(file, text))

    def symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        """The outline of a file."""
        body = self.workspace.body(path_of(params.text_document.uri))
        return [self.tongue.symbol(one) for one in outline(body)]

    def _place(self, params: Any) -> tuple[Path, SourceFile, int]:
        path = path_of(params.text_document.uri)
        file = self.workspace.source(path)
        return path, file, self.tongue.offset(file, params.position)

    def _functions(self, folder: Path) -> dict[str, Function]:
        return with_functions(self.workspace.tree(folder)).all_functions()

    def _uri(self, path: Path) -> str:
        return self._uris.get(path) or uri_at(path)


@cache
def _zones() -> tuple[str, ...]:
    from zoneinfo import available_timezones

    return tuple(sorted(available_timezones()))


def _written(context: Context) -> str:
    """What of a proposal stands before a place already."""
    if context.text is not None:
        return context.text
    found = _WORD.search(context.word)
    return found.group() if found else ""


def _in_place(proposals: Iterable[Completion], text: str, offset: int) -> tuple[Completion, ...]:
    """The proposals for an offset: no more than a name where what belongs to it is there already."""
    for kind, rest in _GOES_ON.items():
        if rest.match(text, offset):
            return tuple(evolve(one, insert=one.label, snippet="") for one in proposals if one.kind is kind)
    return tuple(proposals)


def _taken(found: Found, body: Body, offset: int) -> frozenset[str]:
    """The attributes and blocks that the body around a place has, but for the one that is being written there."""
    inner = found.blocks[-1].body if found.blocks else body
    names = {one.name for one in inner.attributes if not one.name_span.start <= offset <= one.name_span.end}
    types = {one.type for one in inner.blocks if not one.header_span.start <= offset <= one.header_span.end}
    return frozenset(names | types)


def _differences(file: SourceFile, text: str) -> Iterator[Replacement]:
    """The lines that formatting changes; it never joins or breaks one."""
    before, after = file.text.split("\n"), text.split("\n")
    if len(before) != len(after):
        yield Replacement(Span(file, 0, len(file.text)), text)
        return
    for start, old, new in zip(file.line_starts, before, after, strict=True):
        if old != new:
            yield Replacement(Span(file, start, start + len(old)), new)
