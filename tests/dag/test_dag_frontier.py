"""The frontier: verdicts, reasons, cost, and agreement with an oracle that looks at everything each time."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag.frontier import End, Frontier, JoinRule, Reason, Verdict


def oracle(rule: JoinRule, ends: list[End | None]) -> tuple[bool, str | None] | None:
    """The table of the rules, read literally: (met, reason), or None while it is open."""
    ended = all(ends)
    match rule:
        case JoinRule.ANY_SUCCEEDED if End.GOOD in ends:
            return True, None
        case JoinRule.ANY_FAILED if End.BAD in ends:
            return True, None
        case _ if not ended:
            return None
        case JoinRule.ALL_DONE:
            return True, None
        case JoinRule.NONE_FAILED if End.BAD not in ends:
            return True, None
        case JoinRule.ALL_SUCCEEDED if all(end is End.GOOD for end in ends):
            return True, None
        case JoinRule.ANY_FAILED:
            return False, "nothing_failed"
        case _:
            return False, "upstream_failed" if End.BAD in ends else "upstream_skipped"


@st.composite
def rules_over_graphs(draw: st.DrawFn) -> tuple[dict[int, list[int]], dict[int, JoinRule]]:
    size = draw(st.integers(1, 9))
    upstreams = {
        node: draw(st.lists(st.integers(0, node - 1), unique=True)) if node else [] for node in range(size)
    }
    rules = {
        node: draw(st.sampled_from([rule for rule in JoinRule if above or not rule.needs_upstreams]))
        for node, above in upstreams.items()
    }
    return upstreams, rules


@given(rules_over_graphs(), st.data())
def test_verdicts_agree_with_the_oracle_in_every_order_of_finishing(graph, data):
    upstreams, rules = graph
    frontier = Frontier(upstreams, rules)
    ends: dict[int, End] = {}
    decided: dict[int, tuple[bool, str | None]] = {}

    def expected() -> list[Verdict[int]]:
        fresh = []
        for node, above in upstreams.items():
            if node not in decided and node not in ends:
                answer = oracle(rules[node], [ends.get(upstream) for upstream in above])
                if answer is not None:
                    decided[node] = answer
                    fresh.append(Verdict(node, *answer))
        return fresh

    assert list(frontier.start()) == expected()
    while open_nodes := [node for node in upstreams if node not in ends]:
        node = data.draw(st.sampled_from(open_nodes))  # also nodes that nobody has decided yet: cancelled
        ends[node] = data.draw(st.sampled_from(End))
        assert list(frontier.finish(node, ends[node])) == expected()
        assert all(frontier.is_decided(n) == (n in decided or n in ends) for n in upstreams)
    assert frontier.edges_seen == sum(map(len, upstreams.values()))


@pytest.mark.parametrize("rule", JoinRule)
@pytest.mark.parametrize(
    "ends",
    [(End.GOOD, End.SKIPPED, End.BAD), (End.SKIPPED, End.CANCELLED, End.SKIPPED), (End.GOOD, End.GOOD)],
)
def test_verdict_and_reason_do_not_depend_on_the_order_of_upstreams(rule, ends):
    seen = set()
    for order in permutations(range(len(ends))):
        frontier = Frontier({"end": range(len(ends))}, {"end": rule})
        verdicts = [verdict for upstream in order for verdict in frontier.finish(upstream, ends[upstream])]
        assert len(verdicts) == 1
        seen.add(verdicts[0])
    assert len(seen) == 1


def test_a_rule_that_is_not_met_is_decided_only_by_the_last_upstream():
    frontier = Frontier({"a": [], "b": [], "report": ["a", "b"]})
    frontier.start()
    assert frontier.finish("a", End.BAD) == ()
    assert frontier.finish("b", End.GOOD) == (Verdict("report", met=False, reason=Reason.UPSTREAM_FAILED),)


def test_any_failed_fires_on_the_first_failure_and_not_again():
    frontier = Frontier({"alarm": ["a", "b"]}, {"alarm": JoinRule.ANY_FAILED})
    assert frontier.finish("a", End.BAD) == (Verdict("alarm", met=True),)
    assert frontier.finish("b", End.BAD) == ()


def test_verdicts_come_in_order_of_declaration():
    names = ["z", "m", "a", "k"]
    frontier = Frontier({name: ["root"] for name in names} | {"y": [], "b": []})
    assert [verdict.node for verdict in frontier.start()] == ["y", "b"]
    assert [verdict.node for verdict in frontier.finish("root", End.GOOD)] == names


def test_a_decided_node_gets_no_verdict_when_history_is_replayed():
    frontier = Frontier({"a": [], "b": ["a"], "c": ["a"]})
    frontier.decide("a")
    frontier.decide("b")
    frontier.decide("b")
    assert frontier.start() == ()
    assert frontier.finish("a", End.GOOD) == (Verdict("c", met=True),)


def test_start_decides_once():
    frontier = Frontier({"a": [], "b": ["a"]})
    assert frontier.start() == (Verdict("a", met=True),)
    assert frontier.start() == ()


def test_an_upstream_named_twice_counts_once():
    frontier = Frontier({"b": ["a", "a"]})
    assert frontier.finish("a", End.GOOD) == (Verdict("b", met=True),)
    assert frontier.edges_seen == 1


def test_finishing_an_unknown_or_finished_node_is_refused_and_changes_nothing():
    frontier = Frontier({"a": [], "b": ["a", "x"]})
    frontier.finish("a", End.GOOD)
    with pytest.raises(ValueError, match="finished before"):
        frontier.finish("a", End.BAD)
    with pytest.raises(ValueError, match="unknown node 'q'"):
        frontier.finish("q", End.GOOD)
    assert frontier.edges_seen == 1
    assert frontier.finish("x", End.GOOD) == (Verdict("b", met=True),)


def test_deciding_a_node_that_is_only_an_upstream_is_refused():
    frontier = Frontier({"b": ["a"]})
    with pytest.raises(ValueError, match="unknown node 'a'"):
        frontier.decide("a")


@pytest.mark.parametrize("rule", [JoinRule.ANY_SUCCEEDED, JoinRule.ANY_FAILED])
def test_a_rule_that_needs_an_upstream_is_refused_without_one(rule):
    with pytest.raises(ValueError, match="no upstreams"):
        Frontier({"a": []}, {"a": rule})


def test_a_rule_for_an_unknown_node_is_refused():
    with pytest.raises(ValueError, match="'b'"):
        Frontier({"a": []}, {"b": JoinRule.ALL_DONE})


def test_the_frontier_needs_neither_networkx_nor_trio():
    program = "import sys, dag.frontier; print([m for m in ('networkx', 'trio') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
