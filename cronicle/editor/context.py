"""What stands before a place of a file that is being written: its blocks, the attribute, the beginning of a word.

It is told from the tokens and not from the tree, since what is being written rarely can be parsed.
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

from grammar.scan import (
    DIRECTIVE,
    INTERPOLATION,
    NAME,
    NEWLINE,
    QUOTED,
    SEQUENCE_END,
    STRING,
    TEXT,
    UNQUOTE,
    scan,
)
from grammar.source import SourceFile

_OPENING = frozenset({"{", "[", "(", INTERPOLATION, DIRECTIVE})
_CLOSING = frozenset({"}", "]", ")", SEQUENCE_END})
_WORD = re.compile(r"(?:[^\W\d][\w-]*(?:\.[\w-]*|\[\"[^\"\]]*\"\])*)?\Z")


@frozen
class Header:
    """Type and labels of a block."""

    type: str
    labels: tuple[str, ...] = ()


@frozen
class Context:
    """A place."""

    blocks: tuple[Header, ...]
    """Those around it, the outermost first."""
    attribute: str | None
    """Whose value it is in."""
    word: str
    """What of a word, or of a chain of words, stands before it: `task.ext`."""
    is_text: bool = False
    """True in a string or heredoc, outside of `${}`."""

    @property
    def workflow(self) -> str | None:
        """The workflow that it is in."""
        return next((one.labels[0] for one in self.blocks if one.type == "workflow" and one.labels), None)


@define
class _Reading:
    around: list[Header | None] = field(factory=list)
    """For each open bracket its block, or None."""
    line: list[int] = field(factory=list)
    """Tokens since the last item of the body has ended."""
    attribute: str | None = None

    @property
    def is_in_body(self) -> bool:
        return not self.around or self.around[-1] is not None

    def begin_item(self) -> None:
        self.line, self.attribute = [], None


def context_at(file: SourceFile, offset: int) -> Context:
    """What is around an offset."""
    tokens = scan(file)
    reading = _Reading()
    is_text = False
    for at, (kind, start, end) in enumerate(zip(tokens.kinds, tokens.starts, tokens.ends, strict=True)):
        if start >= offset:
            is_text = is_text or (start == offset and kind in (QUOTED, TEXT, UNQUOTE))
            break
        is_open = kind != STRING and not file.text.endswith("\n", start, end)
        is_text = kind in (QUOTED, TEXT, STRING) and (offset < end or (offset == end and is_open))
        if kind == NEWLINE:
            if reading.is_in_body:
                reading.begin_item()
        elif kind in _OPENING:
            header = _header(file, tokens.kinds, tokens.starts, tokens.ends, reading) if kind == "{" else None
            reading.around.append(header)
            if header is not None:
                reading.begin_item()
        elif kind in _CLOSING:
            if reading.around and reading.around.pop() is not None:
                reading.begin_item()
        elif kind == "=" and reading.is_in_body and reading.attribute is None and reading.line:
            first = reading.line[0]
            reading.attribute = file.text[tokens.starts[first] : tokens.ends[first]]
        else:
            reading.line.append(at)
    found = _WORD.search(file.text, max(file.text.rfind("\n", 0, offset), 0), offset)
    return Context(
        blocks=tuple(one for one in reading.around if one is not None),
        attribute=reading.attribute,
        word=found.group() if found else "",
        is_text=is_text,
    )


def _header(
    file: SourceFile, kinds: list[str], starts: list[int], ends: list[int], reading: _Reading
) -> Header | None:
    """The header that a `{` ends; None if it begins an object."""
    if not reading.is_in_body or reading.attribute is not None or not reading.line:
        return None
    words = [(kinds[at], file.text[starts[at] : ends[at]]) for at in reading.line]
    if words[0][0] != NAME or any(kind not in (NAME, STRING) for kind, _ in words):
        return None
    return Header(words[0][1], tuple(word.strip('"') for _, word in words[1:]))
