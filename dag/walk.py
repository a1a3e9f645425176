"""Visit the nodes of a graph concurrently, each after those that it waits for.

Rules:

1. One nursery, no task that outlives it; an exception out of a visit is a bug there, and ends the walk.
2. A visit returns how its node ended. What that means below is decided by the `Frontier`.
3. A node whose rule is not met is not visited: it ends bad if something failed above it, else skipped.
4. At most ``limit`` run at a time. The others start in the order in which they became ready; of those that
   became ready together, the ones declared first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from enum import Enum, auto
from typing import Generic, TypeVar

import trio

from dag.frontier import End, Frontier, JoinRule, Reason, Verdict
from dag.graph import Graph

__all__ = ["OnFailure", "walk"]

N = TypeVar("N", bound=Hashable)


class OnFailure(Enum):
    """What a node that ends bad means for those that do not depend on it."""

    CONTINUE = auto()
    """They go on."""
    STOP = auto()
    """No other is started; those that run are waited for, and all others end cancelled."""


async def walk(
    graph: Graph[N],
    visit: Callable[[N], Awaitable[End]],
    *,
    limit: int | None = None,
    on_failure: OnFailure = OnFailure.CONTINUE,
    rules: Mapping[N, JoinRule] | None = None,
) -> dict[N, End]:
    """Visit every node that may go ahead; return how each ended, in the order of the graph.

    Args:
        graph: The graph.
        visit: Called once for a node; returns how it ended.
        limit: How many visits run at a time; None for any number.
        on_failure: What happens to the others when a node ends bad.
        rules: The join rules of nodes; by default all upstreams must have ended good.

    Raises:
        ValueError: If the limit is below 1, or the rules do not fit the graph.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"a limit of {limit} would never start anything")
    async with trio.open_nursery() as nursery:
        progress = _Progress(graph, rules, on_failure)

        def start_more() -> None:
            while progress.ready and (limit is None or progress.running < limit):
                nursery.start_soon(run, progress.take())

        async def run(node: N) -> None:
            end = await visit(node)
            progress.running -= 1
            progress.settle(node, end)
            start_more()

        progress.follow(progress.frontier.start())
        start_more()
    return {node: progress.ends[node] for node in graph}


class _Progress(Generic[N]):
    """Where a walk is: what may start, what runs, what has ended."""

    def __init__(self, graph: Graph[N], rules: Mapping[N, JoinRule] | None, on_failure: OnFailure) -> None:
        self.frontier = Frontier(graph.upstreams, rules)
        self.ready: deque[N] = deque()
        self.running = 0
        self.ends: dict[N, End] = {}
        self._stops = on_failure is OnFailure.STOP
        self._stopped = False

    def take(self) -> N:
        """The next node to visit, which counts as running from now on."""
        self.running += 1
        return self.ready.popleft()

    def settle(self, node: N, end: End) -> None:
        """Record the end of a node and all that follows from it."""
        self.ends[node] = end
        verdicts = self.frontier.finish(node, end)
        if end is End.BAD and self._stops and not self._stopped:
            self._stopped = True
            waiting, self.ready = self.ready, deque()
            verdicts += tuple(Verdict(other, met=True) for other in waiting)
        self.follow(verdicts)

    def follow(self, verdicts: Iterable[Verdict[N]]) -> None:
        """Queue what may go ahead, and end what may not, down the graph; without recursion."""
        pending = deque(verdicts)
        while pending:
            verdict = pending.popleft()
            if verdict.met and not self._stopped:
                self.ready.append(verdict.node)
                continue
            end = _end_unvisited(verdict, stopped=self._stopped)
            self.ends[verdict.node] = end
            pending.extend(self.frontier.finish(verdict.node, end))


def _end_unvisited(verdict: Verdict[N], *, stopped: bool) -> End:
    if stopped:
        return End.CANCELLED
    return End.BAD if verdict.reason is Reason.UPSTREAM_FAILED else End.SKIPPED
