"""Removing old runs: which may go, and that nothing of them stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from store_values import (
    ACTOR,
    DAY,
    OWNER,
    SECOND,
    START,
    Sample,
    finished,
    started,
    task_finished,
)
from test_store_processes import start

from cronicle.runs import events as ev
from cronicle.runs.states import BackfillState, RunState, TaskState
from cronicle.store.interface import Store, UnknownError
from cronicle.store.location import open_store
from cronicle.store.records import ControlRequest, RunFilter, RunRecord
from cronicle.store.relational.retention import made_before
from cronicle.store.sqlite.store import SqliteStore

LATER = START + 10 * DAY
SCOPE = ("weather", "local")


def ids(store: Store) -> set[str]:
    return {run.id for run in store.list_runs(RunFilter(limit=1000))}


def prune(store: Store, limit: int = 100) -> list[str]:
    return list(store.prune_runs(*SCOPE, LATER, limit))


def rows_left(store: Store) -> int:
    """How many runs have rows of their own.

    PostgreSQL keeps what belonged to a run until all of its partition is old (`test_store_postgres_partitions`).
    """
    tables = ["run", "slot", "control_request"]
    if isinstance(store, SqliteStore):
        assert store._connection.rows("PRAGMA foreign_key_check") == []
        tables += ["run_event", "task_run", "attempt"]
    found: set[object] = set()
    for table in tables:
        column = {"run": "sequence", "control_request": "target"}.get(table, "run")
        found |= {row[0] for row in store._connection.rows(f"SELECT {column} FROM {table}")}
    return len(found)


def failed(sample: Sample, **changes: object) -> RunRecord:
    return sample.ended(RunState.FAILED, **changes)


def test_the_oldest_go_first_and_no_more_than_asked_for(store, sample):
    runs = [failed(sample) for _ in range(5)]

    assert store.count_past_runs(*SCOPE, LATER) == 5
    assert prune(store, 2) == [runs[0].id, runs[1].id]
    assert prune(store, 2) == [runs[2].id, runs[3].id]
    assert prune(store) == [runs[4].id]
    assert prune(store) == []
    assert ids(store) == set()


def test_a_run_that_ended_at_the_instant_or_after_it_stays(store, sample):
    run = failed(sample)

    assert store.prune_runs(*SCOPE, START + SECOND, 10) == ()
    assert store.prune_runs(*SCOPE, START + 2 * SECOND, 10) == (run.id,)


def test_a_run_that_began_before_it_and_ended_after_it_stays_among_others_that_go(store, sample):
    long = sample.run()
    sample.append(long, ev.RunStarted(at=START), ev.RunFinished(at=LATER + SECOND, state=RunState.FAILED))
    short = failed(sample)

    assert prune(store) == [short.id]


def test_live_runs_and_those_whose_hooks_have_not_ended_stay(store, sample):
    sample.run()
    owed = sample.run()
    ended = ev.RunFinished(at=START, state=RunState.FAILED)
    sample.append(owed, ev.RunStarted(at=START), ended, ev.HooksOwed(at=START, hooks=(0,)))

    assert prune(store) == []
    assert [age.ended_at for age in store.list_ages([owed.id])] == [None]


def test_the_latest_result_of_each_series_stays_and_its_forerunners_go(store, sample):
    at = START
    first = sample.ended(logical_time=at)
    latest_of_default = sample.ended(logical_time=at + DAY)
    again = sample.ended(logical_time=at + DAY)
    other = sample.ended(logical_time=at, series="weekly")
    elsewhere = sample.ended(logical_time=at, workflow="monthly")
    later_failure = failed(sample, logical_time=at + 2 * DAY)
    does_not_count = sample.ended(logical_time=at + 3 * DAY, counts=False)

    gone = prune(store)

    assert set(gone) == {first.id, latest_of_default.id, later_failure.id, does_not_count.id}
    assert ids(store) == {again.id, other.id, elsewhere.id}
    assert store.find_result(*SCOPE, "daily", None, at + DAY).run_id == again.id


def test_other_environments_and_projects_are_not_touched(store, sample):
    mine = failed(sample)
    others = {failed(sample, environment="live").id, failed(sample, project="other").id}

    assert prune(store) == [mine.id]
    assert ids(store) == others


@pytest.fixture
def origin(sample) -> RunRecord:
    run = sample.run()
    sample.append(
        run,
        ev.RunStarted(at=START),
        started(),
        finished(),
        task_finished(),
        ev.RunFinished(at=START + 4 * SECOND, state=RunState.FAILED),
    )
    return run


def test_a_run_that_a_live_one_retries_stays(store, sample, origin):
    sample.run(retry_of=origin.id)

    assert prune(store) == []
    assert [age.is_needed for age in store.list_ages([origin.id])] == [True]


def test_a_run_that_was_retried_goes_when_the_retry_has_ended(store, sample, origin):
    retry = failed(sample, retry_of=origin.id)

    assert prune(store) == [origin.id, retry.id]


def test_runs_of_an_unfinished_backfill_stay_until_it_has_ended(store, sample):
    backfill = sample.backfill(1)
    run = failed(sample, position=0, backfill=backfill.id, logical_time=START)

    assert prune(store) == []
    assert store.set_backfill_state(backfill.id, BackfillState.PAUSED, None, LATER, owner=OWNER)
    assert prune(store) == []
    assert store.adopt_backfill(backfill.id, OWNER)
    assert store.set_backfill_state(backfill.id, BackfillState.FAILED, None, LATER, owner=OWNER)
    assert prune(store) == [run.id]
    (tick,) = store.list_ticks(backfill.id)
    assert (tick.run_id, tick.state) == (run.id, None)


def test_nothing_of_a_run_that_is_gone_stays_but_what_is_kept_for_others(store, sample, origin):
    store.add_audit(ACTOR, START, "retry", origin.id)
    last = store.last_event()

    assert prune(store) == [origin.id]
    for read in (store.get_events, store.list_tasks, store.list_attempts):
        with pytest.raises(UnknownError):
            read(origin.id)
    assert rows_left(store) == 0
    assert {entry.subject for entry in store.list_audit()} >= {origin.id}
    assert store.get_spec(origin.spec_hash)
    after = sample.run()
    assert sample.append(after, ev.RunStarted(at=START)) > last
    assert after.sequence > origin.sequence


def test_ages_tell_what_the_store_knows_of_runs(store, sample, origin):
    live = sample.run()
    latest = sample.ended()

    ages = {age.id: age for age in store.list_ages([origin.id, live.id, latest.id, "NOSUCHRUN0"])}

    assert ages.keys() == {origin.id, live.id, latest.id}
    assert ages[live.id].ended_at is None
    assert ages[origin.id].ended_at == START + 4 * SECOND
    assert [age.id for age in ages.values() if age.is_latest] == [latest.id]
    assert [age.id for age in ages.values() if age.is_needed] == []


def test_looking_for_old_runs_does_not_meet_the_new_ones(store, sample):
    """The walk ends at the first run that was made after the instant."""
    for _ in range(3):
        failed(sample, created_at=START - 30 * DAY)
    for _ in range(50):
        failed(sample, created_at=LATER)
    walked = "SELECT count(*) FROM run WHERE sequence < ?"
    bound = made_before(store._connection, LATER)

    assert store._connection.value(walked, (bound,)) == 3
    assert store.count_past_runs(*SCOPE, LATER + timedelta(days=365)) == 53


def test_a_task_that_was_carried_over_keeps_its_origin(store, sample, origin):
    retry = sample.run(retry_of=origin.id)
    sample.append(
        retry,
        ev.TaskCarriedOver(
            at=START,
            task="extract",
            key=None,
            from_run=origin.id,
            attempt=1,
            state=TaskState.SUCCEEDED,
            fingerprint="1:f",
            deep_fingerprint="1:d",
        ),
        ev.RunStarted(at=START),
        ev.RunFinished(at=START, state=RunState.FAILED),
    )
    assert store.count_past_runs(*SCOPE, LATER) == 1

    assert prune(store) == [retry.id]
    assert prune(store) == [origin.id]


def test_a_request_that_nobody_took_goes_with_its_run(store, sample):
    run = sample.run()
    store.add_request(ControlRequest(target=run.id, verb="cancel", actor=ACTOR, requested_at=START))
    sample.append(run, ev.RunStarted(at=START), ev.RunFinished(at=START, state=RunState.CANCELLED))

    assert prune(store) == [run.id]
    assert store.take_requests(OWNER) == ()


def test_old_runs_are_removed_while_another_process_makes_and_ends_runs(location):
    store = open_store(location, create=True)
    with start(location, "w", 200) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("\n")
        writer.stdin.flush()
        gone: list[str] = []
        while writer.poll() is None:
            gone += store.prune_runs(*SCOPE, LATER, 7)
        made = writer.stdout.read().split()

    assert writer.returncode == 0  # it never lost a run that was live
    gone += store.prune_runs(*SCOPE, LATER, 1000)
    assert len(made) == 200
    assert sorted([*gone, *ids(store)]) == sorted(made)
    assert ids(store) == {made[-1]}  # the latest result
    assert rows_left(store) == 1
    store.close()
