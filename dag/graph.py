"""A directed acyclic graph: built and checked once, then immutable. The only home of networkx.

Rules:

1. An edge (a, b) means that b must happen after a: a is *upstream* of b.
2. A graph that exists is sound: its nodes are distinct, its edges join nodes of it, and there is no cycle.
3. Every order is stable and follows the order in which nodes were given, so that output never depends on hashes.
4. networkx takes longer to import than most graphs to build, so it is asked for what is rarely wanted only: the way
   round a circle, and the reduction for drawing.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

from dag.errors import CycleError, DuplicateNodeError, UnknownNodeError, nearest_name

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Graph"]

N = TypeVar("N", bound=Hashable)


class Graph(Generic[N]):
    """Nodes and what they wait for. Nodes are any hashable values."""

    __slots__ = ("_downstreams", "_index", "_order", "_upstreams")

    def __init__(self, nodes: Iterable[N], edges: Iterable[tuple[N, N]] = ()) -> None:
        """Build and check a graph.

        Args:
            nodes: All nodes, in the order that every answer follows.
            edges: Pairs of (upstream, downstream); one that is given twice counts once.

        Raises:
            DuplicateNodeError: If a node is given twice.
            UnknownNodeError: If an edge has an end that is not among the nodes.
            CycleError: If nodes wait for each other in a circle; it names the whole way round.
        """
        self._index: dict[N, int] = {}
        for node in nodes:
            if node in self._index:
                raise DuplicateNodeError(node)
            self._index[node] = len(self._index)
        above: dict[N, set[N]] = {node: set() for node in self._index}
        below: dict[N, set[N]] = {node: set() for node in self._index}
        for upstream, downstream in edges:
            self._require(upstream, downstream)
            above[downstream].add(upstream)
            below[upstream].add(downstream)
        self._upstreams = {node: self._sorted(nodes) for node, nodes in above.items()}
        self._downstreams = {node: self._sorted(nodes) for node, nodes in below.items()}
        self._order = tuple(self._in_order())
        if len(self._order) < len(self._index):
            raise CycleError(self._way_round())

    @classmethod
    def from_upstreams(cls, upstreams: Mapping[N, Iterable[N]]) -> Graph[N]:
        """Build a graph from what each node waits for; raises as the constructor does."""
        return cls(upstreams, ((above, node) for node, all_above in upstreams.items() for above in all_above))

    @property
    def nodes(self) -> tuple[N, ...]:
        """All nodes, in the order given."""
        return tuple(self._index)

    @property
    def edges(self) -> tuple[tuple[N, N], ...]:
        """All edges (upstream, downstream), ordered by downstream, then upstream."""
        return tuple((above, node) for node, all_above in self._upstreams.items() for above in all_above)

    @property
    def upstreams(self) -> Mapping[N, tuple[N, ...]]:
        """What each node waits for: what a `dag.frontier.Frontier` is made of."""
        return MappingProxyType(self._upstreams)

    def __iter__(self) -> Iterator[N]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, node: object) -> bool:
        return node in self._index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self.nodes == other.nodes and self._upstreams == other._upstreams

    def __hash__(self) -> int:
        return hash((self.nodes, self.edges))

    def __repr__(self) -> str:
        return f"Graph(nodes={self.nodes!r}, edges={self.edges!r})"

    def upstream(self, node: N) -> tuple[N, ...]:
        """The nodes that a node waits for directly."""
        self._require(node)
        return self._upstreams[node]

    def downstream(self, node: N) -> tuple[N, ...]:
        """The nodes that wait for a node directly."""
        self._require(node)
        return self._downstreams[node]

    def ancestors(self, node: N) -> frozenset[N]:
        """All nodes that must happen before a node, without it."""
        self._require(node)
        return _reached(node, self._upstreams)

    def descendants(self, node: N) -> frozenset[N]:
        """All nodes that must happen after a node, without it."""
        self._require(node)
        return _reached(node, self._downstreams)

    def topological_order(self) -> tuple[N, ...]:
        """Every node after those that it waits for; where that leaves a choice, in the order given."""
        return self._order

    def depths(self) -> Mapping[N, int]:
        """For each node, the number of edges on the longest way to it from a node that waits for none."""
        depths: dict[N, int] = {}
        for node in self._order:
            depths[node] = 1 + max((depths[above] for above in self._upstreams[node]), default=-1)
        return depths

    def subgraph(self, nodes: Collection[N]) -> Graph[N]:
        """Some of the nodes with the edges between them, in the order of this graph.

        Raises:
            UnknownNodeError: If one of them is not in this graph.
        """
        self._require(*nodes)
        kept = set(nodes)
        return Graph(
            (node for node in self if node in kept),
            ((above, node) for above, node in self.edges if above in kept and node in kept),
        )

    def transitive_reduction(self) -> Graph[N]:
        """The same order with the fewest edges: none that a longer way says already. For drawing."""
        import networkx as nx

        return Graph(self, nx.transitive_reduction(self._as_networkx()).edges)

    def _sorted(self, nodes: Iterable[N]) -> tuple[N, ...]:
        return tuple(sorted(nodes, key=self._index.__getitem__))

    def _require(self, *nodes: N) -> None:
        for node in nodes:
            if node not in self._index:
                raise UnknownNodeError(node, nearest_name(str(node), map(str, self._index)))

    def _in_order(self) -> Iterator[N]:
        """The nodes that no circle keeps from their turn: of those whose turn it is, the first given (Kahn, 1962)."""
        waiting_for = {node: len(above) for node, above in self._upstreams.items()}
        nodes = self.nodes
        ready = [place for place, node in enumerate(nodes) if not waiting_for[node]]  # sorted, so a heap
        while ready:
            node = nodes[heapq.heappop(ready)]
            yield node
            for below in self._downstreams[node]:
                waiting_for[below] -= 1
                if not waiting_for[below]:
                    heapq.heappush(ready, self._index[below])

    def _way_round(self) -> list[N]:
        """A circle, from the node in it that was given first."""
        import networkx as nx

        path = [upstream for upstream, _ in nx.find_cycle(self._as_networkx())]
        first = path.index(min(path, key=self._index.__getitem__))
        return [*path[first:], *path[: first + 1]]

    def _as_networkx(self) -> nx.DiGraph[N]:
        import networkx as nx

        graph: nx.DiGraph[N] = nx.DiGraph()
        graph.add_nodes_from(self._index)
        graph.add_edges_from(self.edges)
        return graph


def _reached(start: N, ways: Mapping[N, Collection[N]]) -> frozenset[N]:
    """All nodes that ways lead to from a node, without it."""
    found: set[N] = set()
    pending = [start]
    while pending:
        new = [node for node in ways[pending.pop()] if node not in found]
        found.update(new)
        pending += new
    return frozenset(found)
