"""Numbers of the language: exact decimals, whole ones as `int`.

Rules:

- A number is an `int` where it is whole, else a `decimal.Decimal` without trailing zeros: one number, one form.
- Addition, subtraction and multiplication are exact. Division rounds to 154 significant digits, the digits of the
  512-bit mantissa that HCL computes with (`2/3` prints alike in both).
- A number has at most `MAX_DIGITS` digits before and after the point, so that `1e999999999` costs nothing.
- There is no infinity: a division by zero is an error, where HCL yields one.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

__all__ = [
    "MAX_DIGITS",
    "Number",
    "NumberRangeError",
    "absolute",
    "add",
    "divide",
    "format_number",
    "is_number",
    "logarithm",
    "multiply",
    "negate",
    "normalise",
    "parse_number",
    "power",
    "remainder",
    "subtract",
]

Number = int | Decimal

MAX_DIGITS = 1000
"""The most digits on either side of the point. Terraform's own limit is memory; nobody's command line needs more."""

SIGNIFICANT_DIGITS = 154
"""What a 512-bit mantissa holds: floor(512 * log10(2))."""

_TRAPS = [DivisionByZero, InvalidOperation, Overflow]
_EXACT = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_EVEN, traps=_TRAPS)
_ROUNDED = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN, traps=_TRAPS)

_IRRATIONAL = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=_TRAPS)  # IEEE 754 decimal128

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?", re.ASCII)


class NumberRangeError(ValueError):
    """A number has too many digits, or there is no such number (a division by zero)."""


def is_number(value: object) -> bool:
    """True if `value` is a number of the language (a `bool` is none)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def normalise(number: Number) -> Number:
    """Return the one form of `number`; raise `NumberRangeError` if it has too many digits."""
    if isinstance(number, int):
        if (
            number.bit_length() > MAX_DIGITS * 3.3219
        ):  # bits of a decimal digit; never turns a giant into text
            raise NumberRangeError(f"a number may have at most {MAX_DIGITS} digits")
        return number
    if not number.is_finite():
        raise NumberRangeError("this is not a number")
    if not number:
        return 0
    if not -MAX_DIGITS <= number.adjusted() < MAX_DIGITS:
        raise NumberRangeError(f"a number may have at most {MAX_DIGITS} digits before and after the point")
    shortest = number.normalize(_EXACT)
    if int(shortest.as_tuple().exponent) < -MAX_DIGITS:
        raise NumberRangeError(f"a number may have at most {MAX_DIGITS} digits before and after the point")
    return int(shortest) if shortest == shortest.to_integral_value() else shortest


def parse_number(text: str) -> Number:
    """Read a decimal number as HCL's conversion from string does: sign, point and exponent, no blanks, no `0x`.

    Raises:
        ValueError: `text` is not such a number; `NumberRangeError` if it is one, but too long.
    """
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("not a decimal number")
    if len(text) > 2 * MAX_DIGITS + 20:
        raise NumberRangeError(f"a number may have at most {MAX_DIGITS} digits before and after the point")
    return normalise(Decimal(text))


def format_number(number: Number) -> str:
    """Write a number in plain decimal notation, as a template shows it."""
    return str(number) if isinstance(number, int) else format(number, "f")


def add(left: Number, right: Number) -> Number:
    """Return the exact sum."""
    return normalise(
        _EXACT.add(Decimal(left), Decimal(right)) if _has_fraction(left, right) else left + right
    )


def subtract(left: Number, right: Number) -> Number:
    """Return the exact difference."""
    return normalise(
        _EXACT.subtract(Decimal(left), Decimal(right)) if _has_fraction(left, right) else left - right
    )


def multiply(left: Number, right: Number) -> Number:
    """Return the exact product."""
    return normalise(
        _EXACT.multiply(Decimal(left), Decimal(right)) if _has_fraction(left, right) else left * right
    )


def divide(left: Number, right: Number) -> Number:
    """Return the quotient, rounded to 154 significant digits unless both are whole and it is, too."""
    if right == 0:
        raise NumberRangeError("division by zero")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return normalise(_ROUNDED.divide(Decimal(left), Decimal(right)))


def remainder(left: Number, right: Number) -> Number:
    """Return what is left of a division that rounds towards zero: it has the sign of `left`, as in HCL."""
    if right == 0:
        raise NumberRangeError("division by zero")
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return normalise(_EXACT.remainder(Decimal(left), Decimal(right)))


def power(base: Number, exponent: Number) -> Number:
    """Return `base` to the power `exponent`: exact for whole exponents from 0 on, else to 34 digits."""
    if base == 0 and exponent < 0:
        raise NumberRangeError("zero has no negative powers")
    if base < 0 and not isinstance(exponent, int):
        raise NumberRangeError("a negative number has whole powers only")
    digits = max(abs(Decimal(base).adjusted()), len(Decimal(base).as_tuple().digits))
    if base not in (-1, 0, 1) and Decimal(absolute(exponent)) * digits > 2 * MAX_DIGITS:
        raise NumberRangeError(f"a number may have at most {MAX_DIGITS} digits before and after the point")
    if isinstance(exponent, int) and exponent >= 0:
        return normalise(base**exponent if isinstance(base, int) else _EXACT.power(base, exponent))
    return normalise(_IRRATIONAL.power(Decimal(base), Decimal(exponent)))


def logarithm(number: Number, base: Number) -> Number:
    """Return the logarithm of `number` in `base`, to 15 places, where `log(1000, 10)` is 3."""
    if number <= 0 or base <= 0 or base == 1:
        raise NumberRangeError("a logarithm is of a number above zero, in a base above zero that is not one")
    quotient = _IRRATIONAL.divide(_IRRATIONAL.ln(Decimal(number)), _IRRATIONAL.ln(Decimal(base)))
    return normalise(_IRRATIONAL.quantize(quotient, Decimal("1e-15")))


def absolute(number: Number) -> Number:
    """Return the distance from zero; `abs` would round a `Decimal` to the context's digits."""
    return abs(number) if isinstance(number, int) else number.copy_abs()


def negate(number: Number) -> Number:
    """Return `-number`, exactly."""
    return -number if isinstance(number, int) else number.copy_negate()


def _has_fraction(left: Number, right: Number) -> bool:
    return isinstance(left, Decimal) or isinstance(right, Decimal)
