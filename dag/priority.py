"""What to start first: the weight of the longest way from a node to the end of the graph.

Starting the heaviest first is the critical-path rule (Graham, 1969): whatever is on the longest way delays all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from dag.graph import Graph

__all__ = ["critical_path", "remaining_weights"]

N = TypeVar("N", bound=Hashable)


def remaining_weights(graph: Graph[N], weight: Callable[[N], float] = lambda _: 1) -> dict[N, float]:
    """For each node, the weight of the heaviest way from it, itself included, to an end of the graph.

    Args:
        graph: The graph.
        weight: What a node costs, such as its expected duration; must not be negative. By default each costs 1.
    """
    remaining: dict[N, float] = {}
    for node in reversed(graph.topological_order()):
        below = max((remaining[downstream] for downstream in graph.downstream(node)), default=0)
        remaining[node] = weight(node) + below
    return {node: remaining[node] for node in graph}


def critical_path(graph: Graph[N], weight: Callable[[N], float] = lambda _: 1) -> tuple[N, ...]:
    """The heaviest way through the graph, from its start to its end; of equal ones, the first in order."""
    remaining = remaining_weights(graph, weight)
    path: list[N] = []
    choices = tuple(node for node in graph if not graph.upstream(node))
    while choices:
        path.append(max(choices, key=remaining.__getitem__))
        choices = graph.downstream(path[-1])
    return tuple(path)
