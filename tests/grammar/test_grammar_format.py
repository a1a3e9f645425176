"""Formatting: the blanks of `terraform fmt`, and never another meaning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from grammar_strategies import bodies
from hypothesis import HealthCheck, given, settings

from grammar.diagnostics import has_errors
from grammar.evaluate import evaluate
from grammar.format import format_file
from grammar.kinds import equal_key
from grammar.parse import parse
from grammar.scope import Scope
from grammar.source import SourceFile
from grammar.syntax import Attribute, Block, Body, TemplateWrap
from grammar.traverse import walk
from tests.conformance.agreement import NAMES, to_ours
from tests.conformance.conformance_texts import files

relaxed = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def formatted(text: str) -> str:
    return format_file(SourceFile("a.hcl", text))[0]


def unwrapped(body: Body) -> object:
    """What a body says: of an attribute that is nothing but an interpolation, that what is interpolated."""
    return [
        (item.name, item.expr.expr if isinstance(item.expr, TemplateWrap) else item.expr)
        if isinstance(item, Attribute)
        else (item.type, item.labels, unwrapped(item.body))
        for item in body.items
        if isinstance(item, Attribute | Block)
    ]


@pytest.mark.parametrize(
    ("written", "should_be"),
    [
        ("a=1\nbcd =  2\n", "a   = 1\nbcd = 2\n"),
        ("a = 1\n\nbcd = 2\n", "a = 1\n\nbcd = 2\n"),
        ("a = 1\n# c\nbcd = 2\n", "a = 1\n# c\nbcd = 2\n"),
        ("a = 1 # x\nbcd = 22 // y\n", "a   = 1  # x\nbcd = 22 // y\n"),
        ("a = {\nb=1\n}\nlonger = 2\n", "a = {\n  b = 1\n}\nlonger = 2\n"),
        ("a = <<-E\n   x\n  E\nlonger = 2\n", "a      = <<-E\n   x\n  E\nlonger = 2\n"),
        ("b {\na=1\n  c {\n}\n}\n", "b {\n  a = 1\n  c {\n  }\n}\n"),
        ('b "x"  y{}\n', 'b "x" "y" {}\n'),
        ("b { a=1 }\n", "b { a = 1 }\n"),
        ("a = [{\nb = 1\n}, {\nc = 2\n}]\n", "a = [{\n  b = 1\n  }, {\n  c = 2\n}]\n"),
        ("a = f(\n[1,\n2])\n", "a = f(\n  [1,\n2])\n"),
        ("a = [1,2 ,3]\n", "a = [1, 2, 3]\n"),
        ("a = f ( x ,y... )\n", "a = f(x, y...)\n"),
        ("a = x . y [ 0 ] .z\n", "a = x.y[0].z\n"),
        ("a = x[*] . y\n", "a = x[*].y\n"),
        ("a = {}\n", "a = {}\n"),
        ("a = {x=1}\n", "a = { x = 1 }\n"),
        (
            "a = - 1\nb = x -1\nc = [-1,- 2]\nd = x ? - 1:-2\n",
            "a = -1\nb = x - 1\nc = [-1, -2]\nd = x ? -1 : -2\n",
        ),
        ("a = ! b&&c\n", "a = !b && c\n"),
        ("a = [for x in [1]:x if x>0]\n", "a = [for x in [1] : x if x > 0]\n"),
        ("a = {for k,v in m:k=>v...}\n", "a = { for k, v in m : k => v... }\n"),
        ('a = "x-${ y }-${~ z ~}"\n', 'a = "x-${y}-${~z~}"\n'),
        ('a = "%{ if x }y%{ endif }"\n', 'a = "%{if x}y%{endif}"\n'),
        ('a = "${ x }"\n', "a = x\n"),
        ('a = ["${x}"]\n', 'a = ["${x}"]\n'),
        ('a = "${\nx\n}"\n', 'a = "${\n  x\n}"\n'),
        ("a = a :: b(1)\n", "a = a::b(1)\n"),
        ("a = 1", "a = 1\n"),
        ("  # alone   \n   \n", "# alone\n\n"),
        ("a = 1\r\nbc = 2\r\n", "a  = 1\r\nbc = 2\r\n"),
        ("日本 = 1\na = 2\n", "日本 = 1\na  = 2\n"),
        ("", ""),
    ],
)
def test_a_text_is_put_in_order(written: str, should_be: str) -> None:
    assert formatted(written) == should_be
    assert formatted(should_be) == should_be


@relaxed
@given(bodies())
def test_formatting_changes_no_meaning_and_loses_no_comment(text: str) -> None:
    before, diagnostics = parse(SourceFile("a.hcl", text))

    text = formatted(text)

    after, found = parse(SourceFile("a.hcl", text))
    assert has_errors(found) == has_errors(diagnostics)
    assert unwrapped(after) == unwrapped(before)
    assert [comment.text.rstrip() for comment in after.comments] == [
        comment.text.rstrip() for comment in before.comments
    ]


@relaxed
@given(files())
def test_formatting_changes_no_value(text: str) -> None:
    before, diagnostics = parse(SourceFile("a.hcl", text))
    after, _ = parse(SourceFile("a.hcl", formatted(text)))

    assert not diagnostics, text
    assert values(after) == values(before)


def values(body: Body) -> list:
    """What the attributes of a body and of the blocks in it come to, or the codes of what is wrong with them."""
    scope = Scope({name: to_ours(value) for name, value in NAMES.items()})
    found = (evaluate(node.expr, scope) for node in walk(body) if isinstance(node, Attribute))
    return [[one.code for one in wrong] if wrong else equal_key(value) for value, wrong in found]


@relaxed
@given(bodies())
def test_what_is_formatted_stays_as_it_is(text: str) -> None:
    once = formatted(text)

    assert formatted(once) == once


def test_the_probes_of_the_syntax_keep_their_meaning() -> None:
    for line in (Path(__file__).parent / "hcl_probes.jsonl").read_text("utf-8").splitlines():
        text = json.loads(line)["src"]
        before, diagnostics = parse(SourceFile("a.hcl", text))
        if has_errors(diagnostics):
            assert formatted(text) == text
            continue
        after, found = parse(SourceFile("a.hcl", formatted(text)))
        assert not has_errors(found), text
        assert unwrapped(after) == unwrapped(before), text
        assert formatted(formatted(text)) == formatted(text), text


def test_what_cannot_be_parsed_is_left_alone() -> None:
    text, diagnostics = format_file(SourceFile("a.hcl", "a=1\nb = [\n"))

    assert text == "a=1\nb = [\n"
    assert has_errors(diagnostics)
