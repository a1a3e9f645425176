"""Backfills: their ticks, their counters, who drives them, and what stands in their way."""

from __future__ import annotations

import attrs
import pytest
from store_values import DAY, OWNER, SECOND, START, Sample, owner, tick

from cronicle.runs import events as ev
from cronicle.runs.states import BackfillState, Cause, RunState
from cronicle.store.interface import Store, UnknownError
from cronicle.store.records import BackfillRecord, TickRevision


def again(store: Store, backfill: BackfillRecord) -> BackfillRecord:
    found = store.find_backfill(backfill.id)
    assert found is not None
    return found


def test_a_backfill_comes_back_as_it_was_made(store: Store, sample: Sample) -> None:
    record = sample.backfill_record(
        2, series="hourly", parallel=4, newest_first=True, hooks=True, counts=False, choice="all", reason="x"
    )

    made = store.create_backfill(record, [tick(0), tick(1)])

    assert made == attrs.evolve(record, sequence=1)
    assert store.find_backfill(record.id) == made
    assert store.find_backfill("B999999999") is None
    assert store.list_ticks(record.id) == (tick(0), tick(1))


def test_ticks_are_listed_in_their_order_and_pending_ones_alone(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(4)
    sample.run(1, cause=Cause.BACKFILL, backfill=backfill.id, logical_time=START + DAY)

    assert [t.position for t in store.list_ticks(backfill.id)] == [0, 1, 2, 3]
    assert [t.position for t in store.list_ticks(backfill.id, pending=True)] == [0, 2, 3]
    assert [t.position for t in store.list_ticks(backfill.id, pending=True, limit=2)] == [0, 2]
    with pytest.raises(UnknownError, match="no backfill"):
        store.list_ticks("B999999999")


def test_a_tick_has_the_state_of_its_run(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(2)
    run = sample.run(0, cause=Cause.BACKFILL, backfill=backfill.id, logical_time=START)

    def first() -> tuple[str | None, RunState | None]:
        found = store.list_ticks(backfill.id)[0]
        return found.run_id, found.state

    assert first() == (run.id, RunState.QUEUED)
    sample.append(run, ev.RunStarted(at=START))
    assert first() == (run.id, RunState.RUNNING)
    sample.append(run, ev.RunFinished(at=START, state=RunState.FAILED))
    assert first() == (run.id, RunState.FAILED)


def test_progress_counts_the_runs_that_have_ended_and_failed(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(4)
    ends = [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]

    for position, state in enumerate(ends):
        sample.ended(state, position, cause=Cause.BACKFILL, backfill=backfill.id)
    sample.run(3, cause=Cause.BACKFILL, backfill=backfill.id)

    assert (again(store, backfill).done, again(store, backfill).failed) == (3, 1)


def test_a_second_run_for_a_tick_takes_the_place_of_the_first(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(1)
    sample.ended(RunState.FAILED, 0, cause=Cause.BACKFILL, backfill=backfill.id)

    second = sample.run(0, cause=Cause.BACKFILL, backfill=backfill.id)
    assert (again(store, backfill).done, again(store, backfill).failed) == (0, 0)

    sample.append(second, ev.RunFinished(at=START, state=RunState.SUCCEEDED))
    assert (again(store, backfill).done, again(store, backfill).failed) == (1, 0)
    assert store.list_ticks(backfill.id)[0].run_id == second.id


def test_a_run_beside_its_ticks_does_not_count(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(1)

    sample.ended(cause=Cause.RETRY, backfill=backfill.id)

    assert again(store, backfill).done == 0


def test_a_run_for_a_tick_that_does_not_exist_is_not_made(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(1)

    with pytest.raises(UnknownError, match="no tick 7"):
        sample.run(7, id="R7", backfill=backfill.id)

    assert store.find_run("R7") is None


@pytest.mark.parametrize("state", [BackfillState.RUNNING, BackfillState.PAUSED])
def test_one_that_shares_a_tick_with_an_unfinished_one_is_not_made(
    store: Store, sample: Sample, state: BackfillState
) -> None:
    first = sample.backfill(3)
    store.set_backfill_state(first.id, state, None, START, owner=OWNER)
    second = sample.backfill_record(2)
    ticks = [tick(0, START + 2 * DAY), tick(1, START + 3 * DAY)]

    assert store.create_backfill(second, ticks) is None
    assert store.find_overlapping_backfill(second, ticks) == again(store, first)
    assert store.find_backfill(second.id) is None


@pytest.mark.parametrize(
    ("changes", "ticks"),
    [
        ({}, [tick(0, START + 3 * DAY)]),
        ({"workflow": "weekly"}, [tick(0)]),
        ({"series": "hourly"}, [tick(0)]),
        ({"environment": "production"}, [tick(0)]),
    ],
    ids=["other ticks", "other workflow", "other series", "other environment"],
)
def test_backfills_without_a_common_tick_stand_side_by_side(
    store: Store, sample: Sample, changes: dict[str, str], ticks: list[object]
) -> None:
    sample.backfill(3)
    second = sample.backfill_record(1, **changes)

    assert store.find_overlapping_backfill(second, ticks) is None  # type: ignore[arg-type]
    assert store.create_backfill(second, ticks) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [BackfillState.SUCCEEDED, BackfillState.FAILED, BackfillState.CANCELLED])
def test_one_that_has_ended_stands_in_nobodys_way(store: Store, sample: Sample, state: BackfillState) -> None:
    first = sample.backfill(1)

    assert store.set_backfill_state(first.id, state, "why", START + SECOND, owner=OWNER)

    ended = again(store, first)
    assert (ended.state, ended.reason, ended.ended_at, ended.owner) == (state, "why", START + SECOND, None)
    assert sample.backfill(1).id != first.id
    assert not store.adopt_backfill(first.id, OWNER)
    assert not store.set_backfill_state(first.id, BackfillState.PAUSED, None, START, owner=None)


def test_a_paused_one_has_no_owner_and_runs_again_when_adopted(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(1)

    assert store.set_backfill_state(backfill.id, BackfillState.PAUSED, "10 failures", START, owner=OWNER)
    paused = again(store, backfill)
    assert (paused.state, paused.reason, paused.ended_at, paused.owner) == (
        BackfillState.PAUSED,
        "10 failures",
        None,
        None,
    )

    store.register_owner(owner("another"))
    assert store.adopt_backfill(backfill.id, "another")
    assert not store.adopt_backfill(backfill.id, OWNER)
    adopted = again(store, backfill)
    assert (adopted.state, adopted.reason, adopted.owner) == (BackfillState.RUNNING, None, "another")


def test_only_its_owner_can_set_its_state(store: Store, sample: Sample) -> None:
    backfill = sample.backfill(1)
    store.register_owner(owner("another"))

    assert not store.set_backfill_state(backfill.id, BackfillState.PAUSED, None, START, owner="another")
    assert not store.set_backfill_state(backfill.id, BackfillState.PAUSED, None, START, owner=None)
    assert again(store, backfill).state is BackfillState.RUNNING


def test_lists_of_backfills_are_newest_first_and_by_scope(store: Store, sample: Sample) -> None:
    first = sample.backfill(1)
    store.set_backfill_state(first.id, BackfillState.SUCCEEDED, None, START, owner=OWNER)
    second, third = sample.backfill(1), sample.backfill(1, workflow="weekly")

    def ids(*scope: str, unfinished: bool = False, limit: int = 50) -> list[str]:
        return [b.id for b in store.list_backfills(*scope, unfinished=unfinished, limit=limit)]

    assert ids() == [third.id, second.id, first.id]
    assert ids("weather", "local", "daily") == [second.id, first.id]
    assert ids("weather", "local", "daily", unfinished=True) == [second.id]
    assert ids("weather", limit=1) == [third.id]
    assert ids("climate") == []


def test_ticks_may_run_something_else_than_their_backfill_says(store: Store, sample: Sample) -> None:
    then = {"revision": "2" * 40, "deployment": 7, "spec_hash": sample.spec_hash}
    ticks = [
        attrs.evolve(tick(0), **then),
        attrs.evolve(tick(1), tasks=("b", "a")),
        attrs.evolve(tick(2), interval_start=None, interval_start_nominal=None, interval_end=None),
        attrs.evolve(tick(3), **then),
    ]
    record = sample.backfill_record(4, canary=2, choice="stale")

    made = store.create_backfill(record, ticks)

    assert made is not None
    assert (made.canary, made.waits_for) == (2, None)
    assert list(store.list_ticks(record.id)) == ticks
    assert store.list_tick_revisions(record.id) == (TickRevision(revision="2" * 40, deployment=7, ticks=2),)
    with pytest.raises(UnknownError, match="no backfill"):
        store.list_tick_revisions("B999999999")


def test_several_backfills_are_made_together_or_none_of_them(store: Store, sample: Sample) -> None:
    first = sample.backfill_record(1)
    second = sample.backfill_record(1, workflow="weekly", waits_for=first.id)

    made = store.create_backfills([(first, [tick(0)]), (second, [tick(0)])])

    assert made is not None
    assert [(one.id, one.waits_for) for one in made] == [(first.id, None), (second.id, first.id)]

    third = sample.backfill_record(1, workflow="monthly")
    overlapping = sample.backfill_record(1, workflow="weekly")
    assert store.create_backfills([(third, [tick(0)]), (overlapping, [tick(0)])]) is None
    assert store.find_backfill(third.id) is None
    assert store.list_backfills(workflow="monthly") == ()
