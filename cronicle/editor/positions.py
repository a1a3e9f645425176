"""Places as editors count them: lines and characters from 0, characters in UTF-16 code units (LSP 3.17)."""

from __future__ import annotations

from bisect import bisect_right

from attrs import frozen

from grammar.source import SourceFile, Span


@frozen(order=True)
class Position:
    """A place between two characters."""

    line: int
    character: int


def position_of(file: SourceFile, offset: int) -> Position:
    """The place of an offset."""
    line = bisect_right(file.line_starts, offset) - 1
    return Position(line, _units(file.text[file.line_starts[line] : offset]))


def offset_of(file: SourceFile, position: Position) -> int:
    """The offset of a place; of one beyond the end of a line, or of the file, that end."""
    if position.line >= len(file.line_starts):
        return len(file.text)
    start = file.line_starts[position.line]
    line = file.line_text(position.line + 1)
    if line.isascii():
        return start + min(position.character, len(line))
    units = 0
    for at, character in enumerate(line):
        if units >= position.character:
            return start + at
        units += _units(character)
    return start + len(line)


def range_of(span: Span) -> tuple[Position, Position]:
    """Where a span begins and ends."""
    return position_of(span.file, span.start), position_of(span.file, span.end)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
