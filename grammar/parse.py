"""HCL text to syntax tree, with diagnostics; the front door of this half of the package.

A body's items are read one by one; after a mistake in one, reading goes on with the next, so that all mistakes of a
file are found at once. What was understood is in the tree in any case.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable

import attrs

from grammar.cursor import MAX_HEIGHT, Cursor, Failure
from grammar.diagnostics import Diagnostic, Diagnostics, error, has_errors, in_order
from grammar.expressions import read_expression
from grammar.pause import collections_paused
from grammar.scan import (
    DIRECTIVE,
    END,
    INTERPOLATION,
    NAME,
    NEWLINE,
    NUMBER,
    QUOTE,
    QUOTED,
    SEQUENCE_END,
    STRING,
    UNQUOTE,
    Tokens,
    scan,
)
from grammar.source import SourceFile, Span
from grammar.syntax import Attribute, Block, Body, Comment, Expression, Literal, Template, TemplateWrap
from grammar.templates import plain_text, read_template
from grammar.traverse import height

_OURS = re.compile(r"^<{7} [^\r\n]*", re.MULTILINE)
_BETWEEN = re.compile(r"^={7}\r?$", re.MULTILINE)
_THEIRS = re.compile(r"^>{7} ", re.MULTILINE)
"""The lines by which git marks a merge conflict."""


_OPENING = {"(": ")", "[": "]", "{": "}", INTERPOLATION: SEQUENCE_END, DIRECTIVE: SEQUENCE_END}
_CLOSING = frozenset(_OPENING.values())
_SWALLOWING = frozenset({"unclosed-heredoc", "unclosed-comment"})
"""Codes of mistakes by which all the rest of the file was read as something else."""


def parse(source: SourceFile) -> tuple[Body, Diagnostics]:
    """Read a configuration file.

    Returns the tree of all that could be understood and what is wrong, in the order of the text. If there is an
    error, the tree lacks something; an attribute that is set twice is in it twice.
    """
    with collections_paused():
        tokens = scan(source)
        reader = _Reader(Cursor(source, tokens), tokens)
        body = reader.body(None)
    diagnostics = _placed(body, reader.cursor.diagnostics)
    if has_errors(diagnostics) and (conflict := _conflict(source)):
        return attrs.evolve(body, items=()), conflict
    return body, diagnostics


def _conflict(source: SourceFile) -> Diagnostics:
    """What there is to say of a file in which git has left a merge conflict; nothing else in it can be understood."""
    found = _OURS.search(source.text)
    if found is None or not all(mark.search(source.text, found.end()) for mark in (_BETWEEN, _THEIRS)):
        return ()
    detail = "Git has left both sides in the file. Keep the lines that are right, and take out the three marked ones."
    return (error("merge-conflict", "a merge conflict is not resolved", detail, Span(source, *found.span())),)


def parse_expression(source: SourceFile) -> tuple[Expression, Diagnostics]:
    """Read a text that is one expression, in which line ends mean nothing. In case of an error it is `null`."""

    def read(cursor: Cursor) -> Expression:
        cursor.newlines = False
        expr = read_expression(cursor, "")
        if cursor.peek() != END:
            raise cursor.unexpected(
                "the end after the expression", "Only one expression is wanted. Take it out."
            )
        return expr

    return _whole(source, scan(source), read)


def parse_template(source: SourceFile) -> tuple[Template | TemplateWrap, Diagnostics]:
    """Read a template file: text with interpolations and directives. In case of an error it is empty."""

    def read(cursor: Cursor) -> Template | TemplateWrap:
        return read_template(cursor, END, 0, None, read_expression)

    template, diagnostics = _whole(source, scan(source, template=True), read)
    if isinstance(template, Template | TemplateWrap):
        return template, diagnostics
    return Template((), None, Span(source, 0, len(source.text))), diagnostics


def _whole(
    source: SourceFile, tokens: Tokens, read: Callable[[Cursor], Expression]
) -> tuple[Expression, Diagnostics]:
    cursor = Cursor(source, tokens)
    try:
        expr = read(cursor)
        _check_height(cursor, expr, 0)
    except Failure:
        expr = Literal(None, "null", Span(source, 0, len(source.text)))
    return expr, in_order(cursor.diagnostics)


def _check_height(cursor: Cursor, expr: Expression, begun: int) -> None:
    """Refuse an expression, begun at token `begun`, that is too high. With few tokens it cannot be."""
    if cursor.at - begun > MAX_HEIGHT and height(expr) > MAX_HEIGHT:
        where = expr.span or cursor.here()
        raise cursor.too_deep(where, f"more than {MAX_HEIGHT} operators and brackets inside of each other")


def _placed(body: Body, diagnostics: list[Diagnostic]) -> Diagnostics:
    """In order, each with the blocks around it."""
    placed = []
    unclosed: set[int] = set()  # templates of which it was told already: scanner and reader both may
    for diagnostic in diagnostics:
        if diagnostic.code == "unclosed-template" and diagnostic.subject:
            if diagnostic.subject.start in unclosed:
                continue
            unclosed.add(diagnostic.subject.start)
        within: list[str] = []
        inner = body
        while diagnostic.subject and (block := _block_at(inner, diagnostic.subject.start)):
            within.append(block.title)
            inner = block.body
        placed.append(attrs.evolve(diagnostic, within=tuple(within)))
    return in_order(placed)


def _block_at(body: Body, offset: int) -> Block | None:
    place = bisect_right(body.items, offset, key=lambda item: item.span.start)
    item = body.items[place - 1] if place else None
    return item if isinstance(item, Block) and item.body.span.start <= offset < item.span.end else None


class _Reader:
    """Reads bodies; comments are handed out to the innermost body as it is closed."""

    def __init__(self, cursor: Cursor, tokens: Tokens) -> None:
        self.cursor = cursor
        self.comments = tokens.comments
        self.next_comment = 0

    def take_comments(self, before: int) -> list[Comment]:
        """The comments not yet taken that begin before an offset."""
        first = self.next_comment
        while self.next_comment < len(self.comments) and self.comments[self.next_comment][0] < before:
            self.next_comment += 1
        text, span = self.cursor.text, self.cursor.span
        return [
            Comment(text[start:end], span(start, end))
            for start, end in self.comments[first : self.next_comment]
        ]

    def body(self, header: Span | None) -> Body:
        """Items up to the closing brace, which is left at hand, of the block of that header; else the whole file."""
        cursor = self.cursor
        kinds = cursor.kinds
        start = cursor.starts[cursor.at] if header else 0
        items: list[Attribute | Block] = []
        names: dict[str, Attribute] = {}
        comments: list[Comment] = []
        nesting = cursor.nesting
        while True:
            kind = kinds[cursor.at]
            if kind == NEWLINE:
                cursor.at += 1
            elif kind == END:
                if header:
                    self.never_closed(header, items)
                break
            elif kind == "}" and header:
                break
            else:
                begun = cursor.at
                try:
                    item = self.item(comments)
                    items.append(item)
                    if isinstance(item, Attribute):
                        self.check_name(item, names)
                    self.line_end(item)
                except Failure:
                    cursor.newlines, cursor.nesting = True, nesting
                    self.recover(begun, inside=header is not None)
        end = cursor.starts[cursor.at]
        comments += self.take_comments(end)
        return Body(tuple(items), tuple(comments), span=cursor.span(start if header else 0, end))

    def never_closed(self, header: Span, items: Iterable[Attribute | Block] = ()) -> None:
        """Complain that a block is open at the end, unless something else had no end and took its brace with it."""
        if any(diagnostic.code in _SWALLOWING for diagnostic in self.cursor.diagnostics):
            return
        detail = "There is no `}` for it up to the end of the file. Add it where the block ends"
        outside = next((item.span for item in items if item.span.column <= header.column), None)
        detail += f": by the indentation, before line {outside.line}." if outside else "."
        context = self.cursor.span(header.start, len(self.cursor.text))
        self.cursor.diagnostics.append(
            error("unclosed-block", "this block is never closed", detail, header, context=context)
        )

    def check_name(self, item: Attribute, names: dict[str, Attribute]) -> None:
        first = names.setdefault(item.name, item)
        if first is not item:
            detail = f"It is set on line {first.span.line} already. Remove one of the two."
            self.cursor.diagnostics.append(
                error("duplicate-attribute", f"`{item.name}` is set twice", detail, item.name_span)
            )

    def line_end(self, item: Attribute | Block) -> None:
        """Take the line end after an item."""
        cursor = self.cursor
        kind = cursor.kinds[cursor.at]
        if kind == NEWLINE:
            cursor.at += 1
        elif kind != END:
            what = "attribute" if isinstance(item, Attribute) else "block"
            if kind == "," and what == "attribute":
                detail = "Attributes are ended by the end of their line, not by commas. Take it out."
            elif kind == "}" and what == "attribute":
                detail = "The closing brace of a block of several lines stands on a line of its own. Move it."
            else:
                detail = f"{cursor.found()} Begin a new line before it."
            self.fail_here(
                "missing-newline", f"expected the line to end after this {what}", detail, item.span
            )

    def fail_here(self, code: str, summary: str, detail: str, context: Span) -> None:
        cursor = self.cursor
        if cursor.kinds[cursor.at] == "bad":
            raise Failure
        raise cursor.fail(code, summary, detail, cursor.here(), context.to(cursor.here()))

    def item(self, comments: list[Comment]) -> Attribute | Block:
        """The attribute or block at hand."""
        cursor = self.cursor
        kind, name, span = cursor.kinds[cursor.at], cursor.word(), cursor.here()
        if kind != NAME:
            raise self.no_item(kind)
        cursor.at += 1
        kind = cursor.kinds[cursor.at]
        if kind == "=":
            return self.attribute(name, span)
        if kind in (NAME, "{", STRING, QUOTE):
            return self.block(name, span, comments)
        if kind == "bad":
            raise Failure
        after = cursor.word()
        if kind in (":", "=="):
            detail = f"A value comes after `=`. Write `{name} = …` instead of `{name}{after}`."
        elif kind in (".", "["):
            detail = (
                "An attribute has a plain name. To set a part of a value, write the whole object or list."
            )
        else:
            detail = f"Write `{name} = …` for an attribute, or `{name} {{` for a block."
        raise cursor.fail("syntax", f"expected `=` or a block after `{name}`", detail, span)

    def no_item(self, kind: str) -> Failure:
        cursor = self.cursor
        if kind in (STRING, QUOTE):
            detail = "The name of an attribute and the type of a block stand without quotes. Take them off."
            return cursor.fail("syntax", "a name in quotes", detail, cursor.here())
        if kind == "}":
            return cursor.fail("syntax", "no block is open here", "Take out the `}`.", cursor.here())
        remedy = 'Write `name = value` or `type "label" {`.'
        if kind == NUMBER:
            remedy = "Names do not begin with a digit. Write `name = value`."
        return cursor.unexpected("an attribute or a block", remedy)

    def attribute(self, name: str, name_span: Span) -> Attribute:
        cursor = self.cursor
        cursor.at += 1
        begun = cursor.at
        expr = read_expression(cursor, "`=`")
        _check_height(cursor, expr, begun)
        return Attribute(name, expr, name_span, name_span.to(cursor.span(0, cursor.ends[cursor.at - 1])))

    def block(self, block_type: str, type_span: Span, comments: list[Comment]) -> Block:
        cursor = self.cursor
        cursor.descend()
        labels: list[str] = []
        label_spans: list[Span] = []
        while (kind := cursor.kinds[cursor.at]) != "{":
            if kind == NAME:
                labels.append(cursor.word())
                label_spans.append(cursor.here())
                cursor.at += 1
            elif kind == STRING:
                labels.append(cursor.word()[1:-1])
                label_spans.append(cursor.here())
                cursor.at += 1
            elif kind == QUOTE:
                label, span = self.quoted_label()
                labels.append(label)
                label_spans.append(span)
            else:
                self.no_brace(block_type, type_span)
        header = type_span.to(cursor.here())
        cursor.at += 1
        comments += self.take_comments(header.end)
        on_lines = cursor.kinds[cursor.at] in (NEWLINE, END, "}")
        body = self.body(header) if on_lines else self.one_line_body(header)
        end = cursor.ends[cursor.at]
        if cursor.kinds[cursor.at] == "}":
            cursor.at += 1
        cursor.nesting -= 1
        span = cursor.span(type_span.start, end)
        return Block(block_type, tuple(labels), body, type_span, tuple(label_spans), span)

    def no_brace(self, block_type: str, type_span: Span) -> None:
        """Complain that the block's brace does not come; returns if it comes on a later line."""
        cursor = self.cursor
        if cursor.kinds[cursor.at] == "=":
            detail = f"With `=` it would be an attribute, which has one name. Write `{block_type} = …`, or drop `=`."
            raise cursor.fail("syntax", "`=` after several names", detail, cursor.here(), type_span)
        if cursor.kinds[cursor.at] in (NEWLINE, END):
            detail = "A block's `{` stands on the line of its type and labels. Put it there."
            failure = cursor.fail("syntax", f"expected `{{` after `{block_type}`", detail, type_span)
            after = cursor.at
            while cursor.kinds[after] == NEWLINE:
                after += 1
            if cursor.kinds[after] == "{":
                cursor.at = after
                return  # what is meant is clear
            raise failure
        raise cursor.unexpected("a label or `{`", 'Labels are names or strings: `type "label" {`.')

    def quoted_label(self) -> tuple[str, Span]:
        """A label with escapes in it, or with what no label may hold."""
        cursor = self.cursor
        opened = cursor.starts[cursor.at]
        text = []
        cursor.at += 1
        while (kind := cursor.kinds[cursor.at]) == QUOTED:
            text.append(plain_text(cursor, cursor.word(), cursor.starts[cursor.at]))
            cursor.at += 1
        if kind in (INTERPOLATION, DIRECTIVE):
            sign = cursor.word()[:2]
            detail = (
                f"Labels are plain text. Write the name itself; for `{sign}` as text write `{sign[0]}{sign}`."
            )
            raise cursor.fail("invalid-label", f"`{sign}` in a label", detail, cursor.here())
        if kind != UNQUOTE:
            raise cursor.unexpected("the end of the label", "Close it.")
        cursor.at += 1
        return "".join(text), cursor.span(opened, cursor.ends[cursor.at - 1])

    def one_line_body(self, header: Span) -> Body:
        """The single attribute of a block on one line; the closing brace is left at hand."""
        cursor = self.cursor
        kinds = cursor.kinds
        start, name, span = cursor.starts[cursor.at], cursor.word(), cursor.here()
        if kinds[cursor.at] != NAME:
            raise self.no_item(kinds[cursor.at])
        cursor.at += 1
        if kinds[cursor.at] != "=":
            detail = (
                "A block on one line holds at most one attribute. Begin a new line after `{`, and before `}`."
            )
            raise cursor.fail("syntax", f"expected `=` after `{name}`", detail, span, header.to(span))
        item = self.attribute(name, span)
        if kinds[cursor.at] == END:
            self.never_closed(header)
            raise Failure
        if kinds[cursor.at] != "}":
            detail = (
                "A block with an attribute on the line of its `{` ends on that line, too, and holds nothing else. "
                "Begin a new line after `{`, and before `}`."
            )
            self.fail_here(
                "missing-newline", "expected `}` after the attribute of a one-line block", detail, header
            )
        end = cursor.starts[cursor.at]
        return Body((item,), tuple(self.take_comments(end)), span=cursor.span(start, end))

    def recover(self, begun: int, *, inside: bool) -> None:
        """Go on behind the item that began at token `begun` and in which a mistake was met.

        That is the first line end, from the mistake on, at which no bracket of the item is open; or, where only round
        or square brackets are open, one after which a new item obviously begins. The closing brace of the block
        around is not passed.
        """
        cursor = self.cursor
        kinds, failed = (
            cursor.kinds,
            cursor.at - cursor.at_item(),
        )  # before an item is the line end that counts
        waiting: list[str] = []
        at = begun
        while (kind := kinds[at]) != END:
            if kind in _OPENING:
                waiting.append(_OPENING[kind])
            elif kind in _CLOSING:
                if kind in waiting:
                    while waiting.pop() != kind:
                        pass
                elif kind == "}" and inside:
                    break
            elif kind == NEWLINE and at >= failed and (not waiting or self.new_item(at + 1, waiting)):
                break
            at += 1
        cursor.at = max(at, begun)

    def new_item(self, at: int, waiting: list[str]) -> bool:
        """True if an attribute or block header begins at token `at`, though brackets are still open."""
        kinds = self.cursor.kinds
        if "}" in waiting or SEQUENCE_END in waiting or kinds[at] != NAME:
            return False
        return kinds[at + 1] in ("=", "{") or (kinds[at + 1] == STRING and kinds[at + 2] in ("{", STRING))
