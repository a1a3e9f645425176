"""Rules of function calls (HCL specification, "Functions and Function Calls")."""

from __future__ import annotations

from grammar import syntax
from grammar.diagnostics import has_errors
from grammar.evaluation.evaluation import Evaluation, untold
from grammar.functions.signature import Attempt, Function, FunctionError
from grammar.kinds import HclMap, HclSet, Unknown, Value, type_name
from grammar.marks import Mark, join_marks, marked, outer_bare, sensitive_in
from grammar.scope import Scope
from grammar.suggest import did_you_mean

_NO_CLOCK = (
    "There is no clock: an expression gives the same whenever it is evaluated. Take the time of the run."
)
_NO_CHANCE = (
    "There is no randomness: an expression gives the same whenever it is evaluated. Take the id of the run."
)
_ABSENT = {
    "timestamp": _NO_CLOCK,
    "plantimestamp": _NO_CLOCK,
    "uuid": _NO_CHANCE,
    "bcrypt": _NO_CHANCE,
    "abspath": "Paths are relative to the project's folder, wherever that lies.",
    "pathexpand": "Paths are relative to the project's folder, wherever that lies.",
}
"""Functions that Terraform has, and why they are not here."""

_READS_TEMPLATES = ("templatefile", "templatestring")
"""They are everywhere but within templates that they read."""


def evaluate_call(run: Evaluation, node: syntax.FunctionCall, scope: Scope) -> Value:
    """`name(arguments)`."""
    function = scope.find_function(node.name)
    if function is None:
        return run.report(
            "unknown-function",
            f"there is no function {node.name}",
            lambda: _without_function(node.name, scope),
            node.name_span or node.span,
        )
    mark: Mark | None = None
    try:
        if function.lazy:
            return _call_lazy(run, function, node, scope)
        arguments = _arguments(run, node, scope)
        if not isinstance(arguments, list):
            return arguments
        run.meter.charge(*arguments)
        if any(map(run.meter.is_marked, arguments)):
            mark = join_marks(map(sensitive_in, arguments))
        if function.reads_template:
            return _call_template(run, function, node, arguments, scope)
        result = (function.apply if mark is not None else function.apply_bare)(arguments, run.meter.count)
        run.meter.admit(result)
        run.meter.charge(result)
        return result  # noqa: TRY300 - the errors are those of the call
    except FunctionError as wrong:
        return _blame(run, function, node, wrong, mark)


def _without_function(name: str, scope: Scope) -> str:
    """What to do without a function that there is not."""
    if name in _READS_TEMPLATES:
        return "A template does not evaluate another one. Evaluate that outside, and give the text as a variable."
    return _ABSENT.get(name) or did_you_mean(
        name, scope.function_names(), "See the reference of functions for those there are."
    )


def _arguments(run: Evaluation, node: syntax.FunctionCall, scope: Scope) -> list[Value] | Value:
    found = len(run.diagnostics)
    arguments = [run.value(argument, scope) for argument in node.arguments]
    if has_errors(run.diagnostics[found:]):
        return Unknown()
    if not node.expand_final or not arguments:
        return arguments
    last, mark = outer_bare(arguments.pop())
    if isinstance(last, Unknown):
        return marked(last, mark)
    if not isinstance(last, tuple | HclSet):
        detail = f"What stands before ... must be a list, this is a {type_name(last)}."
        return run.report("wrong-type", "cannot expand this argument", detail, node.arguments[-1].span)
    return [*arguments, *(marked(each, mark) for each in last)]


def _call_lazy(run: Evaluation, function: Function, node: syntax.FunctionCall, scope: Scope) -> Value:
    def attempt(argument: syntax.Expression) -> Attempt:
        return lambda: run.attempt(argument, scope)

    if node.expand_final:
        raise FunctionError("takes expressions one by one, not with ...")
    function.check_count(len(node.arguments))
    result: Value = function.implementation(*(attempt(argument) for argument in node.arguments))
    return result


def _call_template(
    run: Evaluation,
    function: Function,
    node: syntax.FunctionCall,
    arguments: list[Value],
    scope: Scope,
) -> Value:
    """Evaluate a template file with its variables, and nothing else; it may not read further ones."""
    plain, mark = function.without_marks(arguments)
    path, variables = function.accept(plain)
    if isinstance(path, Unknown) or isinstance(variables, Unknown):
        later = Unknown.join(value for value in (path, variables) if isinstance(value, Unknown))
        return marked(later, mark)
    assert isinstance(variables, HclMap)
    run.meter.count(function.effort(path, variables))
    functions = {name: each for name, each in scope.all_functions().items() if not each.reads_template}
    if mark is not None:
        variables = HclMap({name: marked(each, mark) for name, each in variables.items()})
    tree = function.implementation(path)
    if mark is None:
        return run.value(tree, Scope(variables, functions))
    value, found = run.captured(tree, Scope(variables, functions))
    if has_errors(found):  # they tell of the text, or of names
        summary = f"{function.name} cannot evaluate this template"
        return run.report("invalid-call", summary, "", node.span, mark)
    return marked(value, mark)


def _blame(
    run: Evaluation, function: Function, node: syntax.FunctionCall, wrong: FunctionError, mark: Mark | None
) -> Unknown:
    """Report a call that failed; of sensitive arguments nothing is told."""
    if mark is not None:
        wrong = FunctionError(untold(mark).rstrip("."), wrong.argument)
    message = wrong.message[:1].upper() + wrong.message[1:]

    def detail() -> str:
        said = f"{message}{wrong.remedy()}."
        return (
            said if ": " + function.signature in message else f"{said} It is called as {function.signature}."
        )

    parameter = None if wrong.argument is None else function.parameter_at(wrong.argument)
    if wrong.argument is None or parameter is None or not node.arguments:
        return run.report("invalid-call", f"{function.name} cannot be called so", detail, node.span)
    blamed = node.arguments[min(wrong.argument, len(node.arguments) - 1)]
    summary = f"{function.name} cannot use its argument {parameter.name}"
    return run.report("invalid-call", summary, detail, blamed.span or node.span)
