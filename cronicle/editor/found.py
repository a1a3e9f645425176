"""What stands at a place of a file: the blocks around it, and the attribute, reference or function there."""

from __future__ import annotations

from attrs import evolve, frozen

from cronicle.config.chains import Reference, references_in
from cronicle.config.schema import FILE
from grammar.schema import BlockSchema
from grammar.source import Span
from grammar.syntax import Attribute, Block, Body, FunctionCall
from grammar.traverse import walk


@frozen(kw_only=True)
class Found:
    """What is at a place."""

    blocks: tuple[Block, ...] = ()
    """Around it, the outermost first."""
    schema: BlockSchema | None = FILE
    """Of the innermost one; None if the language does not know it."""
    attribute: Attribute | None = None
    reference: Reference | None = None
    step: int = 0
    """Which part of the reference: 0 is its first word."""
    call: FunctionCall | None = None
    """The function whose name is there."""

    @property
    def workflow(self) -> Block | None:
        """The workflow around."""
        return next((one for one in self.blocks if one.type == "workflow"), None)


def found_at(body: Body, offset: int) -> Found:
    """What is at an offset; its end belongs to a word, so that a cursor behind it is at it."""
    blocks: list[Block] = []
    schema: BlockSchema | None = FILE
    while (inner := _block_at(body, offset)) is not None:
        blocks.append(inner)
        schema = schema.blocks.get(inner.type) if schema is not None else None
        body = inner.body
    attribute = next((one for one in body.attributes if _holds(one.span, offset)), None)
    found = Found(blocks=tuple(blocks), schema=schema, attribute=attribute)
    return found if attribute is None else _within(found, attribute, offset)


def _within(found: Found, attribute: Attribute, offset: int) -> Found:
    call = next(
        (
            node
            for node in walk(attribute.expr)
            if isinstance(node, FunctionCall) and node.name_span and _holds(node.name_span, offset)
        ),
        None,
    )
    if call is not None:
        return evolve(found, call=call)
    for reference in references_in(attribute.expr):
        if reference.span is not None and _holds(reference.span, offset):
            return evolve(found, reference=reference, step=_step_at(reference, offset))
    return found


def _step_at(reference: Reference, offset: int) -> int:
    for number, step in enumerate(reference.steps, 1):
        if step.span is not None and _holds(step.span, offset):
            return number
    return 0


def _block_at(body: Body, offset: int) -> Block | None:
    return next((one for one in body.blocks if _holds(one.span, offset)), None)


def _holds(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end
