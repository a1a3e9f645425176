"""Values, types and conversions in one place: what code outside of the evaluator needs of them.

The parts live in `kinds` (the values), `number`, `types`, `conversion` and `type_expressions`; here is,
besides, the form in which values are stored.

Rules of the stored form:

- `to_json` gives data for a JSON writer: null, bools, strings, whole numbers, lists and maps stand for themselves.
- What JSON has no exact form for is a map with one key that begins with `$`: `{"$decimal": "0.1"}`, `{"$set": […]}`,
  `{"$unknown": ["known at run"]}`. What is sensitive is `{"$sensitive": …}`. A map of the user's with such a key is
  `{"$map": {…}}`.
- Equal values give equal data, in the same order: it may be hashed.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from grammar.conversion import ConversionError, convert, format_path, unify_values
from grammar.kinds import (
    HclMap,
    HclSet,
    Sensitive,
    Unknown,
    Value,
    equal_key,
    is_known,
    nfc,
    type_name,
    unknown_in,
)
from grammar.marks import bare, sensitive_in
from grammar.number import Number, NumberRangeError, format_number, is_number, normalise, parse_number
from grammar.type_expressions import parse_type
from grammar.types import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    AnyType,
    ListType,
    MapType,
    ObjectType,
    PrimitiveType,
    SetType,
    TupleType,
    Type,
    describe_type,
    infer,
    unify,
)

__all__ = [
    "ANY",
    "BOOL",
    "NUMBER",
    "STRING",
    "AnyType",
    "ConversionError",
    "HclMap",
    "HclSet",
    "ListType",
    "MapType",
    "Number",
    "NumberRangeError",
    "ObjectType",
    "PrimitiveType",
    "Sensitive",
    "SetType",
    "TupleType",
    "Type",
    "Unknown",
    "Value",
    "bare",
    "convert",
    "describe_type",
    "equal_key",
    "format_number",
    "format_path",
    "from_json",
    "infer",
    "is_known",
    "is_number",
    "nfc",
    "normalise",
    "parse_number",
    "parse_type",
    "sensitive_in",
    "to_json",
    "type_name",
    "unify",
    "unify_values",
    "unknown_in",
]


def to_json(value: Value) -> Any:
    """Return the stored form of `value`, for a JSON writer."""
    match value:
        case None | bool() | str() | int():
            return value
        case Decimal():
            return {"$decimal": format_number(value)}
        case tuple():
            return [to_json(element) for element in value]
        case HclSet():
            return {"$set": [to_json(element) for element in value]}
        case HclMap():
            data = {key: to_json(element) for key, element in value.items()}
            return {"$map": data} if any(key.startswith("$") for key in data) else data
        case Unknown():
            return {"$unknown": list(value.reasons)}
        case Sensitive():
            return {"$sensitive": to_json(value.value)}


def from_json(data: Any) -> Value:
    """Return the value whose stored form is `data`.

    Raises:
        ValueError: `data` is no stored form.
    """
    match data:
        case None | bool() | str():
            return data
        case int():
            return normalise(data)
        case list():
            return tuple(from_json(element) for element in data)
        case {"$decimal": str(text), **rest} if not rest:
            return _from_text(text)
        case {"$set": list(elements), **rest} if not rest:
            return HclSet(from_json(element) for element in elements)
        case {"$unknown": list(reasons), **rest} if not rest:
            return Unknown(*map(str, reasons))
        case {"$sensitive": inner, **rest} if not rest:
            return Sensitive(from_json(inner))
        case {"$map": dict(items), **rest} if not rest:
            return HclMap({key: from_json(element) for key, element in items.items()})
        case dict() if not any(key.startswith("$") for key in data):
            return HclMap({key: from_json(element) for key, element in data.items()})
        case _:
            raise ValueError(f"not the stored form of a value: {data!r}")


def _from_text(text: str) -> Number:
    try:
        return normalise(Decimal(text))
    except InvalidOperation:
        raise ValueError(f"not a number: {text!r}") from None
