"""One evaluation: its bounds, what it has found so far, and the steps that the rules have in common.

The rules are functions of (evaluation, node, scope), one for each kind of node; `grammar.evaluate` brings
them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from grammar import syntax
from grammar.diagnostics import Diagnostic, error, has_errors, in_order
from grammar.kinds import HclMap, Sensitive, Unknown, Value, nfc
from grammar.marks import Mark, marked, outer_bare
from grammar.measure import Limits, Meter, MeterError
from grammar.operators import OperationError, expect, iterate
from grammar.scope import Namespace, Scope, ScopeValue
from grammar.source import Span
from grammar.types import BOOL, STRING

__all__ = ["ITEM", "Evaluation", "Rule", "bind", "untold"]

_TOLD = 100
"""For so many mistakes of one expression remedies are looked for."""

ITEM = "*"
"""The variable that holds the element at hand of a splat; no name in a text can be that."""

_SIMPLE = frozenset({str, int, bool, tuple, HclMap, Unknown, Sensitive})
"""Classes of values, to be told from namespaces quickly: asking an abstract class takes ten times as long."""

_OF_SENSITIVE: Mapping[str, str] = {
    "unknown-member": "a sensitive value has no such member",
    "invalid-index": "a sensitive value cannot be indexed so",
    "null-value": "a sensitive value is null where it may not be",
    "wrong-type": "a sensitive value is of a type that cannot be used here",
    "invalid-operation": "an operation on a sensitive value has no result",
    "duplicate-key": "a sensitive key comes twice",
}
"""What is said in place of a summary that could tell of a sensitive value, by the code of the diagnostic."""

Rule = Callable[["Evaluation", Any, Scope], ScopeValue]
"""Gives the value of a node. It reports a mistake and returns `Unknown()`, or raises `OperationError`."""


class Evaluation:
    """One evaluation. `run` may be called once; the other methods are for the rules."""

    def __init__(self, rules: Mapping[type, Rule], limits: Limits) -> None:
        self.met_unknown = False
        """True once the result depended on something unknown, even if it is known itself."""
        self.meter = Meter(limits)
        self.diagnostics: list[Diagnostic] = []
        self._rules = rules
        self._attempts = 0

    @property
    def steps(self) -> int:
        """How many steps have been taken."""
        return self.meter.steps

    def run(self, expression: syntax.Expression, scope: Scope) -> tuple[Value, tuple[Diagnostic, ...]]:
        """Evaluate; see `grammar.evaluate.evaluate`."""
        self.meter.budget = scope.find_budget()
        try:
            value = self.value(expression, scope)
        except (MeterError, RecursionError) as limit:
            reason = str(limit) if isinstance(limit, MeterError) else "it is nested too deep"
            detail = f"Evaluation was given up because {reason}. Make the expression simpler."
            self.report(
                "evaluation-limit", "this expression is too much to evaluate", detail, expression.span
            )
            value = Unknown()
        return value, in_order(self.diagnostics)

    def eval(self, node: Any, scope: Scope) -> ScopeValue:
        """Evaluate a node; the result may be a namespace."""
        self.meter.enter()
        try:
            value = self._rules[type(node)](self, node, scope)
        except OperationError as wrong:
            return self.fail(wrong, node)
        finally:
            self.meter.leave()
        kind = type(value)
        if kind is Unknown or kind is Sensitive:
            inner = value.value if isinstance(value, Sensitive) else value
            if isinstance(inner, Unknown) and inner.reasons:
                self.met_unknown = True
        return value

    def value(self, node: syntax.Expression, scope: Scope) -> Value:
        """Evaluate to a value; a namespace becomes a map of its members."""
        return self.as_value(self.eval(node, scope))

    def as_value(self, value: ScopeValue) -> Value:
        """Return a namespace as a map of its members, a value as it is."""
        if type(value) in _SIMPLE or not isinstance(value, Namespace):
            return value  # type: ignore[return-value] # these are values
        self.meter.enter()
        members = HclMap({name: self.as_value(value.get(name)) for name in value.names()})
        self.meter.leave()
        return self.meter.admit(members)

    def captured(self, node: syntax.Expression, scope: Scope) -> tuple[Value, tuple[Diagnostic, ...]]:
        """Evaluate with the diagnostics apart."""
        outer, self.diagnostics = self.diagnostics, []
        try:
            return self.value(node, scope), tuple(self.diagnostics)
        finally:
            self.diagnostics = outer

    def attempt(self, node: syntax.Expression, scope: Scope) -> tuple[Value, tuple[Diagnostic, ...]]:
        """Evaluate with the diagnostics apart, of which nobody wants to know more than what is wrong."""
        self._attempts += 1
        try:
            return self.captured(node, scope)
        finally:
            self._attempts -= 1

    def report(
        self,
        code: str,
        summary: str,
        detail: str | Callable[[], str],
        span: Span | None,
        mark: Mark | None = None,
    ) -> Unknown:
        """Report an error and return what stands for its value; of what has a mark nothing is told."""
        if mark is not None:
            summary, detail = _OF_SENSITIVE.get(code, summary), untold(mark)
        if not isinstance(detail, str):
            detail = "" if self._attempts or len(self.diagnostics) > _TOLD else detail()
        self.diagnostics.append(error(code, summary, detail, span))
        return Unknown()

    def fail(
        self, wrong: OperationError, node: Any, *operands: syntax.Expression, mark: Mark | None = None
    ) -> Unknown:
        """Report an operation that failed, at the operand that is to blame or at the node."""
        blamed = (
            operands[wrong.operand] if wrong.operand is not None and wrong.operand < len(operands) else node
        )
        return self.report(wrong.code, wrong.summary, wrong.detail, blamed.span or node.span, mark)

    def collect(self, elements: Iterable[Any], make: Callable[[Any], Value]) -> Value:
        """Return the tuple of what is made of each element, which ends at the first mistake."""
        found = len(self.diagnostics)
        results: list[Value] = []
        for element in elements:
            results.append(make(element))
            if len(self.diagnostics) > found and has_errors(self.diagnostics[found:]):
                return Unknown()
        return self.meter.admit(tuple(results))

    def key(self, value: Value, node: syntax.Expression) -> tuple[str | Unknown, Mark | None]:
        """Return the value of `node` as the key of a map, and its mark."""
        plain, mark = outer_bare(value)
        try:
            key = expect(plain, STRING, "the key")
        except OperationError as wrong:
            return self.fail(wrong, node, mark=mark), mark
        assert isinstance(key, str | Unknown)
        return key, mark

    def truth(self, node: syntax.Expression, scope: Scope, what: str) -> tuple[bool | Unknown, Mark | None]:
        """Evaluate a condition, and return it and its mark; messages call it `what`."""
        plain, mark = outer_bare(self.value(node, scope))
        try:
            truth = expect(plain, BOOL, what)
        except OperationError as wrong:
            return self.fail(wrong, node, mark=mark), mark
        assert isinstance(truth, bool | Unknown)
        return truth, mark

    def elements(
        self, node: syntax.Expression, scope: Scope
    ) -> tuple[Iterable[tuple[Value, Value]] | Unknown, Mark | None]:
        """Evaluate a collection and return its keys and values, and its mark, which each of them has, too."""
        collection, mark = outer_bare(self.value(node, scope))
        if isinstance(collection, Unknown):
            return collection, mark
        try:
            pairs = iterate(collection)
        except OperationError as wrong:
            return self.fail(wrong, node, mark=mark), mark
        if mark is None:
            return pairs, None
        return ((marked(key, mark), marked(value, mark)) for key, value in pairs), mark

    def joined(self, texts: list[str]) -> str:
        """Join texts, unless that is too much."""
        self.meter.admit_length(sum(map(len, texts)))
        return nfc("".join(texts))


def untold(mark: Mark) -> str:
    """The detail of a diagnostic about something sensitive: why no more is said."""
    if not mark.origins:
        return "No more is said of it, since it is sensitive."
    verb = "is" if len(mark.origins) == 1 else "are"
    return f"No more is said of it, since {' and '.join(mark.origins)} {verb} sensitive."


def bind(
    scope: Scope, node: syntax.ForTuple | syntax.ForObject | syntax.TemplateFor, key: Value, value: Value
) -> Scope:
    """Return the scope within a loop, at one element."""
    names = (
        {node.value_name: value} if node.key_name is None else {node.key_name: key, node.value_name: value}
    )
    return Scope(names, parent=scope)
