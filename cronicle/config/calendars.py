"""`calendar` blocks: the days that schedules tick on only, or leave out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cronicle.config.paths import normalise
from cronicle.config.reading import Reader, attribute_of
from cronicle.config.tree import Tree
from cronicle.errors import CronicleError
from cronicle.schedule.calendars import Calendar
from cronicle.schedule.text import parse_date
from grammar.diagnostics import error, register
from grammar.source import SourceFile, Span
from grammar.suggest import nearest
from grammar.syntax import Attribute, Block, Body
from grammar.types import STRING

register({"not-a-date": "A line of a calendar's file is no date."})

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
"""In the order of their numbers, which are those of cron."""


def read_calendar(reader: Reader, block: Block, tree: Tree) -> Calendar:
    """The days of a calendar; those that are wrong are told and left out."""
    body = block.body
    if not any(attribute_of(body, name) for name in ("dates", "weekdays", "file")):
        reader.error(
            "invalid-value",
            "calendar has no days",
            'Give it dates = ["2026-12-25"], weekdays = ["sat", "sun"], or file = "holidays.txt".',
            block.header_span,
        )
    return Calendar(
        dates=frozenset((*_dates(reader, body), *_dates_of_file(reader, attribute_of(body, "file"), tree))),
        weekdays=frozenset(_weekdays(reader, body)),
    )


def _dates(reader: Reader, body: Body) -> Iterator[date]:
    attribute = attribute_of(body, "dates")
    for text in reader.texts(body, "dates") or ():
        day = reader.parsed(attribute, parse_date, text)
        if day is not None:
            yield day


def _weekdays(reader: Reader, body: Body) -> Iterator[int]:
    attribute = attribute_of(body, "weekdays")
    for word in reader.texts(body, "weekdays") or ():
        if word in WEEKDAYS:
            yield WEEKDAYS.index(word)
        elif attribute is not None:
            close = nearest(word, WEEKDAYS) or next(
                (day for day in WEEKDAYS if word.lower()[:3] == day), None
            )
            remedy = f'Did you mean "{close}"?' if close else f"There are: {', '.join(WEEKDAYS)}."
            reader.invalid(attribute, f'"{word}" is no day of the week', remedy)


def _dates_of_file(reader: Reader, attribute: Attribute | None, tree: Tree) -> Iterator[date]:
    value = reader.known(attribute, STRING)
    if attribute is None or not isinstance(value, str):
        return
    path = normalise(value)
    try:
        data = None if path is None else tree.read(path)
    except (OSError, CronicleError):
        data = None
    if path is None or data is None:
        reader.error(
            "bad-path",
            f'there is no file "{value}"',
            "It is a file of the revision, below the project's folder and relative to it: one date a line.",
            attribute.expr.span,
        )
        return
    file, wrong = SourceFile.from_bytes(path, data)
    reader.keep(wrong)
    at = 0
    for line in file.text.splitlines(keepends=True):
        text = line.partition("#")[0].strip()
        if text:
            try:
                yield parse_date(text)
            except CronicleError as fault:
                begin = at + line.index(text)
                span = Span(file, begin, begin + len(text))
                reader.keep(
                    [error("not-a-date", fault.message, f"A line holds one date. {fault.remedy}", span)]
                )
        at += len(line)
