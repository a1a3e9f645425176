"""Locals: names for expressions. Those that depend on a run are put in place of their names.

A local that is known at plan has one value. One that refers to `run`, `param`, `task`, `each`, `attempt` or
`prepare`, itself or through another local, has another in each place and in each run; so its expression takes the
place of its name, there makes the edges that its references make, and is evaluated as soon as all of it is known.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeVar

import attrs

from cronicle.config.chains import literal_text, references_in
from cronicle.config.reading import Reader, place_text
from cronicle.config.references import AT_RUN, IN_LOCAL, check_reference
from cronicle.config.scope import KNOWN_AT_RUN, plain_members
from grammar import syntax
from grammar.cursor import MAX_HEIGHT
from grammar.scope import Members
from grammar.source import Span
from grammar.syntax import Attribute, Block, Expression
from grammar.traverse import height, walk
from grammar.values import Value

_OF_A_WORKFLOW = AT_RUN - {"run", "prepare"}

_LOOPS = (syntax.ForTuple, syntax.ForObject, syntax.TemplateFor)

MAX_NODES = 10_000
"""The most names, operators and brackets that a local may stand for: two names of the local before double it."""

MAX_NODES_OF_BLOCK = 500_000
"""The most of them that the locals used in one workflow may bring with them."""

Node = TypeVar("Node", bound=syntax.Node)


@attrs.frozen
class Size:
    """How large an expression is once locals are replaced in it."""

    nodes: int
    height: int


@attrs.frozen
class Locals:
    """All locals of a project."""

    values: Mapping[str, Value]
    """Their values; those that depend on a run are unknown."""
    late: Mapping[str, Expression] = attrs.field(factory=dict)
    """The expressions of those that depend on a run, in which no such local is named any more."""
    sizes: Mapping[str, Size] = attrs.field(factory=dict, repr=False)
    """Of these expressions."""

    reader: Reader | None = attrs.field(default=None, eq=False, repr=False)
    """Keeps what is wrong; there is one where there are `late` ones."""

    def inlined(self, node: Node) -> Node:
        """A block or body in which the locals that depend on a run are replaced by their expressions."""
        if not self.late or not any(_is_local(each) for each in walk(node)):
            return node
        used = [each for each in references_in(node) if each.root == "local" and each.name(0) in self.late]
        if sum(self.sizes[each.name(0) or ""].nodes for each in used) > MAX_NODES_OF_BLOCK:
            assert self.reader is not None
            self.reader.error(
                "evaluation-limit",
                "the locals used here stand for too much",
                f"They depend on the run, so each is put in place of its name, together more than "
                f"{MAX_NODES_OF_BLOCK:,} names, operators and brackets. Make them simpler, or use them less.",
                used[0].span,
            )
            return node
        inlined: Node = _inline(node, self.late)
        return inlined


def read_locals(reader: Reader, blocks: Iterable[Block]) -> Locals:
    """All locals, whatever the order in which they are written."""
    found = _declared(reader, blocks)
    needs = {name: dict(_needed(attribute.expr, found)) for name, attribute in found.items()}
    inner = reader.inside("locals")
    if _tell_self_references(inner, needs):
        return Locals(plain_members(found))
    try:
        order = tuple(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError as circle:
        _tell_circle(inner, found, needs, circle.args[1])
        return Locals(plain_members(found))
    values: dict[str, Value] = {}
    late: dict[str, Expression] = {}
    sizes: dict[str, Size] = {}
    for name in order:
        expr = found[name].expr
        if _is_late(expr, needs[name], late):
            values |= plain_members([name])
            size = _size(expr, found, sizes)
            if _refers_well(inner, expr) and _is_bearable(inner, found[name], size):
                values[name], late[name], sizes[name] = KNOWN_AT_RUN, _inline(expr, late), size
            continue
        scope = reader.scope.child(local=Members("local", "local", values))
        value, is_good = inner.within_scope(scope, inner.names).evaluate(expr, IN_LOCAL)
        values[name] = value if is_good else plain_members([name])[name]
    return Locals(values, late, sizes, reader)


def _declared(reader: Reader, blocks: Iterable[Block]) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for block in blocks:
        for attribute in block.body.attributes:
            if attribute.name in found:
                reader.inside("locals").error(
                    "duplicate-name",
                    f'local "{attribute.name}" is defined twice',
                    f"It is defined in {place_text(found[attribute.name].span)} already. Rename or remove one.",
                    attribute.name_span,
                )
            else:
                found[attribute.name] = attribute
    return found


def _needed(expr: Expression, found: Mapping[str, Attribute]) -> Iterator[tuple[str, Span | None]]:
    """The locals that an expression refers to, with the place of the reference."""
    for reference in references_in(expr):
        name = reference.name(0)
        if reference.root == "local" and name is not None and name in found:
            yield name, reference.span


def _is_late(expr: Expression, needs: Iterable[str], late: Mapping[str, Expression]) -> bool:
    return any(name in late for name in needs) or any(each.root in AT_RUN for each in references_in(expr))


def _size(expr: Expression, found: Mapping[str, Attribute], sizes: Mapping[str, Size]) -> Size:
    """How large the expression is once the locals of known `sizes` are replaced."""
    inside = [sizes[name] for name, _ in _needed(expr, found) if name in sizes]
    return Size(
        nodes=sum(1 for _ in walk(expr)) + sum(each.nodes for each in inside),
        height=height(expr) + max((each.height for each in inside), default=0),
    )


def _is_bearable(reader: Reader, attribute: Attribute, size: Size) -> bool:
    if size.nodes <= MAX_NODES and size.height <= MAX_HEIGHT:
        return True
    much = f"more than {MAX_NODES:,} names, operators and brackets"
    if size.height > MAX_HEIGHT:
        much = f"more than {MAX_HEIGHT} operators and brackets inside of each other"
    reader.error(
        "evaluation-limit",
        f"local.{attribute.name} stands for too much",
        f"It depends on the run, so locals that it refers to are put in place of their names: {much}. "
        "Make it simpler.",
        attribute.name_span,
    )
    return False


def _refers_well(reader: Reader, expr: Expression) -> bool:
    """Check what can be checked outside of a workflow: its parameters and tasks are known where the local is used."""
    outside = [each for each in references_in(expr) if each.root not in _OF_A_WORKFLOW]
    found = [check_reference(each, IN_LOCAL, reader.names) for each in outside]
    return reader.keep(dict.fromkeys(each for each in found if each is not None))


# Putting expressions in the place of names


def _is_local(node: Any) -> bool:
    return isinstance(node, syntax.Variable) and node.name == "local"


def _inline(node: Any, late: Mapping[str, Expression]) -> Any:
    """The node with the expressions of late locals in the place of their names."""
    match node:
        case syntax.GetAttr(base=syntax.Variable(name="local"), name=name) if name in late:
            return syntax.Parentheses(late[name], late[name].span)
        case syntax.Index(base=syntax.Variable(name="local"), key=key) if literal_text(key) in late:
            return _inline(syntax.GetAttr(node.base, literal_text(key) or "", key.span), late)
        case _ if isinstance(node, _LOOPS):
            node = _without_clashes(node)
    return _mapped(node, lambda part: _inline(part, late))


def _without_clashes(loop: Any) -> Any:
    """A loop whose own names are none that an expression put into it could mean."""
    for which in ("key_name", "value_name"):
        name = getattr(loop, which)
        if name not in IN_LOCAL.roots:
            continue
        taken = {each.name for each in walk(loop) if isinstance(each, syntax.Variable)}
        fresh = f"{name}_"
        while fresh in taken:
            fresh += "_"
        parts = {
            part.name: _renamed(getattr(loop, part.name), name, fresh)
            for part in attrs.fields(type(loop))
            if part.name != "collection"
        }
        loop = attrs.evolve(loop, **parts | {which: fresh})
    return loop


def _renamed(node: Any, name: str, fresh: str) -> Any:
    """The node with another name for a variable, as far as no loop inside gives the name another meaning."""
    match node:
        case syntax.Variable() if node.name == name:
            return attrs.evolve(node, name=fresh)
        case syntax.ObjectItem() if node.bare_key is not None:
            return attrs.evolve(node, value=_renamed(node.value, name, fresh))
        case _ if isinstance(node, _LOOPS) and name in (node.key_name, node.value_name):
            return attrs.evolve(node, collection=_renamed(node.collection, name, fresh))
    return _mapped(node, lambda part: _renamed(part, name, fresh))


def _mapped(node: Any, change: Callable[[Any], Any]) -> Any:
    """The node with all its parts changed; what is no node stays."""
    if isinstance(node, tuple):
        return tuple(change(part) for part in node)
    if not attrs.has(type(node)) or isinstance(node, Span):
        return node
    parts = {part.name: getattr(node, part.name) for part in attrs.fields(type(node)) if part.init}
    changed = {name: change(part) for name, part in parts.items() if _holds_nodes(part)}
    return attrs.evolve(node, **changed) if changed else node


def _holds_nodes(value: object) -> bool:
    return isinstance(value, tuple) or (attrs.has(type(value)) and not isinstance(value, Span))


# What is wrong with them


def _tell_self_references(reader: Reader, needs: Mapping[str, Mapping[str, Span | None]]) -> bool:
    """True if some local refers to itself."""
    itself = [name for name, needed in needs.items() if name in needed]
    for name in itself:
        reader.error(
            "self-reference",
            f"local.{name} refers to itself",
            "Its value would be needed to find its value. Give one of the two another name.",
            needs[name][name],
        )
    return bool(itself)


def _tell_circle(
    reader: Reader,
    found: Mapping[str, Attribute],
    needs: Mapping[str, Mapping[str, Span | None]],
    path: list[str],
) -> None:
    """Name every local on the way round, with the place where each is needed."""
    way = path[::-1]  # from one that needs to what it needs
    steps = [
        f"local.{name} needs local.{need} ({place_text(found[name].span)})" for name, need in pairwise(way)
    ]
    reader.error(
        "self-reference",
        "locals refer to each other in a circle",
        f"{'; '.join(steps)}. Take one of these references out.",
        needs[way[0]][way[1]],
    )
