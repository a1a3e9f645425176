"""Several processes on one store at once, and processes that are killed while they write."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import psycopg
import pytest
from store_values import DAY, START, Sample, new_database

from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import RunFilter
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.url import is_url

HERE = str(Path(__file__).parent)

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from store_values import Sample, DAY, START, finished, owner, started, task_finished
from cronicle.runs.events import RunFinished, RunQueued
from cronicle.runs.states import Cause, RunState
from cronicle.store.location import open_store
from cronicle.store.records import NewRun, RunRecord, Transition
me, count = sys.argv[3], int(sys.argv[4])
store = open_store(sys.argv[2], create=True, lease_seconds=float(sys.argv[5]))
store.register_owner(owner(me))
sample = Sample(store)
print("ready", flush=True)
sys.stdin.readline()
won = []
for number in range(count):
    record = sample.record(
        id=f"{me}{number:06}", owner=me, logical_time=START + number * DAY, cause=Cause.SCHEDULE
    )
    made = store.create_run(NewRun(run=record, events=(RunQueued(at=START, run_id=record.id),)))
    if not isinstance(made, RunRecord):
        continue
    for events in ((started(),), (finished(), task_finished(), RunFinished(at=START, state=RunState.SUCCEEDED))):
        answer = store.append([Transition(run_id=made.id, owner=me, events=events)])
        assert answer[0] is not None
    won.append(made.id)
    print(made.id, flush=True)
store.remove_owner(me)
"""


TICKER = """
import sys
sys.path.insert(0, sys.argv[1])
from store_values import DAY, Sample, START, owner
from cronicle.runs.events import RunQueued
from cronicle.runs.states import Cause
from cronicle.store.location import open_store
from cronicle.store.records import NewRun
from cronicle.store.series import CursorRecord, SeriesKey, Settlement
me, count = sys.argv[3], int(sys.argv[4])
store = open_store(sys.argv[2], create=True, lease_seconds=float(sys.argv[5]))
store.register_owner(owner(me))
sample = Sample(store)
epoch = store.lead(me)
assert epoch is not None
print("ready", flush=True)
sys.stdin.readline()
keys = [SeriesKey(project="weather", environment="local", workflow=f"w{n}") for n in range(20)]
positions = {cursor.key: cursor.position for cursor in store.list_cursors("weather", "local")}
for number in range(count):
    settlements = []
    for key in keys:
        position = positions.get(key)
        tick = START if position is None else position + DAY
        run = sample.record(
            id=f"{me}{number:06}{key.workflow}",
            workflow=key.workflow,
            owner=me,
            logical_time=tick,
            cause=Cause.SCHEDULE,
        )
        cursor = CursorRecord(key=key, since=START, position=tick, deployment=1)
        new = NewRun(run=run, events=(RunQueued(at=START, run_id=run.id),))
        settlements.append(Settlement(key=key, expected=position, cursor=cursor, runs=(new,)))
        positions[key] = tick
    settled = store.settle(epoch, settlements, {"round": number})
    assert settled is not None
    assert all(len(answer.made) == 1 for answer in settled)
    print(number, flush=True)
"""


LEASE = 0.5
"""Seconds; nothing here renews one, so that even who lives may be claimed after it."""


def start(location: str, name: str, count: int, program: str = WRITER) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, HERE, location, name, str(count), str(LEASE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(location: str) -> None:
    """The rows of a store say what its events say, and the file of SQLite is sound."""
    database = (
        psycopg.connect(location) if is_url(location) else apsw.Connection(str(Path(location) / FILE_NAME))
    )
    with closing(database):

        def value(sql: str) -> object:
            return database.execute(sql).fetchall()[0][0]

        if not is_url(location):
            assert value("PRAGMA integrity_check") == "ok"
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        last = value("SELECT coalesce(max(sequence), 0) FROM run_event")
        assert value("SELECT value FROM counter WHERE name = 'event'") == last
        ended = value("SELECT count(*) FROM run WHERE state = 'succeeded' AND ended_at IS NOT NULL")
        assert value("SELECT count(*) FROM run_event WHERE type = 'RunFinished'") == ended


@pytest.fixture
def nowhere(request: pytest.FixtureRequest, location: str, folder: Path) -> Iterator[str]:
    """A place where there is no store yet."""
    if not is_url(location):
        yield location
        return
    with new_database(request.getfixturevalue("server")) as uri:
        yield uri


def test_four_processes_write_at_once_and_each_tick_has_one_run(nowhere: str) -> None:
    """They make the store together, too. None is ever told that it is locked."""
    location, count = nowhere, 60
    processes = [start(location, f"W{n}", count) for n in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    outputs = [process.communicate() for process in processes]

    assert [(process.returncode, err) for process, (_, err) in zip(processes, outputs, strict=True)] == [
        (0, "")
    ] * 4
    won = [line for out, _ in outputs for line in out.split()]
    store = open_store(location, create=False)
    runs = store.list_runs(RunFilter(limit=1000))
    assert sorted(run.id for run in runs) == sorted(won)
    assert len({run.logical_time for run in runs}) == len(runs) == count
    fences = [attempt.fence for run in runs for attempt in store.list_attempts(run.id)]
    assert len(set(fences)) == count
    assert store.list_owners() == ()
    store.close()
    check(location)


def test_a_process_killed_while_it_writes_loses_nothing_that_it_was_told_is_stored(location: str) -> None:
    told: list[str] = []
    for round_number in range(4):
        process = start(location, f"K{round_number}", 10_000)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        told += [process.stdout.readline().strip() for _ in range(10 + 7 * round_number)]
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        told += rest.split()

        store = open_store(location, create=False, lease_seconds=LEASE)
        wait_for_its_end(store, f"K{round_number}")
        check(location)
        ended = {run.id for run in store.list_runs(RunFilter(limit=100_000)) if run.state == "succeeded"}
        assert set(told) <= ended
        settle(store, f"K{round_number}")
        store.close()


def test_a_ticker_killed_while_it_settles_leaves_each_tick_up_to_the_cursors_with_one_run(
    location: str,
) -> None:
    for round_number in range(4):
        process = start(location, f"T{round_number}", 10_000, TICKER)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        for _ in range(5 + 7 * round_number):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()

        store = open_store(location, create=False, lease_seconds=LEASE)
        wait_for_its_end(store, f"T{round_number}")
        check(location)
        cursors = store.list_cursors("weather", "local")
        ticks = 1 + (cursors[0].position - START) // DAY
        assert {cursor.position for cursor in cursors} == {cursors[0].position}  # one transaction
        times = [(run.workflow, run.logical_time) for run in store.list_runs(RunFilter(limit=100_000))]
        assert sorted(times) == sorted(
            (cursor.key.workflow, START + number * DAY) for cursor in cursors for number in range(ticks)
        )
        assert store.find_leader() is None
        assert store.claim_dead_owner(f"T{round_number}")
        store.remove_owner(f"T{round_number}")
        store.close()


def wait_for_its_end(store: Store, name: str) -> None:
    """Of an owner that was killed: at once, or when its lease has run out; by then its last transaction is over."""
    if store.lease_seconds is None:
        assert not store.is_alive(name)
    until = time.monotonic() + 10
    while store.is_alive(name):
        assert time.monotonic() < until
        time.sleep(0.02)


def settle(store: Store, owner: str) -> None:
    """What a recovery does, as far as the store is concerned: at most the last run was under way."""
    assert store.claim_dead_owner(owner)
    assert len(store.list_owned_runs(owner)) <= 1
    assert len(store.list_live_attempts(owner)) <= 1
    store.remove_owner(owner)


def test_two_stores_in_one_process_are_as_two_processes(location: str) -> None:
    one, two = (open_store(location, create=True) for _ in range(2))
    first, second = Sample(one), Sample(two)
    second.made = 1000

    for _ in range(20):
        first.run(owner=None)
        second.run(owner=None)

    assert one.count_runs(RunFilter()) == two.count_runs(RunFilter()) == 40
    assert json.dumps([run.id for run in one.list_runs(RunFilter())]) == json.dumps(
        [run.id for run in two.list_runs(RunFilter())]
    )
    one.close()
    two.close()
