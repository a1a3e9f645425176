"""Syntax trees as JSON values, read without a parser.

Expressions have a canonical form here: a list of a tag and the fields for each node, without places. Equal
expressions have equal values, and the form only ever grows, so that stored ones stay readable and hashes of them
stay true. Whole bodies, with places, are kept in the form of `stored`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from grammar.stored import body_from_json, body_to_json
from grammar.syntax import (
    Binary,
    Conditional,
    Expression,
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

__all__ = ["Json", "body_from_json", "body_to_json", "expression_from_json", "expression_to_json"]

Json: TypeAlias = Any

# Tag, class and fields. A field's mark says what it holds: `:` one node, `?` one or none, `*` several, else data.
_FORMS: dict[str, tuple[type, tuple[str, ...]]] = {
    "var": (Variable, ("name",)),
    "attr": (GetAttr, (":base", "name")),
    "index": (Index, (":base", ":key")),
    "item": (SplatItem, ()),
    "splat": (Splat, (":base", ":each", "full")),
    "tuple": (Tuple, ("*items",)),
    "object": (Object, ("*items",)),
    "pair": (ObjectItem, (":key", ":value")),
    "call": (FunctionCall, ("name", "*arguments", "expand_final")),
    "unary": (Unary, ("operator", ":operand")),
    "binary": (Binary, ("operator", ":left", ":right")),
    "if": (Conditional, (":condition", ":then", ":otherwise")),
    "for": (ForTuple, ("key_name", "value_name", ":collection", ":result", "?condition")),
    "forobject": (
        ForObject,
        ("key_name", "value_name", ":collection", ":result_key", ":result_value", "?condition", "grouped"),
    ),
    "paren": (Parentheses, (":expr",)),
    "wrap": (TemplateWrap, (":expr",)),
    "value": (Interpolation, (":expr",)),
    "templateif": (TemplateIf, (":condition", ":then", "?otherwise")),
    "templatefor": (TemplateFor, ("key_name", "value_name", ":collection", ":body")),
}
_TAGS = {form[0]: (tag, form[1]) for tag, form in _FORMS.items()}
_WORDS: dict[str, bool | None] = {"null": None, "true": True, "false": False}


def expression_to_json(expr: Expression) -> Json:
    """The canonical JSON value of an expression, without places."""
    return _written(expr)


def expression_from_json(data: Json) -> Expression:
    """The expression of which `data` is the JSON value; its nodes have no spans.

    Raises:
        ValueError: `data` is not the value of an expression.
    """
    try:
        expr: Expression = _read(data)
    except (TypeError, ValueError, KeyError, IndexError, ArithmeticError, RecursionError) as problem:
        raise ValueError(f"not the value of an expression: {problem!r}") from problem
    return expr


def _written(node: Any) -> Json:
    match node:
        case Literal():
            return ["lit" if node.text in _WORDS else "num", node.text]
        case Template():
            return ["template", [_written(part) for part in node.parts]]
        case TemplateText():
            return node.value
    tag, fields = _TAGS[type(node)]
    return [tag, *[_field_written(node, field) for field in fields]]


def _field_written(node: Any, field: str) -> Json:
    if field[0] == ":":
        return _written(getattr(node, field[1:]))
    if field[0] == "?":
        value = getattr(node, field[1:])
        return None if value is None else _written(value)
    if field[0] == "*":
        return [_written(item) for item in getattr(node, field[1:])]
    return getattr(node, field)


def _read(data: Json) -> Any:
    match data:
        case str():
            return TemplateText(data)
        case ["lit", text]:
            return Literal(_WORDS[text], text)
        case ["num", text]:
            return Literal(number_value(text), text)
        case ["template", parts]:
            return Template(tuple([_read(part) for part in parts]))
    made, fields = _FORMS[data[0]]
    return made(*[_field_read(field[0], value) for field, value in zip(fields, data[1:], strict=True)])


def _field_read(mark: str, value: Json) -> Any:
    if mark == ":" or (mark == "?" and value is not None):
        return _read(value)
    if mark == "*":
        return tuple([_read(item) for item in value])
    return value
