"""A parsed body as one flat JSON list, with all places and comments, to keep it instead of parsing again.

- Pre-order: the number of a node's class, its fields in their order (several nodes after their count), its start and
  end. A flat list is read by one iterator, without a list for each node.
- A stored body belongs to one text and one `VERSION`; who meets another parses again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from grammar.pause import collections_paused
from grammar.source import SourceFile, Span
from grammar.syntax import (
    Attribute,
    Binary,
    Block,
    Body,
    Comment,
    Conditional,
    ForObject,
    ForTuple,
    FunctionCall,
    GetAttr,
    Index,
    Interpolation,
    Literal,
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
    number_value,
)

VERSION = 1
"""Of the format; raised with every change of it or of the classes of `syntax`."""

Json: TypeAlias = Any

# Each class with the marks of its fields, in the order of its arguments; its number is its place here.
# `n` a node, `?` a node or none, `*` several nodes, `.` plain data, `(` a span in the same file.
_CLASSES: tuple[tuple[type, str], ...] = (
    (Literal, ".text"),
    (Variable, ".name"),
    (GetAttr, "nbase .name"),
    (Index, "nbase nkey"),
    (SplatItem, ""),
    (Splat, "nbase neach .full"),
    (Tuple, "*items"),
    (Object, "*items"),
    (ObjectItem, "nkey nvalue"),
    (FunctionCall, ".name *arguments .expand_final (name_span"),
    (Unary, ".operator noperand"),
    (Binary, ".operator nleft nright"),
    (Conditional, "ncondition nthen notherwise"),
    (ForTuple, ".key_name .value_name ncollection nresult ?condition"),
    (ForObject, ".key_name .value_name ncollection nresult_key nresult_value ?condition .grouped"),
    (Parentheses, "nexpr"),
    (TemplateText, ".value"),
    (Interpolation, "nexpr"),
    (TemplateIf, "ncondition nthen ?otherwise"),
    (TemplateFor, ".key_name .value_name ncollection nbody"),
    (Template, "*parts .heredoc"),
    (TemplateWrap, "nexpr"),
    (Attribute, ".name nexpr (name_span"),
    (Block, ".type .labels nbody (type_span .label_places"),
    (Body, "*items .comment_places"),
)
_NUMBERS = {node_class: number for number, (node_class, _) in enumerate(_CLASSES)}
_WORDS: dict[str, bool | None] = {"null": None, "true": True, "false": False}


def body_to_json(body: Body) -> Json:
    """A body with its places and comments; every node in it has a span."""
    data: list[Json] = [VERSION]
    _write(body, data)
    return data


def body_from_json(data: Json, source: SourceFile) -> Body:
    """The body of which `data` is the stored form, `source` being the text it was parsed from.

    Raises:
        ValueError: `data` is of another version or no stored body.
    """
    if not isinstance(data, list) or not data or data[0] != VERSION:
        raise ValueError("not a stored body of this version")
    try:
        with collections_paused():
            body = _read(data, source)
    except (
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        ArithmeticError,
        RecursionError,
        StopIteration,
    ) as problem:
        raise ValueError(f"not a stored body: {problem!r}") from problem
    if isinstance(body, Body):
        return body
    raise ValueError("not a stored body")


def _write(node: Any, data: list[Json]) -> None:
    number = _NUMBERS[type(node)]
    data.append(number)
    match node:
        case Literal():
            data.append(node.text)
        case Block():
            spans = [place for span in node.label_spans for place in (span.start, span.end)]
            data += (node.type, list(node.labels))
            _write(node.body, data)
            data += (node.type_span.start, node.type_span.end, spans)
        case Body():
            data.append(len(node.items))
            for item in node.items:
                _write(item, data)
            data.append(
                [place for comment in node.comments for place in (comment.span.start, comment.span.end)]
            )
        case _:
            for field in _CLASSES[number][1].split():
                _write_field(field[0], getattr(node, field[1:]), data)
    data += (node.span.start, node.span.end)


def _write_field(mark: str, value: Any, data: list[Json]) -> None:
    if mark == "n":
        _write(value, data)
    elif mark == "*":
        data.append(len(value))
        for item in value:
            _write(item, data)
    elif mark == "?":
        data.append(value is not None)
        if value is not None:
            _write(value, data)
    elif mark == "(":
        data += (value.start, value.end)
    else:
        data.append(value)


def _read(data: list[Json], file: SourceFile) -> Any:
    items = iter(data)
    next(items)  # the version
    take = items.__next__

    def node() -> Any:
        return readers[take()]()

    def nodes() -> tuple[Any, ...]:
        return tuple([readers[take()]() for _ in range(take())])

    def maybe() -> Any:
        return readers[take()]() if take() else None

    def span() -> Span:
        return Span(file, take(), take())

    def spans() -> tuple[Span, ...]:
        places = iter(take())
        return tuple([Span(file, start, end) for start, end in zip(places, places, strict=True)])

    def literal() -> Literal:
        text = take()
        return Literal(_WORDS[text] if text in _WORDS else number_value(text), text, span())

    def body() -> Body:
        inside, comments = nodes(), spans()
        return Body(inside, tuple([Comment(place.text, place) for place in comments]), span=span())

    # Arguments are evaluated from left to right, which is the order of the list.
    readers: list[Callable[[], Any]] = [
        literal,
        lambda: Variable(take(), Span(file, take(), take())),
        lambda: GetAttr(node(), take(), Span(file, take(), take())),
        lambda: Index(node(), node(), span()),
        lambda: SplatItem(span()),
        lambda: Splat(node(), node(), take(), span()),
        lambda: Tuple(nodes(), span()),
        lambda: Object(nodes(), span()),
        lambda: ObjectItem(node(), node(), span()),
        lambda: FunctionCall(take(), nodes(), take(), span(), span()),
        lambda: Unary(take(), node(), span()),
        lambda: Binary(take(), node(), node(), span()),
        lambda: Conditional(node(), node(), node(), span()),
        lambda: ForTuple(take(), take(), node(), node(), maybe(), span()),
        lambda: ForObject(take(), take(), node(), node(), node(), maybe(), take(), span()),
        lambda: Parentheses(node(), span()),
        lambda: TemplateText(take(), Span(file, take(), take())),
        lambda: Interpolation(node(), span()),
        lambda: TemplateIf(node(), node(), maybe(), span()),
        lambda: TemplateFor(take(), take(), node(), node(), span()),
        lambda: Template(nodes(), take(), Span(file, take(), take())),
        lambda: TemplateWrap(node(), span()),
        lambda: Attribute(take(), node(), span(), span()),
        lambda: Block(take(), tuple(take()), node(), span(), spans(), span()),
        body,
    ]
    return node()
