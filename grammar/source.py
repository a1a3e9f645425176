"""Source texts and places in them.

Offsets count code points of the text, from 0; an end is exclusive. What people see is computed when it is asked
for: lines count from 1, columns count grapheme clusters from 1 (a tab is one), as HCL's own tools count them.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from grammar.clusters import count_clusters

if TYPE_CHECKING:
    from grammar.diagnostics import Diagnostic

BYTE_ORDER_MARK = "\ufeff"


@attrs.frozen
class SourceFile:
    """A named text. Two are equal if name and text are."""

    name: str
    """What diagnostics call it, usually a path relative to the project."""
    text: str = attrs.field(repr=False)
    has_mark: bool = attrs.field(default=False, repr=False, eq=False)
    """True if a byte order mark was taken off the front; byte offsets count it."""

    @classmethod
    def from_bytes(cls, name: str, data: bytes) -> tuple[SourceFile, tuple[Diagnostic, ...]]:
        """Decode `data` as UTF-8 without one leading byte order mark.

        Returns the file and, if the bytes are not UTF-8, one diagnostic at the first wrong byte; the text then
        holds U+FFFD in place of what is wrong.
        """
        has_mark = data.startswith(b"\xef\xbb\xbf")
        data = data[3:] if has_mark else data
        try:
            return cls(name, data.decode("utf-8"), has_mark), ()
        except UnicodeDecodeError as wrong:
            from grammar.diagnostics import error

            file = cls(name, data.decode("utf-8", errors="replace"), has_mark)
            at = len(data[: wrong.start].decode("utf-8"))
            return file, (
                error(
                    "invalid-encoding",
                    "file is not UTF-8",
                    f"The byte 0x{data[wrong.start]:02X} is not UTF-8 here. Save the file in that encoding.",
                    Span(file, at, at + 1),
                ),
            )

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Offset of the first character of each line; a line ends after its line feed."""
        starts, text, at = [0], self.text, 0
        while at := text.find("\n", at) + 1:
            starts.append(at)
        return tuple(starts)

    def line_of(self, offset: int) -> int:
        """The number, from 1, of the line that holds `offset`."""
        return bisect_right(self.line_starts, offset)

    def line_text(self, line: int) -> str:
        """The text of line `line` (from 1) without its end."""
        start = self.line_starts[line - 1]
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        return self.text[start:end].removesuffix("\n").removesuffix("\r")

    def column_of(self, offset: int) -> int:
        """The number, from 1, of the grapheme cluster of its line that begins at `offset`."""
        before = self.text[self.line_starts[self.line_of(offset) - 1] : offset].removeprefix(BYTE_ORDER_MARK)
        return count_clusters(before) + 1

    def byte_of(self, offset: int) -> int:
        """How many bytes of the file, as UTF-8, lie before `offset`."""
        return len(self.text[:offset].encode("utf-8", "surrogatepass")) + (3 if self.has_mark else 0)


@attrs.frozen
class Span:
    """A piece of a source file: code points `start` to `end`, the end not included."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the start, from 1."""
        return self.file.line_of(self.start)

    @property
    def column(self) -> int:
        """Column of the start, from 1, in grapheme clusters."""
        return self.file.column_of(self.start)

    @property
    def end_line(self) -> int:
        """Line of the end, from 1."""
        return self.file.line_of(self.end)

    @property
    def end_column(self) -> int:
        """Column just after the last character, from 1, in grapheme clusters."""
        return self.file.column_of(self.end)

    @property
    def byte(self) -> int:
        """Offset of the start in the file's bytes."""
        return self.file.byte_of(self.start)

    @property
    def text(self) -> str:
        """The source text itself."""
        return self.file.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """From the start of this one to the end of `other`, of the same file."""
        return Span(self.file, self.start, other.end)
