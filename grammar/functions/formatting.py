"""`format` and `formatlist`: the verbs of Terraform, which are those of Go's `fmt` for JSON-like values."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING

import attrs

from grammar.clusters import clusters, count_clusters
from grammar.conversion import ConversionError, convert
from grammar.functions.encoding import encode_json
from grammar.functions.signature import FunctionError, Library, Parameter, Shape, bounded, per_character
from grammar.kinds import HclSet, Value, nfc, type_name
from grammar.number import Number, format_number
from grammar.types import ANY, BOOL, NUMBER, STRING, Type

if TYPE_CHECKING:
    from grammar.syntax import Expression

library = Library("string")

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>[0-9]*)(?:\.(?P<precision>[0-9]*))?(?:\[(?P<index>[0-9]+)\])?(?P<letter>.)",
    re.DOTALL,
)

MAX_WIDTH = 10_000
"""The widest field and the longest fraction; more is a mistake."""


@attrs.frozen
class _Verb:
    letter: str
    flags: str
    width: int
    precision: int | None
    text: str


@library(spec=STRING, values=Parameter(ANY, rest=True, nullable=True))
def format_(spec: str, *values: Value) -> Value:
    """Format values by a specification.

    `%s` text, `%d` whole number, `%f` decimals, `%q` quoted, `%v` anything, `%t` bool, `%x` `%o` `%b` other
    bases, `%e` `%g` with exponent, `%%` a per cent sign; width, precision and flags as in C.

    >>> format("%s has %03d rows", "rain", 7)
    "rain has 007 rows"
    >>> format("%.2f", 3.14159)
    "3.14"
    """
    return _format(spec, values)


@library(spec=STRING, values=Parameter(ANY, rest=True, nullable=True))
def formatlist(spec: str, *values: Value) -> Value:
    """Format each element of lists; a value that is no list is used for every element.

    >>> formatlist("%s-%d", ["a", "b"], 1)
    ["a-1", "b-1"]
    """
    lists = {index: tuple(v) for index, v in enumerate(values, 1) if isinstance(v, tuple | HclSet)}
    if not lists:
        return (_format(spec, values),)
    first, elements = next(iter(lists.items()))
    for index, other in lists.items():
        if len(other) != len(elements):
            raise FunctionError(
                f"has {len(other)} elements, but argument {first + 1} has {len(elements)}", index
            )
    rows = [
        tuple(lists[i][row] if i in lists else v for i, v in enumerate(values, 1))
        for row in range(len(elements))
    ]
    results = []
    total = 0
    for row in rows:
        results.append(_format(spec, row))
        total += len(results[-1])
        bounded(total)
    return tuple(results)


def _format(spec: str, values: tuple[Value, ...]) -> str:
    result: list[str] = []
    position = highest = following = length = 0
    while (at := spec.find("%", position)) >= 0:
        result.append(spec[position:at])
        match = _VERB.match(spec, at)
        if match is None:
            raise FunctionError(f"the verb at the end is not finished: {spec[at:]}", 0)
        position = match.end()
        if match["letter"] == "%":
            result.append("%")
            continue
        verb = _read_verb(match)
        index = int(match["index"][:6]) if match["index"] else following + 1
        if not 1 <= index <= len(values):
            raise FunctionError(f"{verb.text} needs value {index}, but there are {len(values)}", 0)
        following, highest = index, max(highest, index)
        result.append(_render(verb, values[index - 1], index))
        length += sum(map(len, result[-2:]))
        bounded(length)
    result.append(spec[position:])
    bounded(sum(map(len, result)))
    if highest < len(values):
        raise FunctionError(
            f"there are {len(values)} values, but the specification uses {highest} of them", highest + 1
        )
    return nfc("".join(result))


def _read_verb(match: re.Match[str]) -> _Verb:
    width = int(match["width"][:9] or 0)
    precision = None if match["precision"] is None else int(match["precision"][:9] or 0)
    if max(width, precision or 0) > MAX_WIDTH:
        raise FunctionError(f"a width or precision may be at most {MAX_WIDTH}: {match[0]}", 0)
    return _Verb(match["letter"], match["flags"], width, precision, match[0])


def _render(verb: _Verb, value: Value, argument: int) -> str:
    match verb.letter:
        case "v":
            return _render_any(verb, value, argument)
        case "s":
            return _pad(verb, _cut(verb, _expect(verb, value, STRING, argument)))
        case "q":
            return _pad(verb, encode_json(_cut(verb, _expect(verb, value, STRING, argument))))
        case "t":
            return "true" if _expect(verb, value, BOOL, argument) else "false"
        case "d" | "b" | "o" | "x" | "X":
            return _render_whole(verb, _number(verb, value, argument), argument)
        case "e" | "E" | "f" | "F" | "g" | "G":
            return _render_decimal(verb, Decimal(_number(verb, value, argument)))
        case letter:
            raise FunctionError(
                f'there is no verb "%{letter}"; there are %s %d %f %q %v %t %x %o %b %e %g', 0
            )


def _render_any(verb: _Verb, value: Value, argument: int) -> str:
    if "#" in verb.flags or value is None or not isinstance(value, str | bool | int | Decimal):
        return _pad(verb, encode_json(value))
    if isinstance(value, bool):
        return _render(attrs.evolve(verb, letter="t"), value, argument)
    return _render(attrs.evolve(verb, letter="s" if isinstance(value, str) else "g"), value, argument)


def _render_whole(verb: _Verb, number: Number, argument: int) -> str:
    if not isinstance(number, int):
        raise FunctionError(f"{verb.text} takes a whole number, this is {format_number(number)}", argument)
    prefix = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(verb.letter, "") if "#" in verb.flags else ""
    return _pad_number(verb, _sign(verb, number < 0), prefix + format(abs(number), verb.letter))


def _render_decimal(verb: _Verb, number: Decimal) -> str:
    sign = _sign(verb, number < 0)
    number = number.copy_abs()
    if verb.letter in "fF":
        places = 6 if verb.precision is None else verb.precision
        return _pad_number(
            verb, sign, format(number.quantize(Decimal(1).scaleb(-places), context=_WIDE), "f")
        )
    if verb.letter in "eE":
        return _pad_number(
            verb, sign, _exponential(number, 6 if verb.precision is None else verb.precision, verb.letter)
        )
    return _pad_number(verb, sign, _shortest(number, verb))


_WIDE = Context(prec=2 * MAX_WIDTH, rounding=ROUND_HALF_EVEN)


def _exponential(number: Decimal, places: int, letter: str) -> str:
    rounded = Context(prec=places + 1, rounding=ROUND_HALF_EVEN).plus(number)
    exponent = rounded.adjusted() if rounded else 0
    mantissa = rounded.scaleb(-exponent, context=_WIDE).quantize(Decimal(1).scaleb(-places), context=_WIDE)
    return f"{mantissa:f}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _shortest(number: Decimal, verb: _Verb) -> str:
    """Go's `%g`: the shortest digits; with an exponent below 10^-4 and from 10^6, or 10^precision, on."""
    if verb.precision is not None:
        number = Context(prec=max(1, verb.precision), rounding=ROUND_HALF_EVEN).plus(number)
    digits = number.normalize(_WIDE)
    exponent = digits.adjusted() if digits else 0
    count = len(digits.as_tuple().digits)
    limit = 6 if verb.precision is None else max(1, verb.precision)  # the 6 is that of Go's math/big
    if exponent < -4 or exponent >= limit:
        letter = "e" if verb.letter == "g" else "E"
        return _exponential(digits, count - 1, letter)
    return format(digits, "f")


def _sign(verb: _Verb, negative: bool) -> str:
    return "-" if negative else "+" if "+" in verb.flags else " " if " " in verb.flags else ""


def _pad_number(verb: _Verb, sign: str, digits: str) -> str:
    if "0" in verb.flags and "-" not in verb.flags:
        digits = digits.rjust(verb.width - len(sign), "0")
    return _pad(attrs.evolve(verb, flags=verb.flags.replace("0", "")), sign + digits)


def _pad(verb: _Verb, text: str) -> str:
    missing = max(0, verb.width - count_clusters(text))
    if "-" in verb.flags:
        return text + " " * missing
    return ("0" if "0" in verb.flags else " ") * missing + text


def _cut(verb: _Verb, text: str) -> str:
    return text if verb.precision is None else "".join(clusters(text)[: verb.precision])


def _expect(verb: _Verb, value: Value, type_: Type, argument: int) -> str:
    if value is None:
        raise FunctionError(f"{verb.text} cannot show null; use %v", argument)
    try:
        converted = convert(value, type_)
    except ConversionError:
        raise FunctionError(
            f"{verb.text} takes a {type_}, this is a {type_name(value)}; use %v", argument
        ) from None
    return converted  # type: ignore[return-value]


def _number(verb: _Verb, value: Value, argument: int) -> Number:
    return _expect(verb, value, NUMBER, argument)  # type: ignore[return-value]


@library(
    effort=per_character(2), template=STRING, vars=Parameter(Shape.MAPPING, partial=True), reads_template=True
)
def templatestring(template: str) -> Expression:
    """Evaluate a text as a template, which sees the given variables and nothing else.

    >>> templatestring("Hello, $${name}!", {name = "Ada"})
    "Hello, Ada!"
    """
    from grammar.functions.files import read_template

    return read_template("text", template)
