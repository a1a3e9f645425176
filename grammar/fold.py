"""Folding: an expression with everything that is known already replaced by its value.

Rules:

- `evaluate(fold(e, early), late)` equals `evaluate(e, late)`, where `late` knows all that `early` knows, and more.
- Hence a part is replaced only if nothing unknown had any influence on its value; the type of a conditional's
  other branch is such an influence, too.
- The result is canonical where that is cheap: no parentheses, no `"${x}"`, heredocs and quoted strings alike,
  neighbouring texts joined, keys quoted. Two spellings of one meaning mostly give one tree.
- A template that is sensitive as a whole keeps its parts: only those that make it so are calls of `sensitive`.
- What is wrong stays as it is written and is reported again when it is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

import attrs

from grammar import syntax
from grammar.conversion import ConversionError, convert
from grammar.diagnostics import Diagnostic, has_errors
from grammar.evaluate import DEFAULT_LIMITS, Limits, evaluate, start
from grammar.evaluation.evaluation import ITEM
from grammar.expand import expand_template
from grammar.functions.signature import FunctionError
from grammar.kinds import HclMap, HclSet, Sensitive, Unknown, Value, nfc, unknown_in
from grammar.marks import bare
from grammar.number import format_number
from grammar.scope import Scope
from grammar.source import Span
from grammar.traverse import walk
from grammar.types import BOOL, SetType

__all__ = ["fold", "fold_parts", "to_expression"]

SENSITIVE = "sensitive"
"""The function that makes a value sensitive again."""

_LATER = Unknown("known within the loop")

_EVALUATIONS = 10
"""How many times the limit of one evaluation folding may take in all; beyond that, parts stay as they are."""


def fold(
    expression: syntax.Expression, scope: Scope, limits: Limits = DEFAULT_LIMITS
) -> tuple[syntax.Expression, tuple[Diagnostic, ...]]:
    """Return an equal expression in which what is known in `scope` is literal, and what is wrong with `expression`.

    A name that is known only later must be in `scope`, as `Unknown` or in a namespace that gives that.
    """
    _, diagnostics = evaluate(expression, scope, limits)
    try:
        return _Folder(limits).fold(expression, scope), diagnostics
    except RecursionError:
        return expression, diagnostics


def fold_parts(
    expression: syntax.Expression, scope: Scope, limits: Limits = DEFAULT_LIMITS
) -> syntax.Expression:
    """Return what `fold` does, of an expression that has been evaluated and was found not to be known as a whole."""
    try:
        return _Folder(limits).parts(expression, scope)
    except RecursionError:
        return expression


def to_expression(value: Value, span: Span | None = None) -> syntax.Expression | None:
    """Return an expression that gives `value`; None if there is none (something unknown, a set of mixed kinds)."""
    match value:
        case None:
            return syntax.Literal(None, "null", span)
        case bool():
            return syntax.Literal(value, "true" if value else "false", span)
        case int() | Decimal() if value < 0:
            return syntax.Unary("-", syntax.Literal(-value, format_number(value)[1:], span), span)
        case int() | Decimal():
            return syntax.Literal(value, format_number(value), span)
        case str():
            return syntax.Template(_text(value, span), span=span)
        case tuple():
            items = [to_expression(element, span) for element in value]
            known = tuple(item for item in items if item is not None)
            return syntax.Tuple(known, span) if len(known) == len(items) else None
        case HclMap():
            return _object(value, span)
        case HclSet():
            return _set(value, span)
        case Unknown():
            return None
        case Sensitive():
            inner = to_expression(value.value, span)
            return None if inner is None else syntax.FunctionCall(SENSITIVE, (inner,), span=span)


def _object(value: HclMap, span: Span | None) -> syntax.Expression | None:
    items = []
    for name, element in value.items():
        expression = to_expression(element, span)
        if expression is None:
            return None
        items.append(syntax.ObjectItem(syntax.Template(_text(name, span), span=span), expression, span))
    return syntax.Object(tuple(items), span)


def _set(value: HclSet, span: Span | None) -> syntax.Expression | None:
    elements = to_expression(tuple(value), span)
    try:
        if elements is None or convert(tuple(value), SetType()) != value:
            return None
    except ConversionError:
        return None
    return syntax.FunctionCall("toset", (elements,), span=span)


def _text(text: str, span: Span | None) -> tuple[syntax.TemplatePart, ...]:
    return (syntax.TemplateText(text, span),) if text else ()


class _Folder:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.steps * _EVALUATIONS

    def fold(self, node: syntax.Expression, scope: Scope) -> syntax.Expression:
        """Return the literal that `node` comes to, or `node` with its parts folded."""
        if isinstance(node, syntax.Parentheses | syntax.TemplateWrap):
            return self.fold(node.expr, scope)
        known, value = self._known(node, scope)
        keeps_parts = isinstance(value, Sensitive) and isinstance(node, syntax.Template)
        literal = to_expression(value, node.span) if known and not keeps_parts else None
        if literal is not None and all(
            scope.find_function(name) is not None for name in _functions_for(value)
        ):
            return literal
        return self.parts(node, scope)

    def parts(self, node: syntax.Expression, scope: Scope) -> syntax.Expression:
        """Return `node` with its parts folded."""
        if isinstance(node, syntax.Parentheses | syntax.TemplateWrap):
            return self.parts(node.expr, scope)
        expanded = self._expanded(node, scope)
        return self._rebuild(node, scope) if expanded is None else self.fold(expanded, scope)

    def _expanded(self, node: syntax.Expression, scope: Scope) -> syntax.Expression | None:
        """Return a call that reads a template file without the reading, if the file is known."""
        if not isinstance(node, syntax.FunctionCall) or len(node.arguments) != 2 or node.expand_final:
            return None
        function = scope.find_function(node.name)
        if function is None or not function.reads_template:
            return None
        known, path = self._known(node.arguments[0], scope)
        path, mark = bare(path)
        if not known or not isinstance(path, str):
            return None
        try:
            tree = function.implementation(path)
        except FunctionError:
            return None
        if _calls(tree, node.name):  # which is an error: leave it to evaluation
            return None
        expanded = expand_template(tree, node.arguments[1], node.span)
        return expanded if mark is None else syntax.FunctionCall(SENSITIVE, (expanded,), span=node.span)

    def _known(self, node: syntax.Expression, scope: Scope) -> tuple[bool, Value]:
        if self._left <= 0:
            return False, None
        evaluation = start(self._limits)
        value, diagnostics = evaluation.run(node, scope)
        self._left -= evaluation.steps
        return not (evaluation.met_unknown or has_errors(diagnostics)) and unknown_in(value) is None, value

    def _rebuild(self, node: Any, scope: Scope) -> syntax.Expression:
        match node:
            case syntax.GetAttr():
                return attrs.evolve(node, base=self.fold(node.base, scope))
            case syntax.Index():
                return attrs.evolve(node, base=self.fold(node.base, scope), key=self.fold(node.key, scope))
            case syntax.Splat():
                inner = Scope({ITEM: _LATER}, parent=scope)
                return attrs.evolve(node, base=self.fold(node.base, scope), each=self.fold(node.each, inner))
            case syntax.Tuple():
                return attrs.evolve(node, items=self._all(node.items, scope))
            case syntax.Object():
                return attrs.evolve(node, items=tuple(self._item(item, scope) for item in node.items))
            case syntax.FunctionCall():
                return attrs.evolve(node, arguments=self._all(node.arguments, scope))
            case syntax.Unary():
                return attrs.evolve(node, operand=self.fold(node.operand, scope))
            case syntax.Binary():
                return attrs.evolve(
                    node, left=self.fold(node.left, scope), right=self.fold(node.right, scope)
                )
            case syntax.Conditional():
                condition, then, otherwise = self._all((node.condition, node.then, node.otherwise), scope)
                return attrs.evolve(node, condition=condition, then=then, otherwise=otherwise)
            case syntax.ForTuple():
                return self._for_tuple(node, scope)
            case syntax.ForObject():
                return self._for_object(node, scope)
            case syntax.Template():
                return attrs.evolve(node, parts=self._parts(node.parts, scope), heredoc=None)
            case _:  # literals, variables, the item of a splat
                return node  # type: ignore[no-any-return]

    def _all(self, nodes: Iterable[syntax.Expression], scope: Scope) -> tuple[syntax.Expression, ...]:
        return tuple(self.fold(node, scope) for node in nodes)

    def _item(self, item: syntax.ObjectItem, scope: Scope) -> syntax.ObjectItem:
        bare = item.bare_key
        if bare is not None:
            key: syntax.Expression = syntax.Template(_text(nfc(bare), item.key.span), span=item.key.span)
        elif item.is_ambiguous:
            key = item.key  # what is refused must not become something that is not
        else:
            key = self.fold(item.key, scope)
            if syntax.ObjectItem(key, key).bare_key is not None:  # or it would mean its own name
                key = syntax.Parentheses(key, key.span)
        return attrs.evolve(item, key=key, value=self.fold(item.value, scope))

    def _for_tuple(self, node: syntax.ForTuple, scope: Scope) -> syntax.Expression:
        inner = _within(node, scope)
        return attrs.evolve(
            node,
            collection=self.fold(node.collection, scope),
            result=self.fold(node.result, inner),
            condition=None if node.condition is None else self.fold(node.condition, inner),
        )

    def _for_object(self, node: syntax.ForObject, scope: Scope) -> syntax.Expression:
        inner = _within(node, scope)
        return attrs.evolve(
            node,
            collection=self.fold(node.collection, scope),
            result_key=self.fold(node.result_key, inner),
            result_value=self.fold(node.result_value, inner),
            condition=None if node.condition is None else self.fold(node.condition, inner),
        )

    # Templates

    def _parts(self, parts: Iterable[syntax.TemplatePart], scope: Scope) -> tuple[syntax.TemplatePart, ...]:
        joined: list[syntax.TemplatePart] = []
        for part in chain.from_iterable(self._part(part, scope) for part in parts):
            last = joined[-1] if joined else None
            if isinstance(part, syntax.TemplateText) and isinstance(last, syntax.TemplateText):
                joined[-1] = syntax.TemplateText(nfc(last.value + part.value), last.span)
            else:
                joined.append(part)
        return tuple(joined)

    def _part(self, part: syntax.TemplatePart, scope: Scope) -> tuple[syntax.TemplatePart, ...]:
        match part:
            case syntax.TemplateText():
                return (part,)
            case syntax.Interpolation():
                return self._interpolation(part, scope)
            case syntax.TemplateIf():
                return self._if(part, scope)
            case syntax.TemplateFor():
                known, text = self._known(syntax.Template((part,), span=part.span), scope)
                if known and isinstance(text, str):
                    return _text(text, part.span)
                body = attrs.evolve(
                    part.body, parts=self._parts(part.body.parts, _within(part, scope)), heredoc=None
                )
                return (attrs.evolve(part, collection=self.fold(part.collection, scope), body=body),)

    def _interpolation(self, part: syntax.Interpolation, scope: Scope) -> tuple[syntax.TemplatePart, ...]:
        known, text = self._known(syntax.Template((part,), span=part.span), scope)
        if known and isinstance(text, str):
            return _text(text, part.span)
        folded = self.fold(part.expr, scope)
        return folded.parts if isinstance(folded, syntax.Template) else (attrs.evolve(part, expr=folded),)

    def _if(self, part: syntax.TemplateIf, scope: Scope) -> tuple[syntax.TemplatePart, ...]:
        known, condition = self._known(part.condition, scope)
        try:
            chosen = convert(condition, BOOL) if known else None
        except ConversionError:
            chosen = None
        if isinstance(chosen, bool):
            branch = part.then if chosen else part.otherwise
            return () if branch is None else self._parts(branch.parts, scope)

        def body(template: syntax.Template) -> syntax.Template:
            return attrs.evolve(template, parts=self._parts(template.parts, scope), heredoc=None)

        otherwise = None if part.otherwise is None else body(part.otherwise)
        otherwise = None if otherwise is None or not otherwise.parts else otherwise
        condition_ = self.fold(part.condition, scope)
        return (attrs.evolve(part, condition=condition_, then=body(part.then), otherwise=otherwise),)


def _within(node: syntax.ForTuple | syntax.ForObject | syntax.TemplateFor, scope: Scope) -> Scope:
    names = [name for name in (node.key_name, node.value_name) if name is not None]
    return Scope(dict.fromkeys(names, _LATER), parent=scope)


def _calls(tree: syntax.Expression, name: str) -> bool:
    return any(isinstance(node, syntax.FunctionCall) and node.name == name for node in walk(tree))


def _functions_for(value: Value) -> list[str]:
    """The functions that the expression of a value calls."""
    plain, mark = bare(value)
    return [*(["toset"] if _has_set(plain) else []), *([SENSITIVE] if mark is not None else [])]


def _has_set(value: Value) -> bool:
    match value:
        case HclSet():
            return True
        case tuple():
            return any(_has_set(element) for element in value)
        case HclMap():
            return any(_has_set(element) for element in value.values())
        case _:
            return False
