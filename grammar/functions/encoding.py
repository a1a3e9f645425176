"""Functions that encode values as text, and back: JSON, CSV, base 64, URLs, other character encodings."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from grammar.functions.signature import MAX_LENGTH, FunctionError, Library, Parameter, bounded, per_character
from grammar.kinds import HclMap, HclSet, Value, nfc
from grammar.number import MAX_DIGITS, NumberRangeError, format_number, normalise
from grammar.types import ANY, STRING

library = Library("encoding")

MAX_NESTING = 100
"""How deep JSON may be nested; values are walked recursively."""

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

_NO_CHARSETS = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "mbcs", "oem", "undefined"}
)
"""Codecs of Python that are no character encodings."""

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def encode_json(value: Value) -> str:
    """Write a known value as compact JSON, with `<`, `>`, `&` escaped as Go does, so that it is safe within HTML."""
    return "".join(_json_parts(value))


@library(value=Parameter(ANY, nullable=True))
def jsonencode(value: Value) -> Value:
    r"""Write a value as JSON, without blanks; a set becomes a list.

    >>> jsonencode({hello = "world", at = [1, null]})
    "{\"at\":[1,null],\"hello\":\"world\"}"
    """
    parts: list[str] = []
    length = 0
    for part in _json_parts(value):
        parts.append(part)
        length += len(part)
        bounded(length)
    return "".join(parts)


@library(effort=per_character(0.2), text=STRING)
def jsondecode(text: str) -> Value:
    r"""Read a JSON text.

    >>> jsondecode("{\"hello\": [1, 2.5, null]}")
    {hello = [1, 2.5, null]}
    """
    return decode_json(text)


def decode_json(text: str) -> Value:
    """Read a JSON text as a value, numbers exactly; raise `FunctionError` if it is none, or a number is too large."""
    if text.count("[") + text.count("{") > MAX_NESTING and _nesting(text) > MAX_NESTING:
        raise FunctionError(f"the JSON is nested more than {MAX_NESTING} deep", 0)
    try:
        return _from_python(
            json.loads(text, parse_int=_read_whole, parse_float=Decimal, parse_constant=_refuse)
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FunctionError(f"this is not JSON: {_lower_first(error.msg)} at {where}", 0) from None
    except (NumberRangeError, ArithmeticError):
        raise number_error() from None


def number_error() -> FunctionError:
    """What to raise where a text that is to be decoded has a number that is out of range."""
    return FunctionError(f"a number may have at most {MAX_DIGITS} digits before and after the point", 0)


def _from_python(data: object) -> Value:
    match data:
        case None | bool():
            return data
        case str():
            return nfc(data)
        case int() | Decimal():
            return normalise(data)
        case list():
            return tuple(_from_python(element) for element in data)
        case dict():
            return HclMap({str(key): _from_python(element) for key, element in data.items()})
        case _:
            raise TypeError(f"no JSON value: {data!r}")


@library(effort=per_character(1), text=STRING)
def csvdecode(text: str) -> Value:
    r"""Read CSV (RFC 4180); the first line names the columns; gives a list of objects of strings.

    >>> csvdecode("a,b\n1,2\n3,4\n")
    [{a = "1", b = "2"}, {a = "3", b = "4"}]
    """
    import csv
    import io

    if "\0" in text:
        raise FunctionError("the text holds the character NUL", 0)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise FunctionError(f"line {reader.line_num} is not CSV: {error}", 0) from None
    if not rows:
        raise FunctionError("the line with the names of the columns is missing", 0)
    header = rows[0][1]
    if len(set(header)) != len(header):
        [(twice, _)] = Counter(header).most_common(1)
        raise FunctionError(f'there are two columns of the name "{twice}"', 0)
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise FunctionError(f"line {line} has {len(row)} fields instead of {len(header)}", 0)
    return tuple(HclMap(zip(header, map(nfc, row), strict=True)) for _, row in rows[1:])


@library(text=STRING)
def base64encode(text: str) -> Value:
    """Encode a string's UTF-8 bytes in base 64.

    >>> base64encode("Hello World")
    "SGVsbG8gV29ybGQ="
    """
    return base64.b64encode(utf8(text)).decode("ascii")


@library(text=STRING)
def base64decode(text: str) -> Value:
    """Decode base 64 that holds UTF-8 text.

    >>> base64decode("SGVsbG8gV29ybGQ=")
    "Hello World"
    """
    return _decoded(_bytes_of(text), "utf-8")


@library(text=STRING)
def urlencode(text: str) -> Value:
    """Encode a string for use in a URL's query: a blank becomes `+`.

    >>> urlencode("a b&c")
    "a+b%26c"
    """
    from urllib.parse import quote_plus

    return quote_plus(utf8(text))


@library(text=STRING)
def urldecode(text: str) -> Value:
    """Decode what `urlencode` has encoded.

    >>> urldecode("a+b%26c")
    "a b&c"
    """
    from urllib.parse import unquote_to_bytes

    if _BROKEN_ESCAPE.search(text):
        raise FunctionError("a % is not followed by two hexadecimal digits", 0)
    return _decoded(unquote_to_bytes(text.replace("+", " ")), "utf-8")


@library(text=STRING, encoding=STRING)
def textencodebase64(text: str, encoding: str) -> Value:
    """Encode a string's bytes in another encoding (a name of IANA, such as `"UTF-16LE"`) in base 64.

    >>> textencodebase64("Hello World", "UTF-16LE")
    "SABlAGwAbABvACAAVwBvAHIAbABkAA=="
    """
    try:
        return base64.b64encode(text.encode(_codec(encoding))).decode("ascii")
    except UnicodeError:
        raise FunctionError(f"the text holds a character that {encoding[:40]} does not have", 0) from None


@library(text=STRING, encoding=STRING)
def textdecodebase64(text: str, encoding: str) -> Value:
    """Decode base 64 that holds text in another encoding.

    >>> textdecodebase64("SABlAGwAbABvACAAVwBvAHIAbABkAA==", "UTF-16LE")
    "Hello World"
    """
    return _decoded(_bytes_of(text), _codec(encoding))


@library(text=STRING)
def base64gunzip(text: str) -> Value:
    """Decode base 64 that holds text compressed by gzip.

    >>> base64gunzip("H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==")
    "hello"
    """
    import zlib

    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = inflater.decompress(_bytes_of(text), 4 * MAX_LENGTH)
    except zlib.error:
        raise FunctionError("what is encoded was not compressed by gzip", 0) from None
    if inflater.unconsumed_tail:
        raise FunctionError(f"the result would be longer than {MAX_LENGTH} characters")
    if not inflater.eof:
        raise FunctionError("what is encoded was not compressed by gzip, or is cut off", 0)
    return _decoded(content, "utf-8")


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise FunctionError("this is not base 64", 0) from None


def _codec(name: str) -> str:
    """The name of Python's codec; `UTF-16` is big-endian, as RFC 2781 has it where no mark says otherwise."""
    import codecs

    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True) or found.name in _NO_CHARSETS:
        raise FunctionError(f'there is no encoding "{name[:40]}"; one is "UTF-16LE"', 1)
    return found.name


def _decoded(content: bytes, codec: str) -> str:
    bounded(len(content) // 4)
    try:
        return nfc(content.decode(codec))
    except UnicodeError:
        raise FunctionError(f"what is encoded is no text in {codec.upper()}", 0) from None


def utf8(text: str) -> bytes:
    """Return the text's bytes; raise `FunctionError` if there are none (a lone surrogate)."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise FunctionError("the text holds a character that has no UTF-8", 0) from None


def _json_parts(value: Value) -> Iterator[str]:
    match value:
        case None:
            yield "null"
        case bool():
            yield "true" if value else "false"
        case int() | Decimal():
            yield format_number(value)
        case str():
            yield _json_string(value)
        case tuple() | HclSet():
            yield "["
            for index, element in enumerate(value):
                yield "," if index else ""
                yield from _json_parts(element)
            yield "]"
        case HclMap():
            yield "{"
            for index, (key, element) in enumerate(value.items()):
                yield ("," if index else "") + _json_string(key) + ":"
                yield from _json_parts(element)
            yield "}"
        case _:
            raise FunctionError("a value that is known later has no text yet")


def _json_string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False).replace("\\b", "\\u0008").replace("\\f", "\\u000c")
    for character, escape in _ESCAPES.items():
        quoted = quoted.replace(character, escape)
    return quoted


def _read_whole(text: str) -> int:
    if len(text) > MAX_DIGITS + 1:
        raise NumberRangeError("too long")
    return int(text)


def _refuse(text: str) -> object:
    raise FunctionError(f"this is not JSON: {text} is no number", 0)


def _nesting(text: str) -> int:
    """Return how deep the brackets outside of strings are nested."""
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
