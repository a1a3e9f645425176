"""Who of those that serve takes which runs: evenly for their slots, and without moving what was begun."""

from __future__ import annotations

from collections import Counter

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cronicle.engine.sharing import Shares, moves
from cronicle.store.serving import ServingRecord

GPU = ("gpu",)


def serving(
    owner: str,
    *,
    slots: int = 2,
    live: int = 0,
    queued: int = 0,
    labels: tuple[str, ...] = (),
    needing: int = 0,
) -> ServingRecord:
    needs = {GPU: needing} if needing else {}
    return ServingRecord(owner=owner, slots=slots, live=live, queued=queued, labels=labels, needing=needs)


@st.composite
def clusters(draw: st.DrawFn) -> list[ServingRecord]:
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
    made = []
    for name in names:
        queued, begun = draw(st.integers(0, 30)), draw(st.integers(0, 8))
        made.append(serving(name, slots=draw(st.integers(1, 8)), live=queued + begun, queued=queued))
    return made


@st.composite
def labelled_clusters(draw: st.DrawFn) -> list[ServingRecord]:
    """Of which some have a label, and with it queued runs that need it."""
    return [
        evolve(one, labels=GPU, needing={GPU: draw(st.integers(0, one.queued))})
        if draw(st.booleans())
        else one
        for one in draw(clusters())
    ]


def test_runs_go_to_whoever_has_the_least_to_do_for_each_slot() -> None:
    shares = Shares([serving("small", slots=1), serving("large", slots=3)])
    assert Counter(shares.next() for _ in range(8)) == {"small": 2, "large": 6}


def test_where_nobody_serves_nobody_takes_a_run() -> None:
    assert Shares([]).next() is None


def test_a_run_goes_only_to_one_that_has_the_labels() -> None:
    shares = Shares([serving("idle", slots=8), serving("able", slots=1, live=5, labels=("gpu", "linux"))])
    assert [shares.next(GPU), shares.next(), shares.next(("gpu", "linux"))] == ["able", "idle", "able"]
    assert shares.next(("gpu", "darwin")) is None
    assert shares.can_take("able", GPU)
    assert not shares.can_take("idle", GPU)
    assert not shares.can_take(None, ())


def test_what_another_cannot_execute_stays() -> None:
    busy = serving("busy", slots=1, live=6, queued=5, labels=GPU, needing=3)
    assert [(one.target, one.count) for one in moves([busy, serving("new", slots=8)])] == [("new", 2)]
    assert [one.count for one in moves([busy, serving("new", slots=8, labels=GPU)])] == [5]


def test_one_whose_runs_nobody_else_can_execute_is_in_nobodys_way() -> None:
    tied = serving("tied", slots=1, live=21, queued=20, labels=GPU, needing=20)
    busy = serving("busy", slots=2, live=6, queued=4)
    assert [(one.source, one.count) for one in moves([tied, busy, serving("new", slots=3)])] == [("busy", 3)]


@given(labelled_clusters())
def test_no_process_is_given_more_than_it_can_execute(cluster: list[ServingRecord]) -> None:
    by_name = {one.owner: one for one in cluster}
    given_away = Counter[str]()
    for move in moves(cluster):
        if by_name[move.target].labels != GPU:
            given_away[move.source] += move.count
    for name, count in given_away.items():
        assert count <= by_name[name].queued - sum(by_name[name].needing.values())


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
