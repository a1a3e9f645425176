"""Partitions: there is always one for what belongs to a run, and one goes when none of its runs is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from store_values import DAY, SECOND, START, Sample, finished, owner, started, task_finished

from cronicle.runs import events as ev
from cronicle.runs.states import RunState
from cronicle.store.interface import Store, StoreError
from cronicle.store.postgres import partitions
from cronicle.store.postgres.partitions import PARTITIONED
from cronicle.store.postgres.store import PostgresStore
from cronicle.store.records import NewRun, RunRecord, Transition

SIZE = 10
"""Runs in a partition."""

SCOPE = ("weather", "local")
LATER = START + 10 * DAY


@pytest.fixture
def location(postgres_location: str) -> str:
    return postgres_location


@pytest.fixture
def opened(opened: Callable[[], Store]) -> Callable[[], PostgresStore]:
    """Opens the store with small partitions."""

    def open_again() -> PostgresStore:
        store = opened()
        assert isinstance(store, PostgresStore)
        store.partitions.size = SIZE
        return store

    return open_again


def there(location: str, table: str = "run_event") -> list[int]:
    """The numbers of the partitions of a table."""
    with psycopg.connect(location) as connection:
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1",
            (table,),
        )
        return [int(name.removeprefix(f"{table}_")) for (name,) in found]


def count(location: str, table: str) -> int:
    with psycopg.connect(location) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


def past(sample: Sample, state: RunState = RunState.FAILED) -> RunRecord:
    """A run with an attempt that ended long ago."""
    run = sample.run()
    end = ev.RunFinished(at=START + 4 * SECOND, state=state)
    sample.append(run, ev.RunStarted(at=START), started(), finished(), task_finished(), end)
    return run


def test_a_partition_is_made_with_its_first_run_and_the_next_before_it_is_needed(
    sample: Sample, location: str
) -> None:
    made = []
    for _ in range(2 * SIZE):
        made.append(sample.run().sequence)
        for table in PARTITIONED:
            # A tenth of a partition before it is full.
            assert max(there(location, table)) == (made[-1] + SIZE // 10) // SIZE

    assert made == sorted(made)
    assert there(location) == list(range(there(location)[-1] + 1))


def test_events_and_rows_of_a_run_are_found_whatever_partition_they_are_in(sample: Sample) -> None:
    runs = [past(sample) for _ in range(3 * SIZE)]

    for run in runs:
        assert len(sample.store.get_events(run.id)) == 6
        assert len(sample.store.list_tasks(run.id)) == len(sample.store.list_attempts(run.id)) == 1


def test_one_batch_may_reach_over_several_partitions(sample: Sample) -> None:
    runs = [sample.run() for _ in range(3 * SIZE)]
    transitions = [
        Transition(run_id=run.id, owner=sample.owner, events=(started(), finished(), task_finished()))
        for run in runs
    ]

    answers = sample.store.append(transitions)

    assert None not in answers
    assert all(sample.store.list_attempts(run.id)[0].outcome == "succeeded" for run in runs)


def test_a_boundary_is_crossed_by_several_processes_at_once(
    opened: Callable[[], PostgresStore], location: str
) -> None:
    samples = [Sample(opened(), f"owner{number}") for number in range(4)]
    for sample in samples:
        sample.store.register_owner(owner(sample.owner))
    barrier = threading.Barrier(len(samples))
    failures: list[BaseException] = []

    def make(sample: Sample) -> None:
        try:
            barrier.wait()
            for number in range(2 * SIZE):
                run = sample.run(
                    id=f"{sample.owner}N{number}".upper(), workflow=sample.owner, series=str(number)
                )
                sample.append(run, started(), finished(), task_finished())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(sample,)) for sample in samples]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert count(location, "run") == 8 * SIZE
    assert count(location, "attempt") == 8 * SIZE
    assert there(location) == list(range(there(location)[-1] + 1))


def test_one_that_was_made_in_a_transaction_that_came_to_nothing_is_made_again(
    store: PostgresStore, sample: Sample, location: str
) -> None:
    while (sample.run().sequence + 1 + SIZE // 10) // SIZE == max(there(location)):
        pass
    before = there(location)
    store._connection.execute("ALTER TABLE run_event ADD CHECK (type <> 'RunAdopted')")
    adopted = ev.RunAdopted(at=START, owner=sample.owner)
    record = sample.record()

    with pytest.raises(StoreError, match="has refused"):
        store.create_run(NewRun(run=record, events=(adopted,)))

    assert there(location) == before
    for _ in range(SIZE):
        run = sample.run()
        assert sample.append(run, started()) is not None


def test_what_belonged_to_pruned_runs_goes_with_its_partition(
    store: PostgresStore, sample: Sample, location: str
) -> None:
    runs = [past(sample) for _ in range(3 * SIZE)]
    whole = [number for number in there(location) if (number + 1) * SIZE <= runs[-1].sequence]

    pruned = store.prune_runs(*SCOPE, LATER, 1000)

    assert pruned == tuple(run.id for run in runs)
    for table in PARTITIONED:
        assert not set(there(location, table)) & set(whole)
    after = sample.run()
    assert sample.append(after, started()) is not None
    assert len(store.get_events(after.id)) == 2


def test_a_partition_with_a_run_that_stays_keeps_the_rows_of_that_run_alone(
    store: PostgresStore, sample: Sample, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "ORPHANS_AT_ONCE", 7)
    stays = past(sample, RunState.SUCCEEDED)  # the latest result of its series
    runs = [past(sample) for _ in range(3 * SIZE)]

    pruned = store.prune_runs(*SCOPE, LATER, 1000)

    assert pruned == tuple(run.id for run in runs)
    assert 0 in there(location)
    assert 1 not in there(location)
    first = {table: count(location, f"{table}_000000") for table in PARTITIONED}
    assert first == {"run_event": 6, "task_run": 1, "attempt": 1}
    assert len(store.get_events(stays.id)) == 6


def test_partitions_of_runs_that_are_young_are_not_looked_at(
    store: PostgresStore, sample: Sample, location: str
) -> None:
    old = [past(sample) for _ in range(2 * SIZE)]
    young = past(sample)
    store._connection.execute("UPDATE run SET created_at = ? WHERE id = ?", (1 << 60, young.id))
    events = count(location, "run_event")

    assert store.prune_runs(*SCOPE, START + timedelta(seconds=1), 1000) == ()

    assert count(location, "run_event") == events
    assert len(store.prune_runs(*SCOPE, LATER, SIZE)) == SIZE  # a full page: there may be more to prune
    assert count(location, "run_event") == events
    assert len(store.prune_runs(*SCOPE, LATER, 1000)) == len(old) - SIZE
    assert count(location, "run_event") < events


def test_whoever_reads_for_long_keeps_nobody_from_writing(
    store: PostgresStore, sample: Sample, location: str
) -> None:
    """A dump holds all tables; the partition goes another time."""
    runs = [past(sample) for _ in range(2 * SIZE)]
    with psycopg.connect(location) as dump:
        dump.execute("SELECT count(*) FROM run_event")

        pruned = store.prune_runs(*SCOPE, LATER, 1000)

        assert pruned == tuple(run.id for run in runs)
        assert 0 in there(location)
        assert sample.append(sample.run(), started()) is not None

    assert store.prune_runs(*SCOPE, LATER, 1000) == ()
    assert 0 not in there(location)
