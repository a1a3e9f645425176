"""Sensitive values: what is made of one is sensitive, whatever makes it, and nothing that people read tells of it.

The tables are Terraform's behaviour, as go-cty's rules for marks give it.
"""

from __future__ import annotations

import json

import pytest
from evaluation_strategies import expressions, scope_with
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.conversion import ConversionError, convert
from grammar.diagnostics import has_errors
from grammar.evaluate import evaluate
from grammar.fold import fold
from grammar.functions import FUNCTIONS, file_functions
from grammar.functions.files import EXAMPLE_FILES
from grammar.kinds import HclMap, HclSet, Sensitive, Unknown, Value
from grammar.marks import bare, sensitive_in
from grammar.parse import parse_expression
from grammar.render import render
from grammar.scope import Members, Scope
from grammar.serial import expression_from_json, expression_to_json
from grammar.source import SourceFile
from grammar.types import BOOL, NUMBER, STRING, ListType, ObjectType, SetType
from grammar.value_text import value_text
from grammar.values import from_json, to_json

TOKEN = "swordfish-4711"

FILE_FUNCTIONS = file_functions(EXAMPLE_FILES.__getitem__, lambda: sorted(EXAMPLE_FILES))
VARIABLES = {
    "token": Sensitive(TOKEN, "var.token"),
    "other": Sensitive("9", "var.other"),
    "list": Sensitive((TOKEN, "b"), "var.list"),
    "db": Sensitive(HclMap({"user": "u", "password": TOKEN}), "var.db"),
    "yes": Sensitive(True, "var.yes"),
    "later": Unknown("known at run"),
}
SCOPE = Scope({"var": Members("var", "variable", VARIABLES)}, {**FUNCTIONS, **FILE_FUNCTIONS})


def value_of(text: str) -> Value:
    expression, wrong = parse_expression(SourceFile("test", text))
    value, diagnostics = evaluate(expression, SCOPE)
    assert render((*wrong, *diagnostics)) == ""
    return value


WHOLE = [
    ("var.token", TOKEN),
    ("(var.token)", TOKEN),
    ('"${var.token}"', TOKEN),
    ('"Bearer ${var.token}"', f"Bearer {TOKEN}"),
    ('"%{ if var.yes }a%{ endif }"', "a"),
    ('"%{ for each in var.list }x%{ endfor }"', "xx"),
    ('"%{ for each in [1, 2] }${var.other}%{ endfor }"', "99"),
    ("-var.other", -9),
    ("!var.yes", False),
    ("var.other + 1", 10),
    ("1 < var.other", True),
    ("var.token == 1", False),
    ("[var.token] == [1]", False),
    ("var.yes || false", True),
    ("true && var.yes", True),
    ("var.yes ? 1 : 2", 1),
    ("true ? var.other : 2", "9"),
    ("var.list[0]", TOKEN),
    ('{9 = "x"}[var.other]', "x"),
    ("var.db.password", TOKEN),
    ('var.db["user"]', "u"),
    ("var.list[*]", (TOKEN, "b")),
    ("var.db.*.user", ("u",)),
    ("[for each in var.list : 1]", (1, 1)),
    ("[for each in [1, 2] : each if var.yes]", (1, 2)),
    ("{for key, each in var.db : key => 1}", HclMap({"user": 1, "password": 1})),
    ("{for each in [var.other] : each => 1}", HclMap({"9": 1})),
    ("{(var.other) = 1}", HclMap({"9": 1})),
    ("upper(var.token)", TOKEN.upper()),
    ("length(var.list)", 2),
    ("keys(var.db)", ("password", "user")),
    ("max([1, var.other]...)", 9),
    ("concat(var.list, [1])", (TOKEN, "b", 1)),
    ("toset([var.other, 1])", HclSet(["1", "9"])),
    ("flatten([[1], var.list])", (1, TOKEN, "b")),
    ('join(" ", ["a", var.other])', "a 9"),
    ('templatefile("letter.txt", {name = var.token})', f"Dear {TOKEN},\n"),
    ('templatestring("$${n}", {n = var.other})', "9"),
    ("templatestring(var.token, {})", TOKEN),
    ("try(var.token)", TOKEN),
    ("try(var.token.nothing, var.other)", "9"),
    ('sensitive("a")', "a"),
    ("sensitive(var.token)", TOKEN),
    ("type(var.token)", "string"),
]


@pytest.mark.parametrize(("text", "inner"), WHOLE, ids=[text for text, _ in WHOLE])
def test_what_is_made_of_a_sensitive_value_is_sensitive(text: str, inner: Value) -> None:
    value = value_of(text)

    assert isinstance(value, Sensitive)
    assert bare(value)[0] == inner


FINER: list[tuple[str, Value]] = [
    ("[1, var.other]", (1, Sensitive("9"))),
    ("{a = var.other, b = 1}", HclMap({"a": Sensitive("9"), "b": 1})),
    ("[1, var.other][0]", 1),
    ("{a = var.other, b = 1}.b", 1),
    ("[for each in [1, 2] : var.other]", (Sensitive("9"), Sensitive("9"))),
    ("{for each in [1, 2] : each => var.other}", HclMap({"1": Sensitive("9"), "2": Sensitive("9")})),
    ('concat(["a"], [var.other])', ("a", Sensitive("9"))),
    ("merge({a = 1}, {b = var.other})", HclMap({"a": 1, "b": Sensitive("9")})),
    ("keys({a = var.other})", ("a",)),
    ("length([var.other])", 1),
    ("flatten([[var.other], 1])", (Sensitive("9"), 1)),
    ("tolist([var.other, 1])", (Sensitive("9"), "1")),
    ("false && var.yes", False),
    ("false ? var.other : 2", "2"),
    ("can(var.token.nothing)", False),
    ("issensitive(var.token)", True),
    ("issensitive([var.token])", False),
    ("issensitive(1)", False),
    ("nonsensitive(var.token)", TOKEN),
    ("nonsensitive(1)", 1),
    ("nonsensitive([var.other])", (Sensitive("9"),)),
    ("nonsensitive(sensitive([var.other]))", (Sensitive("9"),)),
    ("nonsensitive(length(var.list))", 2),
]


@pytest.mark.parametrize(("text", "value"), FINER, ids=[text for text, _ in FINER])
def test_a_collection_is_not_sensitive_for_one_of_its_elements(text: str, value: Value) -> None:
    assert value_of(text) == value


def test_what_is_not_known_yet_is_sensitive_already() -> None:
    assert value_of('"${var.token} ${var.later}"') == Sensitive(Unknown("known at run"))
    assert value_of("var.later ? var.token : 1") == Sensitive(Unknown("known at run"))
    assert value_of("issensitive(var.later)") == Unknown("known at run")


def test_a_mark_knows_what_it_was_made_of() -> None:
    mark = sensitive_in(value_of('["x", "${var.token}${var.other}"]'))

    assert mark is not None
    assert mark.origins == ("var.other", "var.token")


WRONG = [
    "tonumber(var.token)",
    "var.token + 1",
    "-var.token",
    "var.token ? 1 : 2",
    "var.token.x",
    "var.db[var.token]",
    "var.list[var.token]",
    "{a = 1}[var.token]",
    "var[var.token]",
    "{for each in [1, 2] : var.token => each}",
    'regex("^x", var.token)',
    "formatdate(var.token, var.token)",
    "jsondecode(var.token)",
    "file(var.token)",
    'templatefile("letter.txt", {(var.token) = 1})',
    'templatestring(sensitive("$${swordfish4711}"), {})',
    "[for each in var.list : tonumber(each)]",
    "var.list[*].nothing",
    "try(tonumber(var.token), tobool(var.token))",
    "cidrhost(var.token, 1)",
    "lookup({a = 1}, var.token)",
    "timeadd(var.token, var.token)",
    "parseint(var.token, 10)",
    "tobool([var.token]...)",
    '"x${[var.token]}"',
]


@pytest.mark.parametrize("text", WRONG)
def test_a_message_about_a_sensitive_value_does_not_tell_it(text: str) -> None:
    expression, _ = parse_expression(SourceFile("test", text))
    _, diagnostics = evaluate(expression_from_json(expression_to_json(expression)), SCOPE)  # no lines to show

    assert has_errors(diagnostics)
    said = render(diagnostics)
    assert TOKEN not in said
    assert "swordfish" not in said


@pytest.mark.parametrize(
    "type_", [NUMBER, BOOL, ListType(STRING), SetType(NUMBER), ObjectType({"a": STRING})]
)
def test_a_conversion_that_fails_does_not_tell_a_sensitive_value(type_) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(Sensitive(TOKEN), type_)

    assert TOKEN not in str(caught.value)
    assert "sensitive value" in str(caught.value)


def test_nobody_reads_a_sensitive_value_in_a_text() -> None:
    value = value_of('{a = [1, var.token], b = "x"}')

    assert value_text(value) == '{ a = [1, (sensitive value)], b = "x" }'
    assert TOKEN not in repr(value)


def test_the_stored_form_keeps_marks() -> None:
    value = value_of('{a = [1, var.token], "$sensitive" = "x"}')

    stored = to_json(value)

    assert stored == {"$map": {"$sensitive": "x", "a": [1, {"$sensitive": TOKEN}]}}
    assert from_json(json.loads(json.dumps(stored))) == value


SECRETS = st.sampled_from(["k", "a", "1", "7", "true", "known", "later", "é", "zebra", "{", "2026-01-01"])


def is_open(expression) -> bool:
    """True if an expression may tell on purpose: it takes marks away, or asks whether something is an error."""
    return any(
        word in json.dumps(expression_to_json(expression)) for word in ('"nonsensitive"', '"can"', '"try"')
    )


@settings(max_examples=400, deadline=None)
@given(expressions.filter(lambda expression: not is_open(expression)), SECRETS, SECRETS)
def test_whatever_a_sensitive_value_is_people_read_the_same(expression, one, another):
    """What is shown does not depend on it, but for whether there is an error."""
    (first, wrong), (second, also_wrong) = (
        evaluate(expression, scope_with(Sensitive(secret, "var.token"))) for secret in (one, another)
    )

    if has_errors(wrong) == has_errors(also_wrong) is False:
        assert value_text(first) == value_text(second)
        assert wrong == also_wrong


@settings(max_examples=400, deadline=None)
@given(expressions, st.sampled_from(["zqxj-4711", "zqxj\n4711", '{"zqxj": 4711}', "${zqxj4711}"]))
def test_no_message_holds_a_sensitive_value(expression, secret):
    value, diagnostics = evaluate(expression, scope_with(Sensitive(secret, "var.token")))
    said = render(diagnostics)

    if '"nonsensitive"' not in json.dumps(expression_to_json(expression)):
        assert "zqxj" not in said.lower()
        assert "4711" not in said
        assert "zqxj" not in value_text(value).lower()


@settings(max_examples=300, deadline=None)
@given(expressions, st.sampled_from(["zebra", "k", "1"]))
def test_a_folded_expression_makes_the_same_sensitive_value(expression, secret):
    """In what is left of an expression the marks are those of the expression, so that runs know of them."""
    late = {"later": Unknown("known at run")}
    early = Scope(late, parent=scope_with(Sensitive(secret)))
    folded, _ = fold(expression, early)

    value, diagnostics = evaluate(expression, scope_with(Sensitive(secret)))
    folded_value, folded_diagnostics = evaluate(folded, scope_with(Sensitive(secret)))

    assert has_errors(folded_diagnostics) == has_errors(diagnostics)
    if not has_errors(diagnostics):
        assert value_text(folded_value) == value_text(value)
        assert folded_value == value
