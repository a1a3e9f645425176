"""A small language that selects nodes of a graph.

| selector | selects |
| --- | --- |
| ``extract`` | the node of that name |
| ``sum*`` ``load_?`` | names by pattern: ``*`` any characters, ``?`` one |
| ``tag:slow`` | what the method ``tag``, given by the caller, says of ``slow`` (a pattern, if it likes) |
| ``failed`` | what the word ``failed``, given by the caller, says |
| ``+report`` | also all above |
| ``report+`` | also all below |

Several selectors are a union. The name of a node comes before a word. A selector that names nothing there is, is
an error; a word that happens to hold for no node is an empty selection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

import attrs

from dag.errors import nearest_name
from dag.graph import Graph

__all__ = ["Selection", "UnknownSelector", "Vocabulary", "matches_glob", "select"]

N = TypeVar("N", bound=Hashable)


@attrs.frozen
class Vocabulary(Generic[N]):
    """What selectors may speak of, beside the shape of the graph."""

    name: Callable[[N], str] = str
    """The name of a node."""
    methods: Mapping[str, Callable[[N, str], bool]] = attrs.field(factory=dict)
    """For ``method:value``: whether a node has that value."""
    words: Mapping[str, Callable[[N], bool]] = attrs.field(factory=dict)
    """For a bare word: whether it holds for a node."""


@attrs.frozen
class UnknownSelector:
    """A selector that names nothing: the error, as a value."""

    text: str
    problem: str
    """What is wrong, as a phrase."""
    nearest: str | None = None
    """A selector that was perhaps meant."""


@attrs.frozen
class Selection(Generic[N]):
    """What was selected, in the order of the graph, and the selectors that named nothing."""

    nodes: tuple[N, ...]
    unknown: tuple[UnknownSelector, ...] = ()


def select(
    graph: Graph[N], selectors: Iterable[str], vocabulary: Vocabulary[N] | None = None
) -> Selection[N]:
    """The union of what the selectors select; none of them, none of the nodes."""
    vocabulary = vocabulary or Vocabulary()
    chosen: set[N] = set()
    unknown: list[UnknownSelector] = []
    for text in selectors:
        body = text.strip()
        above, below = body.startswith("+"), len(body) > 1 and body.endswith("+")
        body = body.removeprefix("+").removesuffix("+")
        found = _match(graph, body, vocabulary)
        if isinstance(found, UnknownSelector):
            unknown.append(attrs.evolve(found, text=text))
            continue
        chosen |= found
        for node in found:
            chosen |= graph.ancestors(node) if above else frozenset()
            chosen |= graph.descendants(node) if below else frozenset()
    return Selection(tuple(node for node in graph if node in chosen), tuple(unknown))


def matches_glob(pattern: str, name: str) -> bool:
    """True if a whole name matches a pattern. Brackets stand for themselves: names may hold keys in them."""
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, name, re.DOTALL) is not None


def _match(graph: Graph[N], body: str, vocabulary: Vocabulary[N]) -> set[N] | UnknownSelector:
    names = {vocabulary.name(node): node for node in graph}
    if body in names:
        return {names[body]}
    if body in vocabulary.words:
        holds = vocabulary.words[body]
        return {node for node in graph if holds(node)}
    method, colon, value = body.partition(":")
    if colon and method in vocabulary.methods:
        has = vocabulary.methods[method]
        return {node for node in graph if has(node, value)} or UnknownSelector(body, f"nothing has {body}")
    if ("*" in body or "?" in body) and not colon:
        found = {node for name, node in names.items() if matches_glob(body, name)}
        return found or UnknownSelector(body, "no name matches the pattern")
    if colon:
        nearest = nearest_name(method, vocabulary.methods)
        return UnknownSelector(body, f"unknown method {method!r}", nearest and f"{nearest}:{value}")
    if not body:
        return UnknownSelector(body, "the selector is empty")
    return UnknownSelector(body, f"unknown name {body!r}", nearest_name(body, [*names, *vocabulary.words]))
