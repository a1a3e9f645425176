"""Diagnostics as text for people, and as lines for editors.

The full form shows the lines that are wrong, marked below. Columns are counted as a terminal draws them: tabs are
widened, wide characters take two, and characters that a terminal obeys instead of showing are written out.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable

from grammar.diagnostics import Diagnostic, Severity
from grammar.source import Span

MAX_LINES = 4
"""How many lines of a subject are shown; of a longer one the first two and the last."""

_TAB = "    "
_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m"}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def render(diagnostics: Iterable[Diagnostic], *, colour: bool = False, width: int = 100) -> str:
    """All of them in full, an empty line between; `width` is that of the text, in columns. Ends with a line end."""
    return "\n".join(render_one(diagnostic, colour=colour, width=width) for diagnostic in diagnostics)


def render_one(diagnostic: Diagnostic, *, colour: bool = False, width: int = 100) -> str:
    """One in full: what, where, the source, why and how to mend it. Ends with a line end."""
    paint = _Paint(diagnostic.severity, colour)
    word = diagnostic.severity.value
    paragraphs = [f"{paint.mark(word + ':')} {paint.bold(visible(diagnostic.summary))}"]
    place = _place(diagnostic)
    if place:
        source = _excerpt(diagnostic.subject, paint) if diagnostic.subject else []
        paragraphs.append("\n".join([f"  {place}{':' if source else ''}", *source]))
    if diagnostic.detail:
        paragraphs += _wrapped(diagnostic.detail, width)
    return "\n\n".join(paragraphs) + "\n"


def render_line(diagnostic: Diagnostic) -> str:
    """On one line: `daily.hcl:24:19: error: unknown task "extrat" [unknown-task]`."""
    subject = diagnostic.subject
    place = f"{subject.file.name}:{subject.line}:{subject.column}: " if subject else ""
    return visible(f"{place}{diagnostic.severity.value}: {diagnostic.summary} [{diagnostic.code}]")


class _Paint:
    def __init__(self, severity: Severity, colour: bool) -> None:
        self._mark = _COLOURS[severity] if colour else ""
        self._colour = colour

    def mark(self, text: str) -> str:
        return f"{self._mark}{text}{_PLAIN}" if self._colour else text

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self._colour else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if self._colour else text


def _place(diagnostic: Diagnostic) -> str:
    parts = []
    if diagnostic.subject:
        parts.append(f"on {visible(diagnostic.subject.file.name)} line {diagnostic.subject.line}")
    if diagnostic.within:
        parts.append("in " + ", ".join(map(visible, diagnostic.within)))
    return ", ".join(parts)


def _excerpt(subject: Span, paint: _Paint) -> list[str]:
    """The lines of the subject, numbered, with marks below what is wrong."""
    file = subject.file
    first, last = subject.line, file.line_of(max(subject.start, subject.end - 1))
    numbers = list(range(first, last + 1))
    if len(numbers) > MAX_LINES:
        numbers = [first, first + 1, last]
    margin = len(str(last))
    shown = []
    before = first - 1
    for number in numbers:
        if number > before + 1:
            shown.append(f"  {' ' * margin} {paint.dim('⋮')}")
        before = number
        text, start = file.line_text(number), file.line_starts[number - 1]
        left = max(0, subject.start - start)
        right = min(len(text), subject.end - start)
        code = visible(text[:left]), visible(text[left:right]), visible(text[right:])
        marked = columns(code[1])
        if number != first:  # blanks in front of a further line are no part of what is wrong
            inner = visible(text[left:right].lstrip())
            code = visible(text[: right - len(text[left:right].lstrip())]), inner, code[2]
            marked = columns(inner)
        shown.append(f"  {paint.dim(f'{number:>{margin}} │')} {''.join(code)}".rstrip())
        if marked or number == first:
            shown.append(
                f"  {' ' * margin} {paint.dim('│')} {' ' * columns(code[0])}{paint.mark('^' * max(1, marked))}"
            )
    return shown


def _wrapped(detail: str, width: int) -> list[str]:
    """The paragraphs of a detail, each broken to the width but for lines that are indented."""
    return [
        "\n".join(
            line
            if line.startswith(" ")
            else textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
            for line in visible(paragraph, keep="\n").splitlines()
        )
        for paragraph in detail.split("\n\n")
    ]


def visible(text: str, keep: str = "") -> str:
    """Text that is safe on a terminal: tabs widened, control and direction characters written as escapes.

    Characters in `keep` stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character in keep else _visible(character) for character in text)


def _visible(character: str) -> str:
    if character == "\t":
        return _TAB
    category = unicodedata.category(character)
    # Cf: marks of direction, joiners and byte order marks; of these the joiner of emoji is harmless.
    if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and character != "\u200d"):
        number = ord(character)
        return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    return character


def columns(text: str) -> int:
    """How many columns a terminal takes for visible text: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    count = 0
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        count += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return count
