"""What can be wrong with a graph, as exceptions that carry the nodes concerned."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from difflib import get_close_matches

__all__ = ["CycleError", "DuplicateNodeError", "GraphError", "UnknownNodeError", "nearest_name"]


class GraphError(ValueError):
    """These nodes and edges make no directed acyclic graph."""


class CycleError(GraphError):
    """Nodes wait for each other in a circle."""

    def __init__(self, path: Sequence[Hashable]) -> None:
        super().__init__(f"a cycle: {' -> '.join(map(str, path))}")
        self.path = tuple(path)
        """The whole way round: each must happen before the next, and the last is the first again."""


class UnknownNodeError(GraphError):
    """A node is named that is not in the graph."""

    def __init__(self, node: Hashable, nearest: str | None = None) -> None:
        super().__init__(f"unknown node {node!r}" + (f", did you mean {nearest!r}?" if nearest else ""))
        self.node = node
        self.nearest = nearest
        """The name in the graph that is most like it, if one is."""


class DuplicateNodeError(GraphError):
    """A node is given twice."""

    def __init__(self, node: Hashable) -> None:
        super().__init__(f"node {node!r} is given twice")
        self.node = node


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that is most like a wrong one, if one is like it at all."""
    return next(iter(get_close_matches(name, names, n=1)), None)
