"""The search for the first bad commit: it ends, finds what was planted, and asks as little as halving needs."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.plan.bisection import Search, behaviour
from cronicle.runs.policy import Policy
from cronicle.testing import workflow

Graph = dict[str, tuple[str, ...]]


def line(length: int) -> Graph:
    """c0 ← c1 ← … ; the parent of the first is known to be good."""
    return {f"c{n}": (f"c{n - 1}" if n else "good",) for n in range(length)}


@st.composite
def histories(draw: st.DrawFn) -> Graph:
    """Random histories: each commit has up to three parents among earlier ones, or comes from what is good."""
    size = draw(st.integers(1, 40))
    graph: Graph = {}
    for n in range(size):
        known = [f"c{m}" for m in range(max(0, n - 6), n)]
        parents = draw(st.lists(st.sampled_from([*known, "good"]), min_size=1, max_size=3))
        graph[f"c{n}"] = tuple(parents)
    return graph


def at_or_above(graph: Graph, commit: str) -> set[str]:
    found: set[str] = set()
    pending = [commit]
    while pending:
        one = pending.pop()
        if one in graph and one not in found:
            found.add(one)
            pending += graph[one]
    return found


def ask(search: Search, is_bad, skipped=frozenset()) -> tuple[Search, int]:
    """Search to the end; how it stands, and how many questions that took."""
    asked: list[str] = []
    while (commit := search.question()) is not None:
        assert commit not in asked
        asked.append(commit)
        if commit in skipped:
            search = search.skip(commit)
        else:
            search = search.is_bad(commit) if is_bad(commit) else search.is_good(commit)
    return search, len(asked)


@given(histories(), st.data())
def test_what_is_planted_is_found_in_any_history(graph: Graph, data: st.DataObject) -> None:
    bad = list(graph)[-1]
    planted = data.draw(st.sampled_from(sorted(at_or_above(graph, bad))))

    search, _ = ask(Search.begin(graph, bad), lambda commit: planted in at_or_above(graph, commit))

    assert search.first_bad == planted


@given(histories(), st.data())
def test_what_cannot_be_judged_leaves_a_list_that_holds_the_first_bad_one(
    graph: Graph, data: st.DataObject
) -> None:
    bad = list(graph)[-1]
    suspects = sorted(at_or_above(graph, bad))
    planted = data.draw(st.sampled_from(suspects))
    skipped = data.draw(st.sets(st.sampled_from(suspects))) - {bad}

    search, _ = ask(Search.begin(graph, bad), lambda commit: planted in at_or_above(graph, commit), skipped)

    assert planted in search.possible
    assert set(search.possible) - {search.bad} <= skipped
    assert (search.first_bad is not None) == (len(search.possible) == 1)


@given(histories(), st.randoms())
def test_it_ends_whatever_is_answered(graph: Graph, chance: random.Random) -> None:
    search = Search.begin(graph, list(graph)[-1])
    for _ in range(len(graph)):
        commit = search.question()
        if commit is None:
            break
        search = chance.choice([search.is_good, search.is_bad, search.skip])(commit)

    assert search.question() is None
    assert search.bad in search.possible


@given(st.integers(1, 3000), st.data())
def test_a_line_is_halved_with_each_question(length: int, data: st.DataObject) -> None:
    graph = line(length)
    planted = data.draw(st.integers(0, length - 1))
    search = Search.begin(graph, f"c{length - 1}")
    estimate = search.steps_left

    search, asked = ask(search, lambda commit: int(commit[1:]) >= planted)

    assert search.first_bad == f"c{planted}"
    assert asked <= math.ceil(math.log2(length)) <= estimate <= math.log2(length) + 1


def test_parents_come_before_children_and_what_is_good_is_none_of_the_suspects() -> None:
    graph = {"merge": ("a", "b"), "b": ("root",), "a": ("root", "good"), "root": ("good",), "other": ()}

    search = Search.begin(graph, "merge")

    assert next(iter(search.parents)) == "root"
    assert search.parents["merge"] == ("a", "b")
    assert "other" not in search.parents
    assert search.possible[0] == "merge"


def test_the_one_that_splits_best_is_asked_for() -> None:
    side = {f"s{n}": (f"s{n - 1}" if n else "good",) for n in range(6)}
    graph = side | line(2) | {"merge": ("c1", "s5")}

    assert Search.begin(graph, "merge").question() in ("s3", "s4")


def test_what_is_known_to_be_bad_cannot_be_good() -> None:
    search = Search.begin(line(3), "c2")

    with pytest.raises(ValueError, match="c2 is known to be bad"):
        search.is_good("c2")
    assert search.is_good("elsewhere") == search
    assert search.skip("c2") == search


def test_a_great_history_takes_a_moment() -> None:
    graph = {
        f"c{n}": ("good",) if n == 0 else (f"c{n - 1}", f"c{max(0, n - 7)}") if n % 5 == 0 else (f"c{n - 1}",)
        for n in range(20_000)
    }

    search, asked = ask(Search.begin(graph, "c19999"), lambda commit: int(commit[1:]) >= 12_345)

    assert search.first_bad == "c12345"
    assert asked <= 15


def test_what_a_run_does_is_told_from_how_it_is_shown() -> None:
    from attrs import evolve

    spec = workflow("a -> b")
    same = evolve(spec, policy=Policy(priority=3), runbook="README.md")
    shorter = evolve(spec, timeout=5.0)
    (first, second) = spec.tasks
    limited = evolve(spec, tasks=(first, evolve(second, timeout=1.0)))
    described = evolve(spec, tasks=(first, evolve(second, description="b", priority=2)))
    other = evolve(spec, tasks=(first, evolve(second, deep_fingerprint="1:other")))

    def of(one) -> str:
        return behaviour(one, {"day": 1})

    assert of(spec) == of(same) == of(described)
    assert len({of(spec), of(shorter), of(limited), of(other), behaviour(spec, {"day": 2})}) == 5
