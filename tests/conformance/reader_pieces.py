"""The pieces of a template, and how they become a tree: the second half of `reader.py`."""

from __future__ import annotations

import unicodedata
from typing import Any

import regex

SPACES = "".join(chr(code) for code in range(0x3001) if regex.match(r"\p{White_Space}", chr(code)))
"""Template Literals: "space characters are interpreted as per Unicode's definition"."""

Tree = list[Any]


class Rejected(Exception):  # noqa: N818 - not an error of the program
    """The text is no HCL."""


class Sequence:
    """An interpolation, whose keyword is empty, or a directive."""

    def __init__(
        self, keyword: str, expression: Tree | None, key: str, value: str, *, strip_after: bool
    ) -> None:
        self.keyword, self.expression, self.key, self.value = keyword, expression, key, value
        self.strip_before = False
        self.strip_after = strip_after


def strip(pieces: list[Any]) -> None:
    """Template Literals: of a literal "any spaces adjacent to" a strip marker are removed."""
    for place, piece in enumerate(pieces):
        if isinstance(piece, Sequence):
            if piece.strip_before and place > 0 and isinstance(pieces[place - 1], str):
                pieces[place - 1] = pieces[place - 1].rstrip(SPACES)
            if piece.strip_after and place + 1 < len(pieces) and isinstance(pieces[place + 1], str):
                pieces[place + 1] = pieces[place + 1].lstrip(SPACES)


def unindent(pieces: list[Any]) -> None:
    """Template Expressions: the least number of leading spaces "is removed from all line-leading literal strings"."""
    strip(pieces)
    counts: dict[int, int] = {}
    before = "\n"
    for place, piece in enumerate(pieces):
        literal = piece if isinstance(piece, str) else ""
        rest = literal.lstrip(SPACES)
        if before.endswith("\n") and (
            rest or not literal.endswith("\n")
        ):  # HashiCorp: blank lines do not count
            counts[place] = len(literal) - len(rest)
        before = literal
    for place in counts:
        if isinstance(pieces[place], str):
            pieces[place] = pieces[place][min(counts.values()) :]


def nested(pieces: list[Any], closers: tuple[str, ...]) -> tuple[Tree, list[Any], str]:
    """Template If Directive, Template For Directive: a template up to a closer, what follows, and which it was."""
    parts: Tree = []
    while pieces:
        piece, *pieces = pieces
        if isinstance(piece, str):
            if parts and parts[-1][0] == "str" and piece:
                parts[-1] = ["str", unicodedata.normalize("NFC", parts[-1][1] + piece)]
            elif piece:
                parts.append(["str", unicodedata.normalize("NFC", piece)])
        elif not piece.keyword:
            parts.append(piece.expression)
        elif piece.keyword == "if":
            then, pieces, end = nested(pieces, ("else", "endif"))
            otherwise: Tree = ["tmpl", []]
            if end == "else":
                otherwise, pieces, _ = nested(pieces, ("endif",))
            parts.append(["cond", piece.expression, then, otherwise])
        elif piece.keyword == "for":
            body, pieces, _ = nested(pieces, ("endfor",))
            parts.append(["join", ["for", piece.key, piece.value, piece.expression, None, body, None, False]])
        elif piece.keyword in closers:
            return ["tmpl", parts], pieces, piece.keyword
        else:
            raise Rejected(f"{piece.keyword} closes nothing")
    if closers:
        raise Rejected("a directive is not closed")
    return ["tmpl", parts], [], ""
