"""Putting a template file's tree in place of the call that reads it, so that the call needs no files any more.

`templatefile(path, vars)` becomes `[for vars in [vars] : tree][0]`, in whose tree each name `n` has become
`vars.n`: the tree sees nothing but these variables, and they may be known later.
"""

from __future__ import annotations

from typing import Any

import attrs

from grammar import syntax
from grammar.source import Span

__all__ = ["expand_template"]

_LOOPS = (syntax.ForTuple, syntax.ForObject, syntax.TemplateFor)


def expand_template(
    tree: syntax.Expression, variables: syntax.Expression, span: Span | None
) -> syntax.Expression:
    """Return an expression with the value of `tree`, whose names are the attributes of `variables`."""
    name = "vars"
    while name in _loop_names(tree):
        name += "_"
    inner = _qualify(tree, name, frozenset())
    each = syntax.ForTuple(None, name, syntax.Tuple((variables,), span), inner, span=span)
    return syntax.Index(each, syntax.Literal(0, "0", span), span)


def _qualify(node: Any, owner: str, bound: frozenset[str]) -> Any:
    """Return `node` with each name that no loop around it binds made an attribute of `owner`."""
    match node:
        case syntax.Variable(name=name):
            return (
                node if name in bound else syntax.GetAttr(syntax.Variable(owner, node.span), name, node.span)
            )
        case syntax.ObjectItem() if node.bare_key is not None:
            return attrs.evolve(node, value=_qualify(node.value, owner, bound))
        case tuple():
            return tuple(_qualify(part, owner, bound) for part in node)
        case _ if not attrs.has(type(node)) or isinstance(node, Span):
            return node
    inner = bound
    if isinstance(node, _LOOPS):
        inner = bound | {name for name in (node.key_name, node.value_name) if name is not None}
    changes = {
        field.name: _qualify(value, owner, bound if field.name == "collection" else inner)
        for field in attrs.fields(type(node))
        if _holds_nodes(value := getattr(node, field.name))
    }
    return attrs.evolve(node, **changes)


def _holds_nodes(value: object) -> bool:
    return isinstance(value, tuple) or (attrs.has(type(value)) and not isinstance(value, Span))


def _loop_names(node: Any) -> set[str]:
    names: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, tuple):
            waiting.extend(current)
        elif _holds_nodes(current):
            if isinstance(current, _LOOPS):
                names |= {current.value_name, current.key_name or current.value_name}
            waiting.extend(getattr(current, field.name) for field in attrs.fields(type(current)))
    return names
