"""Rules of terms: literals, references, collections.

HCL specification, "Literal Values", "Variables and Variable Expressions", "Index Operator", "Splat Operators".
"""

from __future__ import annotations

from grammar import syntax
from grammar.conversion import quote
from grammar.evaluation.evaluation import ITEM, Evaluation
from grammar.kinds import HclMap, HclSet, Unknown, Value, nfc
from grammar.marks import Mark, join_marks, marked, outer_bare
from grammar.number import NumberRangeError, normalise
from grammar.operators import OperationError, describe_names, expect, get_attribute, get_index
from grammar.scope import Namespace, Scope, ScopeValue
from grammar.source import Span
from grammar.types import STRING


def evaluate_literal(_run: Evaluation, node: syntax.Literal, _: Scope) -> Value:
    """`1`, `true`, `null`."""
    if isinstance(node.value, bool) or node.value is None:
        return node.value
    try:
        return normalise(node.value)
    except NumberRangeError as wrong:
        raise OperationError(
            "invalid-operation", "this number is too long", f"{wrong}.".capitalize()
        ) from None


def evaluate_variable(run: Evaluation, node: syntax.Variable, scope: Scope) -> ScopeValue:
    """The root of a reference."""
    try:
        return scope.find_variable(node.name)
    except KeyError:

        def detail() -> str:
            names = tuple(sorted(scope.variable_names() - {ITEM}))
            return describe_names(node.name, names, "There are") if names else "No names are known here."

        return run.report("unknown-name", f"there is no {quote(node.name)} here", detail, node.span)


def evaluate_item(_run: Evaluation, _: syntax.SplatItem, scope: Scope) -> ScopeValue:
    """The element at hand of the splat around."""
    return scope.find_variable(ITEM)


def evaluate_inner(
    run: Evaluation, node: syntax.Parentheses | syntax.TemplateWrap, scope: Scope
) -> ScopeValue:
    """`(x)`, or `"${x}"` alone."""
    return run.eval(node.expr, scope)


def evaluate_get_attr(run: Evaluation, node: syntax.GetAttr, scope: Scope) -> ScopeValue:
    """`base.name`."""
    base = run.eval(node.base, scope)
    if isinstance(base, Namespace):
        return _member(run, base, node.name, node.name_span or node.span)
    plain, mark = outer_bare(base)
    try:
        return marked(get_attribute(plain, nfc(node.name)), mark)
    except OperationError as wrong:
        return run.report(wrong.code, wrong.summary, wrong.detail, node.name_span or node.span, mark)


def _member(
    run: Evaluation, namespace: Namespace, name: str, span: Span | None, mark: Mark | None = None
) -> ScopeValue:
    """A member by a name, which may have a mark: then so has what it leads to."""
    try:
        found = namespace.get(name)
    except KeyError:
        summary = f"{namespace.title} has no {namespace.noun} {quote(name)}"
        return run.report(
            "unknown-member",
            summary,
            lambda: describe_names(name, tuple(sorted(namespace.names())), "It has"),
            span,
            mark,
        )
    return found if mark is None else marked(run.as_value(found), mark)


def evaluate_index(run: Evaluation, node: syntax.Index, scope: Scope) -> ScopeValue:
    """`base[key]`."""
    base = run.eval(node.base, scope)
    key, mark = outer_bare(run.value(node.key, scope))
    try:
        if isinstance(base, Namespace):
            name = expect(key, STRING, "the key", 1)
            return (
                _member(run, base, name, node.key.span, mark) if isinstance(name, str) else marked(name, mark)
            )
        plain, of_base = outer_bare(base)
        mark = join_marks((of_base, mark))
        return marked(get_index(plain, key), mark)
    except OperationError as wrong:
        return run.fail(wrong, node, node.base, node.key, mark=mark)


def evaluate_splat(run: Evaluation, node: syntax.Splat, scope: Scope) -> Value:
    """`base[*]…`: null has no elements, what is no list is one."""
    base, mark = outer_bare(run.value(node.base, scope))
    if isinstance(base, Unknown):
        return marked(base, mark)
    elements = () if base is None else tuple(base) if isinstance(base, tuple | HclSet) else (base,)

    def each(element: Value) -> Value:
        return run.value(node.each, Scope({ITEM: marked(element, mark)}, parent=scope))

    return marked(run.collect(elements, each), mark)


def evaluate_tuple(run: Evaluation, node: syntax.Tuple, scope: Scope) -> Value:
    """`[a, b]`."""
    return run.meter.admit(tuple([run.value(item, scope) for item in node.items]))


def evaluate_object(run: Evaluation, node: syntax.Object, scope: Scope) -> Value:
    """`{a = b}`; of equal keys the last one's value stays."""
    items: dict[str, Value] = {}
    unknown: list[Unknown] = []
    marks: list[Mark | None] = []
    for item in node.items:
        bare = item.bare_key
        if item.is_ambiguous:
            detail = (
                "Put it in parentheses to use the value that it refers to, or in quotes for a name with dots."
            )
            summary = "a key that could be a name or a reference"
            unknown.append(run.report("ambiguous-key", summary, detail, item.key.span))
            continue
        key, mark = run.key(run.value(item.key, scope), item.key) if bare is None else (nfc(bare), None)
        value = run.value(item.value, scope)
        marks.append(mark)
        if isinstance(key, str):
            items[key] = value
        else:
            unknown.append(key)
    return marked(Unknown.join(unknown) if unknown else run.meter.admit(HclMap(items)), join_marks(marks))
