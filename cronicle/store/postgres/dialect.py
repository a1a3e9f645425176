"""From the statements of `cronicle.store.relational` to those of PostgreSQL. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_PARAMETER = re.compile(r"\?(\d*)")
_HINT = re.compile(r" INDEXED BY \w+")
_LISTED = re.compile(r"IN \(SELECT (value|CAST\(value AS BIGINT\)) FROM json_each\((\?\d*)\)\)")


_QUOTE = "$_$"
"""Nothing between two of these has a meaning, so that a megabyte of JSON is taken as it is."""


class NulError(ValueError):
    """PostgreSQL stores no text with the character NUL."""


def translate(sql: str) -> str:
    """The same statement in the dialect of PostgreSQL; its parameters are `$1`, `$2`, ….

    No statement has a question mark that is not a parameter: values are always bound.
    """
    return _split(sql)[0]


def inlined(sql: str, values: Sequence[Any]) -> str:
    """The same statement with its values in it, so that it may be sent with others in one message.

    Raises:
        NulError: A text has the one character that PostgreSQL cannot store.
    """
    if not values:
        return translate(sql)
    literals = [literal(value) for value in values]
    return "".join(piece if isinstance(piece, str) else literals[piece] for piece in _split(sql)[1])


def prepared(name: str, sql: str) -> str:
    """What prepares a statement; the types of its parameters follow from where they stand."""
    return f"PREPARE {name} AS {translate(sql)}"


def executed(name: str, values: Sequence[Any]) -> str:
    """What executes a prepared statement.

    Raises:
        NulError: A text has the one character that PostgreSQL cannot store.
    """
    return f"EXECUTE {name}({', '.join(map(literal, values))})" if values else f"EXECUTE {name}"


@lru_cache(maxsize=1000)
def _split(sql: str) -> tuple[str, tuple[str | int, ...]]:
    """A statement as a whole, and in pieces: text, and the positions of values."""
    text = _LISTED.sub(_in_array, _HINT.sub("", sql)).replace("json_each(", "text_list(")
    pieces: list[str | int] = []
    end = 0
    for count, match in enumerate(_PARAMETER.finditer(text)):
        position = int(match[1]) - 1 if match[1] else count
        pieces += [text[end : match.start()], position]
        end = match.end()
    pieces.append(text[end:])
    whole = "".join(piece if isinstance(piece, str) else f"${piece + 1}" for piece in pieces)
    return whole, tuple(pieces)


def _in_array(match: re.Match[str]) -> str:
    return f"= ANY (text_array({match[2]}){'' if match[1] == 'value' else '::bigint[]'})"


def literal(value: Any) -> str:
    """A value as it stands in a statement, whatever the settings of the session are."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "1" if value else "0"
        case int():
            return str(value) if value >= 0 else f"({value})"
        case float():
            return repr(value) if math.isfinite(value) and value >= 0 else f"'{value}'::float8"
        case bytes():
            return rf"E'\\x{value.hex()}'::bytea"
        case str():
            if "\0" in value:
                raise NulError
            if (value + _QUOTE).index(_QUOTE) == len(
                value
            ):  # the end of the text may be the beginning of the mark
                return f"{_QUOTE}{value}{_QUOTE}"
            quoted = value.replace("'", "''").replace("\\", "\\\\")
            return f"E'{quoted}'"
        case _:
            raise TypeError(f"{type(value).__name__} is not stored")
