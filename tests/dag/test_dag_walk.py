"""The walk: order, limits, failures, and what follows from them; on a clock that jumps."""

from __future__ import annotations

import random

import pytest
import trio

from dag.frontier import End, JoinRule
from dag.graph import Graph
from dag.walk import OnFailure, walk

DIAMOND = Graph("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])


async def good(node: object) -> End:
    await trio.lowlevel.checkpoint()
    return End.GOOD


async def test_every_node_is_visited_once_after_what_it_waits_for(autojump_clock):
    chance = random.Random(7)
    edges = [(a, b) for b in range(60) for a in range(b) if chance.random() < 0.08]
    graph, ended = Graph(range(60), edges), []

    async def visit(node: int) -> End:
        assert set(graph.upstream(node)) <= set(ended)
        await trio.sleep(chance.random())
        ended.append(node)
        return End.GOOD

    ends = await walk(graph, visit)
    assert sorted(ended) == list(range(60))
    assert ends == dict.fromkeys(range(60), End.GOOD)


async def test_independent_nodes_run_at_the_same_time(autojump_clock):
    async def visit(node: int) -> End:
        await trio.sleep(10)
        return End.GOOD

    start = trio.current_time()
    await walk(Graph(range(50)), visit)
    assert trio.current_time() - start == pytest.approx(10)


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_no_more_than_the_limit_run_at_a_time_and_no_place_stays_empty(limit, autojump_clock):
    running, most = 0, 0

    async def visit(node: int) -> End:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1
        return End.GOOD

    start = trio.current_time()
    await walk(Graph(range(20)), visit, limit=limit)
    assert most == limit
    assert trio.current_time() - start == pytest.approx(20 / limit)


async def test_one_at_a_time_goes_in_order_of_declaration():
    visited = []

    async def visit(node: str) -> End:
        visited.append(node)
        return await good(node)

    await walk(Graph("zyxa", [("x", "y")]), visit, limit=1)
    assert visited == ["z", "x", "a", "y"]


async def test_below_a_failure_nothing_is_visited_and_the_rest_goes_on():
    graph, visited = Graph("abcdx", [("a", "b"), ("b", "c"), ("a", "d")]), set()

    async def visit(node: str) -> End:
        visited.add(node)
        return End.BAD if node == "b" else await good(node)

    ends = await walk(graph, visit)
    assert visited == {"a", "b", "d", "x"}
    assert ends == {"a": End.GOOD, "b": End.BAD, "c": End.BAD, "d": End.GOOD, "x": End.GOOD}


async def test_a_skip_goes_down_and_join_rules_decide():
    ends = await walk(
        DIAMOND,
        lambda node: _end(End.SKIPPED if node == "b" else End.GOOD),
        rules={"d": JoinRule.NONE_FAILED},
    )
    assert ends == {"a": End.GOOD, "b": End.SKIPPED, "c": End.GOOD, "d": End.GOOD}
    ends = await walk(DIAMOND, lambda node: _end(End.SKIPPED if node == "b" else End.GOOD))
    assert ends["d"] is End.SKIPPED


async def _end(end: End) -> End:
    await trio.lowlevel.checkpoint()
    return end


async def test_stop_starts_nothing_more_waits_for_what_runs_and_cancels_the_rest(autojump_clock):
    visited = []

    async def visit(node: str) -> End:
        visited.append(node)
        await trio.sleep(1 if node == "bad" else 5)
        return End.BAD if node == "bad" else End.GOOD

    graph = Graph(["bad", "slow", "later", "last"], [("slow", "last")])
    ends = await walk(graph, visit, limit=2, on_failure=OnFailure.STOP)
    assert sorted(visited) == ["bad", "slow"]
    assert ends == {"bad": End.BAD, "slow": End.GOOD, "later": End.CANCELLED, "last": End.CANCELLED}


async def test_a_chain_below_a_failure_may_be_longer_than_the_stack():
    graph = Graph(range(20_000), ((n, n + 1) for n in range(19_999)))
    ends = await walk(graph, lambda node: _end(End.BAD))
    assert set(ends.values()) == {End.BAD}


async def test_an_exception_in_a_visit_ends_the_walk():
    async def visit(node: str) -> End:
        if node == "a":
            raise LookupError("a bug")
        await trio.sleep_forever()
        return End.GOOD

    with pytest.RaisesGroup(LookupError):
        await walk(Graph("ab"), visit)


async def test_an_empty_graph_is_walked_and_a_limit_of_nothing_is_refused():
    assert await walk(Graph([]), good) == {}
    with pytest.raises(ValueError, match="limit of 0"):
        await walk(Graph("a"), good, limit=0)
