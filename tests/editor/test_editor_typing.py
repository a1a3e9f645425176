"""Whatever stands in the examples would have been proposed to whoever typed it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from cronicle.config.chains import references_in
from cronicle.config.schema import FILE, blocks_below
from cronicle.config.vocabulary import referred_to
from cronicle.editor.answers import Answers
from cronicle.editor.positions import position_of
from grammar.parse import parse
from grammar.source import SourceFile, Span
from grammar.syntax import Body, FunctionCall
from grammar.traverse import walk

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for pattern in ("examples/**/*.hcl", "tests/language/valid/*.hcl")
    for path in ROOT.glob(pattern)
    if ".cronicle" not in path.parts and path.stat().st_size
)
REFERRING = {
    one.name for block in blocks_below(FILE) for one in block.attributes.values() if referred_to(one)
}


def words(body: Body) -> Iterator[tuple[Span, str]]:
    """Each word that the language or the project gives, with its place."""
    for attribute in body.attributes:
        if attribute.name in ("from", "to"):
            continue  # which may be names of the past
        for node in walk(attribute.expr):
            if isinstance(node, FunctionCall) and node.name_span is not None and attribute.name != "type":
                yield node.name_span, node.name
        for reference in references_in(attribute.expr):
            if reference.span is None:
                continue
            start = reference.span.start
            if attribute.name in REFERRING and reference.root != "each":
                whole = f"{reference.root}.{reference.name(0)}"
                yield Span(reference.span.file, start, start + len(whole)), whole
            elif attribute.name != "type":
                yield Span(reference.span.file, start, start + len(reference.root)), reference.root
            known = 2 if reference.root in ("run", "task") else 1
            for step in reference.steps[:known]:
                if (
                    step.span is not None
                    and step.name is not None
                    and not step.is_index
                    and reference.root != "each"
                ):
                    yield step.span, step.name
    for block in body.blocks:
        yield block.type_span, block.type
        if block.type != "locals":
            yield from ((one.name_span, one.name) for one in block.body.attributes)
        yield from words(block.body)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_word_of_a_file_is_proposed_where_it_is_typed(path: Path) -> None:
    """After its first letter, with nothing behind it: what is being written there cannot be parsed."""
    text = path.read_text("utf-8")
    uri = path.as_uri()
    answers = Answers()
    answers.tell(next(iter(answers.opened(uri, text))), lambda uri, wrong: None)
    body, _ = parse(SourceFile(path.name, text))
    found = list(words(body))

    missing = []
    for span, word in found:
        written = SourceFile(path.name, text[: span.start + 1])
        answers.opened(uri, written.text)
        place = position_of(written, len(written.text))
        items = answers.complete(
            lsp.CompletionParams(lsp.TextDocumentIdentifier(uri), lsp.Position(place.line, place.character))
        ).items
        if word not in [one.label for one in items]:
            missing.append(f"line {span.line}: {word}")

    assert len(found) > 3
    assert missing == []
