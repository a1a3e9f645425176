"""Asks both readers, ours in `grammar/` and the plain one here, about a text, and says where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from grammar.diagnostics import Diagnostics, has_errors
from grammar.evaluate import evaluate
from grammar.kinds import HclMap, Value
from grammar.parse import parse, parse_expression, parse_template
from grammar.scope import Scope
from grammar.source import SourceFile
from grammar.syntax import Attribute, Body, Expression
from grammar.traverse import walk
from tests.conformance import meaning, reader
from tests.grammar.probe_form import normal

NAMES: Mapping[str, Any] = {
    "n": Fraction(3),
    "t": "text",
    "y": True,
    "z": None,
    "l": (Fraction(1), "2", None, (Fraction(3), Fraction(1, 2))),
    "o": {"1": "x", "a": Fraction(1), "b": {"c": (True, "é")}, "k k": "v"},
    "r": ({"a": Fraction(1), "l": (Fraction(1),)}, {"a": "2", "l": ()}),
    "é": "\u00e9",
}
"""What names stand for in both."""

OUT_OF_BOUNDS = frozenset({"expression-too-deep", "evaluation-limit", "invalid-number"})
"""What only ours may refuse: the plain reader has no bounds."""

READERS = {
    "file": (parse, reader.read_file),
    "expression": (parse_expression, reader.read_expression),
    "template": (parse_template, reader.read_template),
}


def disagreement(text: str, kind: str = "file") -> str:
    """What the two say differently of a text; empty if they agree."""
    ours, plain = READERS[kind]
    tree, found = ours(SourceFile("text.hcl", text))
    if any(one.code in OUT_OF_BOUNDS for one in found):
        return ""
    try:
        plain_tree = plain(text)
    except reader.Rejected as reason:
        return "" if has_errors(found) else f"only the plain reader rejects it: {reason}"
    if has_errors(found):
        return f"only ours rejects it: {found[0].summary}"
    if normal(tree) != probe_form(plain_tree):
        return f"the trees differ:\n  ours  {normal(tree)}\n  plain {probe_form(plain_tree)}"
    pairs = zip(expressions_of(tree), plain_expressions(plain_tree), strict=True)
    return next((said for pair in pairs if (said := difference_of_values(*pair))), "")


def difference_of_values(ours: Expression, plain: reader.Tree) -> str:
    """What the two readers' expressions come to differently; empty if they agree."""
    value, found = evaluate(ours, Scope({name: to_ours(value) for name, value in NAMES.items()}))
    if any(one.code in OUT_OF_BOUNDS for one in found):
        return ""
    try:
        plain_value = meaning.evaluate(plain, NAMES)
    except meaning.TooLarge:
        return ""
    except meaning.Mistaken as reason:
        return "" if has_errors(found) else f"ours gives {value!r}; the plain meaning has none: {reason}"
    if has_errors(found):
        return f"ours gives no value: {_said(found)}; the plain meaning is {plain_value!r}"
    if not meaning.are_equal(to_plain(value), plain_value):
        return f"ours gives {value!r}, the plain meaning is {plain_value!r}"
    return ""


def _said(found: Diagnostics) -> str:
    return next(one.summary for one in found if one.is_error)


def expressions_of(tree: Body | Expression) -> list[Expression]:
    """All attributes' values in order, or the expression itself."""
    if isinstance(tree, Body):
        return [node.expr for node in walk(tree) if isinstance(node, Attribute)]
    return [tree]


def plain_expressions(tree: reader.Tree) -> list[reader.Tree]:
    """The same of the plain reader's tree."""
    if tree[0] != "body":
        return [tree]
    found = []
    for item in tree[1:]:
        found += [item[2]] if item[0] == "A" else plain_expressions(item[3])
    return found


def probe_form(tree: Any) -> Any:
    """The plain reader's tree as the probes have it: numbers as floats, constant keys as texts."""
    if not isinstance(tree, list):
        return tree
    match tree:
        case ["num", digits]:
            value = Decimal(digits)
            return ["num", float(value) if abs(value) < 10**300 else float("inf")]
        case ["idx", base, ["tmpl", parts]] if all(part[0] == "str" for part in parts):
            return ["idx", probe_form(base), ["str", "".join(part[1] for part in parts)]]
    return [probe_form(part) for part in tree]


def to_ours(value: Any) -> Value:
    """A value of the plain meaning as one of ours."""
    match value:
        case Fraction():
            return int(value) if value.denominator == 1 else Decimal(meaning.decimal_notation(value))
        case tuple():
            return tuple(map(to_ours, value))
        case dict():
            return HclMap({name: to_ours(element) for name, element in value.items()})
    return value


def to_plain(value: Value) -> Any:
    """A value of ours as one of the plain meaning."""
    match value:
        case bool() | None | str():
            return value
        case int() | Decimal():
            return Fraction(value)
        case tuple():
            return tuple(map(to_plain, value))
        case HclMap():
            return {name: to_plain(element) for name, element in value.items()}
    raise AssertionError(value)
