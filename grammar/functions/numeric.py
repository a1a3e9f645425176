"""Numeric functions, with exact decimals where the result is one."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from grammar.conversion import ConversionError, convert
from grammar.functions.signature import FunctionError, Library, Parameter, Shape
from grammar.kinds import Value
from grammar.number import MAX_DIGITS, Number, absolute, add, logarithm, normalise, power
from grammar.types import NUMBER, STRING

library = Library("numeric")

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@library(number=NUMBER)
def abs_(number: Number) -> Number:
    """Return the distance from zero.

    >>> abs(-12.4)
    12.4
    """
    return absolute(number)


@library(number=NUMBER)
def ceil(number: Number) -> Number:
    """Round up to a whole number.

    >>> ceil(5.1)
    6
    """
    return int(Decimal(number).to_integral_value(ROUND_CEILING))


@library(number=NUMBER)
def floor(number: Number) -> Number:
    """Round down to a whole number.

    >>> floor(-4.1)
    -5
    """
    return int(Decimal(number).to_integral_value(ROUND_FLOOR))


@library(number=NUMBER, base=NUMBER)
def log(number: Number, base: Number) -> Number:
    """Return the logarithm of a number in a base.

    >>> log(16, 2)
    4
    """
    return logarithm(number, base)


@library(numbers=Parameter(NUMBER, rest=True))
def max_(*numbers: Number) -> Number:
    """Return the greatest of the numbers. For a list, write `max(list...)`.

    >>> max(12, 54, 3)
    54
    """
    return max(_some(numbers))


@library(numbers=Parameter(NUMBER, rest=True))
def min_(*numbers: Number) -> Number:
    """Return the least of the numbers. For a list, write `min(list...)`.

    >>> min([12, 54, 3]...)
    3
    """
    return min(_some(numbers))


@library(base=NUMBER, exponent=NUMBER)
def pow_(base: Number, exponent: Number) -> Number:
    """Raise a number to a power.

    >>> pow(3, 2)
    9
    >>> pow(4, 0.5)
    2
    """
    return power(base, exponent)


@library(number=NUMBER)
def signum(number: Number) -> Number:
    """Return the sign of a number: -1, 0 or 1.

    >>> signum(-13)
    -1
    """
    return (number > 0) - (number < 0)


@library(number=STRING, base=NUMBER)
def parseint(number: str, base: Number) -> Number:
    """Read a whole number written in a base from 2 to 62; above 36 letters of both cases are digits.

    >>> parseint("FF", 16)
    255
    >>> parseint("1011111011101111", 2)
    48879
    """
    if not isinstance(base, int) or not 2 <= base <= 62:
        raise FunctionError("must be a whole number from 2 to 62", 1)
    sign = -1 if number.startswith("-") else 1
    text = number[1:] if number[:1] in ("-", "+") else number
    text = text.lower() if base <= 36 else text
    digits = [_DIGITS.find(character) for character in text]
    if not digits or any(not 0 <= digit < base for digit in digits):
        raise FunctionError(f'"{number[:40]}" is not a whole number in base {base}', 0)
    if len(digits) > MAX_DIGITS:
        raise FunctionError(f"a number may have at most {MAX_DIGITS} digits", 0)
    result = 0
    for digit in digits:
        result = result * base + digit
    return normalise(sign * result)


@library(list=Shape.SEQUENCE)
def sum_(numbers: tuple[Value, ...]) -> Number:
    """Add up a list of numbers.

    >>> sum([10, 13, 6, 4.5])
    33.5
    """
    if not numbers:
        raise FunctionError("an empty list has no sum", 0)
    total: Number = 0
    for number in numbers:
        total = add(total, _number(number))
    return total


def _number(value: Value) -> Number:
    if value is None:
        raise FunctionError("an element is null", 0)
    try:
        number = convert(value, NUMBER)
    except ConversionError as error:
        raise FunctionError(str(error), 0) from None
    assert isinstance(number, int | Decimal)
    return number


def _some(numbers: tuple[Number, ...]) -> tuple[Number, ...]:
    if not numbers:
        raise FunctionError("at least one number is needed")
    return numbers
