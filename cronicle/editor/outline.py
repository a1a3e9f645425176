"""The blocks of a file, one within another."""

from __future__ import annotations

from attrs import frozen

from grammar.source import Span
from grammar.syntax import Body


@frozen
class Entry:
    """A line of the outline."""

    title: str
    kind: str
    """The type of the block, or `local`."""
    span: Span
    name_span: Span
    inner: tuple[Entry, ...] = ()


def outline(body: Body) -> tuple[Entry, ...]:
    """The outline of a file or block."""
    entries = []
    for block in body.blocks:
        inner = outline(block.body)
        if block.type == "locals":
            inner = tuple(Entry(one.name, "local", one.span, one.name_span) for one in block.body.attributes)
        entries.append(Entry(block.title, block.type, block.span, block.header_span, inner))
    return tuple(entries)
