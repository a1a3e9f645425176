"""Templates, references, names, canonical text; and that reading is fast."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from grammar import syntax as s
from grammar.parse import parse, parse_expression, parse_template
from grammar.serial import body_from_json, body_to_json, expression_to_json
from grammar.source import SourceFile
from grammar.suggest import nearest
from grammar.text import expression_text, quoted
from grammar.traverse import UNKNOWN_KEY, references


def expression(text: str) -> s.Expression:
    expr, diagnostics = parse_expression(SourceFile("e", text))
    assert diagnostics == ()
    return expr


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<<-E\n    a\n      b\n\n    c\n  E\n", "a\n  b\n\nc\n"),
        ("<<-E\n  a\n \n  b\nE\n", "a\n\x20\nb\n"),
        ("<<-E\n\ta\n\t\tb\nE\n", "a\n\tb\n"),
        ("<<E\n  a\nE\n", "  a\n"),
        ('"e\\u0301"', "é"),
        ('"a$${b}%%{c}$$"', "a${b}%{c}$$"),
        ('""', ""),
    ],
)
def test_the_text_of_a_template_without_sequences_is_known(source: str, text: str) -> None:
    assert expression(source).literal == text


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('"a  ${~ x ~}  b"', ["a", "b"]),
        ('"a ${x}  b"', ["a ", "  b"]),
        # In a heredoc a strip marker reaches to the end of the line, not into the next.
        ("<<E\n${x ~}\n  b\nE\n", ["  b\n"]),
        ("<<E\n  a\n  ${~ x}\nE\n", ["  a\n", "\n"]),
        ("<<-E\n  a ${x}\n    b\n  E\n", ["a ", "\n  b\n"]),
        ("<<-E\n  ${x}\n    b\n  E\n", ["\n  b\n"]),
    ],
)
def test_strip_markers_and_indentation_are_applied(source: str, texts: list[str]) -> None:
    parts = expression(source).parts

    assert [part.value for part in parts if isinstance(part, s.TemplateText)] == texts


def test_a_sequence_alone_in_quotes_is_passed_through_but_not_with_blanks_that_are_stripped() -> None:
    assert isinstance(expression('"${x}"'), s.TemplateWrap)
    assert isinstance(expression('" ${~x}"'), s.Template)
    assert isinstance(parse_template(SourceFile("t", "${x}"))[0], s.TemplateWrap)


def test_a_template_file_is_text_with_sequences_in_which_quotes_and_backslashes_are_plain() -> None:
    source = SourceFile("t", 'say "hi" \\n ${name}\n%{ for x in xs ~}\n- ${x}\n%{ endfor ~}\nend $')

    template, diagnostics = parse_template(source)

    assert diagnostics == ()
    first, name, end, loop, last = template.parts
    assert (first.value, name.expr, end.value) == ('say "hi" \\n ', s.Variable("name"), "\n")
    assert loop.body.parts == (s.TemplateText("- "), s.Interpolation(s.Variable("x")), s.TemplateText("\n"))
    assert last.value == "end $"


def test_numbers_are_exact() -> None:
    assert expression("3.14159265358979323846").value == Decimal("3.14159265358979323846")
    assert expression("007").value == 7
    assert expression("1" * 5_000).value == Decimal("1" * 5_000)


def test_a_number_beyond_all_bounds_is_a_diagnostic() -> None:
    for text in ("1e646456994", "1e-99999999999999999999"):
        _, diagnostics = parse_expression(SourceFile("e", text))
        assert [diagnostic.code for diagnostic in diagnostics] == ["invalid-number"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('task.extract.output["max"]', [("task", ("extract", "output", "max"))]),
        ("a[0].b", [("a", (0, "b"))]),
        ("a[b.c].d", [("a", (UNKNOWN_KEY, "d")), ("b", ("c",))]),
        ("a[*].b", [("a", ())]),
        ("a.*.b[c]", [("a", ()), ("c", ())]),
        ("[for x in xs : x.y + z]", [("xs", ()), ("z", ())]),
        ("[for x in x : x]", [("x", ())]),
        ("{for k, v in xs : k => v if w}", [("xs", ()), ("w", ())]),
        ("{ a = b, (c) = d, e.f = 1 }", [("b", ()), ("c", ()), ("d", ()), ("e", ("f",))]),
        ('"%{ for x in xs }${x}${y}%{ endfor }${x}"', [("xs", ()), ("y", ()), ("x", ())]),
        ("f(a...).b", [("a", ())]),
        ("(a.b).c", [("a", ("b",))]),
        ("a ? b : -c", [("a", ()), ("b", ()), ("c", ())]),
        ("null", []),
    ],
)
def test_references_are_the_names_from_around(text: str, found: list) -> None:
    assert [(reference.root, reference.path) for reference in references(expression(text))] == found


def test_a_reference_knows_its_place() -> None:
    body, _ = parse(SourceFile("a.hcl", 'a = f(task.x["y"].z)\nb { c = d }\n'))

    assert [reference.span.text for reference in references(body)] == ['task.x["y"].z', "d"]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('[ "a",b , 1.50,]', '["a", b, 1.50]'),
        ("{a=1\n'b'=2}".replace("'", '"'), '{ a = 1, "b" = 2 }'),
        ("{}", "{}"),
        ("<<E\na ${ b }\nE\n", '"a ${b}\\n"'),
        ("a . b [ 0 ] .1", "a.b[0][1]"),
        ("a.*.b.0[1]", "a.*.b.0[1]"),
        ("1 .e5", "1 .e5"),
        ("-  a *!b", "-a * !b"),
        ("a?b:c", "a ? b : c"),
        ("[for x in y:x if z]", "[for x in y : x if z]"),
        ("{for k,v in y:k=>v...}", "{for k, v in y : k => v...}"),
        ("a :: f( x ... )", "a::f(x...)"),
        ('"%{if a}b%{else}c%{endif}"', '"%{ if a }b%{ else }c%{ endif }"'),
        ('"${ a }"', '"${a}"'),
    ],
)
def test_the_canonical_text_is_one_line_in_one_spelling(text: str, canonical: str) -> None:
    assert expression_text(expression(text)) == canonical


def test_a_quoted_text_reads_as_that_text() -> None:
    text = 'a"b\\c\n\t${x}%{y}$${z}\x00\x7f\u202e é 日'

    assert expression(quoted(text)).literal == text


def test_the_canonical_value_of_an_expression_does_not_change() -> None:
    """Stored specs hold these values."""
    text = """[1.0, null, true, a.b[0], a[*].c, f(x...), -a + b * c, a ? b : c, (d), "x${y}", "${z}",
      [for v in l : v if v], {for k, v in m : k => v...}, { a = 1, (b) = 2 }, n::f(),
      "%{ if a }b%{ endif }%{ for k, v in l }c%{ endfor }"]"""

    assert expression_to_json(expression(text)) == [
        "tuple",
        [
            ["num", "1.0"],
            ["lit", "null"],
            ["lit", "true"],
            ["index", ["attr", ["var", "a"], "b"], ["num", "0"]],
            ["splat", ["var", "a"], ["attr", ["item"], "c"], True],
            ["call", "f", [["var", "x"]], True],
            ["binary", "+", ["unary", "-", ["var", "a"]], ["binary", "*", ["var", "b"], ["var", "c"]]],
            ["if", ["var", "a"], ["var", "b"], ["var", "c"]],
            ["paren", ["var", "d"]],
            ["template", ["x", ["value", ["var", "y"]]]],
            ["wrap", ["var", "z"]],
            ["for", None, "v", ["var", "l"], ["var", "v"], ["var", "v"]],
            ["forobject", "k", "v", ["var", "m"], ["var", "k"], ["var", "v"], None, True],
            [
                "object",
                [
                    ["pair", ["var", "a"], ["num", "1"]],
                    ["pair", ["paren", ["var", "b"]], ["num", "2"]],
                ],
            ],
            ["call", "n::f", [], False],
            [
                "template",
                [
                    ["templateif", ["var", "a"], ["template", ["b"]], None],
                    ["templatefor", "k", "v", ["var", "l"], ["template", ["c"]]],
                ],
            ],
        ],
    ]


def test_comments_belong_to_the_innermost_body_around_them() -> None:
    text = '# a\nb { # c\n  d = [ # e\n    "${f /* g */}"\n  ]\n  # h\n} # i\n'
    body, _ = parse(SourceFile("a.hcl", text))

    assert [comment.text for comment in body.comments] == ["# a", "# i"]
    assert [comment.text for comment in body.blocks[0].body.comments] == ["# c", "# e", "/* g */", "# h"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("extrat", "extract"),
        ("Extract", "extract"),
        ("max-parallel", "max_parallel"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_the_one_most_alike(name: str, found: str | None) -> None:
    assert nearest(name, ["report", "extract", "max_parallel"]) == found


TASK = """
  task "task_{0}" {{
    command    = ["python3", "extract.py", "--station", var.station, "--date", run.date, "-n", {0}]
    depends_on = [task.task_{0}]
    env = {{
      REGION = "eu-${{var.region}}"
      N      = 1 + {0} * 2
    }}
    # retries
    retry {{
      attempts = 3
      delay    = "10s"
    }}
    when   = run.cause == "tick" && length(param.x) > 0 ? true : false
    script = <<-EOT
      python3 report.py --month ${{formatdate("YYYY-MM", run.time)}} --day ${{run.date}}
    EOT
  }}
"""


def best_of_three(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def test_reading_a_thousand_tasks_takes_less_time_than_python_hcl2_alone() -> None:
    from hcl2.api import parses_to_tree

    text = 'workflow "w" {' + "".join(TASK.format(number) for number in range(1_000)) + "}\n"
    source = SourceFile("w.hcl", text)
    sample = 'workflow "w" {' + "".join(TASK.format(number) for number in range(100)) + "}\n"

    ours = best_of_three(lambda: parse(source))
    theirs = best_of_three(lambda: parses_to_tree(sample)) * 10  # its time grows at least as its text does

    assert ours / theirs < 1
    body, diagnostics = parse(source)
    assert diagnostics == ()
    stored = json.dumps(body_to_json(body))
    assert best_of_three(lambda: body_from_json(json.loads(stored), source)) < ours
