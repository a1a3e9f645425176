"""Diagnostics: what is wrong in a user's text, where, why, and how to mend it.

A user's mistake is a value, never an exception: functions take and return tuples of diagnostics. The summary
is a phrase without full stop; the detail is sentences, the remedy last. Each code is a stable name in
kebab-case, registered once with a sentence that explains the whole class of mistakes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import attrs

from grammar.source import Span


class Severity(enum.Enum):
    """An error makes the result unusable, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@attrs.frozen
class Diagnostic:
    """One finding about a source text."""

    severity: Severity
    code: str
    """Registered name of the class of findings, in kebab-case."""
    summary: str
    """What is wrong: a phrase, no full stop."""
    detail: str = ""
    """Why, and how to mend it: sentences, the remedy last."""
    subject: Span | None = None
    """Exactly the text that is wrong."""
    context: Span | None = None
    """A wider piece that helps to understand, such as the block that was opened."""
    within: tuple[str, ...] = ()
    """The blocks around it, outermost first: `workflow "daily"`, `task "report"`."""

    @property
    def is_error(self) -> bool:
        """True for an error, false for a warning."""
        return self.severity is Severity.ERROR

    def inside(self, *blocks: str) -> Diagnostic:
        """The same, within further blocks around those it has."""
        return attrs.evolve(self, within=(*blocks, *self.within))


MOST_TOLD = 1_000
"""Mistakes of one text that are told; who mends those sees the rest."""

Diagnostics: TypeAlias = tuple[Diagnostic, ...]


def error(
    code: str,
    summary: str,
    detail: str = "",
    subject: Span | None = None,
    *,
    context: Span | None = None,
    within: tuple[str, ...] = (),
) -> Diagnostic:
    """An error; the arguments are the fields of `Diagnostic`."""
    return Diagnostic(Severity.ERROR, code, summary, detail, subject, context, within)


def warning(
    code: str,
    summary: str,
    detail: str = "",
    subject: Span | None = None,
    *,
    context: Span | None = None,
    within: tuple[str, ...] = (),
) -> Diagnostic:
    """A warning; the arguments are the fields of `Diagnostic`."""
    return Diagnostic(Severity.WARNING, code, summary, detail, subject, context, within)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """True if at least one is an error."""
    return any(diagnostic.is_error for diagnostic in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> Diagnostics:
    """By file and place; those without a place first, equal places as they came; each only once."""

    def place(diagnostic: Diagnostic) -> tuple[str, int]:
        return (diagnostic.subject.file.name, diagnostic.subject.start) if diagnostic.subject else ("", -1)

    return tuple(sorted(dict.fromkeys(diagnostics), key=place))


_CODES: dict[str, str] = {}

CODES: Mapping[str, str] = MappingProxyType(_CODES)
"""All registered codes, each with its sentence."""


def register(codes: Mapping[str, str]) -> None:
    """Add codes, each with a sentence about that class of findings, when the module that makes them is imported.

    Raises:
        ValueError: a code is not kebab-case, its sentence has no full stop, or it means something else already.
    """
    for code, sentence in codes.items():
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code):
            raise ValueError(f"{code!r} is not kebab-case")
        if not sentence.endswith("."):
            raise ValueError(f"the sentence of {code!r} has no full stop")
        if _CODES.setdefault(code, sentence) != sentence:
            raise ValueError(f"{code!r} is registered with another sentence")


register(
    {
        "invalid-encoding": "A source file is not UTF-8.",
        "invalid-character": "A character has no meaning outside of strings and comments.",
        "syntax": "The text does not follow the grammar of the language.",
        "missing-newline": "Something follows on the same line as an attribute or block that has ended.",
        "unclosed-block": "A block's closing brace is missing.",
        "unclosed-bracket": "The closing bracket of an expression is missing.",
        "unclosed-string": "A quoted string does not end on its line.",
        "unclosed-template": "A `${` or `%{` sequence of a template is never closed.",
        "unclosed-comment": "A `/*` comment has no `*/`.",
        "unclosed-heredoc": "The line with a heredoc's closing marker is missing.",
        "invalid-heredoc": "A heredoc's introduction is not of the form `<<NAME` at the end of its line.",
        "merge-conflict": "The file holds the marks of a merge conflict.",
        "invalid-escape": "A backslash in a quoted string begins no escape sequence.",
        "invalid-number": "A number is not written as the grammar demands, or is beyond all bounds.",
        "invalid-label": "A block label holds more than plain text.",
        "invalid-directive": "A template directive is unknown, or directives and their ends do not pair.",
        "duplicate-attribute": "An attribute is set twice in one body.",
        "expression-too-deep": "Expressions or blocks are nested deeper than the limit.",
        "unreadable-expression": "The structure of an expression could not be found; a bug of this program.",
    }
)
