"""Our values in the words of the language server protocol (LSP 3.17)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import frozen
from lsprotocol import types as lsp

from cronicle.editor.completion import Completion, Kind
from cronicle.editor.outline import Entry
from cronicle.editor.positions import Encoding, Position, offset_of, position_of, range_of
from cronicle.editor.renaming import Replacement
from cronicle.editor.signature import Signature
from cronicle.editor.workspace import place_of, uri_of
from grammar.diagnostics import Diagnostic
from grammar.source import SourceFile, Span

_COMPLETION_KINDS = {
    Kind.ATTRIBUTE: lsp.CompletionItemKind.Property,
    Kind.BLOCK: lsp.CompletionItemKind.Struct,
    Kind.NAME: lsp.CompletionItemKind.Variable,
    Kind.FUNCTION: lsp.CompletionItemKind.Function,
    Kind.KEYWORD: lsp.CompletionItemKind.Keyword,
    Kind.WORD: lsp.CompletionItemKind.EnumMember,
}
_SYMBOL_KINDS = {
    "workflow": lsp.SymbolKind.Class,
    "task": lsp.SymbolKind.Function,
    "variable": lsp.SymbolKind.Variable,
    "param": lsp.SymbolKind.Variable,
    "local": lsp.SymbolKind.Constant,
    "schedule": lsp.SymbolKind.Event,
}


def path_of(uri: str) -> Path:
    """The path of a document; of one that is no file a place where none is."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.path else place_of(uri)


def uri_at(path: Path) -> str:
    """The name of a document."""
    return path.as_uri() if path.is_absolute() else uri_of(path)


@frozen
class Tongue:
    """How one editor is talked to."""

    encoding: Encoding = Encoding.UTF_16
    has_snippets: bool = False
    """True if it fills in texts with places for the cursor."""
    has_markdown: bool = True

    # Places

    def offset(self, file: SourceFile, position: lsp.Position) -> int:
        """Where a place is in the text."""
        return offset_of(file, Position(position.line, position.character), self.encoding)

    def position(self, file: SourceFile, offset: int) -> lsp.Position:
        """The place of an offset."""
        return _position(position_of(file, offset, self.encoding))

    def range(self, span: Span) -> lsp.Range:
        """From where to where a span goes."""
        start, end = range_of(span, self.encoding)
        return lsp.Range(_position(start), _position(end))

    # Values

    def text(self, text: str) -> lsp.MarkupContent:
        """Markdown; as it is written for an editor that does not know it."""
        kind = lsp.MarkupKind.Markdown if self.has_markdown else lsp.MarkupKind.PlainText
        return lsp.MarkupContent(kind, text)

    def diagnostic(self, one: Diagnostic) -> lsp.Diagnostic:
        """What is wrong, and where; what belongs to no place stands at the beginning."""
        nowhere = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
        return lsp.Diagnostic(
            range=nowhere if one.subject is None else self.range(one.subject),
            message="\n\n".join(filter(None, (one.summary, one.detail))),
            severity=lsp.DiagnosticSeverity.Error if one.is_error else lsp.DiagnosticSeverity.Warning,
            code=one.code,
            source="cronicle",
        )

    def item(self, one: Completion, replaced: lsp.Range) -> lsp.CompletionItem:
        """A proposal, for the place of what is written of it already.

        Editors would find that by themselves, each by its own idea of a word; names here may have a `-` in them.
        """
        is_snippet = self.has_snippets and one.snippet != ""
        return lsp.CompletionItem(
            label=one.label,
            kind=_COMPLETION_KINDS[one.kind],
            detail=one.detail or None,
            documentation=self.text(one.doc) if one.doc else None,
            filter_text=one.label.strip('"'),  # without it Neovim takes all for chosen by the server
            insert_text_format=lsp.InsertTextFormat.Snippet if is_snippet else lsp.InsertTextFormat.PlainText,
            text_edit=lsp.TextEdit(replaced, one.snippet if is_snippet else one.insert),
        )

    def signature(self, found: Signature) -> lsp.SignatureHelp:
        """The function that is called."""
        function = found.function
        parameters = [lsp.ParameterInformation(label=place) for place in found.places]
        # Beyond the last parameter none is marked.
        active = len(parameters) if found.parameter is None else found.parameter
        information = lsp.SignatureInformation(
            function.signature, self.text(function.doc.strip()), parameters
        )
        return lsp.SignatureHelp([information], active_signature=0, active_parameter=active)

    def edits(self, replacements: Iterable[Replacement]) -> list[lsp.TextEdit]:
        """Changes of one file."""
        return [lsp.TextEdit(self.range(one.span), one.text) for one in replacements]

    def symbol(self, entry: Entry) -> lsp.DocumentSymbol:
        """A line of the outline."""
        return lsp.DocumentSymbol(
            name=entry.title,
            kind=_SYMBOL_KINDS.get(entry.kind, lsp.SymbolKind.Struct),
            range=self.range(entry.span),
            selection_range=self.range(entry.name_span),
            children=[self.symbol(one) for one in entry.inner],
        )


def _position(position: Position) -> lsp.Position:
    return lsp.Position(position.line, position.character)
