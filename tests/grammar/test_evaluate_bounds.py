"""Bounds: what an expression must not be able to do is told, and soon. Each case once hung, or could."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from grammar.clusters import clusters, count_clusters
from grammar.diagnostics import MOST_TOLD
from grammar.evaluate import evaluate
from grammar.functions import FUNCTIONS, file_functions
from grammar.kinds import nfc
from grammar.measure import Budget, Limits
from grammar.parse import parse, parse_expression, parse_template
from grammar.scope import Scope
from grammar.source import SourceFile
from grammar.suggest import nearest

FEW = Limits(steps=300_000)
"""Else each case would take three times as long."""

SOON = 5.0
"""Seconds of the processor: each case takes half a second, on a machine that is not slow."""

FILES = {
    **{f"folder/{number}.txt": b"" for number in range(1000)},
    "large": b"x" * 4_000_000,
    "long.tpl": b"${x}" * 300_000,
    "outer.tpl": b'${templatefile("outer.tpl", {})}',
}
SCOPE = Scope({}, {**FUNCTIONS, **file_functions(FILES.__getitem__, lambda: list(FILES))})

TEN_THOUSAND = 'join("", [for i in range(1000) : "0123456789"])'
DEEP = "[" * 90, "]" * 90
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\\n" for before, name in pairwise("abcdefghi")
)


@pytest.fixture(autouse=True)
def soon():
    begun = time.process_time()
    yield
    assert time.process_time() - begun < SOON


def told(text: str) -> list[str]:
    """The codes of what is wrong with an expression."""
    tree, found = parse_expression(SourceFile("case", text))
    if not found:
        _, found = evaluate(tree, SCOPE, FEW)
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # numbers
        ("pow(10, 100000000)", "invalid-call"),
        ("pow(1.0000001, 100000000)", "invalid-call"),
        ("1e999999999", "invalid-number"),
        ("1e646456993", "invalid-operation"),
        ("1e-646456993 + 1", "invalid-operation"),
        ("9" * 5000, "invalid-operation"),
        ("9" * 900 + " * " + "9" * 900, "invalid-operation"),
        ('jsondecode("1e999999999")', "invalid-call"),
        (f'yamldecode("{"9" * 2000}")', "invalid-call"),
        (f'tonumber("{"9" * 2000}")', "invalid-call"),
        # many elements
        ("range(1000000000)", "invalid-call"),
        ("range(0, 1, 1e-300)", "invalid-call"),
        ("setproduct(range(1000), range(1000))", "invalid-call"),
        ("[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]", "evaluation-limit"),
        ("{for a in range(2000) : a => [for b in range(2000) : b]}", "evaluation-limit"),
        ('"%{ for a in range(9999) }%{ for b in range(9999) }x%{ endfor }%{ endfor }"', "evaluation-limit"),
        ("[for a in range(99999) : contains(range(99999), a)]", "evaluation-limit"),
        ("cidrsubnets(\"10.0.0.0/8\", [for i in range(99999) : 24]...)", "evaluation-limit"),
        # long texts
        ('format("%1000000000d", 1)', "invalid-call"),
        ('format("%.1000000000f", 1)', "invalid-call"),
        ('format(join("", [for i in range(9999) : "%9999[1]d"]), 1)', "invalid-call"),
        ("indent(1000000000, \"a\\nb\")", "invalid-call"),
        (f"replace({TEN_THOUSAND}, \"0\", {TEN_THOUSAND})", "invalid-call"),
        (f"join({TEN_THOUSAND}, range(9999))", "invalid-call"),
        # in loops
        (f"[for i in range(99999) : length({TEN_THOUSAND})]", "evaluation-limit"),
        ('[for i in range(99999) : filesha256("large")]', "evaluation-limit"),
        ('[for i in range(99999) : fileexists("large")]', "evaluation-limit"),
        ('[for i in range(99999) : fileset("folder", "**/*a*b*${i}")]', "evaluation-limit"),
        ('[for i in range(99999) : yamldecode("[1, 2, 3, 4, 5, 6, 7, 8, 9]")]', "evaluation-limit"),
        # patterns
        ('regexall("(x|a|b){0,999}c", join("", [for i in range(90000) : "ab"]))', "evaluation-limit"),
        (f'regex("{"a" * 2000}", "a")', "invalid-call"),
        ('regex("((a{1,1000}){1,1000}){1,1000}", "a")', "invalid-call"),
        (f'fileset("folder", "{"*a" * 600}")', "invalid-call"),
        (f'fileset("folder", "{"{a,b}" * 40}")', "invalid-call"),
        # nesting
        ("[" * 99 + "]" * 99 + "[0]" * 150, "expression-too-deep"),
        ("(" * 200 + "1" + ")" * 200, "expression-too-deep"),
        ("1" + " + 1" * 2000, "expression-too-deep"),
        ('jsondecode(join("", [for i in range(9999) : "["]))', "invalid-call"),
        ('yamldecode(join("", [for i in range(9999) : "["]))', "invalid-call"),
        (f'{"[" * 12}jsondecode("{DEEP[0]}{DEEP[1]}"){"]" * 12}', "evaluation-limit"),
        (f'true ? jsondecode("{DEEP[0]}1{DEEP[1]}") : jsondecode("{DEEP[0]}true{DEEP[1]}")', "inconsistent-types"),
        # aliases and templates
        (f'yamldecode("{LAUGHS}")', "invalid-call"),
        ('yamldecode("&a [*a]")', "invalid-call"),
        ('yamldecode(join("", [for i in range(99999) : "- a\\n"]))', "evaluation-limit"),
        ('templatefile("outer.tpl", {})', "unknown-function"),
        ('templatefile("long.tpl", {x = 1})', "evaluation-limit"),
        ('templatestring("$${templatestring(\\"x\\", {})}", {})', "unknown-function"),
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_what_would_take_too_much_is_told(text, code):
    assert code in told(text)


@pytest.mark.parametrize(
    "text",
    [
        'csvdecode("${join(",", [for i in range(40000) : "a${i}"])},a39999\\n")',
        '[for m in [{for k in range(30000) : "k${k}" => 1}] : [for i in range(30000) : try(m["x${i}"], 0)]]',
        '[for m in [{for k in range(30000) : "k${k}" => 1}] : [for i in range(9000) : try(lookup(m, "x${i}"), 0)]]',
        '[for m in [{for k in range(30000) : "k${k}" => 1}] : [' + ", ".join(["m.x"] * 9000) + "]]",
        f'trim(join("", [for i in range(30000) : "aaaaaaaaaa"]), join("", [{TEN_THOUSAND}, "x", "a"]))',
        'timeadd("2017-11-22T00:00:00Z", join("", [for i in range(99999) : "1h"]))',
    ],
    ids=lambda text: text[:60],
)
def test_a_mistake_is_told_as_soon_as_it_would_be_of_little(text):
    told(text)


def test_marks_that_combine_are_put_in_order_in_time_of_their_number():
    marks = "\u0301\u0323" * 200_000

    assert nfc("a" + marks) == "\u1ea1" + "\u0323" * 199_999 + "\u0301" * 200_000
    assert nfc("a" * 2000 + "\u0f73" * 200) == "a" * 2000 + "\u0f71" * 200 + "\u0f72" * 200


def test_flags_are_counted_in_time_of_their_number():
    assert count_clusters("\U0001f1e6" * 200_001) == 100_001
    assert clusters("\U0001f1e6\U0001f1f9\U0001f1e6\U0001f1f9\u0301x") == [
        "\U0001f1e6\U0001f1f9",
        "\U0001f1e6\U0001f1f9\u0301",
        "x",
    ]


def test_names_that_are_long_or_many_are_compared_with_few():
    assert nearest("a" * 100_000, ["a" * 99_999]) is None
    assert nearest("extrat", [f"task{number}" for number in range(100_000)] + ["extract"]) == "extract"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("b {\n" * 100_000, "expression-too-deep"),
        ("a = " + "[" * 100_000, "expression-too-deep"),
        ("a = " + '"${' * 100_000, "expression-too-deep"),
        ("/*" * 1_000_000, "unclosed-comment"),
        ("a = <<E\n" + "x\n" * 300_000, "unclosed-heredoc"),
        ('a = "' + "x" * 1_000_000, "unclosed-string"),
        ("a = 1" + "0" * 1_000_000 + ".0.0\n", "invalid-number"),
        ("'" * 1_000_000, "invalid-character"),
        ("a = <<E\n" + "\n" * 300_000, "unclosed-heredoc"),
    ],
    ids=lambda text: text[:12],
)
def test_huge_texts_are_read_in_time_of_their_length(text, code):
    _, found = parse(SourceFile("huge", text))

    assert code in {one.code for one in found}


def test_of_very_many_mistakes_the_first_are_told():
    _, found = parse(SourceFile("huge", "'x'\n" * 100_000))

    assert len(found) == MOST_TOLD
    assert found[-1].subject.line == MOST_TOLD


def test_a_template_of_many_sequences_is_read_in_time_of_its_length():
    _, found = parse_template(SourceFile("huge", "${x}" * 100_000))

    assert not found


def test_what_evaluations_may_take_together_is_bounded():
    scope = Scope({}, FUNCTIONS, budget=Budget(1_000))
    tree, _ = parse_expression(SourceFile("case", "[for i in range(100) : i]"))

    codes = [[one.code for one in evaluate(tree, scope)[1]] for _ in range(5)]

    assert codes[0] == []
    assert codes[-1] == ["evaluation-limit"]
    assert "takes more than 1,000 steps" in evaluate(tree, scope)[1][0].detail


def test_a_template_says_why_it_reads_no_other():
    tree, _ = parse_expression(SourceFile("case", 'templatefile("outer.tpl", {})'))

    [said] = evaluate(tree, SCOPE)[1]

    assert said.detail.startswith("A template does not evaluate another one.")
