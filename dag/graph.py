"""A directed acyclic graph: built and checked once, then immutable. The only home of networkx.

Rules:

1. An edge (a, b) means that b must happen after a: a is *upstream* of b.
2. A graph that exists is sound: its nodes are distinct, its edges join nodes of it, and there is no cycle.
3. Every order is stable and follows the order in which nodes were given, so that output never depends on hashes.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

import networkx as nx

from dag.errors import CycleError, DuplicateNodeError, UnknownNodeError, nearest_name

__all__ = ["Graph"]

N = TypeVar("N", bound=Hashable)


class Graph(Generic[N]):
    """Nodes and what they wait for. Nodes are any hashable values."""

    __slots__ = ("_graph", "_index", "_upstreams")

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
        self._graph: nx.DiGraph[N] = nx.DiGraph()
        self._graph.add_nodes_from(self._index)
        for upstream, downstream in edges:
            self._require(upstream, downstream)
            self._graph.add_edge(upstream, downstream)
        self._check_acyclic()
        self._upstreams = {node: self._sorted(self._graph.pred[node]) for node in self._index}

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
        return self._sorted(self._graph.succ[node])

    def ancestors(self, node: N) -> frozenset[N]:
        """All nodes that must happen before a node, without it."""
        self._require(node)
        return frozenset(nx.ancestors(self._graph, node))

    def descendants(self, node: N) -> frozenset[N]:
        """All nodes that must happen after a node, without it."""
        self._require(node)
        return frozenset(nx.descendants(self._graph, node))

    def topological_order(self) -> tuple[N, ...]:
        """Every node after those that it waits for; where that leaves a choice, in the order given."""
        return tuple(nx.lexicographical_topological_sort(self._graph, key=self._index.__getitem__))

    def depths(self) -> Mapping[N, int]:
        """For each node, the number of edges on the longest way to it from a node that waits for none."""
        depths: dict[N, int] = {}
        for depth, layer in enumerate(nx.topological_generations(self._graph)):
            depths.update(dict.fromkeys(layer, depth))
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
        return Graph(self, nx.transitive_reduction(self._graph).edges)

    def _sorted(self, nodes: Iterable[N]) -> tuple[N, ...]:
        return tuple(sorted(nodes, key=self._index.__getitem__))

    def _require(self, *nodes: N) -> None:
        for node in nodes:
            if node not in self._index:
                raise UnknownNodeError(node, nearest_name(str(node), map(str, self._index)))

    def _check_acyclic(self) -> None:
        if nx.is_directed_acyclic_graph(self._graph):
            return
        path = [upstream for upstream, _ in nx.find_cycle(self._graph)]
        first = path.index(min(path, key=self._index.__getitem__))
        raise CycleError([*path[first:], *path[: first + 1]])
