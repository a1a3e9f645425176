"""The language server: the protocol of editors (LSP 3.17) over stdin and stdout, by pygls.

Everything is computed when it is asked for, from the texts that the editor has: a project of a thousand tasks takes
some hundredths of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from cronicle import __version__
from cronicle.config.scope import with_functions
from cronicle.editor.completion import Completion, Kind, completions
from cronicle.editor.context import context_at
from cronicle.editor.found import Found, found_at
from cronicle.editor.hover import hover
from cronicle.editor.navigation import NotRenamedError, Replacement, declaration_of, rename_task, task_at
from cronicle.editor.outline import Entry, outline
from cronicle.editor.positions import Position, offset_of, position_of, range_of
from cronicle.editor.workspace import Workspace
from grammar.diagnostics import Diagnostic
from grammar.format import format_file
from grammar.functions import Function
from grammar.parse import parse
from grammar.source import SourceFile, Span
from grammar.syntax import Body

_COMPLETION_KINDS = {
    Kind.ATTRIBUTE: lsp.CompletionItemKind.Property,
    Kind.BLOCK: lsp.CompletionItemKind.Struct,
    Kind.NAME: lsp.CompletionItemKind.Variable,
    Kind.FUNCTION: lsp.CompletionItemKind.Function,
    Kind.KEYWORD: lsp.CompletionItemKind.Keyword,
}
_SYMBOL_KINDS = {
    "workflow": lsp.SymbolKind.Class,
    "task": lsp.SymbolKind.Function,
    "variable": lsp.SymbolKind.Variable,
    "param": lsp.SymbolKind.Variable,
    "local": lsp.SymbolKind.Constant,
    "schedule": lsp.SymbolKind.Event,
}


def make_server() -> LanguageServer:
    """A server with all that it can do; nothing is open yet."""
    server = LanguageServer("cronicle", __version__)
    answers = _Answers(server, Workspace())
    features: dict[str, tuple[Any, Any]] = {
        lsp.TEXT_DOCUMENT_DID_OPEN: (answers.opened, None),
        lsp.TEXT_DOCUMENT_DID_CHANGE: (answers.changed, None),
        lsp.TEXT_DOCUMENT_DID_SAVE: (answers.saved, None),
        lsp.TEXT_DOCUMENT_DID_CLOSE: (answers.closed, None),
        lsp.TEXT_DOCUMENT_COMPLETION: (
            answers.complete,
            lsp.CompletionOptions(trigger_characters=[".", '"']),
        ),
        lsp.TEXT_DOCUMENT_HOVER: (answers.hover, None),
        lsp.TEXT_DOCUMENT_DEFINITION: (answers.definition, None),
        lsp.TEXT_DOCUMENT_PREPARE_RENAME: (answers.prepare_rename, None),
        lsp.TEXT_DOCUMENT_RENAME: (answers.rename, lsp.RenameOptions(prepare_provider=True)),
        lsp.TEXT_DOCUMENT_FORMATTING: (answers.format, None),
        lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (answers.symbols, None),
    }
    for name, (answer, options) in features.items():
        server.feature(name, options)(_as_function(answer))
    return server


def _as_function(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Pygls notes on what it is given that it is a feature, which a method does not allow."""

    def call(params: Any) -> Any:
        return answer(params)

    return call


class _Answers:
    """The answers to what an editor asks."""

    def __init__(self, server: LanguageServer, workspace: Workspace) -> None:
        self._server = server
        self._workspace = workspace
        self._told: dict[Path, set[Path]] = {}
        """By project the files for which something was said to be wrong."""

    # What is open

    def opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        """A file was opened."""
        self._take(params.text_document.uri)

    def changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        """A text was changed; pygls has taken the change in."""
        self._take(params.text_document.uri)

    def saved(self, params: lsp.DidSaveTextDocumentParams) -> None:
        """A file was saved: others, which it reads, may have been as well."""
        self._take(params.text_document.uri)

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """A file was closed: what is on disk counts again."""
        path = _path(params.text_document.uri)
        self._workspace.texts.pop(path, None)
        self._tell(self._workspace.project_of(path))

    def _take(self, uri: str) -> None:
        path = _path(uri)
        self._workspace.texts[path] = self._server.workspace.get_text_document(uri).source
        self._tell(self._workspace.project_of(path))

    def _tell(self, folder: Path) -> None:
        found = self._workspace.diagnostics(folder)
        for path in {*found, *self._told.get(folder, ())}:
            self._server.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(
                    uri=_uri(path), diagnostics=[_diagnostic(one) for one in found.get(path, ())]
                )
            )
        self._told[folder] = {path for path, wrong in found.items() if wrong}

    # Questions

    def complete(self, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        """What may be written here."""
        path, file, offset = self._place(params)
        folder = self._workspace.project_of(path)
        context = context_at(file, offset)
        proposals = completions(context, self._workspace.index(folder), self._functions(folder))
        start = position_of(file, offset - len(context.word)) if proposals else None
        return [_item(one, context.word, start, params.position) for one in proposals]

    def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """What this is."""
        path, file, offset = self._place(params)
        folder = self._workspace.project_of(path)
        text = hover(
            self._found(file, offset), offset, self._workspace.index(folder), self._functions(folder)
        )
        return (
            None
            if text is None
            else lsp.Hover(contents=lsp.MarkupContent(kind=lsp.MarkupKind.Markdown, value=text))
        )

    def definition(self, params: lsp.DefinitionParams) -> lsp.Location | None:
        """Where this is declared."""
        path, file, offset = self._place(params)
        folder = self._workspace.project_of(path)
        declared = declaration_of(self._found(file, offset), self._workspace.index(folder))
        if declared is None:
            return None
        return lsp.Location(uri=_uri(folder / declared.span.file.name), range=_range(declared.span))

    def prepare_rename(self, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        """Whether there is a name of a task here, and which."""
        _, file, offset = self._place(params)
        task = task_at(self._found(file, offset), offset)
        return (
            None if task is None else lsp.PrepareRenamePlaceholder(range=_range(task[2]), placeholder=task[1])
        )

    def rename(self, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        """The task here has another name."""
        from pygls.exceptions import JsonRpcInvalidParams

        _, file, offset = self._place(params)
        try:
            replacements = rename_task(self._found(file, offset), offset, params.new_name)
        except NotRenamedError as error:
            raise JsonRpcInvalidParams(str(error)) from None
        return lsp.WorkspaceEdit(changes={params.text_document.uri: _edits(replacements)})

    def format(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        """The file as `cronicle fmt` would have it."""
        file = self._workspace.source(_path(params.text_document.uri))
        text, _ = format_file(file)
        whole = lsp.Range(_position(Position(0, 0)), _position(position_of(file, len(file.text))))
        return [] if text == file.text else [lsp.TextEdit(range=whole, new_text=text)]

    def symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        """The outline of a file."""
        return [_symbol(one) for one in outline(self._body(_path(params.text_document.uri)))]

    def _place(self, params: Any) -> tuple[Path, SourceFile, int]:
        path = _path(params.text_document.uri)
        file = self._workspace.source(path)
        return path, file, offset_of(file, Position(params.position.line, params.position.character))

    def _found(self, file: SourceFile, offset: int) -> Found:
        return found_at(parse(file)[0], offset)

    def _body(self, path: Path) -> Body:
        return parse(self._workspace.source(path))[0]

    def _functions(self, folder: Path) -> dict[str, Function]:
        return with_functions(self._workspace.tree(folder)).all_functions()


# In the words of the protocol


def _path(uri: str) -> Path:
    return Path(to_fs_path(uri) or uri)


def _uri(path: Path) -> str:
    return from_fs_path(str(path)) or str(path)


def _position(position: Position) -> lsp.Position:
    return lsp.Position(position.line, position.character)


def _range(span: Span) -> lsp.Range:
    start, end = range_of(span)
    return lsp.Range(_position(start), _position(end))


def _diagnostic(one: Diagnostic) -> lsp.Diagnostic:
    nowhere = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
    severity = lsp.DiagnosticSeverity.Error if one.is_error else lsp.DiagnosticSeverity.Warning
    return lsp.Diagnostic(
        range=nowhere if one.subject is None else _range(one.subject),
        message="\n\n".join(filter(None, (one.summary, one.detail))),
        severity=severity,
        code=one.code,
        source="cronicle",
    )


def _item(one: Completion, word: str, start: Position | None, end: lsp.Position) -> lsp.CompletionItem:
    """A proposal; one that is a chain takes the place of the whole of what is written of it."""
    is_snippet = "$" in one.insert
    item = lsp.CompletionItem(
        label=one.label,
        kind=_COMPLETION_KINDS[one.kind],
        detail=one.detail or None,
        documentation=lsp.MarkupContent(kind=lsp.MarkupKind.Markdown, value=one.doc) if one.doc else None,
        insert_text=one.insert,
        insert_text_format=lsp.InsertTextFormat.Snippet if is_snippet else lsp.InsertTextFormat.PlainText,
    )
    if "." in one.insert and "." in word and start is not None:
        item.text_edit = lsp.TextEdit(range=lsp.Range(_position(start), end), new_text=one.insert)
    return item


def _edits(replacements: Iterable[Replacement]) -> list[lsp.TextEdit]:
    return [lsp.TextEdit(range=_range(one.span), new_text=one.text) for one in replacements]


def _symbol(entry: Entry) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        name=entry.title,
        kind=_SYMBOL_KINDS.get(entry.kind, lsp.SymbolKind.Struct),
        range=_range(entry.span),
        selection_range=_range(entry.name_span),
        children=[_symbol(one) for one in entry.inner],
    )
