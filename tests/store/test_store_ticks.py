"""What becomes of ticks: the run of a tick and the move of its cursor are one transaction of the one who leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs
import pytest
from store_values import ACTOR, DAY, OWNER, SECOND, START, Sample, deployment, project

from cronicle.runs import events as ev
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import Cause, RunState
from cronicle.store.interface import Store, StoreError
from cronicle.store.records import NewRun, OwnerRecord, RunFilter, RunRecord
from cronicle.store.series import (
    CursorRecord,
    Dropped,
    OwedRecord,
    PauseRecord,
    SeriesKey,
    Settled,
    Settlement,
    TickSpan,
)

KEY = SeriesKey(project="weather", environment="local", workflow="daily")
HOURLY = attrs.evolve(KEY, series="hourly")


@pytest.fixture
def epoch(store: Store, sample: Sample) -> int:
    """The epoch of the leader, which `me` is."""
    epoch = store.lead(OWNER)
    assert epoch is not None
    return epoch


def spec_with(store: Store, policy: Policy) -> str:
    return store.put_spec(
        spec_to_bytes(RunSpec(project="weather", workflow="daily", policy=policy, tasks=()))
    )


def new_run(sample: Sample, at: datetime, **changes: Any) -> NewRun:
    record = sample.record(**{"logical_time": at, "cause": Cause.SCHEDULE, "created_at": at, **changes})
    return NewRun(run=record, events=(ev.RunQueued(at=record.created_at, run_id=record.id),))


def cursor(position: datetime, key: SeriesKey = KEY, **changes: Any) -> CursorRecord:
    return CursorRecord(**{"key": key, "since": START, "position": position, "deployment": 1, **changes})


def settlement(
    expected: datetime | None, position: datetime | None, *runs: NewRun, key: SeriesKey = KEY, **changes: Any
) -> Settlement:
    moved = None if position is None else cursor(position, key)
    return Settlement(key=key, expected=expected, cursor=moved, runs=runs, **changes)


def settle(store: Store, epoch: int, *settlements: Settlement) -> tuple[Settled, ...]:
    settled = store.settle(epoch, settlements)
    assert settled is not None
    return settled


def cursors(store: Store) -> tuple[CursorRecord, ...]:
    return store.list_cursors("weather", "local")


def states(store: Store) -> list[tuple[str, str, str | None]]:
    """Id, state and reason of all runs, the oldest first."""
    return [(run.id, run.state, run.reason) for run in store.list_runs(RunFilter())[::-1]]


# Runs and cursors


def test_a_settlement_makes_the_runs_and_moves_the_cursor(store: Store, sample: Sample, epoch: int) -> None:
    new = new_run(sample, START + DAY, not_before=START + DAY + SECOND, lock="db", lateness=0.5)

    settled = settle(store, epoch, settlement(None, START + DAY, new))

    assert [tuple(one.made) for one in settled] == [(new.run.id,)]
    assert cursors(store) == (cursor(START + DAY),)
    made = store.find_run(new.run.id)
    assert made is not None
    assert made == attrs.evolve(new.run, sequence=made.sequence)
    assert store.get_events(new.run.id) == new.events
    assert store.list_owned_runs(OWNER) == (made,)


def test_a_settlement_decided_from_another_position_is_stale_and_the_others_are_stored(
    store: Store, sample: Sample, epoch: int
) -> None:
    settle(store, epoch, settlement(None, START + DAY))
    late, first, good = (new_run(sample, START + 2 * DAY, series=series) for series in (None, None, "hourly"))

    settled = settle(
        store,
        epoch,
        settlement(START, START + 2 * DAY, late, dropped=(span(),), owed=(owed(),)),
        settlement(None, START + 2 * DAY, first),
        settlement(None, START + 2 * DAY, good, key=HOURLY),
    )

    assert [answer.is_stale for answer in settled] == [True, True, False]
    assert cursors(store) == (cursor(START + DAY), cursor(START + 2 * DAY, HOURLY))
    assert [run.id for run in store.list_runs(RunFilter())] == [good.run.id]
    assert store.list_dropped() == store.list_owed("weather", "local") == ()


def test_a_cursor_that_is_not_moved_is_compared_as_well(store: Store, sample: Sample, epoch: int) -> None:
    settle(store, epoch, settlement(None, START + DAY))

    stale, good = settle(
        store,
        epoch,
        settlement(START, None, new_run(sample, START)),
        settlement(START + DAY, None, new_run(sample, START, cause=Cause.CATCHUP)),
    )

    assert (stale.is_stale, good.is_stale, len(good.made)) == (True, False, 1)
    assert cursors(store) == (cursor(START + DAY),)


def test_what_follows_from_no_tick_looks_at_no_cursor(store: Store, sample: Sample, epoch: int) -> None:
    settle(store, epoch, settlement(None, START + DAY))
    follows = new_run(sample, START, cause=Cause.WORKFLOW)

    (settled,) = settle(store, epoch, settlement(None, None, follows))
    (again,) = settle(store, epoch, settlement(None, None, new_run(sample, START, cause=Cause.WORKFLOW)))

    assert (tuple(settled.made), tuple(again.made)) == ((follows.run.id,), ())


def test_a_cursor_keeps_where_it_began_unless_it_is_told(store: Store, epoch: int) -> None:
    settle(store, epoch, settlement(None, START))
    again = cursor(START + DAY, since=START + DAY, deployment=2)

    settle(store, epoch, Settlement(key=KEY, expected=START, cursor=again))

    assert cursors(store) == (again,)
    assert (store.find_cursor(KEY), store.find_cursor(HOURLY)) == (again, None)


@pytest.mark.parametrize("admitted", [True, False])
@pytest.mark.parametrize("cause", [Cause.SCHEDULE, Cause.CATCHUP])
def test_a_tick_that_has_had_its_run_is_left_out(
    store: Store, sample: Sample, epoch: int, cause: Cause, admitted: bool
) -> None:
    had = sample.ended(RunState.FAILED, logical_time=START, cause=Cause.CATCHUP)

    settled = settle(
        store, epoch, settlement(None, START, new_run(sample, START, cause=cause, admitted=admitted))
    )

    assert settled == (Settled(),)
    assert [run.id for run in store.list_runs(RunFilter())] == [had.id]
    assert cursors(store) == (cursor(START),)


@pytest.mark.parametrize("admitted", [True, False])
def test_a_tick_whose_logical_time_somebody_else_computes_is_recorded_as_skipped(
    store: Store, sample: Sample, epoch: int, admitted: bool
) -> None:
    manual = sample.run(logical_time=START)
    tick = new_run(sample, START, admitted=admitted)

    settled = settle(store, epoch, settlement(None, START, tick))

    assert settled == (Settled(skipped=(tick.run.id,)),)
    assert states(store) == [(manual.id, "queued", None), (tick.run.id, "skipped", "overlap")]


def test_an_id_that_is_taken_is_no_tick_that_has_had_its_run(
    store: Store, sample: Sample, epoch: int
) -> None:
    taken = sample.run()

    with pytest.raises(StoreError, match="already"):
        store.settle(epoch, [settlement(None, START, new_run(sample, START, id=taken.id))])

    assert cursors(store) == ()


def test_a_run_that_comes_with_its_end_is_stored_as_it_is(store: Store, sample: Sample, epoch: int) -> None:
    queued = new_run(sample, START)
    end = ev.RunFinished(at=START + SECOND, state=RunState.SKIPPED, reason="too_late")
    late = NewRun(run=attrs.evolve(queued.run, state=RunState.SKIPPED), events=(*queued.events, end))

    settled = settle(store, epoch, settlement(None, START, late))

    assert settled == (Settled(skipped=(late.run.id,)),)
    found = store.find_run(late.run.id)
    assert found is not None
    assert (found.state, found.reason, found.ended_at) == (RunState.SKIPPED, "too_late", START + SECOND)
    assert store.get_events(late.run.id)[-1] == end


def test_a_failure_in_the_middle_leaves_nothing(store: Store, sample: Sample, epoch: int) -> None:
    good, bad = new_run(sample, START), new_run(sample, START + DAY, spec_hash="none")

    with pytest.raises(StoreError):
        store.settle(epoch, [settlement(None, START, good), settlement(None, START, bad, key=HOURLY)])

    assert store.list_runs(RunFilter()) == cursors(store) == ()


@pytest.mark.parametrize("cause", [Cause.SCHEDULE, Cause.CATCHUP, Cause.WORKFLOW, Cause.DEPLOY])
def test_what_is_made_once_is_made_once_whatever_its_cause(sample: Sample, cause: Cause) -> None:
    first = sample.ended(logical_time=START, cause=cause)

    answer = sample.try_run(logical_time=START, cause=Cause.WORKFLOW)

    assert getattr(answer, "run_id", None) == first.id
    assert isinstance(sample.try_run(logical_time=START, cause=Cause.RETRY), RunRecord)


# Overlap, in the transaction


def test_overlap_skip_makes_a_skipped_run_with_its_history(store: Store, sample: Sample, epoch: int) -> None:
    spec = spec_with(store, Policy(overlap=Overlap.SKIP))
    first, second = (
        new_run(sample, START + number * DAY, spec_hash=spec, admitted=False) for number in range(2)
    )

    settled = settle(store, epoch, settlement(None, START + DAY, first, second))

    [one] = settled
    assert (tuple(one.made), one.skipped) == ((first.run.id,), (second.run.id,))
    assert states(store) == [(first.run.id, "queued", None), (second.run.id, "skipped", "overlap")]
    assert store.get_events(second.run.id) == (
        *second.events,
        ev.RunFinished(at=second.run.created_at, state=RunState.SKIPPED, reason="overlap"),
    )


def test_overlap_looks_at_all_series_of_a_workflow_and_at_no_other_workflow(
    store: Store, sample: Sample, epoch: int
) -> None:
    spec = spec_with(store, Policy(overlap=Overlap.SKIP))
    made = [
        new_run(sample, START, spec_hash=spec, admitted=False, **where)
        for where in ({"series": "hourly"}, {"workflow": "daily[eu]"}, {"workflow": "weekly"}, {})
    ]

    (settled,) = settle(store, epoch, settlement(None, START, *made))

    assert settled.skipped == (made[-1].run.id,)


def test_overlap_cancel_leaves_a_request_for_those_that_are_superseded(
    store: Store, sample: Sample, epoch: int
) -> None:
    spec = spec_with(store, Policy(overlap=Overlap.CANCEL))
    first, second = (
        new_run(sample, START + number * DAY, spec_hash=spec, admitted=False) for number in range(2)
    )
    settle(store, epoch, settlement(None, START, first))
    assert store.admit(first.run.id, OWNER, START).admitted

    (settled,) = settle(store, epoch, settlement(START, START + DAY, second))

    assert (tuple(settled.made), settled.superseded) == ((second.run.id,), (first.run.id,))
    (request,) = store.take_requests(OWNER)
    assert (request.target, request.verb, request.reason) == (first.run.id, "cancel", "superseded")
    assert not store.admit(second.run.id, OWNER, START + DAY).admitted
    sample.append(first.run, ev.RunFinished(at=START + DAY, state=RunState.CANCELLED))
    assert store.admit(second.run.id, OWNER, START + DAY).admitted


def test_of_more_than_queue_limit_the_newest_stay(store: Store, sample: Sample, epoch: int) -> None:
    spec = spec_with(store, Policy(overlap=Overlap.QUEUE, queue_limit=1))
    runs = [new_run(sample, START + number * DAY, spec_hash=spec, admitted=False) for number in range(5)]
    ids = [new.run.id for new in runs]
    settle(store, epoch, settlement(None, START + DAY, *runs[:2]))
    assert store.admit(ids[0], OWNER, START).admitted

    (settled,) = settle(store, epoch, settlement(START + DAY, START + 4 * DAY, *runs[2:]))

    assert (tuple(settled.made), sorted(settled.skipped)) == ((ids[4],), ids[1:4])
    assert [(state, reason) for _, state, reason in states(store)] == [
        ("queued", None),
        *[("skipped", "queue_limit")] * 3,
        ("queued", None),
    ]
    assert store.get_events(ids[1])[-1] == ev.RunFinished(
        at=runs[2].run.created_at, state=RunState.SKIPPED, reason="queue_limit"
    )


def test_a_spec_that_cannot_be_read_sets_no_rules(
    store: Store, sample: Sample, epoch: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The tick is not lost: its run is made, and whoever drives it says what is wrong."""
    sample.run(cause=Cause.SCHEDULE)
    broken = store.put_spec(b'{"policy": {"overlap": "sideways"}}')
    new = new_run(sample, START, spec_hash=broken, admitted=False)

    assert [tuple(one.made) for one in settle(store, epoch, settlement(None, START, new))] == [(new.run.id,)]
    assert "cannot be read" in caplog.text
    with pytest.raises(StoreError, match="cannot be read"):
        store.admit(new.run.id, OWNER, START)


# Owed and dropped


def owed(**changes: Any) -> OwedRecord:
    values = {"key": KEY, "deployment": 3, "after": START, "until": START + 9 * DAY, "left": 9}
    return OwedRecord(**{**values, **changes})


def span(first: int = 0, last: int = 0, key: SeriesKey = KEY, **changes: Any) -> TickSpan:
    values = {
        "key": key,
        "first": START + first * DAY,
        "last": START + last * DAY,
        "count": last - first + 1,
        "reason": Dropped.PAUSED,
        "detail": "ada: holidays",
        "recorded_at": START + 100 * DAY,
    }
    return TickSpan(**{**values, **changes})


def test_owed_ticks_are_kept_replaced_and_gone(store: Store, epoch: int) -> None:
    older = owed(key=HOURLY, after=START - DAY)
    settle(store, epoch, settlement(None, START, owed=(owed(), older)))
    first, second = store.list_owed("weather", "local")
    assert attrs.evolve(first, sequence=0) == older
    assert attrs.evolve(second, sequence=0) == owed()

    less = attrs.evolve(second, after=START + 4 * DAY, left=5)
    settle(store, epoch, settlement(START, None, owed=(less, attrs.evolve(first, left=0))))

    assert store.list_owed("weather", "local") == (less,)
    assert store.list_owed("weather", "production") == ()


def test_dropped_ticks_are_found_by_where_and_when_the_last_recorded_first(store: Store, epoch: int) -> None:
    early, late, other = span(0, 3), span(5), span(2, 9, HOURLY, reason=Dropped.NO_CATCHUP, detail="")
    weekly = span(0, key=attrs.evolve(KEY, workflow="weekly"))

    settle(store, epoch, settlement(None, START, dropped=(early, late, other, weekly)))

    assert store.list_dropped() == (weekly, other, late, early)
    assert store.list_dropped("weather", "local", "daily") == (other, late, early)
    assert store.list_dropped(project="weather", limit=1) == (weekly,)
    assert store.list_dropped(environment="production") == ()
    days = {"start": START + 3 * DAY, "end": START + 5 * DAY}
    assert store.list_dropped("weather", "local", "daily", **days) == (other, early)


def test_progress_is_noted_with_what_it_is_progress_of(store: Store, epoch: int) -> None:
    assert store.get_progress("ends") is None

    store.settle(epoch, [], {"ends": 7, "deployments": 1})
    store.settle(epoch, [], {"ends": 9})
    store.settle(epoch + 1, [], {"ends": 11})

    assert (store.get_progress("ends"), store.get_progress("deployments")) == (9, 1)


# Leading


def record(owner: str) -> OwnerRecord:
    return OwnerRecord(id=owner, host="there", pid=7, command="cronicle serve", started_at=START)


def test_one_leads_at_a_time_until_it_stops_or_dies(store: Store, opened: Callable[[], Store]) -> None:
    other = opened()
    first, second = store.register_owner(record("first")), other.register_owner(record("second"))
    assert store.find_leader() is None

    epoch = store.lead("first")
    assert epoch is not None
    assert (store.lead("first"), other.lead("second")) == (epoch, None)
    assert other.find_leader() == first

    store.stop_leading("second")
    assert store.find_leader() == first
    store.stop_leading("first")
    assert store.find_leader() is None
    next_epoch = other.lead("second")
    assert next_epoch is not None
    assert next_epoch > epoch
    assert store.find_leader() == second

    other.close()  # as its death would
    assert store.find_leader() is None
    last_epoch = store.lead("first")
    assert last_epoch is not None
    assert last_epoch > next_epoch


def test_an_owner_that_is_removed_leads_no_more(store: Store, sample: Sample, epoch: int) -> None:
    store.remove_owner(OWNER)

    assert store.find_leader() is None
    assert store.settle(epoch, [settlement(None, START)]) is None


def test_who_leads_no_more_stores_nothing(
    store: Store, sample: Sample, epoch: int, opened: Callable[[], Store]
) -> None:
    other = opened()
    other.register_owner(record("second"))
    store.stop_leading(OWNER)
    late = settlement(None, START, new_run(sample, START), dropped=(span(),), owed=(owed(),))

    assert store.settle(epoch, [late]) is None
    new_epoch = other.lead("second")
    assert new_epoch is not None
    assert store.settle(epoch, [late]) is None

    assert store.list_runs(RunFilter()) == cursors(store) == store.list_dropped() == ()
    assert len(settle(other, new_epoch, late)[0].made) == 1


def test_deciding_twice_from_the_same_position_makes_one_run_for_a_tick(
    store: Store, sample: Sample, epoch: int
) -> None:
    """The epoch fences, and the cursor and the unique key of the tick would, each alone."""
    first, second = new_run(sample, START), new_run(sample, START)

    (won,) = settle(store, epoch, settlement(None, START, first))
    (stale,) = settle(store, epoch, settlement(None, START, second))
    (left_out,) = settle(store, epoch, settlement(START, START, second))

    assert (tuple(won.made), stale.is_stale, tuple(left_out.made)) == ((first.run.id,), True, ())
    assert store.count_runs(RunFilter()) == 1


# Moving


def deploy_renamed(store: Store, name: str) -> None:
    """A deployment in which the workflow `daily` has another name."""
    store.bind_project(project(), ACTOR)
    before = store.find_deployment("weather", "local")
    made = deployment(
        workflows=(attrs.evolve(deployment().workflows[0], name=name),),
        moved=(("workflow.daily", f"workflow.{name}"),),
    )
    assert store.add_deployment(made, based_on=before.number if before else None) is not None


def test_a_workflow_takes_its_history_to_its_new_name(store: Store, sample: Sample, epoch: int) -> None:
    run = sample.ended(logical_time=START)
    settle(store, epoch, settlement(None, START, dropped=(span(),), owed=(owed(),)))
    store.add_pause(
        PauseRecord(
            project="weather", environment="local", workflow="daily", actor=ACTOR, reason="", paused_at=START
        )
    )
    elsewhere = sample.run(environment="production")

    deploy_renamed(store, "nightly")

    assert (sample.again(run).workflow, sample.again(elsewhere).workflow) == ("nightly", "daily")
    assert [found.key.workflow for found in cursors(store)] == ["nightly"]
    assert [found.key.workflow for found in store.list_owed("weather", "local")] == ["nightly"]
    assert [found.key.workflow for found in store.list_dropped()] == ["nightly"]
    assert [found.workflow for found in store.list_pauses("weather", "local")] == ["nightly"]
    assert store.find_result("weather", "local", "nightly", None, START) is not None


def test_a_workflow_takes_no_name_that_has_a_history(store: Store, sample: Sample, epoch: int) -> None:
    run = sample.run(workflow="daily")
    settle(store, epoch, settlement(None, START, key=attrs.evolve(KEY, workflow="nightly")))

    deploy_renamed(store, "nightly")

    assert sample.again(run).workflow == "daily"


# What a scheduler looks for


def test_environments_and_deployments_are_found_in_their_order(store: Store) -> None:
    store.bind_project(project(), ACTOR)
    store.bind_project(project("climate", root_commit="b" * 40), ACTOR)
    for place, environment, based_on in [
        ("weather", "local", None),
        ("weather", "local", 1),
        ("weather", "local", 2),
        ("climate", "production", None),
    ]:
        made = deployment(project=place, environment=environment)
        assert store.add_deployment(made, based_on=based_on) is not None

    assert store.list_environments() == (("climate", "production", 1), ("weather", "local", 3))
    assert [found.number for found in store.list_deployments_since("weather", "local", 1)] == [2, 3]
    assert store.list_deployments_since("weather", "local", 3) == ()


def test_ends_are_followed_in_the_order_in_which_they_came(store: Store, sample: Sample) -> None:
    first, second = sample.run(), sample.run(cause=Cause.CATCHUP, series="hourly")
    sample.ended(counts=False)
    sample.append(second, ev.RunFinished(at=START, state=RunState.FAILED))
    sample.append(first, ev.RunFinished(at=START, state=RunState.SUCCEEDED))

    ends = store.list_ended_after(0)

    assert [end.id for end in ends] == [second.id, first.id]
    assert (ends[0].state, ends[0].cause, ends[0].series) == (RunState.FAILED, Cause.CATCHUP, "hourly")
    assert ends[0].logical_time == second.logical_time
    assert store.list_ended_after(ends[0].ended_event) == ends[1:]
    assert store.list_ended_after(0, limit=1) == ends[:1]


def test_what_nobody_owns_is_found_and_what_is_paused_is_not(store: Store, sample: Sample) -> None:
    sample.run()
    sample.ended()
    late = sample.run(owner=None, created_at=START + DAY, logical_time=START)
    early = sample.run(owner=None, logical_time=START + SECOND)
    backfill = sample.backfill(1, owner=None, created_at=START + SECOND)
    sample.backfill(1, owner=None, state="paused", workflow="weekly")

    assert [one.id for one in store.list_unowned()] == [early.id, backfill.id, late.id]


def test_ends_between_two_events_say_of_which_workflows_whether_they_count_or_not(
    store: Store, sample: Sample
) -> None:
    first = sample.run()
    before = store.last_event()
    sample.ended(counts=False)
    between = store.last_event()
    sample.append(first, ev.RunFinished(at=START, state=RunState.SUCCEEDED))

    (end,) = store.list_ends(before, between)

    assert (end.project, end.environment, end.workflow) == (first.project, first.environment, first.workflow)
    assert not end.held_lock
    assert store.list_ends(between, store.last_event()) == {end}
    assert store.list_ends(store.last_event(), store.last_event() + 1) == frozenset()
