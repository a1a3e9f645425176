"""What holds for all texts: reading never raises, places are exact, trees come back from JSON and from text."""

from __future__ import annotations

import json
import sys

import pytest
from grammar_strategies import bodies, expressions
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from grammar.cursor import MAX_HEIGHT, MAX_NESTING
from grammar.diagnostics import CODES
from grammar.parse import parse, parse_expression, parse_template
from grammar.render import render, render_line
from grammar.serial import body_from_json, body_to_json, expression_from_json, expression_to_json
from grammar.source import SourceFile
from grammar.syntax import Attribute, Block, Body, Variable
from grammar.text import expression_text
from grammar.traverse import children, height, references, walk

PIECES = [
    "a", "é", "1", ".", "..", "...", " ", "\n", "\r\n", "\r", "\t", '"', '"x"', "${", "%{", "~}", "}", "{", "(", ")",
    "[", "]", "=", "==", "=>", ":", "::", "?", "-", "!", "*", "/", ",", "<<E\n", "<<-E\n", "\nE\n", "E", "for", "in",
    "if",     "else", "endif", "endfor", "#", "//", "/*", "*/", "\\", "\\n", "'", ";", "&", "|", "<", "<<", "\ufeff",
    "\x00", "$", "%",
]  # fmt: skip
soups = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
relaxed = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_diagnostics(text: str, diagnostics: tuple) -> None:
    for diagnostic in diagnostics:
        assert diagnostic.code in CODES
        assert diagnostic.code != "unreadable-expression"
        assert diagnostic.detail.endswith((".", "`", '"text".'))
        assert 0 <= diagnostic.subject.start <= diagnostic.subject.end <= len(text)
        assert "\n" not in render_line(diagnostic)
    render(diagnostics)


@relaxed
@given(st.one_of(st.text(max_size=60), soups))
@example("a = <<E\nx\nE")
@example('"')
@example("a = \"${'\n")
def test_reading_any_text_gives_a_tree_and_diagnostics(text: str) -> None:
    source = SourceFile("any.hcl", text)

    for read in (parse, parse_expression, parse_template):
        tree, diagnostics = read(source)

        list(walk(tree))
        check_diagnostics(text, diagnostics)


@relaxed
@given(bodies(), st.data())
def test_reading_a_damaged_file_gives_a_tree_and_diagnostics(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    upto = data.draw(st.integers(at, min(len(text), at + 3)))
    damaged = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[upto:]

    body, diagnostics = parse(SourceFile("damaged.hcl", damaged))

    check_diagnostics(damaged, diagnostics)
    assert body_from_json(body_to_json(body), SourceFile("damaged.hcl", damaged)) == body


def places(node: object) -> list:
    return [(type(below).__name__, below.span) for below in walk(node)]


@relaxed
@given(bodies())
def test_a_stored_body_is_the_body_with_all_its_places(text: str) -> None:
    source = SourceFile("a.hcl", text)
    body, diagnostics = parse(source)
    assert diagnostics == ()

    stored = json.loads(json.dumps(body_to_json(body)))
    again = body_from_json(stored, source)

    assert again == body
    assert places(again) == places(body)
    assert body_to_json(again) == stored


@relaxed
@given(bodies())
def test_the_text_under_a_span_is_that_of_the_node(text: str) -> None:
    body, _ = parse(SourceFile("a.hcl", text))

    check_places(body)


def check_places(body: Body) -> None:
    for item in body.items:
        assert body.span.start <= item.span.start < item.span.end <= body.span.end
        if isinstance(item, Attribute):
            assert item.name_span.text == item.name
            assert item.span.text.startswith(item.name)
            assert item.span.text.endswith(item.expr.span.text)
            if not item.expr.span.text.startswith("<<"):
                again, diagnostics = parse_expression(SourceFile("b", item.expr.span.text))
                assert diagnostics == ()
                assert again == item.expr
            for node in walk(item.expr):
                for child in children(node):
                    assert node.span.start <= child.span.start <= child.span.end <= node.span.end
        else:
            assert isinstance(item, Block)
            assert item.type_span.text == item.type
            assert item.span.text.endswith("}")
            check_places(item.body)
    for comment in body.comments:
        assert comment.span.text == comment.text
        assert comment.text.startswith(("#", "//", "/*"))


@relaxed
@given(bodies())
def test_each_comment_is_in_the_tree_exactly_once(text: str) -> None:
    body, _ = parse(SourceFile("a.hcl", text))

    found = [comment for node in walk(body) if isinstance(node, Body) for comment in node.comments]

    assert len(found) == text.count("# note") + 2 * text.count("/* c */") + text.count("/* several")
    assert len({comment.span for comment in found}) == len(found)


@relaxed
@given(expressions)
def test_an_expression_comes_back_from_its_canonical_value(text: str) -> None:
    expr, diagnostics = parse_expression(SourceFile("a", text))
    assert diagnostics == ()

    value = json.loads(json.dumps(expression_to_json(expr)))
    again = expression_from_json(value)

    assert again == expr
    assert expression_to_json(again) == value
    assert again.span is None


@relaxed
@example('"$ ${~ a ~}"')
@example('"%{ if true }% %{~ endif }"')
@given(expressions)
@example('" ${~ a ~}"')
def test_an_expression_comes_back_from_its_canonical_text(text: str) -> None:
    expr, _ = parse_expression(SourceFile("a", text))

    canonical = expression_text(expr)
    again, diagnostics = parse_expression(SourceFile("a", canonical))

    assert diagnostics == ()
    assert "\n" not in canonical
    assert again == expr
    assert expression_text(again) == canonical


@relaxed
@given(expressions)
def test_references_are_among_the_variables(text: str) -> None:
    expr, _ = parse_expression(SourceFile("a", text))

    roots = {reference.root for reference in references(expr)}

    assert roots <= {node.name for node in walk(expr) if isinstance(node, Variable)}


DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "(" * DEEP + "1" + ")" * DEEP,
        "a = " + "[" * DEEP,
        "a = " + "{a=" * DEEP,
        "a = " + '"${' * DEEP,
        "a = " + "f(" * DEEP,
        "a = " + "a[" * DEEP,
        "a = " + "-" * DEEP + "1",
        "a = 1" + " + 1" * DEEP,
        "a = b" + ".c" * DEEP,
        "a = b" + "[*]" * DEEP,
        "a = " + "b ? c : " * DEEP + "d",
        "b {\n" * DEEP,
        "a = " + "[for x in " * DEEP,
        'a = "' + "%{ if x }" * 9_000 + "%{ endif }" * 9_000 + '"',
    ],
    ids=lambda text: text[:12],
)
def test_nesting_beyond_the_limit_is_one_diagnostic_for_it(text: str) -> None:
    _, diagnostics = parse(SourceFile("deep.hcl", text + "\n"))

    assert "expression-too-deep" in {diagnostic.code for diagnostic in diagnostics}


def test_what_the_limits_allow_can_be_read_written_and_stored_by_recursion() -> None:
    chain = "a = 1" + " + 1" * (MAX_HEIGHT - 1)
    nested = "b = " + "[" * (MAX_NESTING - 1) + "1" + "]" * (MAX_NESTING - 1)
    source = SourceFile("high.hcl", f"{chain}\n{nested}\n")

    body, diagnostics = parse(source)

    assert diagnostics == ()
    assert height(body.attributes[0].expr) == MAX_HEIGHT
    assert body_from_json(body_to_json(body), source) == body
    for attribute in body.attributes:
        assert expression_from_json(expression_to_json(attribute.expr)) == attribute.expr
        assert expression_text(attribute.expr)
    assert sys.getrecursionlimit() == 1000


@pytest.mark.parametrize("data", [None, [], [2], {}, [1], [1, 24], [1, 99, 0, 0], [1, 0, "x", 0, 1], "x"])
def test_another_value_is_no_stored_body(data: object) -> None:
    with pytest.raises(ValueError, match="stored body"):
        body_from_json(data, SourceFile("a", ""))


@pytest.mark.parametrize(
    "data", [None, [], ["unknown"], ["lit", "maybe"], ["num", "x"], ["attr", ["var", "a"]], 7]
)
def test_another_value_is_no_expression(data: object) -> None:
    with pytest.raises(ValueError, match="expression"):
        expression_from_json(data)
