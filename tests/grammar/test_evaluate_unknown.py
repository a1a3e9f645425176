"""Unknown values, namespaces, scopes, bounds and folding, by example."""

# ruff: noqa: E501, ISC004, UP031 - a message is easier to read in one piece

from __future__ import annotations

import subprocess
import sys

import pytest

from grammar import syntax
from grammar.diagnostics import has_errors
from grammar.evaluate import Limits, evaluate
from grammar.fold import fold
from grammar.functions import FUNCTIONS, file_functions
from grammar.kinds import HclMap, HclSet, Unknown
from grammar.parse import parse_expression
from grammar.scope import Members, Scope
from grammar.source import SourceFile
from grammar.text import expression_text

AT_RUN = Unknown("known at run")
AFTER = Unknown("known after task.extract")

SCOPE = Scope(
    {
        "var": Members("var", "variable", {"station": "seattle", "count": 2}),
        "local": HclMap({"mixed": (1, AT_RUN), "list": ("a", "b")}),
        "run": Members("run", "attribute", {"id": AT_RUN, "date": AT_RUN}),
        "task": Members(
            "the workflow",
            "task",
            {
                "extract": Members(
                    "task extract",
                    "member",
                    {"output": Members("task extract", "output", {"max": AFTER, "rows": AFTER})},
                )
            },
        ),
    },
    FUNCTIONS,
)


def parsed(text: str) -> syntax.Expression:
    expression, wrong = parse_expression(SourceFile("case.hcl", text))
    assert not wrong, wrong
    return expression


def value_of(text: str, scope: Scope = SCOPE) -> object:
    value, wrong = evaluate(parsed(text), scope)
    assert not wrong, wrong
    return value


def problem_of(text: str, scope: Scope = SCOPE) -> str:
    """Summary, detail and marked text of the only mistake."""
    _, wrong = evaluate(parsed(text), scope)
    assert len(wrong) == 1, wrong
    assert wrong[0].subject is not None
    return f"{wrong[0].summary} | {wrong[0].detail} | {wrong[0].subject.text}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run.id", AT_RUN),
        ("run.id.anything[0]", AT_RUN),
        ('"x-${run.id}"', AT_RUN),
        ("1 + run.id", AT_RUN),
        ("!run.id", AT_RUN),
        ("run.id == 1", AT_RUN),
        ("[1, run.id]", (1, AT_RUN)),
        ("length([1, run.id])", 2),
        ("[1, run.id][0]", 1),
        ("keys({a = run.id})", ("a",)),
        ("upper(run.id)", AT_RUN),
        ('join(",", local.mixed)', AT_RUN),
        ("run.id ? 1 : 2", AT_RUN),
        ("run.id ? nothing : 2", AT_RUN),
        ("true ? 1 : run.id", 1),
        ("true ? run.id : 1", AT_RUN),
        ("false && run.id", False),
        ("true || run.id", True),
        ("true && run.id", AT_RUN),
        ("run.id && false", AT_RUN),
        ("run.id && nothing", AT_RUN),
        ("[for x in run.id : x]", AT_RUN),
        ("[for x in local.mixed : 1]", (1, 1)),
        ("[for x in local.mixed : x if x == 1]", AT_RUN),
        ("{for x in local.mixed : x => 1}", AT_RUN),
        ("{(run.id) = 1}", AT_RUN),
        ("run.id[*].x", AT_RUN),
        ("local.mixed[*]", (1, AT_RUN)),
        ("local.list[run.id]", AT_RUN),
        ("toset(local.mixed)", AT_RUN),
        ("try(run.id, 1)", AT_RUN),
        ("try(local.mixed, 1)", AT_RUN),
        ("can(run.id)", AT_RUN),
        ("try(nothing, 1)", 1),
        ('"%{ if run.id }a%{ endif }"', AT_RUN),
        ('"%{ for x in local.mixed }${x}%{ endfor }"', AT_RUN),
        ("max(local.mixed...)", AT_RUN),
        ("max(run.id...)", AT_RUN),
        ('join(",", run.id)', AT_RUN),
        ("keys(run.id)", AT_RUN),
        ("merge({a = 1}, run.id)", AT_RUN),
        ('"${run.id}${task.extract.output.max}"', Unknown("known at run", "known after task.extract")),
        ("task.extract.output.rows", AFTER),
        ("var", HclMap({"station": "seattle", "count": 2})),
        ('var["station"]', "seattle"),
        ("[for name, value in var : name]", ("count", "station")),
        ("length(var)", 2),
    ],
)
def test_what_is_unknown_travels_with_its_reasons(text: str, expected: object) -> None:
    assert value_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vra.station", 'there is no "vra" here | There are local, run, task, var. Did you mean var? | vra'),
        (
            "task.extract.output.rosw",
            'task extract has no output "rosw" | It has max, rows. Did you mean rows? | rosw',
        ),
        (
            "task.extrat.output",
            'the workflow has no task "extrat" | It has extract. Did you mean extract? | extrat',
        ),
        (
            'task["extrat"]',
            'the workflow has no task "extrat" | It has extract. Did you mean extract? | "extrat"',
        ),
        ("local.lists", 'there is no attribute "lists" | It has list, mixed. Did you mean list? | lists'),
        (
            "local.list.name",
            'a list has no attribute "name" | Use [0].name for one element, or [*].name for all of them. | name',
        ),
        ("local.list[2]", "the list has no element 2 | Its indexes are 0 to 1. | 2"),
        (
            "1 + local.list",
            "the right side of + must be a number | A number is required, this is a list of 2 elements. | local.list",
        ),
        ("uper(1)", "there is no function uper | Did you mean upper? | uper"),
        (
            'substr("hello", "x", 1)',
            'substr cannot use its argument offset | A number is required, "x" is not a decimal number. '
            'It is called as substr(string, offset, length). | "x"',
        ),
        (
            "upper()",
            "upper cannot be called so | The argument string is missing: upper(string). | upper()",
        ),
        ("[for x in 5 : x]", "cannot iterate over a number | A list, a set or a map is needed here. | 5"),
        (
            '"a ${[1]}"',
            "a value in a template must be a string | A string is required, this is a list of 1 element. | [1]",
        ),
        (
            "true ? 1 : [1]",
            "the two results of ? : must be of one type | Here they are a list of 1 element and a number. Make both of one type. | true ? 1 : [1]",
        ),
    ],
)
def test_a_mistake_says_what_is_wrong_where_and_how_to_mend_it(text: str, expected: str) -> None:
    assert problem_of(text) == expected


def test_one_mistake_is_reported_once_however_far_its_value_travels() -> None:
    _, wrong = evaluate(parsed("[for x in [1, 2, 3] : upper(nothing) + 1]"), SCOPE)

    assert [diagnostic.code for diagnostic in wrong] == ["unknown-name"]


def test_all_mistakes_of_an_expression_are_reported_in_order_of_place() -> None:
    _, wrong = evaluate(parsed("[first, second, upper(third)]"), SCOPE)

    assert [diagnostic.subject.text for diagnostic in wrong] == ["first", "second", "third"]


def test_an_inner_scope_hides_names_and_keeps_functions() -> None:
    inner = SCOPE.child(var="hidden")

    assert value_of("upper(var)", inner) == "HIDDEN"
    assert value_of("local.list[0]", inner) == "a"


@pytest.mark.parametrize(
    "text",
    [
        "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]",
        "[for a in range(100000) : contains(range(100000), a)]",
        'join("", [for a in range(1000) : format("%9999d", a)])',
        'replace(replace(format("%9999d", 1), " ", format("%9999d", 1)), " ", "ab")',
        "[" * 60 + "]" * 60,
        "9" * 900 + " * " + "9" * 900,
        "flatten(setproduct(range(300), range(300)))",
    ],
)
def test_no_expression_hangs_or_exhausts_the_program(text: str) -> None:
    expression, wrong = parse_expression(SourceFile("case.hcl", text))
    assert not wrong

    _, wrong = evaluate(expression, SCOPE, Limits(steps=100_000, nesting=50))

    assert has_errors(wrong)


def test_a_tree_of_any_depth_is_refused_not_crashed_on() -> None:
    expression: syntax.Expression = syntax.Literal(1, "1")
    for _ in range(5000):
        expression = syntax.Unary("-", expression)

    for limits in (Limits(), Limits(depth=100_000)):
        _, wrong = evaluate(expression, Scope(), limits)
        assert [diagnostic.code for diagnostic in wrong] == ["evaluation-limit"]


def test_doubling_a_list_is_noticed_although_nothing_is_copied() -> None:
    value: object = ("x",)
    for _ in range(40):
        value, wrong = evaluate(parsed("[v, v]"), Scope({"v": value}), Limits(nesting=1000))
        if wrong:
            assert [diagnostic.code for diagnostic in wrong] == ["evaluation-limit"]
            return
    raise AssertionError("2^40 elements were let through")


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("(1 + 2) * var.count", "6"),
        ('"${var.station}"', '"seattle"'),
        ('"a-${var.station}-${run.id}-${1 + 1}"', '"a-seattle-${run.id}-2"'),
        ('"${"x${run.id}"}y"', '"x${run.id}y"'),
        ("<<E\n${var.station}\nE\n", '"seattle\\n"'),
        ("((run.id))", "run.id"),
        ('"${run.id}"', "run.id"),
        ("[var.count, run.id]", "[2, run.id]"),
        ("{a = var.count, (run.id) = 1}", '{"a" = 2, (run.id) = 1}'),
        ("upper(run.id) == upper(var.station)", 'upper(run.id) == "SEATTLE"'),
        ("var.count > 1 ? run.id : run.date", "true ? run.id : run.date"),
        ('"%{ if var.count > 1 }a${run.id}%{ else }b%{ endif }"', '"a${run.id}"'),
        ('"%{ if run.id }${var.station}%{ endif }"', '"%{ if run.id }seattle%{ endif }"'),
        ("[for x in local.list : [x, run.id, var.count]]", '[for x in ["a", "b"] : [x, run.id, 2]]'),
        ("run.id[*].a[var.count]", "run.id[*].a[2]"),
        ("true ? 1 : run.id", "true ? 1 : run.id"),
        ("false && run.id", "false"),
        ("length(local.mixed)", "2"),
        ("local.mixed", "local.mixed"),
        ("try(nothing.x, var.count)", "2"),
        ("-var.count", "-2"),
        ("nothing", "nothing"),
    ],
)
def test_folding_replaces_what_is_known_and_is_canonical(text: str, same_as: str) -> None:
    def canonical(template: syntax.Expression) -> syntax.Expression:
        return fold(template, Scope({"run": AT_RUN, "local": AT_RUN}, FUNCTIONS))[0]

    assert canonical(fold(parsed(text), SCOPE)[0]) == canonical(parsed(same_as))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("(run.id + 1) * var.count", "(run.id + 1) * 2"),
        ("var.count - (run.id - 1)", "2 - (run.id - 1)"),
        ("-(run.id + 1)", "-(run.id + 1)"),
        ("(run.id ? 1 : 2) + 1", "(run.id ? 1 : 2) + 1"),
        ("!(run.id == 1)", "!(run.id == 1)"),
        ("(run.id[*])[0]", "(run.id[*])[0]"),
        ("(run.id.*.a).b", "(run.id.*.a).b"),
        ("run.id.*.a[0]", "run.id.*.a[0]"),
        ("((run.id * 2)) + 1", "run.id * 2 + 1"),
    ],
)
def test_a_folded_expression_is_written_with_the_parentheses_that_its_meaning_needs(
    text: str, written: str
) -> None:
    folded, _ = fold(parsed(text), SCOPE)

    assert expression_text(folded) == written
    assert expression_text(parsed(written)) == written


def test_a_folded_object_key_does_not_turn_into_its_own_name() -> None:
    folded, _ = fold(parsed("{(later) = 1}"), Scope({"later": AT_RUN}, FUNCTIONS))

    assert evaluate(folded, Scope({"later": "key"}, FUNCTIONS))[0] == HclMap({"key": 1})


def test_folding_reports_what_evaluation_would() -> None:
    _, wrong = fold(parsed("[nothing, run.id]"), SCOPE)

    assert [diagnostic.code for diagnostic in wrong] == ["unknown-name"]


FILES = {
    "greeting.txt": "hello é".encode(),
    "sql/a.sql": b"A",
    "sql/deep/b.sql": b"B",
    "sql/c.txt": b"C",
    "raw": b"\xff",
    "mail.tpl": b'Dear ${name},%{ for x in list } ${x}${x == name ? "!" : ""}%{ endfor }\nBye',
    "outer.tpl": b"${run.id}",
    "broken.tpl": b"a\n${",
    "nested.tpl": b'${templatefile("mail.tpl", {})}',
}


def files_scope() -> Scope:
    return Scope({}, {**FUNCTIONS, **file_functions(FILES.__getitem__, lambda: list(FILES))})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('file("greeting.txt")', "hello é"),
        ('file("./sql//a.sql")', "A"),
        ('filebase64("raw")', "/w=="),
        ('fileexists("greeting.txt")', True),
        ('fileexists("other")', False),
        ('fileset("sql", "*.sql")', HclSet(["a.sql"])),
        ('fileset("sql", "**/*.sql")', HclSet(["a.sql", "deep/b.sql"])),
        ('fileset("", "**")', HclSet(FILES)),
        ('fileset("sql", "{a,c}.*")', HclSet(["a.sql", "c.txt"])),
        ('fileset(".", "?aw")', HclSet(["raw"])),
        ('fileset("none", "*")', HclSet()),
    ],
)
def test_file_functions_see_the_files_they_are_given(text: str, expected: object) -> None:
    assert value_of(text, files_scope()) == expected


@pytest.mark.parametrize(
    "text",
    [
        'file("none")',
        'file("raw")',
        'file("../x")',
        'file("/etc/passwd")',
        'fileexists("a/../../x")',
        'fileset("sql", "{%s}")' % ",".join("a" * 150),
    ],
)
def test_files_that_are_not_there_or_outside_are_mistakes(text: str) -> None:
    assert "invalid-call" in [diagnostic.code for diagnostic in evaluate(parsed(text), files_scope())[1]]


def template_scope(later: object) -> Scope:
    return Scope({"run": Members("run", "attribute", {"id": later})}, files_scope().functions)


CALL = 'templatefile("mail.tpl", {name = "Ada", list = ["Ada", run.id]})'


def test_a_template_file_is_evaluated_with_its_variables() -> None:
    assert value_of(CALL, template_scope("r1")) == "Dear Ada, Ada! r1\nBye"
    assert value_of(CALL, template_scope(AT_RUN)) == AT_RUN
    assert value_of('templatefile("mail.tpl", run.id)', template_scope(AT_RUN)) == AT_RUN


def test_a_folded_template_file_needs_the_file_no_more() -> None:
    folded, wrong = fold(parsed(CALL), template_scope(AT_RUN))

    assert not wrong
    without_files = Scope({"run": Members("run", "attribute", {"id": "r1"})}, FUNCTIONS)
    assert evaluate(folded, without_files) == ("Dear Ada, Ada! r1\nBye", ())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('templatefile("outer.tpl", {})', "unknown-name"),
        ('templatefile("broken.tpl", {})', "invalid-call"),
        ('templatefile("nested.tpl", {})', "unknown-function"),
        ('templatefile("none.tpl", {})', "invalid-call"),
        ('templatefile("mail.tpl", [])', "invalid-call"),
        ('templatefile("mail.tpl")', "invalid-call"),
    ],
)
def test_a_template_file_sees_nothing_else_and_reads_no_further_ones(text: str, code: str) -> None:
    scope = template_scope("r1")

    assert [diagnostic.code for diagnostic in evaluate(parsed(text), scope)[1]][:1] == [code]
    assert has_errors(evaluate(fold(parsed(text), scope)[0], scope)[1])


def test_evaluation_loads_neither_parser_nor_anything_that_does_input_or_output() -> None:
    code = (
        "import sys, grammar.evaluate, grammar.fold, grammar.values, grammar.functions, grammar.scope, grammar.decode\n"
        "print([m for m in ('hcl2', 'lark', 'regex', 'networkx', 'trio', 'grammar.parse') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
