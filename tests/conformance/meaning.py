"""The meaning of the trees of `reader.py`: the pure core of HCL's expressions, written from the specification.

Values are None, bools, `Fraction`s, strings in NFC, tuples (of tuples and lists) and dicts (of objects and maps).
There are no functions, no sets and no unknown values here. A mistake is `Mistaken`.

Where the specification leaves room, what `grammar/` promises counts: quotients have 154 significant digits, there are
no infinities, a tuple and a list of equal elements are equal, `&&` and `||` look at their right side only if the left
one does not decide.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

import regex

from tests.conformance.reader_pieces import Tree

Value = Any
Type = Any
"""`"string"`, `"number"`, `"bool"`, `"null"`, or a list: tuple and its types, object and its types by name, list or
map and one type."""

DECIMAL = regex.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
QUOTIENT = Context(prec=154, rounding=ROUND_HALF_EVEN, Emin=-(10**6), Emax=10**6)
MOST_DIGITS = 1000
BOOLS = {"true": True, "1": True, "false": False, "0": False}


class Mistaken(Exception):  # noqa: N818 - not an error of the program
    """The expression has no value."""


class TooLarge(Exception):  # noqa: N818 - not an error of the program
    """A number is beyond what an implementation has to bear: nothing is said of the expression."""


def evaluate(tree: Tree, names: Mapping[str, Value]) -> Value:
    """The value of an expression."""
    return RULES[tree[0]](tree, names)


# Literal Values, Variables, Collection Values


def number(digits: str) -> Fraction:
    """The number that a decimal notation stands for."""
    exponent = regex.split("[eE]", digits)[1:]
    if exponent and abs(int(exponent[0])) > MOST_DIGITS:
        raise TooLarge
    return bounded(Fraction(Decimal(digits)))


def bounded(value: Fraction) -> Fraction:
    if abs(value) >= 10**MOST_DIGITS or value.denominator >= 10**MOST_DIGITS:
        raise TooLarge
    return value


def variable(tree: Tree, names: Mapping[str, Value]) -> Value:
    if tree[1] not in names:
        raise Mistaken(f"no variable {tree[1]}")
    return names[tree[1]]


def make_object(tree: Tree, names: Mapping[str, Value]) -> Value:
    """Collection Values: "an identifier is interpreted as a literal attribute name"."""
    items = {}
    for (_, is_forced, key), value in tree[1]:
        items[key_name(key, is_forced, names)] = evaluate(value, names)
    return dict(sorted(items.items()))


def key_name(key: Tree, is_forced: bool, names: Mapping[str, Value]) -> str:
    if not is_forced:
        if key[0] in ("var", "bool", "null"):
            return composed(key[1] if key[0] != "null" else "null")
        if key[0] in ("attr", "idx") and is_traversal(key):
            raise Mistaken("a reference or a name with dots?")  # HashiCorp: "Ambiguous attribute key"
    return as_string(evaluate(key, names))


def is_traversal(tree: Tree) -> bool:
    """Static Traversal: "a variable expression and any attached attribute access and constant index operations"."""
    if tree[0] == "attr":
        return is_traversal(tree[1])
    if tree[0] == "idx":
        key = tree[2]
        is_constant = key[0] == "num" or (key[0] == "tmpl" and all(part[0] == "str" for part in key[1]))
        return is_constant and is_traversal(tree[1])
    return tree[0] in ("var", "bool", "null")


# Type Conversions


def as_string(value: Value) -> str:
    """Primitive Type Conversions: "the number is converted at its full precision"."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Fraction():
            return decimal_notation(value)
    raise Mistaken("no string")


def decimal_notation(value: Fraction) -> str:
    digits = 0
    while (scaled := value * 10**digits).denominator != 1:
        digits += 1
    text = str(abs(scaled.numerator)).rjust(digits + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else sign + text


def as_number(value: Value) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        return number(value)
    raise Mistaken("no number")


def as_bool(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in BOOLS:
        return BOOLS[value]
    raise Mistaken("no bool")


def composed(text: str) -> str:
    """Primitive Types: strings are compared in the form NFC."""
    return unicodedata.normalize("NFC", text)


# Type Unification


def type_of(value: Value) -> Type:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case Fraction():
            return "number"
        case str():
            return "string"
        case tuple():
            return ["tuple", [type_of(element) for element in value]]
    return ["object", {name: type_of(element) for name, element in value.items()}]


def unified(types: list[Type]) -> Type:
    """The one type of all; HashiCorp: tuples that do not fit become lists, objects maps."""
    first, *others = [one for one in types if one != "null"] or ["null"]
    if all(other == first for other in others):
        return first
    known = [first, *others]
    kinds = {one if isinstance(one, str) else one[0] for one in known}
    if kinds <= {"string", "number", "bool"} and "string" in kinds:
        return "string"
    if kinds == {"tuple"}:
        if len({len(one[1]) for one in known}) == 1:
            try:
                return ["tuple", [unified([one[1][at] for one in known]) for at in range(len(first[1]))]]
            except Mistaken:
                pass
        return ["list", unified([element for one in known for element in one[1]])]
    if kinds == {"object"}:
        if all(one[1].keys() == first[1].keys() for one in known):
            try:
                return ["object", {name: unified([one[1][name] for one in known]) for name in first[1]}]
            except Mistaken:
                pass
        return ["map", unified([element for one in known for element in one[1].values()])]
    raise Mistaken("no common type")


def converted(value: Value, wanted: Type) -> Value:
    if value is None or wanted in ("null", "number", "bool"):
        return value
    if wanted == "string":
        return as_string(value)
    kind, inner = wanted
    if kind == "list":
        return tuple(converted(element, inner) for element in value)
    if kind == "map":
        return {name: converted(element, inner) for name, element in value.items()}
    if kind == "tuple":
        return tuple(converted(element, one) for element, one in zip(value, inner, strict=True))
    return {name: converted(element, inner[name]) for name, element in value.items()}


# Operations


def binary(tree: Tree, names: Mapping[str, Value]) -> Value:
    _, operator, left_tree, right_tree = tree
    left = evaluate(left_tree, names)
    if operator in ("&&", "||"):
        left = as_bool(left)
        return left if left is (operator == "||") else as_bool(evaluate(right_tree, names))
    right = evaluate(right_tree, names)
    if operator in ("==", "!="):
        return are_equal(left, right) is (operator == "==")
    return OPERATORS[operator](as_number(left), as_number(right))


def are_equal(left: Value, right: Value) -> bool:
    """Comparison Operators: "of identical types and their values are equal"."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(are_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(are_equal(left[name], right[name]) for name in left)
    return type(left) is type(right) and left == right


def quotient(left: Fraction, right: Fraction) -> Fraction:
    """The exact result where whole numbers give a whole one, else with 154 digits."""
    if right == 0:
        raise Mistaken("division by zero")
    result = left / right
    if left.denominator == right.denominator == result.denominator == 1:
        return result
    return Fraction(QUOTIENT.divide(in_decimal(left), in_decimal(right)))


def in_decimal(value: Fraction) -> Decimal:
    return Decimal(decimal_notation(value))


def remainder(left: Fraction, right: Fraction) -> Fraction:
    """What is left of a division that is cut off; HashiCorp: so it has the sign of the dividend."""
    if right == 0:
        raise Mistaken("division by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


OPERATORS: dict[str, Callable[[Fraction, Fraction], Value]] = {
    "+": lambda left, right: bounded(left + right),
    "-": lambda left, right: bounded(left - right),
    "*": lambda left, right: bounded(left * right),
    "/": quotient,
    "%": remainder,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def unary(tree: Tree, names: Mapping[str, Value]) -> Value:
    operand = evaluate(tree[2], names)
    return not as_bool(operand) if tree[1] == "!" else -as_number(operand)


def conditional(tree: Tree, names: Mapping[str, Value]) -> Value:
    """Conditional Operator: errors "are passed through only if the erroneous expression is selected"."""
    chosen, other = (tree[2], tree[3]) if as_bool(evaluate(tree[1], names)) else (tree[3], tree[2])
    value = evaluate(chosen, names)
    try:
        other_value = evaluate(other, names)
    except Mistaken:
        return value
    return converted(value, unified([type_of(value), type_of(other_value)]))


# Index, Attribute Access and Splat Operators


def index(tree: Tree, names: Mapping[str, Value]) -> Value:
    base, key = evaluate(tree[1], names), evaluate(tree[2], names)
    if isinstance(base, tuple):
        place = as_number(key)
        if place.denominator != 1 or not 0 <= place < len(base):
            raise Mistaken("no such element")
        return base[int(place)]
    if isinstance(base, dict):
        return member(base, as_string(key))
    raise Mistaken("nothing to index")


def attribute(tree: Tree, names: Mapping[str, Value]) -> Value:
    return member(evaluate(tree[1], names), composed(tree[2]))


def member(base: Value, name: str) -> Value:
    if not isinstance(base, dict) or name not in base:
        raise Mistaken(f"no {name}")
    return base[name]


def splat(tree: Tree, names: Mapping[str, Value]) -> Value:
    """Splat Operators: what is no list becomes "a single-value list", and null an empty one."""
    base = evaluate(tree[1], names)
    elements = base if isinstance(base, tuple) else () if base is None else (base,)
    return tuple(evaluate(tree[2], {**names, "*": element}) for element in elements)


# For Expressions, Templates


def each(tree: Tree, names: Mapping[str, Value]) -> Iterator[Mapping[str, Value]]:
    """The local scope of each element that the condition, if any, lets through."""
    _, key_name_, value_name, collection_tree, _, _, condition, _ = tree
    collection = evaluate(collection_tree, names)
    if isinstance(collection, tuple):
        pairs = [(Fraction(place), element) for place, element in enumerate(collection)]
    elif isinstance(collection, dict):
        pairs = sorted(collection.items(), key=lambda pair: pair[0])
    else:
        raise Mistaken("nothing to iterate over")
    for key, value in pairs:
        local = {**names, **({key_name_: key} if key_name_ else {}), value_name: value}
        if condition is None or as_bool(evaluate(condition, local)):
            yield local


def for_expression(tree: Tree, names: Mapping[str, Value]) -> Value:
    _, _, _, _, key_tree, result, _, grouped = tree
    if key_tree is None:
        return tuple(evaluate(result, local) for local in each(tree, names))
    groups: dict[str, list[Value]] = {}
    for local in each(tree, names):
        groups.setdefault(as_string(evaluate(key_tree, local)), []).append(evaluate(result, local))
    if not grouped and any(len(group) > 1 for group in groups.values()):
        raise Mistaken("an attribute is defined twice")
    return {name: tuple(group) if grouped else group[0] for name, group in sorted(groups.items())}


def template(tree: Tree, names: Mapping[str, Value]) -> Value:
    """Templates: "the different elements are evaluated and combined into a single string"."""
    texts = [part[1] if part[0] == "str" else as_string(evaluate(part, names)) for part in tree[1]]
    return composed("".join(texts))


def join(tree: Tree, names: Mapping[str, Value]) -> Value:
    return "".join(map(as_string, evaluate(tree[1], names)))


def call(tree: Tree, names: Mapping[str, Value]) -> Value:
    raise Mistaken("there are no functions here")


RULES: dict[str, Callable[[Tree, Mapping[str, Value]], Value]] = {
    "num": lambda tree, names: number(tree[1]),
    "bool": lambda tree, names: tree[1] == "true",
    "null": lambda tree, names: None,
    "var": variable,
    "anon": lambda tree, names: names["*"],
    "paren": lambda tree, names: evaluate(tree[1], names),
    "wrap": lambda tree, names: evaluate(tree[1], names),
    "un": unary,
    "bin": binary,
    "cond": conditional,
    "tuple": lambda tree, names: tuple(evaluate(element, names) for element in tree[1:]),
    "object": make_object,
    "call": call,
    "for": for_expression,
    "attr": attribute,
    "idx": index,
    "splat": splat,
    "tmpl": template,
    "join": join,
}
