r"""Places as editors count them: lines and characters from 0, characters in the units that both sides agreed on.

Rules (LSP 3.17, "Text Documents"): a line ends with `\n`, `\r\n` or `\r`; a character is a code unit of UTF-16,
unless the editor has asked for those of UTF-8 or UTF-32.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen

from grammar.source import SourceFile, Span

_RETURN_ALONE = re.compile(r"\r(?!\n)")
_LINE_END = re.compile(r"\r\n|\n|\r")


class Encoding(StrEnum):
    """What characters are counted in."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    UTF_32 = "utf-32"


@frozen(order=True)
class Position:
    """A place between two characters."""

    line: int
    character: int


def position_of(file: SourceFile, offset: int, encoding: Encoding = Encoding.UTF_16) -> Position:
    """The place of an offset."""
    starts = _line_starts(file)
    line = bisect_right(starts, offset) - 1
    return Position(line, _units(file.text[starts[line] : offset], encoding))


def offset_of(file: SourceFile, position: Position, encoding: Encoding = Encoding.UTF_16) -> int:
    """The offset of a place; of one beyond the end of a line, or of the file, that end."""
    starts = _line_starts(file)
    if position.line >= len(starts):
        return len(file.text)
    start = starts[position.line]
    end = starts[position.line + 1] if position.line + 1 < len(starts) else len(file.text)
    line = file.text[start:end].rstrip("\r\n")
    if line.isascii():
        return start + min(position.character, len(line))
    units = 0
    for at, character in enumerate(line):
        if units >= position.character:
            return start + at
        units += _units(character, encoding)
    return start + len(line)


def range_of(span: Span, encoding: Encoding = Encoding.UTF_16) -> tuple[Position, Position]:
    """Where a span begins and ends."""
    return position_of(span.file, span.start, encoding), position_of(span.file, span.end, encoding)


def _line_starts(file: SourceFile) -> Sequence[int]:
    """Where lines begin; a carriage return alone ends one, too, which it does not in HCL."""
    if "\r" not in file.text or _RETURN_ALONE.search(file.text) is None:
        return file.line_starts
    return (0, *(found.end() for found in _LINE_END.finditer(file.text)))


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.UTF_32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF_8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
