"""What operators, attributes, indexes and iteration do with values. Knows no syntax and no places.

Rules (HCL specification, "Operations", "Index Operator", "Attribute Access Operator", "for Expressions"):

- Operands are converted first: arithmetic and comparison take numbers, logic takes bools. Null is an error.
- `==` never converts: `1 == "1"` is false.
- An unknown operand makes an unknown result.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Iterator
from decimal import Decimal

from grammar.conversion import ConversionError, convert, quote
from grammar.kinds import HclMap, HclSet, Unknown, Value, equal_key, type_name, unknown_in
from grammar.number import Number, NumberRangeError, add, divide, multiply, negate, remainder, subtract
from grammar.suggest import nearest
from grammar.types import BOOL, NUMBER, STRING, Type, describe_type

__all__ = ["OperationError", "apply_binary", "apply_unary", "expect", "get_attribute", "get_index", "iterate"]


class OperationError(ValueError):
    """An operation has no result: a diagnostic that lacks its place only.

    Attributes:
        code: code of the diagnostic.
        summary: what is wrong.
        detail: why, and how to mend it; a function, where finding a remedy takes time, which `try` saves.
        operand: which operand is to blame, from 0; None for the whole.
    """

    def __init__(
        self, code: str, summary: str, detail: str | Callable[[], str] = "", operand: int | None = None
    ) -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.detail = detail
        self.operand = operand


_ARITHMETIC: dict[str, Callable[[Number, Number], Number]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
}
_COMPARISONS: dict[str, Callable[[Number, Number], bool]] = {
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}


def apply_binary(operator: str, left: Value, right: Value) -> Value:
    """Return `left operator right`, for all but `&&` and `||`; raise `OperationError` if there is no result."""
    if operator in ("==", "!="):
        unknown = [part for part in (unknown_in(left), unknown_in(right)) if part is not None]
        return (
            Unknown.join(unknown) if unknown else (equal_key(left) == equal_key(right)) is (operator == "==")
        )
    numbers = [
        expect(left, NUMBER, f"the left side of {operator}", 0),
        expect(right, NUMBER, f"the right side of {operator}", 1),
    ]
    unknown = [number for number in numbers if isinstance(number, Unknown)]
    if unknown:
        return Unknown.join(unknown)
    first, second = (number for number in numbers if isinstance(number, int | Decimal))
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](first, second)
    try:
        return _ARITHMETIC[operator](first, second)
    except NumberRangeError as error:
        raise OperationError(
            "invalid-operation", f"{operator} has no result: {error}", "Change the operands."
        ) from None


def apply_unary(operator: str, operand: Value) -> Value:
    """Return `operator operand`; raise `OperationError` if there is no result."""
    if operator == "!":
        truth = expect(operand, BOOL, "the operand of !", 0)
        return truth if isinstance(truth, Unknown) else not truth
    number = expect(operand, NUMBER, "the operand of -", 0)
    return negate(number) if isinstance(number, int | Decimal) else number


def expect(value: Value, type_: Type, what: str, operand: int | None = None) -> Value:
    """Return `value` as `type_`, unknown or not null; raise `OperationError` that calls the value `what`."""
    if value is None:
        detail = (
            f"{describe_type(type_).capitalize()} is needed here. Give a value, or a default with coalesce()."
        )
        raise OperationError("null-value", f"{what} is null", detail, operand)
    try:
        return convert(value, type_)
    except ConversionError as error:
        message = str(error)
        raise OperationError(
            "wrong-type", f"{what} must be {describe_type(type_)}", _sentence(message), operand
        ) from None


def get_attribute(base: Value, name: str) -> Value:
    """Return `base.name`; raise `OperationError` if there is no such attribute."""
    match base:
        case Unknown():
            return base
        case HclMap():
            if name in base:
                return base[name]
            raise OperationError(
                "unknown-member",
                f"there is no attribute {quote(name)}",
                lambda: describe_names(name, base, "It has"),
            )
        case None:
            detail = "The value is null, so it has no attributes. Guard it with a condition, or use try()."
            raise OperationError("null-value", f"cannot take attribute {quote(name)} of null", detail)
        case tuple():
            detail = f"Use [0].{name} for one element, or [*].{name} for all of them."
            raise OperationError("unknown-member", f"a list has no attribute {quote(name)}", detail)
        case HclSet():
            detail = f"Use [*].{name} to take it of all elements."
            raise OperationError("unknown-member", f"a set has no attribute {quote(name)}", detail)
        case _:
            kind = type_name(base)
            raise OperationError(
                "unknown-member", f"a {kind} has no attribute {quote(name)}", f"This value is a {kind}."
            )


def get_index(base: Value, key: Value) -> Value:
    """Return `base[key]`; raise `OperationError`, of operand 1 for the key, if there is no such element."""
    if isinstance(base, Unknown):
        return base
    match base:
        case HclMap():
            return _get_key(base, key)
        case tuple():
            return _get_element(base, key)
        case None:
            detail = "The value is null, so it has no elements. Guard it with a condition, or use try()."
            raise OperationError("null-value", "cannot take an element of null", detail)
        case HclSet():
            detail = "Its elements have no order and no keys. Use tolist(), or one() if there is only one."
            raise OperationError("invalid-index", "a set has no indexes", detail)
        case _:
            raise OperationError(
                "invalid-index", f"a {type_name(base)} has no elements", "Only lists and maps have."
            )


def iterate(collection: Value) -> Iterator[tuple[Value, Value]]:
    """Return keys and values of a collection as `for` sees them; raise `OperationError` if it is none."""
    match collection:
        case tuple():
            return iter(enumerate(collection))
        case HclMap():
            return iter(collection.items())
        case HclSet():
            return ((element, element) for element in collection)
        case None:
            detail = "A list, a set or a map is needed here. Use coalesce() to give an empty one instead."
            raise OperationError("null-value", "cannot iterate over null", detail)
        case _:
            kind = type_name(collection)
            raise OperationError(
                "wrong-type", f"cannot iterate over a {kind}", "A list, a set or a map is needed here."
            )


def describe_names(name: str, names: HclMap | tuple[str, ...], has: str) -> str:
    """Say which names there are, and the nearest to `name`: "It has max, rows. Did you mean rows?"."""
    known = tuple(names)
    shown = ", ".join(known[:10]) + (", …" if len(known) > 10 else "") if known else "nothing"
    similar = nearest(name, known)
    return f"{has} {shown}." + (f" Did you mean {similar}?" if similar else "")


def _get_key(base: HclMap, key: Value) -> Value:
    name = expect(key, STRING, "the key of a map", 1)
    if not isinstance(name, str):
        return name
    if name not in base:
        summary = f"there is no element {quote(name)}"
        raise OperationError("unknown-member", summary, lambda: describe_names(name, base, "It has"), 1)
    return base[name]


def _get_element(base: tuple[Value, ...], key: Value) -> Value:
    number = expect(key, NUMBER, "the index of a list", 1)
    if isinstance(number, Unknown):
        return number
    if not isinstance(number, int):
        raise OperationError("invalid-index", "the index of a list must be a whole number", "", 1)
    if not 0 <= number < len(base):
        range_ = f"Its indexes are 0 to {len(base) - 1}." if base else "It is empty."
        raise OperationError("invalid-index", f"the list has no element {number}", range_, 1)
    return base[number]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
