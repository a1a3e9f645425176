"""A small reader of TextMate grammars: what vscode-textmate does with those that use what ours uses.

`test_the_reader_does_as_vscode_does` (slow) holds it against the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import attrs
import onigurumacffi

Rule = dict[str, Any]


@attrs.frozen
class Token:
    """A piece of a line, with its scopes from the outermost on."""

    line: int
    start: int
    end: int
    scopes: tuple[str, ...]


@attrs.frozen
class Open:
    """A rule that has begun and not ended."""

    rule: Rule
    end: Any
    """The compiled pattern of its end."""
    scopes: tuple[str, ...]
    """Of what is in it, its begin and end left out."""


@attrs.define
class Reader:
    """Reads texts by one grammar."""

    grammar: Rule
    _compiled: dict[str, Any] = attrs.field(factory=dict)

    def read(self, text: str) -> tuple[list[Token], list[Open]]:
        """The tokens of a text, and the rules that are still open behind it."""
        tokens: list[Token] = []
        stack: list[Open] = []
        for number, line in enumerate(re.split(r"\r?\n", text)):
            tokens += self._line(number, line + "\n", stack)
        return tokens, stack

    @cached_property
    def _root(self) -> tuple[str, ...]:
        return (self.grammar["scopeName"],)

    def _line(self, number: int, line: str, stack: list[Open]) -> Iterator[Token]:
        at = done = 0

        def token(end: int, scopes: tuple[str, ...]) -> Iterator[Token]:
            nonlocal done
            if end > done:
                yield Token(number, done, end, scopes)
                done = end

        while at <= len(line):
            scopes = stack[-1].scopes if stack else self._root
            found = self._next(line, at, stack)
            if found is None:
                break
            rule, match, is_end = found
            yield from token(match.start(), scopes)
            if is_end:
                top = stack.pop()
                around = _with(stack[-1].scopes if stack else self._root, top.rule.get("name"))
                yield from self._captured(number, match, top.rule.get("endCaptures", {}), around)
            elif "match" in rule:
                assert match.end() > match.start(), rule
                yield from self._captured(
                    number, match, rule.get("captures", {}), _with(scopes, rule.get("name"))
                )
            else:
                around = _with(scopes, rule.get("name"))
                yield from self._captured(number, match, rule.get("beginCaptures", {}), around)
                end = self._pattern(_filled(rule["end"], match))
                stack.append(Open(rule, end, _with(around, rule.get("contentName"))))
            at = done = match.end()
        yield from token(len(line), stack[-1].scopes if stack else self._root)

    def _next(self, line: str, at: int, stack: list[Open]) -> tuple[Rule, Any, bool] | None:
        """The rule that matches first, or that stands first of several; the end of what is open before all."""
        patterns = stack[-1].rule.get("patterns", []) if stack else self.grammar["patterns"]
        candidates = [(stack[-1].rule, stack[-1].end, True)] if stack else []
        candidates += (
            (rule, self._pattern(rule.get("match") or rule["begin"]), False) for rule in self._all(patterns)
        )
        best: tuple[Rule, Any, bool] | None = None
        for rule, pattern, is_end in candidates:
            match = pattern.search(line, at)
            if match is not None and (best is None or match.start() < best[1].start()):
                best = (rule, match, is_end)
        return best

    def _all(self, patterns: list[Rule]) -> Iterator[Rule]:
        for rule in patterns:
            if "include" in rule:
                included = self.grammar["repository"][rule["include"].removeprefix("#")]
                yield from self._all(
                    [included] if "match" in included or "begin" in included else included["patterns"]
                )
            else:
                yield rule

    def _captured(self, number: int, match: Any, captures: Rule, scopes: tuple[str, ...]) -> Iterator[Token]:
        scopes = _with(scopes, captures.get("0", {}).get("name"))
        at = match.start()
        for group in sorted(int(key) for key in captures if key != "0"):
            if match.group(group):
                start, end = match.span(group)
                if start > at:
                    yield Token(number, at, start, scopes)
                yield Token(number, start, end, (*scopes, captures[str(group)]["name"]))
                at = end
        if match.end() > at:
            yield Token(number, at, match.end(), scopes)

    def _pattern(self, text: str) -> Any:
        if text not in self._compiled:
            self._compiled[text] = onigurumacffi.compile(text)
        return self._compiled[text]


def _with(scopes: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    return scopes if name is None else (*scopes, name)


def _filled(end: str, begin: Any) -> str:
    """The pattern of an end, with what its begin has captured in the place of `\\1`."""
    return re.sub(r"\\(\d)", lambda one: re.escape(begin.group(int(one[1]))), end)
