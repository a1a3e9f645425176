"""Who of those that serve takes which runs: evenly for their slots, and without moving what was begun."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cronicle.engine.sharing import Shares, moves
from cronicle.store.serving import ServingRecord


def serving(owner: str, *, slots: int = 2, live: int = 0, queued: int = 0) -> ServingRecord:
    return ServingRecord(owner=owner, slots=slots, live=live, queued=queued)


@st.composite
def clusters(draw: st.DrawFn) -> list[ServingRecord]:
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
    made = []
    for name in names:
        queued, begun = draw(st.integers(0, 30)), draw(st.integers(0, 8))
        made.append(serving(name, slots=draw(st.integers(1, 8)), live=queued + begun, queued=queued))
    return made


def test_runs_go_to_whoever_has_the_least_to_do_for_each_slot() -> None:
    shares = Shares([serving("small", slots=1), serving("large", slots=3)])
    assert Counter(shares.next() for _ in range(8)) == {"small": 2, "large": 6}


def test_where_nobody_serves_nobody_takes_a_run() -> None:
    assert Shares([]).next() is None


def test_one_that_joins_gets_queued_runs_as_many_as_it_has_slots_for() -> None:
    found = moves([serving("busy", slots=2, live=12, queued=10), serving("new", slots=3)])
    assert [(one.source, one.target, one.count) for one in found] == [("busy", "new", 3)]


def test_what_was_begun_stays() -> None:
    assert moves([serving("busy", slots=2, live=9, queued=0), serving("new", slots=3)]) == ()


def test_what_its_own_process_has_slots_for_stays() -> None:
    assert moves([serving("a", slots=4, live=3, queued=3), serving("b", slots=4)]) == ()


@given(clusters())
def test_moving_never_takes_more_than_is_queued_nor_gives_more_than_there_are_slots(
    cluster: list[ServingRecord],
) -> None:
    by_name = {one.owner: one for one in cluster}
    given_up, taken = Counter[str](), Counter[str]()
    for move in moves(cluster):
        assert move.count > 0
        assert move.source != move.target
        given_up[move.source] += move.count
        taken[move.target] += move.count
    for name, count in given_up.items():
        assert count <= by_name[name].queued
        assert by_name[name].live - count >= by_name[name].slots
    for name, count in taken.items():
        assert by_name[name].live + count <= by_name[name].slots
    assert not given_up.keys() & taken.keys()


@given(clusters())
def test_after_moving_no_slot_is_idle_while_another_has_runs_that_it_cannot_begin(
    cluster: list[ServingRecord],
) -> None:
    live, queued = ({one.owner: getattr(one, name) for one in cluster} for name in ("live", "queued"))
    for move in moves(cluster):
        live[move.source] -= move.count
        queued[move.source] -= move.count
        live[move.target] += move.count
    idle = any(live[one.owner] < one.slots for one in cluster)
    waiting = any(min(queued[one.owner], live[one.owner] - one.slots) > 0 for one in cluster)
    assert not (idle and waiting)
