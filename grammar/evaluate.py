"""Evaluating an expression: (expression, scope) → (value, diagnostics).

Rules (HCL native syntax specification, "Expressions" and "Templates"):

- A user's mistake is a diagnostic; the value of what is wrong is `Unknown()`, without a reason, so that one
  mistake is reported once.
- An unknown operand makes an unknown result that waits for the same things. Collections may hold unknown elements.
- Of a conditional only the chosen branch's diagnostics count, but both branches decide the type of the
  result. `&&` and `||` do not look at their right side where the left side decides.
- Evaluation is pure and bounded, in steps, depth and size of values: no file can hang or exhaust the program.
"""

from __future__ import annotations

from grammar import syntax
from grammar.diagnostics import Diagnostic, register
from grammar.evaluation import calls, loops, operations, terms
from grammar.evaluation.evaluation import Evaluation, Rule
from grammar.kinds import Value
from grammar.measure import Limits
from grammar.scope import Scope

__all__ = ["DEFAULT_LIMITS", "Limits", "evaluate", "start"]

register(
    {
        "unknown-name": "A reference begins with a name that does not exist in this place.",
        "unknown-member": "A value has no attribute or element of the name that is asked for.",
        "invalid-index": "A value cannot be indexed so, or has no element of that index.",
        "null-value": "A null stands where a value is needed.",
        "wrong-type": "A value is of a type that an operator, template or `for` cannot use.",
        "invalid-operation": "An operation on numbers has no result, such as a division by zero.",
        "inconsistent-types": "The two branches of a conditional are of types that have nothing in common.",
        "unknown-function": "There is no function of that name.",
        "invalid-call": "A function cannot work with its arguments.",
        "ambiguous-key": "A key of an object is a reference without parentheses, such as `a.b`.",
        "duplicate-key": "A `for` expression makes two elements of one key without grouping them.",
        "evaluation-limit": "An evaluation takes too many steps, is nested too deep, or makes too large a value.",
    }
)

DEFAULT_LIMITS = Limits()

_RULES: dict[type, Rule] = {
    syntax.Literal: terms.evaluate_literal,
    syntax.Variable: terms.evaluate_variable,
    syntax.GetAttr: terms.evaluate_get_attr,
    syntax.Index: terms.evaluate_index,
    syntax.Splat: terms.evaluate_splat,
    syntax.SplatItem: terms.evaluate_item,
    syntax.Tuple: terms.evaluate_tuple,
    syntax.Object: terms.evaluate_object,
    syntax.FunctionCall: calls.evaluate_call,
    syntax.Unary: operations.evaluate_unary,
    syntax.Binary: operations.evaluate_binary,
    syntax.Conditional: operations.evaluate_conditional,
    syntax.ForTuple: loops.evaluate_for_tuple,
    syntax.ForObject: loops.evaluate_for_object,
    syntax.Parentheses: terms.evaluate_inner,
    syntax.Template: loops.evaluate_template,
    syntax.TemplateWrap: terms.evaluate_inner,
    syntax.TemplateText: loops.evaluate_text,
    syntax.Interpolation: loops.evaluate_interpolation,
    syntax.TemplateIf: loops.evaluate_template_if,
    syntax.TemplateFor: loops.evaluate_template_for,
}


def evaluate(
    expression: syntax.Expression, scope: Scope, limits: Limits = DEFAULT_LIMITS
) -> tuple[Value, tuple[Diagnostic, ...]]:
    """Return the value of `expression` and what is wrong with it.

    With an error among the diagnostics the value is of no use (`Unknown()`, or a collection that holds it).
    Never raises for what a user wrote.
    """
    return start(limits).run(expression, scope)


def start(limits: Limits = DEFAULT_LIMITS) -> Evaluation:
    """Return an evaluation to `run` once, for who wants to know more of it than the value."""
    return Evaluation(_RULES, limits)
