"""Functions that read and write YAML.

A plain scalar is read by the core schema of YAML 1.2.2, section 10.3.2, as Terraform does: `yes` is no bool, and
`012` no octal number. What an alias repeats is counted each time, so that a short text cannot stand for a vast value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import attrs

from grammar.functions.encoding import number_error
from grammar.functions.signature import (
    MAX_ELEMENTS,
    FunctionError,
    Library,
    Parameter,
    bounded,
    per_character,
)
from grammar.kinds import HclMap, HclSet, Value, nfc
from grammar.number import MAX_DIGITS, NumberRangeError, format_number, normalise
from grammar.types import ANY, STRING

library = Library("encoding")

MAX_NESTING = 100

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | Decimal]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), Decimal),
)
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_TAG = "tag:yaml.org,2002:"
_TEXTS = frozenset({f"{_TAG}str", f"{_TAG}binary", f"{_TAG}timestamp", "!"})
_COLLECTIONS = frozenset({None, "!", f"{_TAG}seq", f"{_TAG}map"})
_MERGE = "<<"


@library(effort=per_character(1), text=STRING)
def yamldecode(text: str) -> Value:
    r"""Read a YAML text of one document.

    >>> yamldecode("hello: world\nlist: [1, yes, null]")
    {hello = "world", list = [1, "yes", null]}
    >>> yamldecode("{a: &a [1, 2], b: *a}")
    {a = [1, 2], b = [1, 2]}
    """
    import yaml

    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            reader.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise FunctionError(f"this is not YAML: {problem}{where}", 0) from None
    if reader.result is None:
        raise FunctionError("there is no YAML document in the text", 0)
    return reader.result.value


@library(value=Parameter(ANY, nullable=True))
def yamlencode(value: Value) -> Value:
    r"""Write a value as YAML, in block style; a set becomes a list.

    >>> yamlencode({bar = "baz", foo = [1, {a = true}]})
    "\"bar\": \"baz\"\n\"foo\":\n- 1\n- \"a\": true\n"
    """
    import yaml

    written: str = yaml.emit(_document(value), allow_unicode=True, width=1 << 30)
    bounded(len(written))
    return written.removesuffix("...\n")


# Reading


@attrs.frozen
class _Made:
    """A value, and of how many scalars and collections it is made."""

    value: Value
    size: int


@attrs.define
class _Open:
    """A list or a map that is being read."""

    is_map: bool
    anchor: str | None
    items: list[_Made] = attrs.field(factory=list)
    """Of a map keys and values, in turn."""


class _Reader:
    """Makes a value of what a parser tells, without recursion."""

    def __init__(self) -> None:
        self.result: _Made | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, _Made] = {}
        self._events = 0

    def take(self, event: Any) -> None:
        """Take in an event of the parser."""
        self._events += 1
        if self._events > 2 * MAX_ELEMENTS:  # a collection has two, and is told of at its end only
            raise _too_many()
        match type(event).__name__:
            case "DocumentStartEvent" if self.result is not None:
                raise FunctionError("there is more than one YAML document in the text", 0)
            case "SequenceStartEvent" | "MappingStartEvent" as kind:
                self._check_tag(event)
                if len(self._open) >= MAX_NESTING:
                    raise FunctionError(f"the YAML is nested more than {MAX_NESTING} deep", 0)
                self._open.append(_Open(kind == "MappingStartEvent", event.anchor))
            case "SequenceEndEvent" | "MappingEndEvent":
                done = self._open.pop()
                self._put(_map(done) if done.is_map else _list(done), done.anchor)
            case "ScalarEvent":
                self._put(_Made(_scalar(event), 1), event.anchor)
            case "AliasEvent":
                found = self._anchors.get(event.anchor)
                if found is None:
                    raise FunctionError(f'the alias "*{event.anchor[:40]}" stands for nothing', 0)
                self._put(found, None)

    def _put(self, made: _Made, anchor: str | None) -> None:
        if made.size > MAX_ELEMENTS:
            raise _too_many()
        if anchor is not None:
            self._anchors[anchor] = made
        if self._open:
            self._open[-1].items.append(made)
        else:
            self.result = made

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _COLLECTIONS:
            raise _unknown_tag(event.tag)


def _too_many() -> FunctionError:
    return FunctionError(f"the YAML has more than {MAX_ELEMENTS} elements", 0)


def _unknown_tag(tag: str) -> FunctionError:
    return FunctionError(f'the tag "{tag[:60]}" is not one of YAML\'s core schema', 0)


def _list(done: _Open) -> _Made:
    return _Made(tuple(made.value for made in done.items), 1 + sum(made.size for made in done.items))


def _map(done: _Open) -> _Made:
    merged: dict[str, Value] = {}
    own: dict[str, Value] = {}
    pairs = list(zip(done.items[::2], done.items[1::2], strict=True))
    for key, made in pairs:
        if key.value == _MERGE:
            for source in reversed(made.value if isinstance(made.value, tuple) else (made.value,)):
                if not isinstance(source, HclMap):
                    raise FunctionError("what << merges must be a map, or a list of maps", 0)
                merged |= source
        else:
            own[_key(key.value)] = made.value
    return _Made(HclMap({**merged, **own}), 1 + sum(made.size for made in done.items))


def _key(value: Value) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return format_number(value)
    raise FunctionError("the keys of a map must be strings", 0)


def _scalar(event: Any) -> Value:
    text, tag = event.value, event.tag
    if tag in _TEXTS or (tag is None and not event.implicit[0]):
        return nfc(text)
    kind = tag.removeprefix(_TAG) if tag is not None else ""
    if kind in ("", "null") and text in _NULLS:
        return None
    if kind in ("", "bool") and text in _BOOLS:
        return _BOOLS[text]
    if kind in ("", "int", "float"):
        for pattern, read in _NUMBERS:
            if pattern.fullmatch(text):
                return _number(text, read)
        if _NO_NUMBER.fullmatch(text):
            raise FunctionError(f"{text} is no number here", 0)
    if kind:
        known = kind in ("null", "bool", "int", "float")
        raise FunctionError(f'"{text[:40]}" is not of the type {kind}', 0) if known else _unknown_tag(tag)
    return nfc(text)


def _number(text: str, read: Callable[[str], int | Decimal]) -> Value:
    try:
        if len(text) > MAX_DIGITS:
            raise NumberRangeError("too long")
        return normalise(read(text))
    except (NumberRangeError, ArithmeticError):
        raise number_error() from None


# Writing


def _document(value: Value) -> Iterator[Any]:
    import yaml

    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=False)
    yield from _events(value)
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def _events(value: Value) -> Iterator[Any]:
    import yaml

    match value:
        case None | bool() | int() | Decimal():
            plain = {None: "null", True: "true", False: "false"}
            is_word = value is None or isinstance(value, bool)
            text = plain[value] if is_word else format_number(value)  # type: ignore[arg-type, index]
            yield yaml.ScalarEvent(None, None, (True, True), text)
        case str():
            yield _text(value, block="\n" in value)
        case tuple() | HclSet():
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=not len(value))
            for element in value:
                yield from _events(element)
            yield yaml.SequenceEndEvent()
        case HclMap():
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=not value)
            for key, element in value.items():
                yield _text(key, block=False)
                yield from _events(element)
            yield yaml.MappingEndEvent()
        case _:
            raise FunctionError("a value that is known later has no text yet")


def _text(text: str, *, block: bool) -> Any:
    import yaml

    return yaml.ScalarEvent(None, None, (False, True), text, style="|" if block else '"')
