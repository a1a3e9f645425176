"""Converting a value to a type, by HCL's rules.

Rules (HCL specification, "Type Conversions and Unification"; go-cty `convert`):

- Null and unknown values convert to every type.
- A number or bool becomes a string as a template shows it; a string becomes a number if it is a decimal
  number, a bool if it is `"true"` or `"false"` (or `"1"`, `"0"`). Between numbers and bools there is no
  conversion.
- Lists, tuples and sets convert to each other element by element, maps and objects likewise. An object type
  drops what it does not name and fills in its defaults.
- What is sensitive stays so, and no message says what it is. A set with a sensitive element is sensitive as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from grammar.kinds import HclMap, HclSet, Sensitive, Unknown, Value, type_name, unknown_in
from grammar.marks import bare, marked
from grammar.number import NumberRangeError, format_number, parse_number
from grammar.types import (
    ANY,
    BOOL,
    NULL,
    NUMBER,
    STRING,
    ListType,
    MapType,
    ObjectType,
    SetType,
    TupleType,
    Type,
    describe_type,
    infer,
    unify,
)

__all__ = ["ConversionError", "convert", "unify_values"]

Path = tuple[str | int, ...]


class ConversionError(ValueError):
    """A value does not convert to a type.

    Attributes:
        message: what is required and what there is: "a string is required, this is a list of 2 elements".
        path: the way from the converted value to the part that is wrong: `(0, "name")`.
    """

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return f"{format_path(self.path)}: {self.message}" if self.path else self.message


def format_path(path: Path) -> str:
    """Write a path as it would stand after a reference: `[0].name`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def convert(value: Value, type_: Type) -> Value:
    """Return `value` as a value of `type_`.

    Raises:
        ConversionError: there is no such conversion.
    """
    return _convert(value, type_, ())


def unify_values(values: Iterable[Value]) -> Type | None:
    """Return the one type that all `values` convert to, or None if there is none; `any` if one is unknown."""
    return unify([infer(value) for value in values])


def _convert(value: Value, type_: Type, path: Path) -> Value:
    if value is None or isinstance(value, Unknown) or type_ in (ANY, NULL):
        return value
    if isinstance(value, Sensitive):
        return _convert_sensitive(value, type_, path)
    match type_:
        case ListType(element=element):
            return tuple(_elements(value, element, type_, path))
        case SetType(element=element):
            elements, mark = bare(tuple(_elements(value, element, type_, path)))
            assert isinstance(elements, tuple)
            unknown = unknown_in(elements)  # which elements are equal is not known yet
            return marked(HclSet(elements) if unknown is None else unknown, mark)
        case MapType(element=element):
            return _map(value, element, type_, path)
        case ObjectType():
            return _object(value, type_, path)
        case TupleType(elements=types):
            if not isinstance(value, tuple) or len(value) != len(types):
                raise _mismatch(value, type_, path)
            pairs = enumerate(zip(value, types, strict=True))
            return tuple(_convert(element, element_type, (*path, i)) for i, (element, element_type) in pairs)
        case _:
            return _primitive(value, type_, path)


def _convert_sensitive(value: Sensitive, type_: Type, path: Path) -> Value:
    try:
        return Sensitive(_convert(value.value, type_, ()), *value.origins)
    except ConversionError:
        raise ConversionError(
            f"{describe_type(type_)} is required, and this sensitive value is none", path
        ) from None


def _primitive(value: Value, type_: Type, path: Path) -> Value:
    if type_ == STRING:
        return _string(value, path)
    return _number(value, path) if type_ == NUMBER else _bool(value, path)


def _string(value: Value, path: Path) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return format_number(value)
        case _:
            raise _mismatch(value, STRING, path)


def _number(value: Value, path: Path) -> Value:
    match value:
        case bool():
            raise _mismatch(value, NUMBER, path)
        case int() | Decimal():
            return value
        case str():
            try:
                return parse_number(value)
            except NumberRangeError as error:
                raise ConversionError(str(error), path) from None
            except ValueError:
                raise ConversionError(
                    f"a number is required, {quote(value)} is not a decimal number", path
                ) from None
        case _:
            raise _mismatch(value, NUMBER, path)


def _bool(value: Value, path: Path) -> bool:
    match value:
        case bool():
            return value
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case str():
            raise ConversionError(f"true or false is required, this is {quote(value)}", path)
        case _:
            raise _mismatch(value, BOOL, path)


def _elements(value: Value, element: Type, type_: Type, path: Path) -> list[Value]:
    if not isinstance(value, tuple | HclSet):
        raise _mismatch(value, type_, path)
    element = _settle(element, value, path)
    return [_convert(part, element, (*path, index)) for index, part in enumerate(value)]


def _map(value: Value, element: Type, type_: Type, path: Path) -> HclMap:
    if not isinstance(value, HclMap):
        raise _mismatch(value, type_, path)
    element = _settle(element, value.values(), path)
    return HclMap({key: _convert(part, element, (*path, key)) for key, part in value.items()})


def _settle(element: Type, parts: Iterable[Value], path: Path) -> Type:
    """Return the one type that `any` stands for in `list(any)`: HCL finds it from the elements."""
    if element != ANY:
        return element
    one = unify_values(parts)
    if one is None:
        kinds = sorted({type_name(part) for part in parts})
        raise ConversionError(f"all elements must be of one type, here are {' and '.join(kinds)}", path)
    return one


def _object(value: Value, type_: ObjectType, path: Path) -> HclMap:
    if not isinstance(value, HclMap):
        raise _mismatch(value, type_, path)
    missing = [name for name in type_.attributes if name not in value and name not in type_.optional]
    if missing:
        raise ConversionError(f"{' and '.join(map(quote, missing))} must be given", path)
    result: dict[str, Value] = {}
    for name, attribute in type_.attributes.items():
        given = value.get(name)
        if given is None and name in type_.optional:
            given = type_.optional[name]
        result[name] = _convert(given, attribute, (*path, name))
    return HclMap(result)


def quote(text: str) -> str:
    """Quote a text for a message, shortened."""
    shown = text if len(text) <= 40 else text[:37] + "..."
    return '"' + shown.replace("\n", "\\n") + '"'


def _mismatch(value: Value, type_: Type, path: Path) -> ConversionError:
    return ConversionError(f"{describe_type(type_)} is required, this is a {type_name(value)}", path)
