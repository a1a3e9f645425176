"""Laws of evaluation and folding, over generated expressions of every kind."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import syntax as x
from grammar.diagnostics import has_errors
from grammar.evaluate import Limits, evaluate
from grammar.fold import fold, to_expression
from grammar.functions import FUNCTIONS
from grammar.kinds import HclMap, HclSet, Unknown, equal_key, is_known
from grammar.parse import parse_expression
from grammar.scope import Members, Scope
from grammar.source import SourceFile
from grammar.text import expression_text

LATER = Unknown("known at run")
KNOWN = {
    "n": 7,
    "t": "text",
    "l": (1, "two", Decimal("2.5")),
    "m": HclMap({"k": "v", "list": (1, 2)}),
    "s": HclSet(["a", "b"]),
    "z": None,
    "e": (),
}
NAMES = [*KNOWN, "u", "ul", "um", "ns", "x", "missing"]

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-20, 20),
    st.decimals(-20, 20, places=2).map(
        lambda number: int(number) if number == int(number) else number.normalize()
    ),
    st.sampled_from(["", "a", "k", "1", "true", "é", 'quote"', "${x}"]),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abk"), inner, max_size=3).map(HclMap),
        st.sets(st.sampled_from("abc"), max_size=3).map(HclSet),
    ),
    max_leaves=5,
)


def scope_with(later: object) -> Scope:
    """A scope in which `u` is `later`, and what is made of it likewise."""
    variables = {
        **KNOWN,
        "u": later,
        "ul": (1, later),
        "um": HclMap({"known": 1, "later": later}),
        "ns": Members("thing", "part", {"known": 1, "later": later}),
    }
    return Scope(variables, FUNCTIONS)


def literal(value: object) -> x.Expression:
    expression = to_expression(value)
    assert expression is not None
    return expression


def template(parts: list[x.TemplatePart]) -> x.Template:
    return x.Template(tuple(parts))


def compound(inner: st.SearchStrategy) -> st.SearchStrategy:
    name = st.sampled_from(["x", "k", "n"])
    key_name = st.one_of(st.none(), st.just("i"))
    maybe = st.one_of(st.none(), inner)
    parts = st.lists(
        st.one_of(
            st.sampled_from(["a", "b "]).map(x.TemplateText),
            st.builds(x.Interpolation, inner),
            st.builds(
                x.TemplateIf, inner, st.lists(st.builds(x.Interpolation, inner), max_size=1).map(template)
            ),
            st.builds(
                x.TemplateFor,
                key_name,
                name,
                inner,
                st.lists(st.builds(x.Interpolation, inner), max_size=1).map(template),
            ),
        ),
        max_size=3,
    )
    item = st.builds(
        x.ObjectItem, st.one_of(st.sampled_from("abk").map(x.Variable), inner.map(x.Parentheses)), inner
    )
    functions = sorted(FUNCTIONS)
    return st.one_of(
        st.builds(x.GetAttr, inner, st.sampled_from(["k", "known", "later", "nothing"])),
        st.builds(x.Index, inner, inner),
        st.builds(
            x.Splat, inner, st.sampled_from([x.SplatItem(), x.GetAttr(x.SplatItem(), "k")]), st.booleans()
        ),
        st.lists(inner, max_size=3).map(tuple).map(x.Tuple),
        st.lists(item, max_size=3).map(tuple).map(x.Object),
        st.builds(
            lambda name, arguments, expand: x.FunctionCall(name, arguments, expand and bool(arguments)),
            st.sampled_from([*functions, "try", "can"]),
            st.lists(inner, max_size=3).map(tuple),
            st.booleans(),
        ),
        st.builds(x.Unary, st.sampled_from("-!"), inner),
        st.builds(x.Binary, st.sampled_from(sorted(x.BINARY_OPERATORS)), inner, inner),
        st.builds(x.Conditional, inner, inner, inner),
        st.builds(x.ForTuple, key_name, name, inner, inner, maybe),
        st.builds(x.ForObject, key_name, name, inner, inner, inner, maybe, st.booleans()),
        st.builds(x.Parentheses, inner),
        st.builds(x.TemplateWrap, inner),
        parts.map(template),
    )


expressions = st.recursive(
    st.one_of(values.map(literal), st.sampled_from(NAMES).map(x.Variable)), compound, max_leaves=12
)


@settings(max_examples=150, deadline=None)
@given(expressions)
def test_evaluation_never_raises_and_a_value_without_errors_is_one_of_the_language(expression):
    value, diagnostics = evaluate(expression, scope_with(LATER))

    equal_key(value)
    assert all(diagnostic.summary for diagnostic in diagnostics)


@settings(max_examples=150, deadline=None)
@given(expressions, values)
def test_a_folded_expression_has_the_value_of_the_expression_once_all_is_known(expression, later):
    folded, _ = fold(expression, scope_with(LATER))

    value, diagnostics = evaluate(expression, scope_with(later))
    folded_value, folded_diagnostics = evaluate(folded, scope_with(later))

    assert has_errors(folded_diagnostics) == has_errors(diagnostics)
    if not has_errors(diagnostics):
        assert equal_key(folded_value) == equal_key(value)


@settings(max_examples=150, deadline=None)
@given(expressions, values)
def test_what_is_wrong_while_something_is_unknown_stays_wrong(expression, later):
    _, early_diagnostics = evaluate(expression, scope_with(LATER))
    _, diagnostics = evaluate(expression, scope_with(later))

    assert has_errors(diagnostics) or not has_errors(early_diagnostics)


@settings(max_examples=80, deadline=None)
@given(expressions)
def test_folding_twice_is_folding_once(expression):
    folded, _ = fold(expression, scope_with(LATER))

    assert fold(folded, scope_with(LATER))[0] == folded


@settings(max_examples=80, deadline=None)
@given(expressions)
def test_what_is_known_folds_to_a_literal_without_names(expression):
    value, diagnostics = evaluate(expression, scope_with(1))
    folded, _ = fold(expression, scope_with(1))

    if not has_errors(diagnostics) and is_known(value) and to_expression(value) is not None:
        assert equal_key(evaluate(folded, Scope({}, FUNCTIONS))[0]) == equal_key(value)


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_a_tree_that_is_written_read_and_written_again_stays_the_same_and_means_the_same(expression):
    text = expression_text(expression)
    again, wrong = parse_expression(SourceFile("written", text))
    assert not wrong, text
    value, diagnostics = evaluate(expression, scope_with(LATER))
    value_again, diagnostics_again = evaluate(again, scope_with(LATER))

    assert expression_text(again) == text
    assert {each.code for each in diagnostics_again} == {each.code for each in diagnostics}
    assert has_errors(diagnostics) or equal_key(value_again) == equal_key(value)


@settings(max_examples=80, deadline=None)
@given(expressions, st.integers(1, 60))
def test_small_limits_end_an_evaluation_with_a_diagnostic(expression, steps):
    _, diagnostics = evaluate(expression, scope_with(LATER), Limits(steps=steps, depth=4, size=20, nesting=2))

    assert all(diagnostic.code for diagnostic in diagnostics)


@given(values)
def test_a_value_written_as_an_expression_has_that_value(value):
    expression = to_expression(value)

    assert expression is not None
    assert equal_key(evaluate(expression, Scope({}, FUNCTIONS))[0]) == equal_key(value)
