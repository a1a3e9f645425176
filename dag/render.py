"""A graph as text: for a terminal, for Graphviz (DOT) and for Mermaid.

Rules: the order is that of the graph, so equal graphs are drawn alike; names are data and are escaped for the
language that they end up in; terminal text has no control characters of a name's own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from dag.graph import Graph

__all__ = ["render_dot", "render_mermaid", "render_text"]

N = TypeVar("N", bound=Hashable)


def render_text(graph: Graph[N], name: Callable[[N], str] = str) -> str:
    """One line a node, in topological order, indented by depth, with what it waits for.

    Only what it waits for directly is said: an edge that a longer way says already is left out.
    """
    reduced = graph.transitive_reduction()
    depths = reduced.depths()
    shown = {node: "  " * depths[node] + _printable(name(node)) for node in reduced}
    width = max(map(len, shown.values()), default=0)
    lines = []
    for node in reduced.topological_order():
        waits_for = ", ".join(_printable(name(upstream)) for upstream in reduced.upstream(node))
        lines.append(f"{shown[node]:<{width}}   waits for {waits_for}" if waits_for else shown[node])
    return "".join(f"{line}\n" for line in lines)


def render_dot(graph: Graph[N], name: Callable[[N], str] = str) -> str:
    """The graph in Graphviz's language, from left to right."""
    quoted = {node: _dot_string(name(node)) for node in graph}
    lines = ["digraph {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  {quoted[node]};" for node in graph]
    lines += [f"  {quoted[upstream]} -> {quoted[node]};" for upstream, node in graph.edges]
    return "".join(f"{line}\n" for line in [*lines, "}"])


def render_mermaid(graph: Graph[N], name: Callable[[N], str] = str) -> str:
    """The graph as a Mermaid flowchart, from left to right. Nodes get ids of their own: names may hold anything."""
    ids = {node: f"n{index}" for index, node in enumerate(graph)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[node]}["{_mermaid_text(name(node))}"]' for node in graph]
    lines += [f"  {ids[upstream]} --> {ids[node]}" for upstream, node in graph.edges]
    return "".join(f"{line}\n" for line in lines)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _dot_string(text: str) -> str:
    # In DOT only the quote is an escape, but labels read backslashes as escapes of their own.
    return '"' + _printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mermaid_text(text: str) -> str:
    """Letters, digits and harmless signs; all else as Mermaid's entity codes, which are decimal."""
    return "".join(c if c.isalnum() or c in " _-.,[]()" else f"#{ord(c)};" for c in _printable(text))
