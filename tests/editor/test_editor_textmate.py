"""The TextMate grammar: read by Oniguruma, it colours files as the parser reads them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from textmate_reader import Reader

from cronicle.config.schema import FILE
from grammar.functions import FUNCTIONS, file_functions
from grammar.parse import parse
from grammar.scan import HEREDOC, INTERPOLATION, NUMBER, QUOTED, SEQUENCE_END, TEXT, scan
from grammar.schema import BlockSchema
from grammar.source import SourceFile
from grammar.syntax import Body, FunctionCall
from grammar.traverse import walk

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/grammar"))
from grammar_strategies import bodies  # noqa: E402 - a neighbour's

GRAMMAR = json.loads((ROOT / "editors/vscode/syntaxes/cronicle.tmLanguage.json").read_text("utf-8"))
FILES = sorted(
    path
    for pattern in ("examples/**/*.hcl", "tests/language/valid/*.hcl", "tests/language/warning/*.hcl")
    for path in ROOT.glob(pattern)
    if ".cronicle" not in path.parts
)
PROBES = [
    json.loads(line) for line in (ROOT / "tests/grammar/hcl_probes.jsonl").read_text("utf-8").splitlines()
]
LIBRARY = {*FUNCTIONS, *file_functions(lambda path: b"", tuple)}


class Colours:
    """The scopes of each character of a text."""

    def __init__(self, text: str) -> None:
        self.file = SourceFile("a.hcl", text)
        tokens, self.open = Reader(GRAMMAR).read(text)
        self.scopes: list[tuple[str, ...]] = [()] * (len(text) + 1)
        for token in tokens:
            start = self.file.line_starts[token.line]
            for at in range(start + token.start, min(start + token.end, len(text))):
                self.scopes[at] = token.scopes

    def has(self, at: int, scope: str) -> bool:
        """True if the character at an offset has a scope, which may be the first parts of a longer one."""
        return any(f"{one}.".startswith(f"{scope}.") for one in self.scopes[at])

    def shown(self, at: int) -> str:
        line = self.file.line_of(at)
        return f"line {line}: {self.file.line_text(line)!r} has {self.scopes[at]} at {self.file.text[at : at + 12]!r}"


def differences(text: str) -> Iterator[str]:
    """Where the colours are not what the parser has read."""
    colours = Colours(text)
    tokens = scan(colours.file)
    commented = {at for start, end in tokens.comments for at in range(start, end)}
    for at, character in enumerate(text):
        if character not in "\r\n" and colours.has(at, "comment") != (at in commented):
            yield f"comment: {colours.shown(at)}"
    wanted = {
        QUOTED: ("string.quoted", "entity.name.section", "variable.other.property", "meta.block"),
        TEXT: ("string.unquoted.heredoc",),
        HEREDOC: ("keyword.operator.heredoc",),
        NUMBER: ("constant.numeric", "variable.other.member"),
        INTERPOLATION: ("punctuation.section.interpolation.begin",),
        SEQUENCE_END: ("punctuation.section.interpolation.end", "punctuation.section.directive.end"),
    }
    for kind, start, end in zip(tokens.kinds, tokens.starts, tokens.ends, strict=True):
        if (
            kind in wanted
            and text[start:end].strip()
            and not any(colours.has(start, one) for one in wanted[kind])
        ):
            yield f"{kind}: {colours.shown(start)}"
    yield from _in_body(colours, parse(colours.file)[0], FILE)
    if colours.open:
        yield f"still open: {[one.rule.get('name') for one in colours.open]}"


def _in_body(colours: Colours, body: Body, schema: BlockSchema | None) -> Iterator[str]:
    for attribute in body.attributes:
        is_known = schema is not None and attribute.name in schema.attributes
        if colours.has(attribute.name_span.start, "support.type.property-name") != is_known:
            yield f"attribute: {colours.shown(attribute.name_span.start)}"
        for node in walk(attribute.expr):
            if isinstance(node, FunctionCall) and node.name_span is not None:
                is_function = node.name in LIBRARY
                if colours.has(node.name_span.start, "support.function") != is_function and not (
                    attribute.name == "type" and is_known
                ):
                    yield f"function: {colours.shown(node.name_span.start)}"
    for block in body.blocks:
        inner = schema.blocks.get(block.type) if schema is not None else None
        if colours.has(block.header_span.start, "entity.name.type") != (inner is not None):
            yield f"block: {colours.shown(block.header_span.start)}"
        if inner is not None:
            for label in block.label_spans[: len(inner.labels)]:
                if not colours.has(label.start, "entity.name.section"):
                    yield f"label: {colours.shown(label.start)}"
        yield from _in_body(colours, block.body, inner)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_have_the_colours_of_what_the_parser_reads(path: Path) -> None:
    assert list(differences(path.read_text("utf-8"))) == []


def test_the_syntax_of_hcl_is_coloured_as_it_is_read() -> None:
    """Texts that the reference parser takes."""
    valid = [probe["src"] for probe in PROBES if probe["valid"]]

    wrong = {text: found for text in valid if (found := list(differences(text)))}

    assert wrong == {}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies())
def test_any_text_of_hcl_is_coloured_as_it_is_read(text: str) -> None:
    assert list(differences(text)) == []


def test_no_text_is_too_broken_to_be_coloured() -> None:
    """Oniguruma gives up on a pattern that tries too often, and the line stays without colours."""
    reader = Reader(GRAMMAR)
    rows = [
        "a" * 5000,
        "a " * 2000,
        'a "b" ' * 1000,
        '"' * 2000,
        "${" * 500,
        "/*" * 999,
        "a = " * 999,
        "\\" * 999,
    ]

    for text in (*(probe["src"] for probe in PROBES), *rows):
        tokens, _ = reader.read(text)
        assert sum(one.end - one.start for one in tokens) >= len(text) - text.count("\r\n")
