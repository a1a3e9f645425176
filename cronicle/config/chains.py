"""References as they are written in expressions: a name and the steps into it, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import field, frozen

from grammar import syntax
from grammar.source import Span
from grammar.traverse import children


@frozen
class Step:
    """One step from a value into it: `.name`, `["key"]`, or something computed."""

    name: str | None
    """None if it is not literal, or is a splat."""
    is_index: bool = False
    span: Span | None = field(default=None, eq=False, repr=False)


@frozen
class Reference:
    """A name and the steps into it: `task.extract.output.rows`."""

    root: str
    steps: tuple[Step, ...] = ()
    span: Span | None = field(default=None, eq=False, repr=False)
    """Of the whole of it."""

    def name(self, at: int) -> str | None:
        """The literal name of a step; None if it has none, or there is no such step."""
        return self.steps[at].name if at < len(self.steps) else None

    @property
    def text(self) -> str:
        """As it was written, as far as it is literal: `task.extract`."""
        text = self.root
        for step in self.steps:
            if step.name is None:
                break
            text += f'["{step.name}"]' if step.is_index else f".{step.name}"
        return text


def references_in(node: syntax.Node, bound: frozenset[str] = frozenset()) -> Iterator[Reference]:
    """All references of an expression, in order; names bound by a `for` are none.

    `grammar.traverse.references` finds the same; this keeps how each step is written and where, which is needed to
    tell `task.a.output` from `task.a["output"]` and to mark the one word that is wrong.
    """
    match node:
        case syntax.Variable() | syntax.GetAttr() | syntax.Index() | syntax.Splat():
            yield from _chain(node, bound)
        case syntax.ForTuple() | syntax.ForObject() | syntax.TemplateFor():
            collection, *rest = children(node)
            yield from references_in(collection, bound)
            inner = bound | {node.value_name} | ({node.key_name} if node.key_name is not None else set())
            for child in rest:
                yield from references_in(child, inner)
        case syntax.ObjectItem() if node.bare_key is not None:
            yield from references_in(node.value, bound)
        case _:
            for child in children(node):
                yield from references_in(child, bound)


def names_referred_to(bodies: Iterable[syntax.Body], root: str, *, declared_by: str) -> set[str | None]:
    """The names under a root to which anything refers but the blocks that declare them."""
    return {
        reference.name(0)
        for body in bodies
        for item in body.items
        if getattr(item, "type", "") != declared_by
        for reference in references_in(item)
        if reference.root == root
    }


def _chain(node: syntax.Expression, bound: frozenset[str]) -> Iterator[Reference]:
    """A chain of steps: one reference if it begins with a name, and those inside of its indexes."""
    steps: list[Step] = []
    inside: list[syntax.Expression] = []
    base: syntax.Expression = node
    while True:
        match base:
            case syntax.GetAttr(base=inner, name=name):
                steps.append(Step(name, is_index=False, span=base.name_span))
            case syntax.Index(base=inner, key=key):
                literal = literal_text(key)
                steps.append(Step(literal, is_index=True, span=key.span))
                if literal is None:
                    inside.append(key)
            case syntax.Splat(base=inner, each=each):
                steps = [Step(None, is_index=True, span=base.span)]
                inside.append(each)
            case _:
                break
        base = inner
    if isinstance(base, syntax.Variable):
        if base.name not in bound:
            yield Reference(base.name, tuple(reversed(steps)), node.span)
    else:
        yield from references_in(base, bound)
    for item in reversed(inside):
        yield from references_in(item, bound)


def literal_text(expr: syntax.Expression) -> str | None:
    """The text of a literal string, or of a literal number as an index writes it; None if it is neither."""
    match expr:
        case syntax.Template():
            return expr.literal
        case syntax.Parentheses(expr=inner):
            return literal_text(inner)
        case syntax.Literal(value=int() as number) if not isinstance(number, bool):
            return str(number)
    return None
