"""The shape of a diagnostic in the JSON output; a contract: keys are only ever added."""

from __future__ import annotations

from attrs import frozen

from grammar.diagnostics import Diagnostic
from grammar.source import Span


@frozen(kw_only=True, slots=False)
class PlaceShape:
    """A place in a file."""

    line: int
    """From 1."""
    column: int
    """From 1, in what people take for one character (grapheme clusters)."""
    byte: int
    """From 0, of the file."""


@frozen(kw_only=True, slots=False)
class SpanShape:
    """A piece of a file."""

    start: PlaceShape
    end: PlaceShape
    """Just behind its last character."""

    @classmethod
    def of(cls, span: Span) -> SpanShape:
        """That of a span."""
        return cls(
            start=PlaceShape(line=span.line, column=span.column, byte=span.byte),
            end=PlaceShape(line=span.end_line, column=span.end_column, byte=span.file.byte_of(span.end)),
        )


@frozen(kw_only=True, slots=False)
class DiagnosticShape:
    """Something that is wrong in an HCL file."""

    severity: str
    """`error` or `warning`."""
    code: str
    """A stable name for this kind of mistake."""
    summary: str
    """What is wrong."""
    detail: str | None
    """Why, and how to mend it."""
    file: str | None
    """Relative to the project's folder; null for what belongs to no place."""
    subject: SpanShape | None
    """Exactly what is wrong."""
    source: str | None
    """The line in which that begins."""
    context: SpanShape | None
    """A wider piece that helps to understand, such as what is not closed."""
    within: tuple[str, ...]
    """The blocks around it, the outermost first."""

    @classmethod
    def of(cls, one: Diagnostic) -> DiagnosticShape:
        """That of a diagnostic."""
        subject = one.subject
        return cls(
            severity=one.severity.value,
            code=one.code,
            summary=one.summary,
            detail=one.detail or None,
            file=subject.file.name if subject else None,
            subject=SpanShape.of(subject) if subject else None,
            source=subject.file.line_text(subject.line) if subject else None,
            context=SpanShape.of(one.context) if one.context else None,
            within=one.within,
        )
