"""Slots of pools and control requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_values import (
    ACTOR,
    OWNER,
    SECOND,
    START,
    Places,
    Sample,
    finished,
    owner,
    started,
    task_finished,
)

from cronicle.runs import events as ev
from cronicle.runs.states import BackfillState, RunState
from cronicle.store.interface import Store, UnknownError
from cronicle.store.location import open_store
from cronicle.store.records import ControlRequest, RunRecord, SlotRequest


def wish(run: RunRecord, task: str, slots: int = 1, **changes: Any) -> SlotRequest:
    values: dict[str, Any] = {
        "run_id": run.id,
        "task": task,
        "key": None,
        "attempt": 1,
        "owner": OWNER,
        "pool": "db",
        "slots": slots,
        "priority": 0,
        "requested_at": START,
    }
    return SlotRequest(**{**values, **changes})


def granted(store: Store, size: int = 2) -> list[str]:
    return [grant.task for grant in store.grant_slots({"db": size})]


def test_what_fits_is_granted_by_priority_and_then_by_age(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots(
        [
            wish(run, "late", requested_at=START + SECOND),
            wish(run, "early"),
            wish(run, "early too"),
            wish(run, "urgent", priority=5, requested_at=START + 2 * SECOND),
        ]
    )

    assert granted(store) == ["urgent", "early"]
    assert granted(store) == []
    assert granted(store, 4) == ["early too", "late"]


def test_a_grant_says_what_was_asked_for(store: Store, sample: Sample) -> None:
    run = sample.run()
    asked = wish(run, "load", key="eu", attempt=3, priority=2)
    store.request_slots([asked])

    (grant,) = store.grant_slots({"db": 1})

    assert grant.granted
    assert (grant.run_id, grant.task, grant.key, grant.attempt, grant.owner) == (
        run.id,
        "load",
        "eu",
        3,
        OWNER,
    )
    assert (grant.pool, grant.slots, grant.priority, grant.requested_at) == ("db", 1, 2, START)
    assert store.list_grants(OWNER) == (grant,)


def test_asking_twice_is_asking_once(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "a"), wish(run, "a")])
    store.request_slots([wish(run, "a")])

    assert granted(store) == ["a"]
    store.request_slots([wish(run, "a")])
    assert granted(store) == []


def test_nobody_overtakes_a_wish_for_many_slots(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "first"), wish(run, "wide", 2), wish(run, "narrow")])

    assert granted(store) == ["first"]
    sample.append(run, started("first"), finished("first"), task_finished("first"))
    assert granted(store) == ["wide"]


def test_what_does_not_fit_holds_back_what_would(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "first", 2), wish(run, "wide", 2), wish(run, "narrow")])

    assert granted(store, 3) == ["first"]


def test_a_wish_for_more_than_the_pool_has_gets_all_of_it_alone(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "huge", 9), wish(run, "small")])

    assert granted(store) == ["huge"]
    assert granted(store) == []


def test_a_pool_without_slots_or_without_a_name_grants_nothing(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "a")])

    assert store.grant_slots({"db": 0}) == ()
    assert store.grant_slots({"another": 5}) == ()
    assert store.grant_slots({}) == ()


def test_pools_do_not_know_each_other(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "a"), wish(run, "b", pool="mail"), wish(run, "c")])

    grants = store.grant_slots({"db": 1, "mail": 1})

    assert {grant.task for grant in grants} == {"a", "b"}


ENDS = {
    "finished": (finished("a"), task_finished("a")),
    "lost": (ev.AttemptLost(at=START, task="a", key=None, attempt=1),),
    "run ended": (ev.RunFinished(at=START, state=RunState.FAILED),),
}


@pytest.mark.parametrize("end", ENDS)
def test_slots_are_free_again_when_the_attempt_has_ended(store: Store, sample: Sample, end: str) -> None:
    run, other = sample.run(), sample.run()
    store.request_slots([wish(run, "a"), wish(other, "b")])
    assert granted(store, 1) == ["a"]
    sample.append(run, started("a"))
    assert granted(store, 1) == []

    sample.append(run, *ENDS[end])

    assert granted(store, 1) == ["b"]


def test_slots_of_a_cancelled_task_are_free_before_its_run_ends(store: Store, sample: Sample) -> None:
    run, other = sample.run(), sample.run()
    store.request_slots([wish(run, "a"), wish(other, "b")])
    assert granted(store, 1) == ["a"]

    sample.append(run, ev.TasksCancelled(at=START, units=(("a", None),)))

    assert granted(store, 1) == ["b"]


def test_slots_of_a_task_that_is_carried_over_in_its_turn_are_free(store: Store, sample: Sample) -> None:
    run = sample.run()
    sample.append(run, ev.RunStarted(at=START))
    store.request_slots([wish(run, "load", slots=2), wish(run, "other", slots=2)])
    assert granted(store) == ["load"]

    sample.append(run, ev.TaskCarriedOver(at=START, task="load", key=None, from_run="R000000000"))

    assert granted(store) == ["other"]


def test_the_slots_of_an_instance_are_its_own(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "a", key="x"), wish(run, "a", key="y"), wish(run, "next")])
    assert granted(store) == ["a", "a"]

    sample.append(run, started("a", "x"), finished("a", "x"), task_finished("a", "x"))

    assert granted(store) == ["next"]


def test_slots_of_an_owner_that_is_gone_are_free(store: Store, sample: Sample) -> None:
    store.register_owner(owner("another"))
    run, other = sample.run(), sample.run(owner="another")
    store.request_slots([wish(run, "a"), wish(other, "b", owner="another")])
    assert granted(store, 1) == ["a"]

    store.remove_owner(OWNER)

    assert granted(store, 1) == ["b"]


def test_a_grant_is_listed_until_its_attempt_starts(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.request_slots([wish(run, "a"), wish(run, "b"), wish(run, "c")])
    granted(store)
    assert [grant.task for grant in store.list_grants(OWNER)] == ["a", "b"]

    sample.append(run, started("a"))

    assert [grant.task for grant in store.list_grants(OWNER)] == ["b"]
    assert store.list_grants("another") == ()


def test_a_run_that_has_ended_asks_for_nothing(store: Store, sample: Sample) -> None:
    store.request_slots([wish(sample.ended(), "a")])

    assert granted(store) == []


def test_a_pool_never_gives_more_than_it_has(places: Places) -> None:
    """Wishes, grants and ends in any order."""

    @settings(max_examples=places.examples(100), deadline=None)
    @given(
        size=st.integers(0, 5),
        steps=st.lists(st.one_of(st.integers(1, 6), st.just("grant"), st.just("end")), max_size=25),
    )
    def check(size: int, steps: list[int | str]) -> None:
        with places.new() as location:
            store = open_store(location, create=True)
            store.register_owner(owner())
            take_steps(store, size, steps)
            store.close()

    def take_steps(store: Store, size: int, steps: list[int | str]) -> None:
        sample = Sample(store)
        run = sample.run()
        held: dict[str, int] = {}
        for number, step in enumerate(steps):
            if step == "grant":
                held |= {grant.task: min(grant.slots, size) for grant in store.grant_slots({"db": size})}
            elif step == "end":
                if held:
                    task = next(iter(held))
                    held.pop(task)
                    sample.append(run, started(task), finished(task), task_finished(task))
            else:
                store.request_slots([wish(run, f"t{number}", int(step))])
            assert sum(held.values()) <= size

    check()


# Control requests


def cancel(target: str) -> ControlRequest:
    return ControlRequest(target=target, verb="cancel", actor=ACTOR, reason="enough", requested_at=START)


def test_a_request_goes_to_the_owner_of_its_target_once(store: Store, sample: Sample) -> None:
    run, backfill = sample.run(), sample.backfill(1)

    assert store.add_request(cancel(run.id)) == OWNER
    assert store.add_request(cancel(backfill.id)) == OWNER

    assert store.take_requests("another") == ()
    taken = store.take_requests(OWNER)
    assert [request.target for request in taken] == [run.id, backfill.id]
    assert (taken[0].verb, taken[0].actor, taken[0].reason, taken[0].requested_at) == (
        "cancel",
        ACTOR,
        "enough",
        START,
    )
    assert store.take_requests(OWNER) == ()


def test_a_request_for_what_nobody_drives_is_answered_with_none_and_forgotten(
    store: Store, sample: Sample
) -> None:
    orphan, ended = sample.run(owner=None), sample.ended()

    assert store.add_request(cancel(orphan.id)) is None
    assert store.add_request(cancel(ended.id)) is None

    store.adopt_run(orphan.id, OWNER)
    assert store.take_requests(OWNER) == ()


def test_a_request_for_what_does_not_exist_is_an_unknown_error(store: Store) -> None:
    with pytest.raises(UnknownError, match="no run or backfill"):
        store.add_request(cancel("R999999999"))


def test_a_request_outlives_the_owner_that_did_not_take_it(store: Store, sample: Sample) -> None:
    run = sample.run()
    store.add_request(cancel(run.id))
    store.register_owner(owner("another"))
    store.remove_owner(OWNER)

    assert store.adopt_run(run.id, "another")

    assert [request.target for request in store.take_requests("another")] == [run.id]


def test_requests_end_with_their_target(store: Store, sample: Sample) -> None:
    run, backfill = sample.run(), sample.backfill(1)
    store.add_request(cancel(run.id))
    store.add_request(cancel(backfill.id))

    sample.append(run, ev.RunFinished(at=START, state=RunState.SUCCEEDED))
    store.set_backfill_state(backfill.id, BackfillState.SUCCEEDED, None, START, owner=OWNER)

    assert store.take_requests(OWNER) == ()


def test_a_request_may_be_for_an_owner_itself(store: Store, sample: Sample) -> None:
    run = sample.run()

    assert store.add_request(cancel(OWNER)) == OWNER
    assert store.add_request(cancel(run.id)) == OWNER

    assert store.take_requests("another") == ()
    assert [request.target for request in store.take_requests(OWNER)] == [OWNER, run.id]


def test_a_request_for_an_owner_goes_with_it(store: Store, sample: Sample) -> None:
    store.add_request(cancel(OWNER))
    store.remove_owner(OWNER)
    with pytest.raises(UnknownError):
        store.add_request(cancel(OWNER))

    store.register_owner(owner())

    assert store.take_requests(OWNER) == ()


def test_a_request_for_an_owner_that_has_died_is_left_for_nobody(
    store: Store, opened: Callable[[], Store]
) -> None:
    other = opened()
    other.register_owner(owner("other"))
    other.close()

    assert store.add_request(cancel("other")) is None


def test_an_attempt_holds_its_lock_and_slots_of_its_pool(store: Store, sample: Sample) -> None:
    first, second = sample.run(), sample.run()
    store.request_slots(
        [wish(run, "load", pool=pool) for run in (first, second) for pool in ("lock/table", "db")]
    )

    grants = store.grant_slots({"lock/table": 1, "db": 9})
    assert [(grant.run_id, grant.pool) for grant in grants] == [
        (first.id, "lock/table"),
        (first.id, "db"),
        (second.id, "db"),
    ]

    sample.append(first, started("load"), finished("load"))
    assert [grant.run_id for grant in store.grant_slots({"lock/table": 1, "db": 9})] == [second.id]


def test_a_request_to_pause_is_met_by_a_pause_of_whomever(store: Store, sample: Sample) -> None:
    """Else the next to go on with the backfill would be told to pause it, long after."""
    backfill = sample.backfill(1)
    store.add_request(attrs.evolve(cancel(backfill.id), verb="pause"))
    store.add_request(cancel(backfill.id))
    store.remove_owner(OWNER)

    store.set_backfill_state(backfill.id, BackfillState.PAUSED, "later", START, owner=None)
    store.register_owner(owner("another"))
    store.adopt_backfill(backfill.id, "another")

    assert [request.verb for request in store.take_requests("another")] == ["cancel"]
