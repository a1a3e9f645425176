"""Tokens to expressions.

Here is decided what an expression consists of, where it ends, and what line ends mean: nothing inside of parentheses,
brackets, calls, `for` and template sequences, an end inside of objects and everywhere else. How its operands and
operators nest is left to `shapes`. What is inside of brackets is read as expressions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from grammar import shapes
from grammar.cursor import Cursor, Failure
from grammar.kinds import nfc
from grammar.scan import END, HEREDOC, HEREDOC_END, NAME, NEWLINE, NUMBER, QUOTE, STRING, UNQUOTE
from grammar.source import Span
from grammar.syntax import (
    BINARY_OPERATORS,
    UNARY_OPERATORS,
    Binary,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    FunctionCall,
    GetAttr,
    Index,
    Literal,
    Object,
    ObjectItem,
    Parentheses,
    Splat,
    SplatItem,
    Template,
    TemplateText,
    Tuple,
    Unary,
    Variable,
    number_value,
)
from grammar.templates import read_for_names, read_template

MAX_PIECES = 1_000
"""How many operands, operators and steps an expression may have outside of brackets."""

MAX_EXPONENT = 646_456_993
"""HCL's numbers are binary with an exponent of 32 bits: about 10 to this power."""

_KEYWORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NUMBER_FORM = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")

_Operand: TypeAlias = tuple[str, Expression]
"""The piece that stands for it in a shape, and the operand itself."""


def read_expression(cursor: Cursor, after: str) -> Expression:
    """The expression at hand; the cursor is left behind it. `after` says in messages what it follows, if anything."""
    cursor.descend()
    kinds = cursor.kinds
    pieces: list[str] = []
    values: list[Any] = []
    conditionals: list[int] = []
    while True:
        kind = cursor.peek()
        if kind in UNARY_OPERATORS:
            pieces.append(kind)
            values.append(_unary_chain(cursor))
            kind = cursor.peek()
            after = f"`{kinds[cursor.at - 1]}`"
        reader = _OPERANDS.get(kind)
        if reader is None:
            raise _no_expression(cursor, after)
        piece, value = reader(cursor)
        pieces.append(piece)
        values.append(value)
        kind = cursor.peek()
        if kind == "." or kind == "[":
            _read_steps(cursor, pieces, values)
            kind = cursor.peek()
        if kind == "?":
            conditionals.append(cursor.starts[cursor.at])
        elif kind == ":" and conditionals:
            conditionals.pop()
        elif kind not in BINARY_OPERATORS:
            break
        if len(pieces) > MAX_PIECES:
            raise cursor.too_deep(cursor.here(), f"more than {MAX_PIECES} operators in one expression")
        pieces.append(kind)
        values.append(kind)
        cursor.at += 1
        after = f"`{kind}`"
    if conditionals:
        question = cursor.span(conditionals[-1], conditionals[-1] + 1)
        remedy = "A condition has two results: `condition ? value : other`. Add the other."
        if not cursor.newlines or kind not in (NEWLINE, END):
            raise cursor.unexpected("`:` and the value otherwise", remedy)
        raise cursor.fail("syntax", "expected `:` and the value otherwise", remedy, cursor.here(), question)
    cursor.nesting -= 1
    if len(values) == 1:
        return value
    return _nested(cursor, pieces, values)


def _no_expression(cursor: Cursor, after: str) -> Failure:
    word = cursor.word()
    remedy = "Write a value: a number, a string in quotes, a name, a list or an object."
    if word == "+":
        remedy = "There is no sign `+`. Leave it out."
    elif word == "*" and after == "`[`":
        remedy = "Write the splat `[*]` on one line."
    elif cursor.kinds[cursor.at] == NEWLINE:
        remedy = "Write a value on the same line; to go on with the next line, put the whole in parentheses."
    return cursor.unexpected(f"an expression after {after}" if after else "an expression", remedy)


def _unary_chain(cursor: Cursor) -> list[tuple[str, int]]:
    chain: list[tuple[str, int]] = []
    while (kind := cursor.peek()) in UNARY_OPERATORS:
        chain.append((kind, cursor.starts[cursor.at]))
        cursor.at += 1
        if len(chain) > MAX_PIECES:
            raise cursor.too_deep(cursor.here(), f"more than {MAX_PIECES} operators in one expression")
    return chain


# Steps


def _read_steps(cursor: Cursor, pieces: list[str], values: list[Any]) -> None:
    """All of `.name`, `.0`, `[key]`, `.*` and `[*]` that follow."""
    attribute_splat = False
    while True:
        kind = cursor.peek()
        if kind == ".":
            cursor.at += 1
            kind = cursor.peek()
            start, end, word = cursor.starts[cursor.at], cursor.ends[cursor.at], cursor.word()
            if kind == NAME:
                pieces.append(shapes.ATTRIBUTE)
                values.append((word, end))
                cursor.at += 1
            elif kind == NUMBER:
                if "." in word:
                    first, _, second = word.partition(".")
                    detail = (
                        f"Two numbers in a row are read as one with a fraction. Write `[{first}][{second}]`."
                    )
                    raise cursor.fail("syntax", "an index like `.0` ends the row", detail, cursor.here())
                pieces.append(shapes.OLD_INDEX)
                values.append((_number(cursor)[1], end))
            elif kind == "*":
                if attribute_splat:
                    detail = "After `.*` come only names and numbers. Write `[*]` instead of the first `.*`."
                    raise cursor.fail("syntax", "a splat `.*` inside of another", detail, cursor.here())
                attribute_splat = True
                pieces.append(shapes.ATTRIBUTE_SPLAT)
                values.append((start, end))
                cursor.at += 1
            else:
                remedy = "Write `.name`; to use a computed key or a position write `[key]` without a dot."
                raise cursor.unexpected("a name after `.`", remedy)
        elif kind == "[":
            attribute_splat = False
            opened = cursor.starts[cursor.at]
            cursor.at += 1
            if cursor.peek() == "*":
                cursor.at += 1
                if cursor.peek() != "]":
                    raise cursor.unexpected("`]` after `[*`", "Write the splat `[*]`.", opened)
                pieces.append(shapes.FULL_SPLAT)
                values.append((opened, cursor.ends[cursor.at]))
            else:
                newlines, cursor.newlines = cursor.newlines, False
                key = read_expression(cursor, "`[`")
                if cursor.peek() != "]":
                    raise cursor.unexpected("`]` after the key", "An index has one key. Close it.", opened)
                cursor.newlines = newlines
                pieces.append(shapes.INDEX)
                values.append((key, cursor.ends[cursor.at]))
            cursor.at += 1
        else:
            return
        if len(pieces) > MAX_PIECES:
            raise cursor.too_deep(cursor.here(), f"more than {MAX_PIECES} steps in one expression")


# Operands


def _number(cursor: Cursor) -> _Operand:
    text, span = cursor.word(), cursor.here()
    cursor.at += 1
    if text.isdecimal():
        return shapes.VALUE, Literal(number_value(text), text, span)
    found = _NUMBER_FORM.fullmatch(text)
    if not found:
        detail = "A number has at most one decimal point and one exponent, as in `1.5e3`. Mend or quote it."
        raise cursor.fail("invalid-number", f"`{text[:40]}` is not a number", detail, span)
    exponent = (found[2] or "e0")[1:]
    if len(exponent) > 12 or abs(int(exponent)) > MAX_EXPONENT:
        detail = f"Exponents go to {MAX_EXPONENT}. Write a smaller one."
        raise cursor.fail("invalid-number", "a number beyond all bounds", detail, span)
    return shapes.VALUE, Literal(number_value(text), text, span)


def _string(cursor: Cursor) -> _Operand:
    span = cursor.here()
    cursor.at += 1
    value = cursor.text[span.start + 1 : span.end - 1]
    if not value:
        return shapes.STRING, Template((), None, span)
    part = TemplateText(nfc(value), Span(cursor.file, span.start + 1, span.end - 1))
    return shapes.STRING, Template((part,), None, span)


def _quoted(cursor: Cursor) -> _Operand:
    opened = cursor.starts[cursor.at]
    cursor.at += 1
    return shapes.STRING, read_template(cursor, UNQUOTE, opened, None, read_expression)


def _heredoc(cursor: Cursor) -> _Operand:
    opened, introduction = cursor.starts[cursor.at], cursor.word().rstrip("\r\n")
    cursor.at += 1
    return shapes.STRING, read_template(cursor, HEREDOC_END, opened, introduction, read_expression)


def _name(cursor: Cursor) -> _Operand:
    name, span = cursor.word(), cursor.here()
    cursor.at += 1
    kind = cursor.peek()
    if kind == "(" or kind == "::":
        return _call(cursor, name, span)
    if name in _KEYWORDS:
        return shapes.NAME, Literal(_KEYWORDS[name], name, span)
    return shapes.NAME, Variable(name, span)


def _call(cursor: Cursor, name: str, name_span: Span) -> _Operand:
    while cursor.peek() == "::":
        cursor.at += 1
        if cursor.peek() != NAME:
            raise cursor.unexpected("a function's name after `::`", "Write `namespace::name(…)`.")
        name = f"{name}::{cursor.word()}"
        name_span = name_span.to(cursor.here())
        cursor.at += 1
    if cursor.peek() != "(":
        remedy = "Names with `::` are functions. Call it: `" + name + "(…)`."
        raise cursor.unexpected(f"`(` after `{name}`", remedy)
    opened = cursor.starts[cursor.at]
    cursor.at += 1
    newlines, cursor.newlines = cursor.newlines, False
    arguments: list[Expression] = []
    expand = False
    while cursor.peek() != ")":
        arguments.append(read_expression(cursor, "`,`" if arguments else "`(`"))
        kind = cursor.peek()
        if kind == "...":
            expand = True
            cursor.at += 1
            if cursor.peek() != ")":
                raise cursor.unexpected("`)` after `...`", "Only the last argument may be expanded.", opened)
        elif kind == ",":
            cursor.at += 1
        elif kind != ")":
            remedy = "Separate arguments by commas, and close the call."
            raise cursor.unexpected("`,` or `)` after an argument", remedy, opened)
    end = cursor.ends[cursor.at]
    cursor.at += 1
    cursor.newlines = newlines
    span = cursor.span(name_span.start, end)
    return shapes.CALL, FunctionCall(name, tuple(arguments), expand, name_span, span)


def _parentheses(cursor: Cursor) -> _Operand:
    opened = cursor.starts[cursor.at]
    cursor.at += 1
    newlines, cursor.newlines = cursor.newlines, False
    expr = read_expression(cursor, "`(`")
    if cursor.peek() != ")":
        raise cursor.unexpected("`)` after the expression", "Close the parentheses.", opened)
    end = cursor.ends[cursor.at]
    cursor.at += 1
    cursor.newlines = newlines
    return shapes.PARENTHESES, Parentheses(expr, cursor.span(opened, end))


def _tuple(cursor: Cursor) -> _Operand:
    opened = cursor.starts[cursor.at]
    cursor.at += 1
    newlines, cursor.newlines = cursor.newlines, False
    made: _Operand
    if cursor.peek() == NAME and cursor.word() == "for":
        made = _for(cursor, opened, "]")
    else:
        items: list[Expression] = []
        while cursor.peek() != "]":
            items.append(read_expression(cursor, "`,`" if items else "`[`"))
            kind = cursor.peek()
            if kind == ",":
                cursor.at += 1
            elif kind != "]":
                remedy = "Separate items by commas, and close the list."
                raise cursor.unexpected("`,` or `]` after an item", remedy, opened)
        made = shapes.TUPLE, Tuple(tuple(items), cursor.span(opened, cursor.ends[cursor.at]))
    cursor.at += 1
    cursor.newlines = newlines
    return made


def _object(cursor: Cursor) -> _Operand:
    opened = cursor.starts[cursor.at]
    cursor.at += 1
    newlines, cursor.newlines = cursor.newlines, False
    place = cursor.at
    made: _Operand
    if cursor.peek() == NAME and cursor.word() == "for":
        made = _for(cursor, opened, "}")
    else:
        cursor.at = place
        cursor.newlines = True
        items = _object_items(cursor, opened)
        made = shapes.OBJECT, Object(items, cursor.span(opened, cursor.ends[cursor.at]))
    cursor.at += 1
    cursor.newlines = newlines
    return made


def _object_items(cursor: Cursor, opened: int) -> tuple[ObjectItem, ...]:
    kinds = cursor.kinds
    items: list[ObjectItem] = []
    while True:
        while kinds[cursor.at] == NEWLINE:
            cursor.at += 1
        if kinds[cursor.at] == "}":
            return tuple(items)
        if kinds[cursor.at] == END:
            raise cursor.unexpected("`}`", "Close the object.", opened)
        start = cursor.starts[cursor.at]
        key = read_expression(cursor, "`,`" if items else "`{`")
        if kinds[cursor.at] not in ("=", ":"):
            remedy = "An item is written `key = value`; quote a key that is not a plain name."
            raise cursor.unexpected("`=` after the key", remedy, opened)
        sign = kinds[cursor.at]
        cursor.at += 1
        value = read_expression(cursor, f"`{sign}`")
        items.append(ObjectItem(key, value, cursor.span(start, value.span.end if value.span else start)))
        kind = kinds[cursor.at]
        if kind == "," or kind == NEWLINE:
            cursor.at += 1
        elif kind != "}":
            remedy = "Separate items by commas or line ends, and close the object."
            raise cursor.unexpected("`,`, a line end or `}` after an item", remedy, opened)


def _for(cursor: Cursor, opened: int, closer: str) -> _Operand:
    """The rest of a `for` expression, whose closing bracket is left at hand."""
    cursor.at += 1
    key_name, value_name = read_for_names(cursor, opened)
    collection = read_expression(cursor, "`in`")
    if cursor.peek() != ":":
        raise cursor.unexpected("`:` after the collection", "Write `for value in list : result`.", opened)
    cursor.at += 1
    result = read_expression(cursor, "`:`")
    key: Expression | None = None
    if cursor.peek() == "=>":
        if closer == "]":
            detail = "`=>` gives the keys of an object. Write `{for … }`, or leave out the key."
            raise cursor.fail("syntax", "a key in a `for` that makes a list", detail, cursor.here())
        cursor.at += 1
        key, result = result, read_expression(cursor, "`=>`")
    elif closer == "}":
        remedy = "A `for` in braces makes an object. Write `key => value`, or `[for … ]` for a list."
        raise cursor.unexpected("`=>` and a value", remedy, opened)
    grouped = False
    if cursor.peek() == "...":
        if closer == "]":
            detail = "`...` groups the values of equal keys of an object. Take it out."
            raise cursor.fail("syntax", "`...` in a `for` that makes a list", detail, cursor.here())
        grouped = True
        cursor.at += 1
    condition: Expression | None = None
    if cursor.peek() == NAME and cursor.word() == "if":
        cursor.at += 1
        condition = read_expression(cursor, "`if`")
    if cursor.peek() != closer:
        remedy = "Only an `if` with a condition may follow. Close the brackets."
        raise cursor.unexpected(f"`{closer}` at the end of the `for`", remedy, opened)
    span = cursor.span(opened, cursor.ends[cursor.at])
    if key is None:
        return shapes.FOR_TUPLE, ForTuple(key_name, value_name, collection, result, condition, span)
    made = ForObject(key_name, value_name, collection, key, result, condition, grouped, span)
    return shapes.FOR_OBJECT, made


_OPERANDS: dict[str, Callable[[Cursor], _Operand]] = {
    NAME: _name,
    NUMBER: _number,
    STRING: _string,
    QUOTE: _quoted,
    HEREDOC: _heredoc,
    "(": _parentheses,
    "[": _tuple,
    "{": _object,
}


# Nesting


def _nested(cursor: Cursor, pieces: list[str], values: list[Any]) -> Expression:
    """One tree of operands, operators and steps, as the shape of the pieces nests."""
    try:
        program = shapes.nest(tuple(pieces))
    except shapes.ShapeError:
        operands = [value.span for value in values if getattr(value, "span", None)]
        detail = "That is a mistake of this program, not of the file. Simplify the expression, and please report it."
        raise cursor.fail(
            "unreadable-expression", "this expression could not be read", detail, operands[0].to(operands[-1])
        ) from None
    file = cursor.file
    stack: list[Any] = []
    splats: list[Expression] = []
    for operation, place in program:
        value = values[place]
        if operation == "operand":
            stack.append(value)
        elif operation == "attribute":
            base = stack[-1]
            stack[-1] = GetAttr(base, value[0], Span(file, base.span.start, value[1]))
        elif operation == "index":
            base = stack[-1]
            stack[-1] = Index(base, value[0], Span(file, base.span.start, value[1]))
        elif operation == "binary":
            right = stack.pop()
            left = stack[-1]
            stack[-1] = Binary(value, left, right, Span(file, left.span.start, right.span.end))
        elif operation == "unary":
            for operator, start in reversed(value):
                stack[-1] = Unary(operator, stack[-1], Span(file, start, stack[-1].span.end))
        elif operation == "conditional":
            otherwise, then, condition = stack.pop(), stack.pop(), stack[-1]
            span = Span(file, condition.span.start, otherwise.span.end)
            stack[-1] = Conditional(condition, then, otherwise, span)
        elif operation == "splat":
            splats.append(stack[-1])
            stack[-1] = SplatItem(Span(file, *value))
        else:
            base, each = splats.pop(), stack[-1]
            span = Span(file, base.span.start, each.span.end)  # type: ignore[union-attr] # all have spans here
            stack[-1] = Splat(base, each, pieces[place] == shapes.FULL_SPLAT, span)
    assert len(stack) == 1
    result: Expression = stack[0]
    return result
