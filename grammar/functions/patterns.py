"""Functions with regular expressions, of RE2's syntax, as Go's and so Terraform's are.

RE2 (https://github.com/google/re2/wiki/Syntax) looks at each character once for each state: no pattern runs without
end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from grammar.functions.signature import FunctionError, Library, bounded
from grammar.kinds import HclMap, Value, nfc
from grammar.types import STRING

library = Library("string")

MAX_PATTERN = 1_000
"""Characters of a pattern."""

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
"""A group in a replacement: `$1`, `$name`, `${name}`; `$$` is a dollar."""


def effort_of_pattern(pattern: str, string: str) -> int:
    """How many steps it takes at most to look for a pattern; RE2 takes 6 ns for each character and instruction."""
    try:
        instructions: int = _compiled(pattern).programsize
    except FunctionError:
        return 0
    return len(string) * (instructions + 100) // 500


@library(effort=effort_of_pattern, pattern=STRING, string=STRING)
def regex(pattern: str, string: str) -> Value:
    r"""Return the first match of a pattern.

    Without groups it is a string, with groups a list of what each has matched, with named ones a map. Without a match
    it is an error, which `try` and `can` catch.

    >>> regex("[a-z]+", "53453453.345345aaabbbccc23454")
    "aaabbbccc"
    >>> regex("(\\d+)-(\\d+)-(\\d+)", "2019-02-01")
    ["2019", "02", "01"]
    >>> regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<host>[^/?#]*))?", "https://example.org/docs")
    {host = "example.org", scheme = "https"}
    """
    found = next(_matches(pattern, string), None)
    if found is None:
        raise FunctionError("the pattern matches no part of the string", 1)
    return _result(found)


@library(effort=effort_of_pattern, pattern=STRING, string=STRING)
def regexall(pattern: str, string: str) -> Value:
    r"""Return all matches of a pattern, each as `regex` gives it; an empty list if there is none.

    >>> regexall("[a-z]+", "1234abcd5678efgh9")
    ["abcd", "efgh"]
    >>> length(regexall("[a-z]+", "1234")) > 0
    false
    """
    return tuple(_result(found) for found in _matches(pattern, string))


def replace_pattern(string: str, pattern: str, replacement: str) -> str:
    """Replace each match of a pattern; `$1`, `$name` and `${name}` in the replacement are what a group has matched.

    Raises:
        FunctionError: The pattern is malformed, or the result would be too long.
    """
    parts: list[str] = []
    at = length = 0
    for found in _matches(pattern, string):
        start, end = found.span()
        parts += [string[at:start], _expanded(found, replacement)]
        length += len(parts[-1]) + start - at
        bounded(length)
        at = end
    bounded(length + len(string) - at)
    return "".join([*parts, string[at:]])


def _matches(pattern: str, string: str) -> Iterator[Any]:
    """All matches, one after the other; as in Go an empty one that touches the one before it is none."""
    end = -1
    for found in _compiled(pattern).finditer(string):
        start = found.start()
        if start == found.end() == end:
            continue
        end = found.end()
        yield found


@lru_cache(maxsize=100)
def _compiled(pattern: str) -> Any:
    import re2

    if len(pattern) > MAX_PATTERN:
        raise FunctionError(f"a pattern may have at most {MAX_PATTERN} characters", 0)
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        [reason] = error.args or ("it is malformed",)
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise FunctionError(f"this is no regular expression of RE2: {shown}", 0) from None
    if compiled.groupindex and len(compiled.groupindex) != compiled.groups:
        raise FunctionError("either all groups of a pattern have names, or none has", 0)
    return compiled


def _result(found: Any) -> Value:
    names = found.re.groupindex
    if names:
        return HclMap({name: _text(found.group(number)) for name, number in names.items()})
    if found.re.groups:
        return tuple(_text(group) for group in found.groups())
    return _text(found.group())


def _text(group: str | None) -> Value:
    return None if group is None else nfc(group)


def _expanded(found: Any, replacement: str) -> str:
    def group(reference: re.Match[str]) -> str:
        dollar, braced, bare = reference.groups()
        if dollar:
            return "$"
        name = braced or bare
        number = int(name) if name.isdigit() and len(name) < 4 else found.re.groupindex.get(name, -1)
        return (found.group(number) or "") if 0 <= number <= found.re.groups else ""

    return _REFERENCE.sub(group, replacement)
