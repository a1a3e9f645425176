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
    QUOTE,
    QUOTED,
    SEQUENCE_END,
    STRING,
    TEXT,
    UNQUOTE,
    Tokens,
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
class Call:
    """A call of a function that is not closed yet."""

    name: str
    argument: int
    """The number of the argument at hand, from 0."""


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
    """True in a string or heredoc, outside of `${}`, and in a comment."""
    text: str | None = None
    """What stands before it in a plain string, from the quote on; None outside of one."""
    is_key: bool = False
    """True where the key of an object's item may begin."""
    call: Call | None = None
    """The innermost call of a function around it."""

    @property
    def workflow(self) -> str | None:
        """The workflow that it is in."""
        return next((one.labels[0] for one in self.blocks if one.type == "workflow" and one.labels), None)


@define
class _Open:
    """A bracket that is not closed yet."""

    kind: str
    header: Header | None = None
    """Of the block that it begins."""
    function: str | None = None
    """That it calls."""
    commas: int = 0
    since: int = 0
    """Tokens since its last comma or line end."""


@define
class _Reading:
    around: list[_Open] = field(factory=list)
    line: list[int] = field(factory=list)
    """Tokens since the last item of the body has ended."""
    attribute: str | None = None

    @property
    def is_in_body(self) -> bool:
        return not self.around or self.around[-1].header is not None

    def begin_item(self) -> None:
        self.line, self.attribute = [], None

    def read(self, file: SourceFile, tokens: Tokens, at: int) -> None:
        """Take a token."""
        kind = tokens.kinds[at]
        if kind in _CLOSING:
            if self.around and self.around.pop().header is not None:
                self.begin_item()
        elif kind == NEWLINE and self.is_in_body:
            self.begin_item()
        elif kind == "=" and self.is_in_body and self.attribute is None and self.line:
            first = self.line[0]
            self.attribute = file.text[tokens.starts[first] : tokens.ends[first]]
        elif kind != NEWLINE and kind not in _OPENING:
            self.line.append(at)
        if self.around:
            inner = self.around[-1]
            inner.commas += kind == ","
            inner.since = 0 if kind in (",", NEWLINE) else inner.since + 1
        if kind in _OPENING:
            self._open(file, tokens, at)

    def _open(self, file: SourceFile, tokens: Tokens, at: int) -> None:
        kind = tokens.kinds[at]
        is_call = kind == "(" and at > 0 and tokens.kinds[at - 1] == NAME
        function = file.text[tokens.starts[at - 1] : tokens.ends[at - 1]] if is_call else None
        header = self._header(file, tokens) if kind == "{" else None
        self.around.append(_Open(kind, header, function))
        if header is not None:
            self.begin_item()

    def _header(self, file: SourceFile, tokens: Tokens) -> Header | None:
        """The header that a `{` ends; None if it begins an object."""
        if not self.is_in_body or self.attribute is not None or not self.line:
            return None
        words = [(tokens.kinds[at], file.text[tokens.starts[at] : tokens.ends[at]]) for at in self.line]
        if words[0][0] != NAME or any(kind not in (NAME, STRING) for kind, _ in words):
            return None
        return Header(words[0][1], tuple(word.strip('"') for _, word in words[1:]))

    def call(self) -> Call | None:
        """The innermost call that is open, in the same item."""
        for one in reversed(self.around):
            if one.header is not None:
                return None
            if one.function is not None:
                return Call(one.function, one.commas)
        return None


def context_at(file: SourceFile, offset: int) -> Context:
    """What is around an offset."""
    tokens = scan(file)
    reading = _Reading()
    is_text = any(
        start < offset < end or (offset == end and not file.text.endswith("*/", start, end))
        for start, end in tokens.comments
    )
    text, last = None, ""
    for at, (kind, start, end) in enumerate(zip(tokens.kinds, tokens.starts, tokens.ends, strict=True)):
        if start >= offset:
            if last == QUOTE or (start == offset and kind in (QUOTED, TEXT, UNQUOTE)):
                is_text, text = True, "" if last == QUOTE else text
            break
        is_open = kind != STRING and not file.text.endswith("\n", start, end)
        if kind in (QUOTED, TEXT, STRING) and (offset < end or (offset == end and is_open)):
            is_text = True
            if kind == STRING or last == QUOTE:
                text = file.text[start + (kind == STRING) : offset]
        reading.read(file, tokens, at)
        last = "word" if kind == NAME and end == offset else kind
    found = _WORD.search(file.text, max(file.text.rfind("\n", 0, offset), 0), offset)
    inner = reading.around[-1] if reading.around else None
    is_item = inner is not None and inner.kind == "{" and inner.header is None
    begun = 1 if is_text or last == "word" else 0
    return Context(
        blocks=tuple(one.header for one in reading.around if one.header is not None),
        attribute=reading.attribute,
        word=found.group() if found else "",
        is_text=is_text,
        text=text,
        is_key=is_item and inner is not None and inner.since <= begun,
        call=reading.call(),
    )
