"""Laws of evaluation and folding, over generated expressions of every kind."""

from __future__ import annotations

from evaluation_strategies import expressions, scope_with, values
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.diagnostics import has_errors
from grammar.evaluate import Limits, evaluate
from grammar.fold import fold, to_expression
from grammar.functions import FUNCTIONS
from grammar.kinds import Unknown, equal_key, is_known
from grammar.parse import parse_expression
from grammar.scope import Scope
from grammar.source import SourceFile
from grammar.text import expression_text

LATER = Unknown("known at run")


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
