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

from collections.abc import Callable, Iterable
from typing import Any

from grammar import syntax
from grammar.conversion import convert, quote
from grammar.diagnostics import Diagnostic, error, has_errors, in_order, register
from grammar.functions.signature import Attempt, Function, FunctionError
from grammar.kinds import HclMap, HclSet, Unknown, Value, nfc, type_name, unknown_in
from grammar.measure import Limits, Meter, MeterError
from grammar.number import NumberRangeError, normalise
from grammar.operators import (
    OperationError,
    apply_binary,
    apply_unary,
    describe_names,
    expect,
    get_attribute,
    get_index,
    iterate,
)
from grammar.scope import Namespace, Scope, ScopeValue
from grammar.source import Span
from grammar.suggest import nearest
from grammar.types import BOOL, STRING, infer, unify

__all__ = ["DEFAULT_LIMITS", "ITEM", "Evaluation", "Limits", "evaluate"]

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
        "duplicate-key": "A `for` expression makes two elements of one key without grouping them.",
        "evaluation-limit": "An evaluation takes too many steps, is nested too deep, or makes too large a value.",
    }
)

DEFAULT_LIMITS = Limits()

ITEM = "*"
"""The variable that holds the element at hand of a splat; no name in a text can be that."""


def evaluate(
    expression: syntax.Expression, scope: Scope, limits: Limits = DEFAULT_LIMITS
) -> tuple[Value, tuple[Diagnostic, ...]]:
    """Return the value of `expression` and what is wrong with it.

    With an error among the diagnostics the value is of no use (`Unknown()`, or a collection that holds it).
    Never raises for what a user wrote.
    """
    return Evaluation(limits).run(expression, scope)


class Evaluation:
    """One evaluation: its bounds and what has been found so far. `run` may be called once."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.met_unknown = False
        """True once the result depended on something unknown, even if it is known itself."""
        self._meter = Meter(limits)
        self._diagnostics: list[Diagnostic] = []

    @property
    def steps(self) -> int:
        """How many steps have been taken."""
        return self._meter.steps

    def run(self, expression: syntax.Expression, scope: Scope) -> tuple[Value, tuple[Diagnostic, ...]]:
        """Evaluate; see `evaluate`."""
        try:
            value = self._value(expression, scope)
        except (MeterError, RecursionError) as limit:
            reason = str(limit) if isinstance(limit, MeterError) else "it is nested too deep"
            detail = f"Evaluation was given up because {reason}. Make the expression simpler."
            self._report(
                "evaluation-limit", "this expression is too much to evaluate", detail, expression.span
            )
            value = Unknown()
        return value, in_order(self._diagnostics)

    # The walk

    def _eval(self, node: Any, scope: Scope) -> ScopeValue:
        self._meter.enter()
        try:
            value = _RULES[type(node)](self, node, scope)
        except OperationError as wrong:
            return self._fail(wrong, node)
        finally:
            self._meter.leave()
        if isinstance(value, Unknown) and value.reasons:
            self.met_unknown = True
        return value

    def _value(self, node: syntax.Expression, scope: Scope) -> Value:
        """Evaluate to a value; a namespace becomes a map of its members."""
        return self._as_value(self._eval(node, scope))

    def _as_value(self, value: ScopeValue) -> Value:
        if not isinstance(value, Namespace):
            return value
        self._meter.enter()
        members = HclMap({name: self._as_value(value.get(name)) for name in value.names()})
        self._meter.leave()
        return self._meter.admit(members)

    def _captured(self, node: syntax.Expression, scope: Scope) -> tuple[Value, tuple[Diagnostic, ...]]:
        """Evaluate with the diagnostics apart."""
        outer, self._diagnostics = self._diagnostics, []
        try:
            return self._value(node, scope), tuple(self._diagnostics)
        finally:
            self._diagnostics = outer

    def _report(self, code: str, summary: str, detail: str, span: Span | None) -> Unknown:
        self._diagnostics.append(error(code, summary, detail, span))
        return Unknown()

    def _fail(self, wrong: OperationError, node: Any, *operands: syntax.Expression) -> Unknown:
        blamed = (
            operands[wrong.operand] if wrong.operand is not None and wrong.operand < len(operands) else node
        )
        return self._report(wrong.code, wrong.summary, wrong.detail, blamed.span or node.span)

    # Terms

    def _literal(self, node: syntax.Literal, _: Scope) -> Value:
        if isinstance(node.value, bool) or node.value is None:
            return node.value
        try:
            return normalise(node.value)
        except NumberRangeError as wrong:
            raise OperationError(
                "invalid-operation", "this number is too long", f"{wrong}.".capitalize()
            ) from None

    def _variable(self, node: syntax.Variable, scope: Scope) -> ScopeValue:
        try:
            return scope.find_variable(node.name)
        except KeyError:
            names = tuple(sorted(scope.variable_names() - {ITEM}))
            detail = describe_names(node.name, names, "There are")
            return self._report("unknown-name", f"there is no {quote(node.name)} here", detail, node.span)

    def _item(self, _: syntax.SplatItem, scope: Scope) -> ScopeValue:
        return scope.find_variable(ITEM)

    def _inner(self, node: syntax.Parentheses | syntax.TemplateWrap, scope: Scope) -> ScopeValue:
        return self._eval(node.expr, scope)

    def _get_attr(self, node: syntax.GetAttr, scope: Scope) -> ScopeValue:
        base = self._eval(node.base, scope)
        if isinstance(base, Namespace):
            return self._member(base, node.name, node.name_span or node.span)
        try:
            return get_attribute(base, nfc(node.name))
        except OperationError as wrong:
            return self._report(wrong.code, wrong.summary, wrong.detail, node.name_span or node.span)

    def _member(self, namespace: Namespace, name: str, span: Span | None) -> ScopeValue:
        try:
            return namespace.get(name)
        except KeyError:
            summary = f"{namespace.title} has no {namespace.noun} {quote(name)}"
            detail = describe_names(name, tuple(sorted(namespace.names())), "It has")
            return self._report("unknown-member", summary, detail, span)

    def _index(self, node: syntax.Index, scope: Scope) -> ScopeValue:
        base = self._eval(node.base, scope)
        key = self._value(node.key, scope)
        try:
            if isinstance(base, Namespace):
                name = expect(key, STRING, "the key", 1)
                return self._member(base, name, node.key.span) if isinstance(name, str) else name
            return get_index(base, key)
        except OperationError as wrong:
            return self._fail(wrong, node, node.base, node.key)

    def _splat(self, node: syntax.Splat, scope: Scope) -> Value:
        base = self._value(node.base, scope)
        if isinstance(base, Unknown):
            return base
        elements = () if base is None else tuple(base) if isinstance(base, tuple | HclSet) else (base,)
        return self._collect(
            elements, lambda element: self._value(node.each, Scope({ITEM: element}, parent=scope))
        )

    def _collect(self, elements: Iterable[Any], make: Callable[[Any], Value]) -> Value:
        """Return the tuple of what is made of each element, which ends at the first mistake."""
        found = len(self._diagnostics)
        results: list[Value] = []
        for element in elements:
            results.append(make(element))
            if len(self._diagnostics) > found and has_errors(self._diagnostics[found:]):
                return Unknown()
        return self._meter.admit(tuple(results))

    def _tuple(self, node: syntax.Tuple, scope: Scope) -> Value:
        return self._meter.admit(tuple([self._value(item, scope) for item in node.items]))

    def _object(self, node: syntax.Object, scope: Scope) -> Value:
        items: dict[str, Value] = {}
        unknown: list[Unknown] = []
        for item in node.items:
            bare = item.bare_key
            key = self._key(self._value(item.key, scope), item.key) if bare is None else nfc(bare)
            value = self._value(item.value, scope)
            if isinstance(key, str):
                items[key] = value
            else:
                unknown.append(key)
        return Unknown.join(unknown) if unknown else self._meter.admit(HclMap(items))

    def _key(self, value: Value, node: syntax.Expression) -> str | Unknown:
        try:
            key = expect(value, STRING, "the key")
        except OperationError as wrong:
            return self._fail(wrong, node)
        assert isinstance(key, str | Unknown)
        return key

    # Operators

    def _unary(self, node: syntax.Unary, scope: Scope) -> Value:
        operand = self._value(node.operand, scope)
        try:
            return apply_unary(node.operator, operand)
        except OperationError as wrong:
            return self._fail(wrong, node, node.operand)

    def _binary(self, node: syntax.Binary, scope: Scope) -> Value:
        if node.operator in ("&&", "||"):
            return self._logic(node, scope)
        left, right = self._value(node.left, scope), self._value(node.right, scope)
        self._meter.charge(left, right)
        try:
            return apply_binary(node.operator, left, right)
        except OperationError as wrong:
            return self._fail(wrong, node, node.left, node.right)

    def _logic(self, node: syntax.Binary, scope: Scope) -> Value:
        left = self._truth(node.left, scope, f"the left side of {node.operator}")
        if left is (node.operator == "||"):  # decided; an unknown left side may yet be so
            return left
        found = len(self._diagnostics)
        right = self._truth(node.right, scope, f"the right side of {node.operator}")
        if not isinstance(left, Unknown):
            return right
        del self._diagnostics[found:]  # the left side may yet decide
        return Unknown.join([left, right]) if isinstance(right, Unknown) else left

    def _truth(self, node: syntax.Expression, scope: Scope, what: str) -> bool | Unknown:
        try:
            truth = expect(self._value(node, scope), BOOL, what)
        except OperationError as wrong:
            return self._fail(wrong, node)
        assert isinstance(truth, bool | Unknown)
        return truth

    def _conditional(self, node: syntax.Conditional, scope: Scope) -> Value:
        condition = self._truth(node.condition, scope, "the condition")
        if isinstance(condition, Unknown):
            branches = [self._captured(branch, scope)[0] for branch in (node.then, node.otherwise)]
            return Unknown.join([condition, *(value for value in branches if isinstance(value, Unknown))])
        chosen, other = (node.then, node.otherwise) if condition else (node.otherwise, node.then)
        value, diagnostics = self._captured(chosen, scope)
        other_value, other_diagnostics = self._captured(other, scope)
        self._diagnostics += diagnostics
        if has_errors(diagnostics) or has_errors(other_diagnostics):
            return value
        if unknown_in(other_value) is not None:  # its type is not known, and with it that of the result
            self.met_unknown = True
        self._meter.charge(value, other_value)
        type_ = unify([infer(value), infer(other_value)])
        if type_ is None:
            both = " and ".join(sorted({f"a {type_name(value)}", f"a {type_name(other_value)}"}))
            detail = f"Here they are {both}. Make both of one type."
            return self._report(
                "inconsistent-types", "the two results of ? : must be of one type", detail, node.span
            )
        return self._meter.admit(convert(value, type_))

    # For

    def _elements(self, node: syntax.Expression, scope: Scope) -> Iterable[tuple[Value, Value]] | Unknown:
        collection = self._value(node, scope)
        if isinstance(collection, Unknown):
            return collection
        try:
            return iterate(collection)
        except OperationError as wrong:
            return self._fail(wrong, node)

    def _for_tuple(self, node: syntax.ForTuple, scope: Scope) -> Value:
        elements = self._elements(node.collection, scope)
        if isinstance(elements, Unknown):
            return elements
        results: list[Value] = []
        for key, value in elements:
            inner = _bind(scope, node, key, value)
            keep = self._keep(node.condition, inner)
            if isinstance(keep, Unknown):
                return keep
            if keep:
                found = len(self._diagnostics)
                results.append(self._value(node.result, inner))
                if has_errors(self._diagnostics[found:]):
                    return Unknown()
        return self._meter.admit(tuple(results))

    def _keep(self, condition: syntax.Expression | None, scope: Scope) -> bool | Unknown:
        return True if condition is None else self._truth(condition, scope, "the condition of a for")

    def _for_object(self, node: syntax.ForObject, scope: Scope) -> Value:
        elements = self._elements(node.collection, scope)
        if isinstance(elements, Unknown):
            return elements
        groups: dict[str, list[Value]] = {}
        for key, value in elements:
            inner = _bind(scope, node, key, value)
            keep = self._keep(node.condition, inner)
            if isinstance(keep, Unknown):
                return keep
            if not keep:
                continue
            found = len(self._diagnostics)
            name = self._key(self._value(node.result_key, inner), node.result_key)
            result = self._value(node.result_value, inner)
            if isinstance(name, Unknown) or has_errors(self._diagnostics[found:]):
                return name if isinstance(name, Unknown) else Unknown()
            if name in groups and not node.grouped:
                detail = "Two elements have this key. Put ... after the value to gather all values of a key."
                return self._report(
                    "duplicate-key", f"duplicate key {quote(name)}", detail, node.result_key.span
                )
            groups.setdefault(name, []).append(result)
        pairs = [(name, tuple(group) if node.grouped else group[0]) for name, group in groups.items()]
        return self._meter.admit(HclMap(pairs))

    # Templates

    def _template(self, node: syntax.Template, scope: Scope) -> Value:
        texts: list[str] = []
        unknown: list[Unknown] = []
        for part in node.parts:
            text = self._eval(part, scope)
            if isinstance(text, Unknown):
                unknown.append(text)
            else:
                assert isinstance(text, str)
                texts.append(text)
        return Unknown.join(unknown) if unknown else self._joined(texts)

    def _joined(self, texts: list[str]) -> str:
        self._meter.admit_length(sum(map(len, texts)))
        return nfc("".join(texts))

    def _text(self, node: syntax.TemplateText, _: Scope) -> Value:
        return nfc(node.value)

    def _interpolation(self, node: syntax.Interpolation, scope: Scope) -> Value:
        try:
            return expect(self._value(node.expr, scope), STRING, "a value in a template", 0)
        except OperationError as wrong:
            return self._fail(wrong, node, node.expr)

    def _template_if(self, node: syntax.TemplateIf, scope: Scope) -> Value:
        condition = self._truth(node.condition, scope, "the condition")
        if isinstance(condition, Unknown):
            return condition
        branch = node.then if condition else node.otherwise
        return "" if branch is None else self._value(branch, scope)

    def _template_for(self, node: syntax.TemplateFor, scope: Scope) -> Value:
        elements = self._elements(node.collection, scope)
        if isinstance(elements, Unknown):
            return elements
        texts = self._collect(elements, lambda pair: self._value(node.body, _bind(scope, node, *pair)))
        if not isinstance(texts, tuple):
            return texts
        unknown = [text for text in texts if isinstance(text, Unknown)]
        return (
            Unknown.join(unknown)
            if unknown
            else self._joined([text for text in texts if isinstance(text, str)])
        )

    # Functions

    def _call(self, node: syntax.FunctionCall, scope: Scope) -> Value:
        function = scope.find_function(node.name)
        if function is None:
            similar = nearest(node.name, sorted(scope.function_names()))
            detail = (
                f"Did you mean {similar}?"
                if similar
                else "See the reference of functions for those there are."
            )
            return self._report(
                "unknown-function", f"there is no function {node.name}", detail, node.name_span or node.span
            )
        try:
            if function.lazy:
                return self._call_lazy(function, node, scope)
            arguments = self._arguments(node, scope)
            if isinstance(arguments, Unknown):
                return arguments
            self._meter.charge(*arguments)
            result = self._meter.admit(function.apply(arguments))
            self._meter.charge(result)
            return result  # noqa: TRY300 - the errors are those of the call
        except FunctionError as wrong:
            return self._blame(function, node, wrong)

    def _arguments(self, node: syntax.FunctionCall, scope: Scope) -> list[Value] | Unknown:
        found = len(self._diagnostics)
        arguments = [self._value(argument, scope) for argument in node.arguments]
        if has_errors(self._diagnostics[found:]):
            return Unknown()
        if not node.expand_final or not arguments:
            return arguments
        last = arguments.pop()
        if isinstance(last, Unknown):
            return last
        if not isinstance(last, tuple | HclSet):
            detail = f"What stands before ... must be a list, this is a {type_name(last)}."
            return self._report("wrong-type", "cannot expand this argument", detail, node.arguments[-1].span)
        return [*arguments, *last]

    def _call_lazy(self, function: Function, node: syntax.FunctionCall, scope: Scope) -> Value:
        def attempt(argument: syntax.Expression) -> Attempt:
            return lambda: self._captured(argument, scope)

        if node.expand_final:
            raise FunctionError("takes expressions one by one, not with ...")
        function.check_count(len(node.arguments))
        return function.implementation(*(attempt(argument) for argument in node.arguments))

    def _blame(self, function: Function, node: syntax.FunctionCall, wrong: FunctionError) -> Unknown:
        message = wrong.message[:1].upper() + wrong.message[1:]
        detail = (
            f"{message}. It is called as {function.signature}."
            if ": " + function.signature not in message
            else f"{message}."
        )
        parameter = None if wrong.argument is None else function.parameter_at(wrong.argument)
        if wrong.argument is None or parameter is None or not node.arguments:
            return self._report("invalid-call", f"{function.name} cannot be called so", detail, node.span)
        blamed = node.arguments[min(wrong.argument, len(node.arguments) - 1)]
        summary = f"{function.name} cannot use its argument {parameter.name}"
        return self._report("invalid-call", summary, detail, blamed.span or node.span)


def _bind(
    scope: Scope, node: syntax.ForTuple | syntax.ForObject | syntax.TemplateFor, key: Value, value: Value
) -> Scope:
    names = (
        {node.value_name: value} if node.key_name is None else {node.key_name: key, node.value_name: value}
    )
    return Scope(names, parent=scope)


_RULES: dict[type, Callable[[Evaluation, Any, Scope], ScopeValue]] = {
    syntax.Literal: Evaluation._literal,
    syntax.Variable: Evaluation._variable,
    syntax.GetAttr: Evaluation._get_attr,
    syntax.Index: Evaluation._index,
    syntax.Splat: Evaluation._splat,
    syntax.SplatItem: Evaluation._item,
    syntax.Tuple: Evaluation._tuple,
    syntax.Object: Evaluation._object,
    syntax.FunctionCall: Evaluation._call,
    syntax.Unary: Evaluation._unary,
    syntax.Binary: Evaluation._binary,
    syntax.Conditional: Evaluation._conditional,
    syntax.ForTuple: Evaluation._for_tuple,
    syntax.ForObject: Evaluation._for_object,
    syntax.Parentheses: Evaluation._inner,
    syntax.Template: Evaluation._template,
    syntax.TemplateWrap: Evaluation._inner,
    syntax.TemplateText: Evaluation._text,
    syntax.Interpolation: Evaluation._interpolation,
    syntax.TemplateIf: Evaluation._template_if,
    syntax.TemplateFor: Evaluation._template_for,
}
