"""Reading tokens one after the other, and giving up with a diagnostic.

A reader that meets a mistake records a diagnostic and raises `Failure`, which never leaves this package: whoever can
go on behind the mistake (the reader of a body, for each of its items) catches it.
"""

from __future__ import annotations

from grammar.diagnostics import MOST_TOLD, Diagnostic, error
from grammar.scan import (
    BAD,
    END,
    HEREDOC,
    HEREDOC_END,
    NAME,
    NEWLINE,
    QUOTE,
    QUOTED,
    SEQUENCE_END,
    TEXT,
    UNQUOTE,
    Tokens,
)
from grammar.source import SourceFile, Span

MAX_NESTING = 100
"""How deep brackets, templates and blocks may nest. The readers recurse some five frames for each, of 1,000."""

MAX_HEIGHT = 200
"""How high the tree of one expression may grow, operators and steps included, so that who walks it may recurse."""


class Failure(Exception):  # noqa: N818 - not an error of the program; its diagnostic is recorded already
    """Nothing sensible can be read here."""


class Cursor:
    """A place in the tokens of a file, and what has been found wrong so far."""

    __slots__ = ("at", "diagnostics", "ends", "file", "kinds", "nesting", "newlines", "starts", "text")

    def __init__(self, file: SourceFile, tokens: Tokens) -> None:
        self.file = file
        self.text = file.text
        self.kinds = tokens.kinds
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.at = 0
        """Index of the token at hand."""
        self.newlines = True
        """True where a line end means something, false inside of most brackets."""
        self.nesting = 0
        self.diagnostics: list[Diagnostic] = list(tokens.diagnostics)

    def peek(self) -> str:
        """The kind of the token at hand, line ends skipped where they mean nothing."""
        kinds = self.kinds
        if not self.newlines:
            while kinds[self.at] == NEWLINE:
                self.at += 1
        return kinds[self.at]

    def word(self) -> str:
        """The text of the token at hand."""
        return self.text[self.starts[self.at] : self.ends[self.at]]

    def span(self, start: int, end: int) -> Span:
        """A span of this file."""
        return Span(self.file, start, end)

    def here(self) -> Span:
        """The token at hand; nothing of a line end or the file's end but its place."""
        start = self.starts[self.at]
        return Span(self.file, start, start if self.kinds[self.at] in (NEWLINE, END) else self.ends[self.at])

    def descend(self) -> None:
        """Go one level of nesting deeper; who comes back up lowers `nesting` again."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.too_deep(
                self.here(), f"more than {MAX_NESTING} levels of brackets, templates and blocks"
            )

    def too_deep(self, where: Span, what: str) -> Failure:
        """The failure of what nests deeper than the limit."""
        detail = f"There are {what}. Name parts of it as locals, and refer to them."
        return self.fail("expression-too-deep", "nested too deeply", detail, where)

    def fail(
        self, code: str, summary: str, detail: str, subject: Span, context: Span | None = None
    ) -> Failure:
        """Record an error and return what to raise."""
        if len(self.diagnostics) < MOST_TOLD:
            self.diagnostics.append(error(code, summary, detail, subject, context=context))
        return Failure()

    def unexpected(self, wanted: str, remedy: str, opened: int | None = None) -> Failure:
        """The failure that something else was `wanted` where the token at hand stands.

        `opened` is the offset of the bracket that is open; if the file ends or an attribute begins before it is
        closed, that is the mistake.
        """
        kind = self.kinds[self.at]
        if kind == BAD:
            return Failure()
        context = None if opened is None else Span(self.file, opened, self.starts[self.at])
        if context is not None and opened is not None and (kind == END or self.at_item()):
            bracket = self.text[opened]
            closing = {"(": ")", "[": "]", "{": "}"}[bracket]
            detail = f"There is no `{closing}` for it. Add it where it belongs."
            subject = Span(self.file, opened, opened + 1)
            return self.fail(
                "unclosed-bracket", f"this `{bracket}` is never closed", detail, subject, context
            )
        return self.fail("syntax", f"expected {wanted}", f"{self.found()} {remedy}", self.here(), context)

    def at_item(self) -> bool:
        """True if the token at hand begins a line that sets an attribute."""
        at, kinds = self.at, self.kinds
        return at > 0 and kinds[at] == NAME and kinds[at - 1] == NEWLINE and kinds[at + 1] == "="

    def found(self) -> str:
        """What the token at hand is, as a sentence."""
        kind = self.kinds[self.at]
        if kind in _FOUND:
            return _FOUND[kind]
        word = self.word()
        if len(word) > 40:
            word = word[:38] + "…"
        return f"Found {word} here." if "`" in word else f"Found `{word}` here."


_FOUND = {
    END: "The file ends here.",
    NEWLINE: "The line ends here.",
    QUOTE: "A string begins here.",
    UNQUOTE: "The string ends here.",
    QUOTED: "There is text here.",
    TEXT: "There is text here.",
    HEREDOC: "A heredoc begins here.",
    HEREDOC_END: "The heredoc ends here.",
    SEQUENCE_END: "The template's sequence ends here.",
}
