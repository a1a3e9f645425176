"""Expressions back to source text: one line, always in the same spelling.

Reading the text again gives an equal expression. Heredocs become quoted strings; strip markers are gone, their effect
is in the text.
"""

from __future__ import annotations

import re
from itertools import pairwise

from grammar.syntax import (
    Binary,
    Conditional,
    Expression,
    ForObject,
    ForTuple,
    FunctionCall,
    GetAttr,
    Index,
    Interpolation,
    Literal,
    Object,
    ObjectItem,
    Parentheses,
    Splat,
    SplatItem,
    Template,
    TemplateFor,
    TemplateIf,
    TemplatePart,
    TemplateText,
    TemplateWrap,
    Tuple,
    Unary,
    Variable,
)

_DIRECTIVE = "%{"
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "${": "$${", "%{": "%%{"}
_ESCAPED = re.compile(
    r'[\n\r\t"\\]|[$%]\{|[^ -\U0010FFFF]|[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]'
)


_LEVELS = {
    operator: level
    for level, operators in enumerate(
        (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%")), 1
    )
    for operator in operators
}
"""How tightly operators bind; a conditional binds least, then come these, then unary operators and terms."""
_ANY, _UNARY, _TERM = 0, 7, 8


def expression_text(expr: Expression) -> str:
    """The canonical source text of an expression, on one line."""
    return _text(expr)


def quoted(text: str) -> str:
    """A string as HCL source text, in quotes."""
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found.group()) or f"\\u{ord(found.group()):04x}", text)


def _text(expr: Expression, least: int = _ANY) -> str:
    """The text of an expression where one binds at `least` so tightly; in parentheses if it does not.

    A tree that was read has nodes for its parentheses; one that was folded has none.
    """
    text = _bare_text(expr)
    return f"({text})" if _tightness(expr) < least else text


def _tightness(expr: Expression) -> int:
    match expr:
        case Conditional():
            return _ANY
        case Binary(operator):
            return _LEVELS[operator]
        case Unary():
            return _UNARY
    return _TERM


def _base(expr: Expression, *, is_attribute: bool) -> str:
    """The text of what a step follows; a splat would take the step to its elements, `.*` only names."""
    if isinstance(expr, Splat) and (expr.full or is_attribute):
        return f"({_text(expr)})"
    return _text(expr, _TERM)


def _bare_text(expr: Expression) -> str:
    match expr:
        case Literal():
            return expr.text
        case Variable():
            return expr.name
        case SplatItem():
            return ""
        case GetAttr(Literal() as base, name):
            return f"{base.text} .{name}"  # without the blank `1.e5` would be a number
        case GetAttr(base, name):
            return f"{_base(base, is_attribute=True)}.{name}"
        case Index(base, key):
            return f"{_base(base, is_attribute=False)}[{_text(key)}]"
        case Splat(base, each, full):
            # After `.*` positions are written without brackets, which would not belong to it.
            return _base(base, is_attribute=not full) + (
                "[*]" + _text(each) if full else ".*" + _attribute_steps(each)
            )
        case Tuple(items):
            return f"[{', '.join(map(_text, items))}]"
        case Object(items):
            return f"{{ {', '.join(map(_item, items))} }}" if items else "{}"
        case FunctionCall(name, arguments, expand):
            return f"{name}({', '.join(map(_text, arguments))}{'...' if expand else ''})"
        case Unary(operator, operand):
            return operator + _text(operand, _UNARY)
        case Binary(operator, left, right):
            level = _LEVELS[operator]
            return f"{_text(left, level)} {operator} {_text(right, level + 1)}"
        case Conditional(condition, then, otherwise):
            return f"{_text(condition, _ANY + 1)} ? {_text(then)} : {_text(otherwise)}"
        case ForTuple(key, value, collection, result, condition):
            return f"[{_for(key, value, collection)} : {_text(result)}{_if(condition)}]"
        case ForObject(key, value, collection, result_key, result_value, condition, grouped):
            pair = f"{_text(result_key)} => {_text(result_value)}{'...' if grouped else ''}"
            return f"{{{_for(key, value, collection)} : {pair}{_if(condition)}}}"
        case Parentheses(inner):
            return f"({_text(inner)})"
        case TemplateWrap(inner):
            return f'"${{{_text(inner)}}}"'
        case Template((Interpolation(inner),)):
            # `"${a}"` would be read as a wrap; with the blank, which is trimmed away, it is not.
            return f'" ${{~ {_text(inner)} }}"'
        case Template(parts):
            return f'"{_parts(parts)}"'


def _attribute_steps(each: Expression) -> str:
    match each:
        case GetAttr(base, name):
            return f"{_attribute_steps(base)}.{name}"
        case Index(base, key):
            return f"{_attribute_steps(base)}.{_text(key)}"
    return ""


def _item(item: ObjectItem) -> str:
    return f"{_text(item.key)} = {_text(item.value)}"


def _for(key: str | None, value: str, collection: Expression) -> str:
    return f"for {value if key is None else f'{key}, {value}'} in {_text(collection)}"


def _if(condition: Expression | None) -> str:
    return "" if condition is None else f" if {_text(condition)}"


def _parts(parts: tuple[TemplatePart, ...], follows: str = "") -> str:
    """The parts of a template, before something that begins with `follows`."""
    texts = [*map(_part, parts), follows]
    for place, (text, after) in enumerate(pairwise(texts)):
        if text and text[-1] in "$%" and after.startswith(f"{text[-1]}{{"):
            # A strip marker can leave a `$` right before a `${`; written side by side they would escape each other.
            texts[place] = f"{text[:-1]}\\u{ord(text[-1]):04x}"
    return "".join(texts[:-1])


def _part(part: TemplatePart) -> str:
    match part:
        case TemplateText(value):
            return _escaped(value)
        case Interpolation(expr):
            return f"${{{_text(expr)}}}"
        case TemplateIf(condition, then, otherwise):
            middle = "" if otherwise is None else f"%{{ else }}{_parts(otherwise.parts, _DIRECTIVE)}"
            return f"%{{ if {_text(condition)} }}{_parts(then.parts, _DIRECTIVE)}{middle}%{{ endif }}"
        case TemplateFor(key, value, collection, body):
            return f"%{{ {_for(key, value, collection)} }}{_parts(body.parts, _DIRECTIVE)}%{{ endfor }}"
