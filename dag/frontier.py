"""Which nodes of a graph may go ahead: readiness, decided from what has ended so far.

This is the only readiness logic: ``dag.walk`` and every other driver of a graph stand on it. Like
``graphlib.TopologicalSorter`` of the standard library it updates counters and never scans the graph; beyond
that, nodes end in different ways, and each node has a rule for what must have happened above it.

Rules:

1. A node is *decided* once: its join rule is met, or it is not. The verdict is handed out by the call that
   caused it, and never again.
2. That a rule is met by one upstream (``any_*``) is decided as soon as there is one. Everything else, above
   all that a rule is *not* met, is decided when the last upstream has ended, so that neither verdict nor
   reason depends on the order in which upstreams end.
3. What a verdict means is the caller's business, also for a node whose rule is not met: the caller says how
   the node ended, by ``finish``, and only that moves the nodes below it.
4. ``finish`` costs the out-degree of the node; over a whole run each edge is looked at once (``edges_seen``).

Plain edges go in, so that neither networkx nor a ``dag.graph.Graph`` is needed. They must be acyclic, which
``Graph`` checks: the nodes of a cycle would never be decided.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from enum import StrEnum
from typing import Final, Generic, TypeVar

import attrs

__all__ = ["End", "Frontier", "JoinRule", "Reason", "Verdict"]

N = TypeVar("N", bound=Hashable)


class End(StrEnum):
    """How a node ended, as far as the nodes below it care."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class JoinRule(StrEnum):
    """What must have happened to a node's upstreams before it may go ahead."""

    ALL_SUCCEEDED = "all_succeeded"
    """All have ended good. The usual rule; a node without upstreams meets it at once."""
    NONE_FAILED = "none_failed"
    """All have ended, none bad."""
    ALL_DONE = "all_done"
    """All have ended."""
    ANY_SUCCEEDED = "any_succeeded"
    """One has ended good; decided as soon as it has."""
    ANY_FAILED = "any_failed"
    """One has ended bad; decided as soon as it has."""

    @property
    def needs_upstreams(self) -> bool:
        """True if the rule can never be met by a node without upstreams."""
        return self in _MET_BY_ONE


class Reason(StrEnum):
    """Why a rule is not met."""

    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SKIPPED = "upstream_skipped"
    NOTHING_FAILED = "nothing_failed"


_MET_BY_ONE: Final[Mapping[JoinRule, End]] = {
    JoinRule.ANY_SUCCEEDED: End.GOOD,
    JoinRule.ANY_FAILED: End.BAD,
}


@attrs.frozen
class Verdict(Generic[N]):
    """The decision about one node: it may go ahead, or why it may not."""

    node: N
    met: bool
    reason: Reason | None = None
    """None exactly if the rule is met."""


class Frontier(Generic[N]):
    """The border between what has ended and what waits, moved on by ``finish``."""

    __slots__ = ("_decided", "_downstream", "_ends", "_finished", "_pending", "_rules", "edges_seen")

    edges_seen: int
    """How many edges have been looked at since the start; at the end of a run, the number of edges."""

    def __init__(
        self, upstreams: Mapping[N, Collection[N]], rules: Mapping[N, JoinRule] | None = None
    ) -> None:
        """Set up the counters; costs the size of the graph, once.

        Args:
            upstreams: For every node that is to be decided, the nodes it waits for; its order is the order of
                verdicts. A node that occurs only as an upstream is not decided here: the caller finishes it.
            rules: The join rules; a node without one has ``all_succeeded``.

        Raises:
            ValueError: If a node without upstreams has a rule that needs one, or an unknown node has a rule.
        """
        rules = rules or {}
        if unknown := [node for node in rules if node not in upstreams]:
            raise ValueError(f"a join rule for {unknown[0]!r}, which is not a node that waits for others")
        self._rules: dict[N, JoinRule] = {}
        self._pending: dict[N, int] = {}  # upstreams that have not ended
        self._ends: dict[N, set[End]] = {}  # the ways in which the others have
        self._downstream: dict[N, list[N]] = {}
        self._decided: set[N] = set()
        self._finished: set[N] = set()
        self.edges_seen = 0
        for node, above in upstreams.items():
            distinct = dict.fromkeys(above)
            rule = rules.get(node, JoinRule.ALL_SUCCEEDED)
            if rule.needs_upstreams and not distinct:
                raise ValueError(
                    f"{node!r} has the join rule {rule.value} and no upstreams: it could never be met"
                )
            self._rules[node] = rule
            self._pending[node] = len(distinct)
            self._ends[node] = set()
            self._downstream.setdefault(node, [])
            for upstream in distinct:
                self._downstream.setdefault(upstream, []).append(node)

    def start(self) -> tuple[Verdict[N], ...]:
        """Decide the nodes without upstreams, in order of declaration; those already decided are left out."""
        ready = tuple(
            node for node, pending in self._pending.items() if not pending and node not in self._decided
        )
        self._decided.update(ready)
        return tuple(Verdict(node, met=True) for node in ready)

    def finish(self, node: N, end: End) -> tuple[Verdict[N], ...]:
        """Record that a node has ended; return what that decides below it, in order of declaration.

        A node may end undecided (cancelled while it waits, say); it then needs no verdict any more.

        Raises:
            ValueError: If there is no such node, or it has ended before. Nothing is changed then.
        """
        if node not in self._downstream:
            raise ValueError(f"unknown node {node!r}")
        if node in self._finished:
            raise ValueError(f"{node!r} has finished before")
        self._finished.add(node)
        self._decided.add(node)
        verdicts = []
        for below in self._downstream[node]:
            self.edges_seen += 1
            self._pending[below] -= 1
            self._ends[below].add(end)
            if below not in self._decided and (verdict := self._judge(below)):
                self._decided.add(below)
                verdicts.append(verdict)
        return tuple(verdicts)

    def decide(self, node: N) -> None:
        """Mark a node as decided without a verdict, since the decision is a fact of history.

        Repeating it is harmless.

        Raises:
            ValueError: If there is no such node to be decided.
        """
        if node not in self._pending:
            raise ValueError(f"unknown node {node!r}")
        self._decided.add(node)

    def is_decided(self, node: N) -> bool:
        """True if the node has had its verdict, was marked by ``decide``, or has ended."""
        return node in self._decided

    def is_finished(self, node: N) -> bool:
        """True if the node has ended."""
        return node in self._finished

    def _judge(self, node: N) -> Verdict[N] | None:
        """Apply the node's rule to the ends of its upstreams so far; None while it is open."""
        rule, ends, open_upstreams = self._rules[node], self._ends[node], self._pending[node]
        if wanted := _MET_BY_ONE.get(rule):
            if wanted in ends:
                return Verdict(node, met=True)
            met = False
        elif rule is JoinRule.ALL_SUCCEEDED:
            met = ends <= {End.GOOD}
        elif rule is JoinRule.NONE_FAILED:
            met = End.BAD not in ends
        else:
            met = True
        if open_upstreams:
            return None
        return Verdict(node, met, None if met else _reason(rule, ends))


def _reason(rule: JoinRule, ends: set[End]) -> Reason:
    """Why a rule is not met when all upstreams have ended in these ways."""
    if rule is JoinRule.ANY_FAILED:
        return Reason.NOTHING_FAILED
    return Reason.UPSTREAM_FAILED if End.BAD in ends else Reason.UPSTREAM_SKIPPED
