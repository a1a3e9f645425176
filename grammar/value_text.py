"""Values as source text, for people: an expression that gives the value again.

But for what is known later, or sensitive: that is told of instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from grammar.kinds import HclMap, HclSet, Sensitive, Unknown, Value
from grammar.number import format_number
from grammar.text import quoted

SENSITIVE = "(sensitive value)"
"""What stands for a value that is not to be shown, wherever people read it."""

WIDTH = 80
"""A collection that is wider stands on several lines."""

_INDENT = "  "
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS = frozenset({"null", "true", "false", "for"})
"""Names that a key cannot have without quotes, for clarity or for the grammar."""


def value_text(value: Value, width: int = WIDTH) -> str:
    """A value as it could be written; what is known later as `(known at run)`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return format_number(value)
        case str():
            return quoted(value)
        case Unknown():
            return f"({value.reason or 'known later'})"
        case Sensitive():
            return SENSITIVE
        case tuple():
            return _within("[", (value_text(each, width - len(_INDENT)) for each in value), "]", ",", width)
        case HclSet():
            return f"toset({value_text(tuple(value), width)})"
        case HclMap():
            items = (f"{_key(key)} = {value_text(each, width - len(_INDENT))}" for key, each in value.items())
            return _within("{", items, "}", "", width)


def _within(opening: str, items: Iterable[str], closing: str, separator: str, width: int) -> str:
    found = list(items)
    blank = " " if opening == "{" and found else ""
    short = f"{opening}{blank}{', '.join(found)}{blank}{closing}"
    if len(short) <= max(width, 0) and "\n" not in short:
        return short
    lines = "".join(f"\n{_INDENT}{line}" for item in found for line in f"{item}{separator}".splitlines())
    return f"{opening}{lines}\n{closing}"


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key not in _WORDS else quoted(key)
