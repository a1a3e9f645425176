"""Rules of operators and conditionals (HCL specification, "Operations", "Conditional Operator")."""

from __future__ import annotations

from grammar import syntax
from grammar.conversion import convert
from grammar.diagnostics import has_errors
from grammar.evaluation.evaluation import Evaluation
from grammar.kinds import Unknown, Value, type_name, unknown_in
from grammar.marks import Mark, bare, join_marks, marked
from grammar.operators import OperationError, apply_binary, apply_unary
from grammar.scope import Scope
from grammar.types import infer, unify


def evaluate_unary(run: Evaluation, node: syntax.Unary, scope: Scope) -> Value:
    """`-x`, `!x`."""
    operand, mark = _bare(run, run.value(node.operand, scope))
    try:
        return marked(apply_unary(node.operator, operand), mark)
    except OperationError as wrong:
        return run.fail(wrong, node, node.operand, mark=mark)


def _bare(run: Evaluation, value: Value) -> tuple[Value, Mark | None]:
    """An operand without any mark, and the mark."""
    if isinstance(value, str | int) or not run.meter.is_marked(value):
        return value, None
    return bare(value)


def evaluate_binary(run: Evaluation, node: syntax.Binary, scope: Scope) -> Value:
    """`a + b` and the like."""
    if node.operator in ("&&", "||"):
        return _logic(run, node, scope)
    left, of_left = _bare(run, run.value(node.left, scope))
    right, of_right = _bare(run, run.value(node.right, scope))
    mark = join_marks((of_left, of_right))
    run.meter.charge(left, right)
    try:
        return marked(apply_binary(node.operator, left, right), mark)
    except OperationError as wrong:
        return run.fail(wrong, node, node.left, node.right, mark=mark)


def _logic(run: Evaluation, node: syntax.Binary, scope: Scope) -> Value:
    left, of_left = run.truth(node.left, scope, f"the left side of {node.operator}")
    if left is (node.operator == "||"):  # decided; an unknown left side may yet be so
        return marked(left, of_left)
    found = len(run.diagnostics)
    right, of_right = run.truth(node.right, scope, f"the right side of {node.operator}")
    mark = join_marks((of_left, of_right))
    if not isinstance(left, Unknown):
        return marked(right, mark)
    del run.diagnostics[found:]  # the left side may yet decide
    return marked(Unknown.join([left, right]) if isinstance(right, Unknown) else left, mark)


def evaluate_conditional(run: Evaluation, node: syntax.Conditional, scope: Scope) -> Value:
    """`a ? b : c`: the type is that of both branches together."""
    condition, mark = run.truth(node.condition, scope, "the condition")
    if isinstance(condition, Unknown):
        branches = [bare(run.captured(branch, scope)[0]) for branch in (node.then, node.otherwise)]
        later = Unknown.join([condition, *(value for value, _ in branches if isinstance(value, Unknown))])
        return marked(later, join_marks((mark, *(each for _, each in branches))))
    chosen, other = (node.then, node.otherwise) if condition else (node.otherwise, node.then)
    value, diagnostics = run.captured(chosen, scope)
    other_value, other_diagnostics = run.captured(other, scope)
    run.diagnostics += diagnostics
    if has_errors(diagnostics) or has_errors(other_diagnostics):
        return marked(value, mark)
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
    return marked(run.meter.admit(convert(value, type_)), mark)
