"""Templates: quoted strings, heredocs, template files.

Three steps, in the order that HCL takes them: the flat sequence of texts, interpolations and directives, with escapes
and strip markers applied (a marker reaches the text next to it, in a heredoc only to the end of that line); then the
indentation of `<<-`; then directives paired to a tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import attrs

from grammar.cursor import Cursor
from grammar.diagnostics import error
from grammar.kinds import nfc
from grammar.scan import (
    BAD,
    DIRECTIVE,
    END,
    INTERPOLATION,
    NAME,
    QUOTE,
    QUOTED,
    SEQUENCE_END,
    SPACES,
    STRING,
    TEXT,
    UNQUOTE,
)
from grammar.source import Span
from grammar.syntax import (
    Expression,
    Interpolation,
    Template,
    TemplateFor,
    TemplateIf,
    TemplatePart,
    TemplateText,
    TemplateWrap,
)

ReadExpression: TypeAlias = Callable[[Cursor, str], Expression]

_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|\$\$\{|%%\{", re.DOTALL)
_SEQUENCE_ESCAPE = re.compile(r"\$\$\{|%%\{")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@attrs.define
class _Text:
    """A piece of literal text on its way."""

    value: str
    start: int
    end: int


@attrs.frozen
class _Directive:
    keyword: str
    span: Span
    expr: Expression | None = None
    key_name: str | None = None
    value_name: str = ""


_Item: TypeAlias = _Text | Interpolation | _Directive


def read_template(
    cursor: Cursor, closer: str, opened: int, heredoc: str | None, read_expression: ReadExpression
) -> Template | TemplateWrap:
    """The template up to and with the token of kind `closer`, whose opening token began at `opened`."""
    newlines, cursor.newlines = cursor.newlines, False
    items = _items(cursor, closer, read_expression)
    span = cursor.span(opened, cursor.ends[cursor.at])
    cursor.at += 1
    cursor.newlines = newlines
    if len(items) == 1 and isinstance(items[0], Interpolation):
        return TemplateWrap(items[0].expr, span)
    if heredoc is not None and heredoc.startswith("<<-"):
        _unindent(items)
    return Template(_paired(cursor, items, span), heredoc, span)


def plain_text(cursor: Cursor, raw: str, start: int) -> str:
    """The value of the text `raw` of a quoted string, which begins at offset `start`."""
    if "\\" in raw:
        return _ESCAPE.sub(lambda found: _unescaped(cursor, found, start), raw)
    return _SEQUENCE_ESCAPE.sub(_halved, raw) if "{" in raw else raw


def _halved(found: re.Match[str]) -> str:
    return found.group()[1:]


def _unescaped(cursor: Cursor, found: re.Match[str], start: int) -> str:
    escape: str | None = found[1]
    if escape is None:
        return _halved(found)
    if escape in _SIMPLE:
        return _SIMPLE[escape]
    where = cursor.span(start + found.start(), start + found.end())
    if len(escape) > 1:
        number = int(escape[1:], 16)
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number)
        detail = (
            "The characters of Unicode go from U+0000 to U+10FFFF without U+D800 to U+DFFF. Name one of them."
        )
        cursor.diagnostics.append(
            error("invalid-escape", f"U+{number:04X} is not a character", detail, where)
        )
    elif escape in ("u", "U"):
        digits = "four" if escape == "u" else "eight"
        detail = f"`\\{escape}` is followed by exactly {digits} hexadecimal digits. Add zeros in front."
        cursor.diagnostics.append(
            error("invalid-escape", f"`\\{escape}` without {digits} digits", detail, where)
        )
    else:
        detail = (
            'The escapes are `\\n`, `\\r`, `\\t`, `\\"`, `\\\\`, `\\uNNNN` and `\\UNNNNNNNN`. '
            "For a backslash itself write two."
        )
        summary = f"`\\{escape}` is not an escape" if escape.isprintable() else "not an escape"
        cursor.diagnostics.append(error("invalid-escape", summary, detail, where))
    return escape


def _items(cursor: Cursor, closer: str, read_expression: ReadExpression) -> list[_Item]:
    """The flat sequence up to the token of kind `closer`, at which the cursor stays."""
    items: list[_Item] = []
    strip = False
    while (kind := cursor.kinds[cursor.at]) != closer:
        start, end = cursor.starts[cursor.at], cursor.ends[cursor.at]
        cursor.at += 1
        if kind in (QUOTED, TEXT):
            value = cursor.text[start:end]
            if kind == QUOTED:
                value = plain_text(cursor, value, start)
            elif "{" in value:
                value = _SEQUENCE_ESCAPE.sub(_halved, value)
            items.append(_Text(value.lstrip(SPACES) if strip else value, start, end))
            strip = False
        elif kind in (INTERPOLATION, DIRECTIVE):
            if end - start == 3 and items and isinstance(before := items[-1], _Text):
                before.value = before.value.rstrip(SPACES)
            cursor.descend()
            read = _interpolation if kind == INTERPOLATION else _directive
            items.append(read(cursor, start, read_expression))
            cursor.nesting -= 1
            strip = cursor.ends[cursor.at - 1] - cursor.starts[cursor.at - 1] == 2
        else:  # only what has its diagnostic already: a bad token, or the end after one
            assert kind in (BAD, END)
            cursor.at -= 1
            raise cursor.unexpected("the end of the template", "Close it.", None)
    return items


def _close(cursor: Cursor, start: int) -> Span:
    """Take the `}` of the sequence that began at `start`."""
    kind = cursor.peek()
    if kind == SEQUENCE_END:
        cursor.at += 1
        return cursor.span(start, cursor.ends[cursor.at - 1])
    opening = cursor.text[start : start + 2]
    plain = f"for `{opening}` as plain text, of a shell for example, write `{opening[0]}{opening}`."
    if kind in (QUOTE, STRING, UNQUOTE, END):
        where = cursor.span(start, max(start + 2, cursor.starts[cursor.at]))
        detail = f"Its `}}` is missing. Close it; {plain}"
        raise cursor.fail("unclosed-template", f"this `{opening}` is never closed", detail, where)
    raise cursor.unexpected(f"`}}` to close `{opening}`", f"Close it; {plain}")


def _interpolation(cursor: Cursor, start: int, read_expression: ReadExpression) -> Interpolation:
    expr = read_expression(cursor, "`${`")
    return Interpolation(expr, _close(cursor, start))


def _directive(cursor: Cursor, start: int, read_expression: ReadExpression) -> _Directive:
    remedy = "The directives are `if`, `else`, `endif`, `for`, `endfor`; for `%{` as plain text write `%%{`."
    if cursor.peek() != NAME:
        raise cursor.unexpected("a directive after `%{`", remedy)
    keyword = cursor.word()
    if keyword not in ("if", "else", "endif", "for", "endfor"):
        if keyword in ("elif", "elsif", "elseif"):
            remedy = "Put an `%{ if … }` with its own `%{ endif }` after `%{ else }`."
        raise cursor.fail("invalid-directive", f"`{keyword}` is not a directive", remedy, cursor.here())
    cursor.at += 1
    if keyword == "if":
        condition = read_expression(cursor, "`if`")
        return _Directive(keyword, _close(cursor, start), condition)
    if keyword == "for":
        key_name, value_name = read_for_names(cursor)
        collection = read_expression(cursor, "`in`")
        return _Directive(keyword, _close(cursor, start), collection, key_name, value_name)
    if keyword == "else" and cursor.peek() == NAME and cursor.word() == "if":
        detail = "Put an `%{ if … }` with its own `%{ endif }` after `%{ else }`."
        raise cursor.fail("invalid-directive", "there is no `else if`", detail, cursor.here())
    return _Directive(keyword, _close(cursor, start))


def read_for_names(cursor: Cursor, opened: int | None = None) -> tuple[str | None, str]:
    """`value in` or `key, value in`, after `for`: the names of key (or None) and value."""
    names: list[str] = []
    while True:
        if cursor.peek() != NAME:
            remedy = "Write `for value in …` or `for key, value in …`."
            raise cursor.unexpected("a name after `,`" if names else "a name after `for`", remedy, opened)
        names.append(cursor.word())
        cursor.at += 1
        if len(names) == 2 or cursor.peek() != ",":
            break
        cursor.at += 1
    if cursor.peek() != NAME or cursor.word() != "in":
        remedy = "Write `for value in …` or `for key, value in …`."
        raise cursor.unexpected(f"`in` after `{names[-1]}`", remedy, opened)
    cursor.at += 1
    return (names[0] if len(names) == 2 else None), names[-1]


def _unindent(items: list[_Item]) -> None:
    """Take from all lines of a `<<-` heredoc the blanks that the least indented has; lines of blanks do not count."""
    begun: list[_Text] = []
    least: int | None = None
    at_start = True
    for item in items:
        text = item if isinstance(item, _Text) else None
        if at_start:
            at_start = False
            if text is None:
                least = 0
            else:
                rest = text.value.lstrip(SPACES)
                if rest or not text.value.endswith("\n"):
                    begun.append(text)
                    blanks = len(text.value) - len(rest)
                    least = blanks if least is None else min(least, blanks)
        if text is not None and text.value.endswith("\n"):
            at_start = True
    for text in begun:
        text.value = text.value[least or 0 :]


@attrs.define
class _Open:
    """A directive that waits for its end, with the parts read so far."""

    directive: _Directive
    outer: list[TemplatePart]
    then: tuple[TemplatePart, ...] | None = None
    then_end: int = 0


def _paired(cursor: Cursor, items: list[_Item], span: Span) -> tuple[TemplatePart, ...]:
    """The parts as a tree: neighbouring texts joined, directives with what is between them and their ends."""
    parts: list[TemplatePart] = []
    waiting: list[_Open] = []
    text: list[_Text] = []
    for item in items:
        if isinstance(item, _Text):
            text.append(item)
            continue
        _add_text(cursor, parts, text)
        if isinstance(item, Interpolation):
            parts.append(item)
        elif item.keyword in ("if", "for"):
            waiting.append(_Open(item, parts))
            parts = []
        else:
            parts = _end(cursor, item, waiting, parts)
    _add_text(cursor, parts, text)
    if waiting:
        opening = waiting[-1].directive
        detail = (
            f"Its `%{{ end{opening.keyword} }}` is missing. Add it where the text ends to which it applies."
        )
        summary = f"this `{opening.keyword}` directive is never closed"
        raise cursor.fail("invalid-directive", summary, detail, opening.span, span)
    return tuple(parts)


def _add_text(cursor: Cursor, parts: list[TemplatePart], text: list[_Text]) -> None:
    if text:
        value = nfc("".join([piece.value for piece in text]))
        if value:
            parts.append(TemplateText(value, cursor.span(text[0].start, text[-1].end)))
        text.clear()


def _end(
    cursor: Cursor, item: _Directive, waiting: list[_Open], parts: list[TemplatePart]
) -> list[TemplatePart]:
    """Take `else`, `endif` or `endfor`; returns the parts to go on with."""
    opener = "for" if item.keyword == "endfor" else "if"
    if not waiting or waiting[-1].directive.keyword != opener:
        detail = f"It belongs to `%{{ {opener} … }}`, but "
        if waiting:
            inner = waiting[-1].directive
            detail += f"the directive `{inner.keyword}` of line {inner.span.line} is open. Close that first."
        else:
            detail += "none is open. Take it out, or add that before."
        raise cursor.fail("invalid-directive", f"`{item.keyword}` without its `{opener}`", detail, item.span)
    opened = waiting[-1]
    if item.keyword == "else":
        if opened.then is not None:
            detail = (
                f"The `if` of line {opened.directive.span.line} has got an `else` already. Leave one of them."
            )
            raise cursor.fail("invalid-directive", "a second `else`", detail, item.span)
        opened.then, opened.then_end = tuple(parts), item.span.start
        return []
    waiting.pop()
    assert opened.directive.expr is not None
    directive = opened.directive
    body = Template(tuple(parts), None, cursor.span(opened.then_end or directive.span.end, item.span.start))
    whole = directive.span.to(item.span)
    if opener == "for":
        made: TemplatePart = TemplateFor(
            directive.key_name, directive.value_name, opened.directive.expr, body, whole
        )
    elif opened.then is None:
        made = TemplateIf(opened.directive.expr, body, None, whole)
    else:
        then = Template(opened.then, None, cursor.span(directive.span.end, opened.then_end))
        made = TemplateIf(opened.directive.expr, then, body, whole)
    opened.outer.append(made)
    return opened.outer
