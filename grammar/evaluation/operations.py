"""Rules of operators and conditionals (HCL specification, "Operations", "Conditional Operator")."""

from __future__ import annotations

from grammar import syntax
from grammar.conversion import convert
from grammar.diagnostics import has_errors
from grammar.evaluation.evaluation import Evaluation
from grammar.kinds import Unknown, Value, type_name, unknown_in
from grammar.operators import OperationError, apply_binary, apply_unary
from grammar.scope import Scope
from grammar.types import infer, unify


def evaluate_unary(run: Evaluation, node: syntax.Unary, scope: Scope) -> Value:
    """`-x`, `!x`."""
    operand = run.value(node.operand, scope)
    try:
        return apply_unary(node.operator, operand)
    except OperationError as wrong:
        return run.fail(wrong, node, node.operand)


def evaluate_binary(run: Evaluation, node: syntax.Binary, scope: Scope) -> Value:
    """`a + b` and the like."""
    if node.operator in ("&&", "||"):
        return _logic(run, node, scope)
    left, right = run.value(node.left, scope), run.value(node.right, scope)
    run.meter.charge(left, right)
    try:
        return apply_binary(node.operator, left, right)
    except OperationError as wrong:
        return run.fail(wrong, node, node.left, node.right)


def _logic(run: Evaluation, node: syntax.Binary, scope: Scope) -> Value:
    left = run.truth(node.left, scope, f"the left side of {node.operator}")
    if left is (node.operator == "||"):  # decided; an unknown left side may yet be so
        return left
    found = len(run.diagnostics)
    right = run.truth(node.right, scope, f"the right side of {node.operator}")
    if not isinstance(left, Unknown):
        return right
    del run.diagnostics[found:]  # the left side may yet decide
    return Unknown.join([left, right]) if isinstance(right, Unknown) else left


def evaluate_conditional(run: Evaluation, node: syntax.Conditional, scope: Scope) -> Value:
    """`a ? b : c`: the type is that of both branches together."""
    condition = run.truth(node.condition, scope, "the condition")
    if isinstance(condition, Unknown):
        branches = [run.captured(branch, scope)[0] for branch in (node.then, node.otherwise)]
        return Unknown.join([condition, *(value for value in branches if isinstance(value, Unknown))])
    chosen, other = (node.then, node.otherwise) if condition else (node.otherwise, node.then)
    value, diagnostics = run.captured(chosen, scope)
    other_value, other_diagnostics = run.captured(other, scope)
    run.diagnostics += diagnostics
    if has_errors(diagnostics) or has_errors(other_diagnostics):
        return value
    if unknown_in(other_value) is not None:  # its type is not known, and with it that of the result
        run.met_unknown = True
    run.meter.charge(value, other_value)
    type_ = unify([infer(value), infer(other_value)])
    if type_ is None:
        both = " and ".join(sorted({f"a {type_name(value)}", f"a {type_name(other_value)}"}))
        detail = f"Here they are {both}. Make both of one type."
        return run.report(
            "inconsistent-types", "the two results of ? : must be of one type", detail, node.span
        )
    return run.meter.admit(convert(value, type_))
