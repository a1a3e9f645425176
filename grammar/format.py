"""Formatting a file: the same tokens and comments, with the blanks where they belong.

The rules are those of `terraform fmt` (hclwrite's `Format`), so that nobody's editor and nobody's habit disagree:

- Lines stay lines. Each is indented by two blanks for every line before it that has opened more than it closed.
- Between two tokens of a line stands one blank or none (`_is_apart`).
- The `=` of attributes on lines that follow each other are aligned, and so are the comments behind them; an attribute
  whose value goes on over several lines ends such a group.
- Labels of blocks are quoted, and a value that is nothing but `"${…}"` stands without the quotes.
- Texts of heredocs and comments are left alone.

A text that cannot be parsed is not formatted: it is not known what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from grammar.clusters import count_clusters
from grammar.diagnostics import Diagnostics, has_errors
from grammar.parse import parse
from grammar.scan import (
    DIRECTIVE,
    END,
    HEREDOC,
    HEREDOC_END,
    INTERPOLATION,
    NAME,
    NEWLINE,
    NUMBER,
    QUOTE,
    QUOTED,
    SEQUENCE_END,
    TEXT,
    UNQUOTE,
    scan,
)
from grammar.source import SourceFile
from grammar.syntax import Attribute, Block, Body, TemplateWrap

INDENT = 2
"""Blanks for each level."""

BLANKS = " \t"

COMMENT = "comment"
NOTHING = "nothing"
"""The kind of what is before the first token of a text."""

_CHANGES = {
    "{": 1,
    "[": 1,
    "(": 1,
    INTERPOLATION: 1,
    DIRECTIVE: 1,
    "}": -1,
    "]": -1,
    ")": -1,
    SEQUENCE_END: -1,
}
_INSIDE_TEXT_BEFORE = frozenset({QUOTE, QUOTED, HEREDOC, TEXT})
_INSIDE_TEXT_AFTER = frozenset({QUOTED, TEXT, UNQUOTE, HEREDOC_END})
_BEFORE_A_SIGN = frozenset(
    {NOTHING, "(", "{", "[", "=", ":", ",", "?", "+", "*", "/", "%", "-", "==", "!=", ">", ">=", "<", "<="}
    | {"&&", "||", "!", "=>", "...", INTERPOLATION, DIRECTIVE}
)
"""Behind these, a minus belongs to the number; behind everything else it subtracts."""


@attrs.define
class _Token:
    kind: str
    text: str
    blanks: int = 0
    """Before it."""


@attrs.define
class _Line:
    """A line in three cells; what is in none of them is not aligned."""

    lead: list[_Token] = attrs.field(factory=list)
    value: list[_Token] = attrs.field(factory=list)
    """From the `=` of an attribute on, if all of it stands on this line."""
    comment: list[_Token] = attrs.field(factory=list)
    """Behind something else."""
    end: str = ""

    @property
    def tokens(self) -> list[_Token]:
        return [*self.lead, *self.value, *self.comment]

    @property
    def text(self) -> str:
        return "".join(" " * token.blanks + token.text for token in self.tokens) + self.end


def format_file(file: SourceFile) -> tuple[str, Diagnostics]:
    """The text of a configuration file as it should be, and what is wrong with it; with an error it is as it was."""
    body, diagnostics = parse(file)
    if has_errors(diagnostics):
        return file.text, diagnostics
    text = _edited(file.text, sorted(_edits(body, file.text)))
    lines = list(_lines(SourceFile(file.name, text)))
    for line in lines:
        _split(line)
    _indent(lines)
    _set_apart(lines)
    _align(lines, lambda line: line.value, lambda line: line.lead)
    _align(lines, lambda line: line.comment, lambda line: [*line.lead, *line.value])
    formatted = "".join(line.text for line in lines)
    if formatted and not formatted.endswith("\n"):
        formatted += "\n"
    return formatted, diagnostics


# What is written in another way


def _edits(body: Body, text: str) -> Iterator[tuple[int, int, str]]:
    """Places of a text and what is to stand there."""
    for item in body.items:
        if isinstance(item, Attribute):
            if inner := _unwrapped(item, text):
                yield inner
        elif isinstance(item, Block):
            for span in item.label_spans:
                written = text[span.start : span.end]
                if not written.startswith('"'):
                    yield span.start, span.end, f'"{written}"'
            yield from _edits(item.body, text)


def _unwrapped(attribute: Attribute, text: str) -> tuple[int, int, str] | None:
    """The same value without `"${` and `}"`, if it is on one line."""
    value = attribute.expr
    if not isinstance(value, TemplateWrap) or value.span is None:
        return None
    written = text[value.span.start : value.span.end]
    if not written.startswith('"${') or not written.endswith('}"') or "\n" in written:
        return None
    inner = written.removeprefix('"${').removesuffix('}"').removeprefix("~").removesuffix("~")
    return value.span.start, value.span.end, inner.strip()


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, end, instead in edits:
        parts += [text[at:start], instead]
        at = end
    return "".join([*parts, text[at:]])


# Tokens and lines


def _tokens(file: SourceFile) -> Iterator[_Token]:
    """All tokens with the comments among them; the last one is a line end, or there is none."""
    found = scan(file)
    comments = iter([*found.comments, (len(file.text) + 1, 0)])
    begins, ends = next(comments)
    for kind, start, end in zip(found.kinds, found.starts, found.ends, strict=True):
        while begins < start:
            yield _Token(COMMENT, file.text[begins:ends].rstrip(BLANKS))
            begins, ends = next(comments)
        if kind != END:
            text = file.text[start:end]
            yield _Token(kind, text.rstrip(BLANKS) if kind == HEREDOC_END else text)


def _lines(file: SourceFile) -> Iterator[_Line]:
    line = _Line()
    for token in _tokens(file):
        if token.kind == NEWLINE:
            line.end = token.text
            yield line
            line = _Line()
        else:
            line.lead.append(token)
    if line.lead:
        yield line


def _split(line: _Line) -> None:
    """Put what may be aligned into its cells."""
    if len(line.lead) > 1 and line.lead[-1].kind == COMMENT:
        line.comment = [line.lead.pop()]
    for at, token in enumerate(line.lead):
        if at > 0 and token.kind == "=":
            if _net(line.lead[at:]) == 0:
                line.value, line.lead = line.lead[at:], line.lead[:at]
            break


def _net(tokens: Iterable[_Token]) -> int:
    """How many brackets are opened and not closed again."""
    return sum(_CHANGES.get(token.kind, 0) for token in tokens)


# Blanks


def _indent(lines: Iterable[_Line]) -> None:
    open_: list[int] = []  # for each level, how many brackets the line that began it has opened
    for line in lines:
        if not (tokens := line.tokens):
            continue
        net = _net(tokens)
        for _ in range(-net):
            if not open_:
                break
            open_[-1] -= 1
            if open_[-1] == 0:
                open_.pop()
        if tokens[0].kind not in (TEXT, HEREDOC_END):
            tokens[0].blanks = INDENT * len(open_)
        if net > 0:
            open_.append(net)


def _set_apart(lines: Iterable[_Line]) -> None:
    before = _Token(NOTHING, "")  # goes on from line to line: a value may
    for line in lines:
        tokens = line.tokens
        for at, token in enumerate(tokens):
            if at + 1 < len(tokens):
                tokens[at + 1].blanks = int(_is_apart(token, before, tokens[at + 1]))
            if token.kind != COMMENT:
                before = token


def _is_apart(token: _Token, before: _Token, after: _Token) -> bool:
    """Whether there is a blank between two tokens of a line."""
    one, two = token.kind, after.kind
    opens, closes = _CHANGES.get(one, 0) > 0, _CHANGES.get(two, 0) < 0
    if one == NAME and two in ("(", "::"):
        return False
    if one in ("::", ".") or two == ".":
        return False
    if two in (",", "..."):
        return False
    if one == ",":
        return True
    if one in _INSIDE_TEXT_BEFORE or two in _INSIDE_TEXT_AFTER:
        return False
    if one == NAME and token.text == "in" and before.kind == NAME:  # of a `for`, before a list
        return True
    if two == "[" and (one in (NAME, NUMBER) or _CHANGES.get(one, 0) < 0):
        return False
    if one == "!":
        return False
    if one == "-":
        return before.kind not in _BEFORE_A_SIGN
    if one == "{" or two == "}":
        return (one, two) != ("{", "}")
    if one == SEQUENCE_END and two in (INTERPOLATION, DIRECTIVE):
        return False
    if (one in (INTERPOLATION, DIRECTIVE) and two == "{") or (one == "}" and two == SEQUENCE_END):
        return True
    return not opens and not closes


_Cells = Callable[[_Line], "list[_Token]"]


def _align(lines: Iterable[_Line], cell: _Cells, before: _Cells) -> None:
    """Have a cell begin in the same column on all lines of a group that have it."""
    group: list[_Line] = []
    for line in [*lines, _Line()]:
        if cell(line):
            group.append(line)
            continue
        widths = [_columns(before(each)) for each in group]
        for each, width in zip(group, widths, strict=True):
            cell(each)[0].blanks = max(widths) - width + 1
        group = []


def _columns(tokens: Iterable[_Token]) -> int:
    """How wide tokens are, in grapheme clusters, as columns are counted everywhere; of several lines the last."""
    text = "".join(" " * token.blanks + token.text for token in tokens).rpartition("\n")[2]
    return count_clusters(text)
