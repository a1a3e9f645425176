"""Walking the syntax tree, and the references in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs

from grammar.source import Span
from grammar.syntax import (
    Attribute,
    Binary,
    Block,
    Body,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    FunctionCall,
    GetAttr,
    Index,
    Interpolation,
    Literal,
    Node,
    Object,
    ObjectItem,
    Parentheses,
    Splat,
    SplatItem,
    Template,
    TemplateFor,
    TemplateIf,
    TemplateText,
    TemplateWrap,
    Tuple,
    Unary,
    Variable,
)

Children: TypeAlias = tuple[Node, ...]


def _none(node: Any) -> Children:  # noqa: ARG001 - all have the same form
    return ()


def _some(*nodes: Node | None) -> Children:
    return tuple(node for node in nodes if node is not None)


_CHILDREN: dict[type, Callable[[Any], Children]] = {
    Literal: _none,
    Variable: _none,
    SplatItem: _none,
    TemplateText: _none,
    GetAttr: lambda node: (node.base,),
    Index: lambda node: (node.base, node.key),
    Splat: lambda node: (node.base, node.each),
    Tuple: lambda node: node.items,
    Object: lambda node: node.items,
    ObjectItem: lambda node: (node.key, node.value),
    FunctionCall: lambda node: node.arguments,
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Conditional: lambda node: (node.condition, node.then, node.otherwise),
    ForTuple: lambda node: _some(node.collection, node.result, node.condition),
    ForObject: lambda node: _some(node.collection, node.result_key, node.result_value, node.condition),
    Parentheses: lambda node: (node.expr,),
    Template: lambda node: node.parts,
    TemplateWrap: lambda node: (node.expr,),
    Interpolation: lambda node: (node.expr,),
    TemplateIf: lambda node: _some(node.condition, node.then, node.otherwise),
    TemplateFor: lambda node: (node.collection, node.body),
    Attribute: lambda node: (node.expr,),
    Block: lambda node: (node.body,),
    Body: lambda node: node.items,
}


def children(node: Node) -> Children:
    """The nodes directly below, in the order of the text."""
    return _CHILDREN[type(node)](node)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before its children, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def height(node: Node) -> int:
    """The number of nodes on the longest way down, this one included."""
    highest = 0
    level: list[Node] = [node]
    while level:
        highest += 1
        level = [child for parent in level for child in children(parent)]
    return highest


@attrs.frozen
class UnknownKey:
    """A step of a reference whose key is computed."""


UNKNOWN_KEY = UnknownKey()

Step: TypeAlias = str | int | UnknownKey
"""A name, from `.name` or `["name"]`; a position, from `[0]` or `.0`; or a key that is not written out."""


@attrs.frozen
class Reference:
    """A name that an expression takes from around it, with the steps that follow: `task.extract.output["max"]`."""

    root: str
    path: tuple[Step, ...] = ()
    """The steps up to the first splat or the end."""
    span: Span | None = attrs.field(default=None, eq=False, repr=False)


def references(node: Node) -> tuple[Reference, ...]:
    """All references in an expression or a body, in the order of the text.

    Names that a `for` binds are none, nor are the bare keys of objects. The key of an index has its own references.
    """
    found: list[Reference] = []
    waiting: list[tuple[Node, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        node, bound = waiting.pop()
        match node:
            case Variable() | GetAttr() | Index():
                waiting += _reference(node, bound, found)
            case ForTuple() | ForObject() | TemplateFor():
                collection, *rest = children(node)
                inner = bound | {node.value_name} | ({node.key_name} if node.key_name is not None else set())
                waiting += [(child, inner) for child in reversed(rest)]
                waiting.append((collection, bound))
            case ObjectItem() if node.bare_key is not None:
                waiting.append((node.value, bound))
            case _:
                waiting += [(child, bound) for child in reversed(children(node))]
    return tuple(found)


def _reference(
    node: Expression, bound: frozenset[str], found: list[Reference]
) -> list[tuple[Node, frozenset[str]]]:
    """Take a chain of steps; returns what in it is left to look at, the last first."""
    span = node.span
    steps: list[Step] = []
    keys: list[Expression] = []
    while isinstance(node, GetAttr | Index):
        if isinstance(node, GetAttr):
            steps.append(node.name)
        else:
            step = _step(node.key)
            steps.append(step)
            if step == UNKNOWN_KEY:
                keys.append(node.key)
        node = node.base
    left = [(key, bound) for key in keys]
    if not isinstance(node, Variable):
        return [*left, (node, bound)]
    if node.name not in bound:
        found.append(Reference(node.name, tuple(reversed(steps)), span))
    return left  # type: ignore[return-value] # an expression is a node


def _step(key: Expression) -> Step:
    match key:
        case Template() if (text := key.literal) is not None:
            return text
        case Literal(int() as position) if not isinstance(position, bool):
            return position
    return UNKNOWN_KEY
