"""Copying a store into another backend: nothing is lost, whenever it is interrupted, and nothing else is touched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
from store_values import (
    ACTOR,
    DAY,
    OWNER,
    START,
    Sample,
    deployment,
    finished,
    project,
    started,
    task_finished,
)
from store_values import (
    tick as tick_of,
)

from cronicle.runs import events as ev
from cronicle.runs.states import BackfillState, Cause, Outcome, RunState, TaskState
from cronicle.schedule.dropped import Dropped
from cronicle.store import copying
from cronicle.store.acts import AuditFilter
from cronicle.store.copied_tables import NOT_COPIED, TABLES
from cronicle.store.copying import Copied, Copying, batches
from cronicle.store.interface import Store, StoreError, UnknownError
from cronicle.store.location import back_up, open_copying, open_reader, open_store, upgrade
from cronicle.store.reading import StoreReader
from cronicle.store.records import ControlRequest, NewRun, OwnerRecord, RunFilter, Transition
from cronicle.store.series import CursorRecord, OwedRecord, PauseRecord, SeriesKey, Settlement, TickSpan
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.sqlite.connection import Connection
from cronicle.store.url import is_url

KEY = SeriesKey(project="weather", environment="local", workflow="daily")
LATER = START + 100 * DAY
SPAN = TickSpan(
    key=KEY, first=START, last=START + 3 * DAY, count=4, reason=Dropped.PAUSED, detail="é", recorded_at=START
)

WAYS = ("sqlite to postgres", "postgres to sqlite", "postgres to postgres")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, folder: Path, make_database: Callable[[], str]) -> tuple[str, str]:
    """Where a store is, and where its copy is to be."""
    origin, _, copy = request.param.split()
    return tuple(  # type: ignore[return-value]
        make_database() if backend == "postgres" else str(folder / name)
        for backend, name in ((origin, "from"), (copy, "to"))
    )


def fill(location: str) -> None:
    """A store with something in every table that is copied, and with a history of what is not there any more."""
    with closing(open_store(location, create=True)) as store:
        store.register_owner(
            OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle serve", started_at=START)
        )
        sample = Sample(store)
        store.bind_project(project(), ACTOR)
        store.bind_project(project("other", folder="other"), ACTOR)
        store.add_deployment(deployment(plan='{"changes":["é","☂"]}'), based_on=None)
        store.add_deployment(deployment(moved=(("workflow.old", "workflow.daily"),)), based_on=1)
        for _ in range(3):
            sample.ended(RunState.FAILED, workflow="gone")
        good = sample.run(params={"text": "quote ' and \\ and \t and \u2028", "none": None})
        sample.append(
            good,
            ev.RunStarted(at=START),
            ev.InstancesExpanded(at=START, task="each", instances={"a": 1, "": 2}),
            started(),
            finished(pid=7, cpu_time=0.1 + 0.2, peak_memory=1 << 40, output={"n": 1.5, "s": "é"}),
            task_finished(),
            started(task="each", key=""),
            finished(
                task="each", key="", outcome=Outcome.FAILED, reason="exit_code", exit_code=1, detail="…"
            ),
            ev.RunFinished(at=START + DAY, state=RunState.SUCCEEDED),
            packed='[["extract",null,"succeeded",null]]',
        )
        retry = sample.run(retry_of=good.id)
        sample.append(
            retry,
            ev.RunStarted(at=START),
            ev.TaskCarriedOver(
                at=START,
                task="extract",
                key=None,
                from_run=good.id,
                state=TaskState.SUCCEEDED,
                output={"n": 1},
                fingerprint="1:f",
                deep_fingerprint="1:d",
            ),
        )
        sample.run(workflow="waiting", admitted=False, not_before=LATER, lock="db/x", lateness=-0.1)
        backfill = sample.backfill(4, series="hourly")
        for position in range(2):
            sample.ended(
                RunState.FAILED if position else RunState.SUCCEEDED,
                position,
                backfill=backfill.id,
                cause=Cause.BACKFILL,
                logical_time=START + position * DAY,
            )
        store.set_backfill_state(backfill.id, BackfillState.PAUSED, "enough", START, owner=OWNER)
        then = {"revision": "2" * 40, "deployment": 1, "spec_hash": sample.spec_hash}
        special = sample.backfill_record(2, workflow="after", canary=1, waits_for=backfill.id, choice="stale")
        store.create_backfill(
            special, [attrs.evolve(tick_of(0), **then), attrs.evolve(tick_of(1), tasks=("b", "é"))]
        )
        store.set_backfill_state(special.id, BackfillState.CANCELLED, None, START, owner=OWNER)
        epoch = store.lead(OWNER)
        assert epoch is not None
        tick = sample.record(cause=Cause.SCHEDULE, workflow="daily", logical_time=START + 50 * DAY)
        settled = store.settle(
            epoch,
            [
                Settlement(
                    key=KEY,
                    expected=None,
                    cursor=CursorRecord(key=KEY, since=START, position=START + 50 * DAY, deployment=2),
                    runs=(NewRun(run=tick, events=(ev.RunQueued(at=START, run_id=tick.id),)),),
                    owed=(OwedRecord(key=KEY, deployment=1, after=START, until=START + 9 * DAY, left=9),),
                    dropped=(SPAN,),
                )
            ],
            {"followed": 7},
        )
        assert settled is not None
        paused = PauseRecord(
            project="weather", environment="local", workflow=None, actor=ACTOR, reason="é", paused_at=START
        )
        store.add_pause(paused)
        store.add_pause(attrs.evolve(paused, workflow="daily", until=LATER))
        store.end_pauses("weather", "local", "daily", LATER, actor=ACTOR)
        store.add_audit(ACTOR, START, "apply", "weather", "because")
        store.add_request(ControlRequest(target=retry.id, verb="cancel", actor=ACTOR, requested_at=START))
        assert len(store.prune_runs("weather", "local", START + 10 * DAY, 3)) == 3
        store.remove_owner(OWNER)


def copy(origin: str, target: str, *, steps: int | None = None) -> list[Copied]:
    """Copy a store, or only so many transactions of that, as somebody who is killed then."""
    with open_copying(origin, target) as copying_now:
        copying_now.begin()
        done = []
        for step in copying_now.rows():
            done.append(step)
            if len(done) == steps:
                return done
        check_equal(copying_now)
        copying_now.finish()
        return done


def check_equal(copying_now: Copying) -> None:
    compared = list(copying_now.compare())
    assert [one.table for one in compared] == [table.name for table in TABLES]
    assert [one.table for one in compared if not one.is_equal] == []


def seen(store: StoreReader) -> dict[str, Any]:
    """All that the contract of reading tells."""
    runs = store.list_runs(RunFilter(limit=1000))
    backfills = store.list_backfills()
    return {
        "projects": store.list_projects(),
        "deployments": [
            store.list_deployments("weather", "local"),
            store.find_deployment("weather", "local", 1),
        ],
        "specs": [store.get_spec(run.spec_hash) for run in runs],
        "runs": runs,
        "events": [store.get_events(run.id) for run in runs],
        "tasks": [store.list_tasks(run.id) for run in runs],
        "attempts": [store.list_attempts(run.id) for run in runs],
        "backfills": backfills,
        "ticks": [store.list_ticks(one.id) for one in backfills],
        "cursors": store.list_cursors("weather", "local"),
        "owed": store.list_owed("weather", "local"),
        "dropped": store.list_dropped(),
        "pauses": store.list_pauses("weather", "local", ended_after=START),
        "audit": store.list_audit(),
        "progress": store.get_progress("followed"),
        "last event": store.last_event(),
        "results": store.list_results("weather", "local", "daily", None, START, LATER),
    }


def test_all_that_is_on_record_is_the_same_in_the_copy(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    copy(origin, target)

    with closing(open_reader(origin)) as before, closing(open_reader(target)) as after:
        assert seen(after) == seen(before)
        assert all(seen(before).values())
        assert after.get_store_id() != before.get_store_id()
        assert after.get_salt() == before.get_salt()  # equal tasks have equal fingerprints
        assert after.list_owners() == ()
        assert after.find_leader() is None


def test_the_copy_goes_on_with_the_next_numbers(way: tuple[str, str]) -> None:
    """Those of runs that were pruned are not given again either."""
    origin, target = way
    fill(origin)
    with closing(open_store(origin, create=False)) as store:
        last = make_and_prune(store)
    copy(origin, target)

    with closing(open_store(target, create=False)) as store:
        sample = Sample(store)
        sample.made = 1000
        store.register_owner(
            OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle run", started_at=START)
        )
        assert sample.run().sequence == last + 1
        assert store.add_deployment(deployment(), based_on=2) is not None
        assert sample.backfill(1, workflow="another").sequence == 3
        before = store.list_audit(limit=1)[0].sequence
        store.add_audit(ACTOR, START, "accept", "weather")
        assert store.list_audit(limit=1)[0].sequence == before + 1


def make_and_prune(store: Store) -> int:
    """The number of a run that was made last, and is gone."""
    store.register_owner(OwnerRecord(id="x", host="here", pid=1, command="cronicle run", started_at=START))
    sample = Sample(store)
    sample.made = 500
    run = sample.run(workflow="gone", owner="x")
    end = ev.RunFinished(at=START, state=RunState.FAILED)
    store.append([Transition(run_id=run.id, owner="x", events=(end,))])
    store.remove_owner("x")
    assert store.prune_runs("weather", "local", START + 10 * DAY, 10) == (run.id,)
    return run.sequence


def test_a_paused_backfill_goes_on_in_the_copy(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    copy(origin, target)

    with closing(open_store(target, create=False)) as store:
        (backfill,) = store.list_backfills(unfinished=True)
        store.register_owner(
            OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle resume", started_at=START)
        )
        assert store.adopt_backfill(backfill.id, OWNER)
        assert [tick.position for tick in store.list_ticks(backfill.id, pending=True)] == [2, 3]
        assert (backfill.done, backfill.failed) == (2, 1)


@pytest.mark.parametrize("way", WAYS[:2], indirect=True)
def test_one_that_is_interrupted_after_any_transaction_goes_on_there(
    way: tuple[str, str], monkeypatch: pytest.MonkeyPatch, folder: Path, make_database: Callable[[], str]
) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 4)
    origin, _ = way
    fill(origin)
    for steps in range(1, 100, 3):
        target = str(folder / f"to-{steps}") if is_url(origin) else make_database()
        if len(copy(origin, target, steps=steps)) < steps:
            break
        with pytest.raises(StoreError, match="incomplete copy"):
            open_reader(target)
        rest = copy(origin, target)
        assert sum(step.rows for step in rest if step.is_done) < 120
    else:
        pytest.fail("copying has more transactions than this test tries")


@pytest.mark.parametrize("way", WAYS[:2], indirect=True)
def test_an_incomplete_copy_is_refused_by_everything_else(way: tuple[str, str], tmp_path: Path) -> None:
    origin, target = way
    fill(origin)
    copy(origin, target, steps=3)

    for use in (
        lambda: open_reader(target),
        lambda: open_store(target, create=False),
        lambda: open_store(target, create=True),
        lambda: upgrade(target),
        lambda: copy(target, str(tmp_path / "third")),
        *([] if is_url(target) else [lambda: back_up(target, tmp_path / "backup", START)]),
    ):
        with pytest.raises(StoreError, match=re.escape(f"incomplete copy of {origin}")) as refused:
            use()
        assert f"cronicle db copy {origin} {target}" in refused.value.remedy
    assert not (tmp_path / "backup").exists()


def test_a_copy_is_not_taken_up_from_another_store_nor_after_changes(
    way: tuple[str, str], folder: Path
) -> None:
    origin, target = way
    fill(origin)
    copy(origin, target, steps=3)
    fill(str(folder / "another"))

    with pytest.raises(StoreError, match="incomplete copy of"):
        copy(str(folder / "another"), target)
    with closing(open_store(origin, create=False)) as store:
        Sample(store).run(id="NEW0000000", owner=None, workflow="new")
    with pytest.raises(StoreError, match="has been written to since") as refused:
        copy(origin, target)
    assert "Begin anew" in refused.value.remedy


def test_a_copy_that_differs_is_told_table_by_table(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with open_copying(origin, target) as copying_now:
        copying_now.begin()
        list(copying_now.rows())
        change = "UPDATE backfill_tick SET nominal = 'other' WHERE position = 3"
        copying_now.target.connection.execute(change)
        copying_now.target.connection.execute("DELETE FROM cursor")

        different = [one for one in copying_now.compare() if not one.is_equal]

    assert [(one.table, one.origin.rows, one.copy.rows) for one in different] == [
        ("backfill_tick", 6, 6),
        ("cursor", 1, 0),
    ]


def test_a_target_that_has_something_is_refused_with_what_it_has(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with closing(open_store(target, create=True)) as store:
        store.bind_project(project("one"), ACTOR)
        store.bind_project(project("two", folder="two"), ACTOR)
        store.add_audit(ACTOR, START, "apply", "one")
        before = seen(store)

    with pytest.raises(StoreError, match="is not empty: it has 2 projects, 3 entries of the audit log"):
        copy(origin, target)

    with closing(open_store(target, create=False)) as store:
        assert seen(store) == before


def test_a_target_that_somebody_works_on_is_not_empty(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with closing(open_store(target, create=True)) as store:
        store.register_owner(
            OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle serve", started_at=START)
        )

        with pytest.raises(StoreError, match="is not empty: it has 1 process"):
            copy(origin, target)


def test_a_store_that_somebody_works_on_is_not_copied(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with closing(open_store(origin, create=False)) as store:
        store.register_owner(
            OwnerRecord(id=OWNER, host="pluto", pid=7, command="cronicle serve", started_at=START)
        )

        with pytest.raises(StoreError, match=r"process 7 on pluto works on the store .* \(cronicle serve\)"):
            copy(origin, target)


def test_what_a_dead_owner_has_left_is_to_be_settled_first(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with closing(open_store(origin, create=False)) as store:
        store.register_owner(
            OwnerRecord(id=OWNER, host="pluto", pid=7, command="cronicle run", started_at=START)
        )
        run = Sample(store).run(id="NEW0000000", workflow="new")
    bury(origin)

    with pytest.raises(StoreError, match=f"has died, and nobody has settled .*: run {run.id}") as refused:
        copy(origin, target)
    assert f"cronicle resume {run.id}" in refused.value.remedy

    with closing(open_store(origin, create=False)) as store:
        assert store.claim_dead_owner(OWNER)
        store.remove_owner(OWNER)
    copy(origin, target)


def test_a_dead_owner_that_has_left_nothing_is_in_nobodys_way(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with closing(open_store(origin, create=False)) as store:
        store.register_owner(
            OwnerRecord(id=OWNER, host="pluto", pid=7, command="cronicle serve", started_at=START)
        )
    bury(origin)

    copy(origin, target)

    with closing(open_reader(target)) as store:
        assert store.list_owners() == ()


def bury(location: str) -> None:
    """Have the leases of all owners be over, as after some time."""
    if is_url(location):
        with psycopg.connect(location, autocommit=True) as admin:
            admin.execute("UPDATE owner SET lease_until = 0")


def test_nobody_writes_a_store_while_it_is_copied_and_everybody_may_read_it(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with (
        closing(open_store(origin, create=False, patience=0.2)) as store,
        open_copying(origin, target) as now,
    ):
        now.begin()
        with pytest.raises(StoreError, match="locked"):
            store.add_audit(ACTOR, START, "apply", "weather")
        assert store.list_audit(AuditFilter(act="apply"), limit=2)[1:] == ()
        list(now.rows())
        check_equal(now)
        now.finish()

    with closing(open_store(origin, create=False)) as store:
        store.add_audit(ACTOR, START, "apply", "weather")


def test_a_lock_that_was_lost_makes_no_copy(make_database: Callable[[], str], folder: Path) -> None:
    origin = make_database()
    fill(origin)
    with open_copying(origin, str(folder / "to")) as now:
        now.begin()
        list(now.rows())
        with psycopg.connect(origin, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        with pytest.raises(StoreError, match="cannot be reached"):
            now.finish()

    with pytest.raises(StoreError, match="incomplete copy"):
        open_reader(str(folder / "to"))


def test_a_connection_that_is_lost_while_rows_are_written_is_made_again(
    make_database: Callable[[], str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", 5)
    origin, target = str(folder / "from"), make_database()
    fill(origin)
    with open_copying(origin, target) as now, psycopg.connect(target, autocommit=True) as admin:
        now.begin()
        for _ in now.rows():
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state = 'idle'"
            )
        check_equal(now)


def test_a_store_is_not_copied_into_itself_nor_from_where_there_is_none(
    folder: Path, make_database: Callable[[], str]
) -> None:
    url = make_database()
    for origin in (str(folder / "nowhere"), url):
        with pytest.raises(UnknownError, match="there is no store in"):
            copy(origin, make_database())
    fill(url)
    with (
        open_copying(url, f"{url}?application_name=x") as now,
        pytest.raises(StoreError, match="the same store"),
    ):
        now.begin()


def test_rows_of_runs_that_were_pruned_are_left_behind(
    folder: Path, make_database: Callable[[], str]
) -> None:
    """On PostgreSQL they stay until their partition goes."""
    origin = make_database()
    fill(origin)
    with psycopg.connect(origin) as admin:
        (left,) = admin.execute(
            "SELECT count(*) FROM run_event WHERE NOT EXISTS (SELECT 1 FROM run WHERE sequence = run)"
        ).fetchone()
    assert left > 0

    copy(origin, str(folder / "to"))

    connection = Connection(folder / "to" / FILE_NAME)
    assert connection.rows("PRAGMA foreign_key_check") == []
    assert connection.value("SELECT count(*) FROM progress WHERE name LIKE 'pruned/%'") == 0
    connection.close()


def test_partitions_are_made_where_there_are_runs(folder: Path, make_database: Callable[[], str]) -> None:
    origin, target = str(folder / "from"), make_database()
    fill(origin)
    connection = Connection(folder / "from" / FILE_NAME)
    connection.execute("PRAGMA foreign_keys = OFF")
    for table, column in (("run", "sequence"), ("run_event", "run"), ("task_run", "run"), ("attempt", "run")):
        connection.execute(f"UPDATE {table} SET {column} = {column} + 730000 WHERE {column} > 5")
    connection.close()

    copy(origin, target)

    with psycopg.connect(target) as admin:
        names = {
            row[0]
            for row in admin.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        }
    assert names == {
        f"{table}_{number:06}" for table in ("run_event", "task_run", "attempt") for number in (0, 7)
    }


def test_every_table_and_column_is_copied_or_is_known_not_to_be(
    folder: Path, make_database: Callable[[], str]
) -> None:
    """A later migration that adds one has to say."""
    url = make_database()
    open_store(url, create=True).close()
    open_store(str(folder / "store"), create=True).close()
    copied = {(table.name, column) for table in TABLES for column in table.columns}

    connection = Connection(folder / "store" / FILE_NAME)
    on_sqlite = set(
        connection.rows(
            "SELECT m.name, c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        )
    )
    keys = {
        table.name: tuple(
            row[0]
            for row in connection.rows(
                "SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table.name,)
            )
        )
        for table in TABLES
    }
    connection.close()
    with psycopg.connect(url) as admin:
        on_postgres = set(
            admin.execute(
                "SELECT c.table_name, c.column_name FROM information_schema.columns AS c"
                " JOIN pg_class AS p ON p.oid = to_regclass(c.table_name)"
                " WHERE c.table_schema = 'public' AND NOT p.relispartition"
            ).fetchall()
        )
    for schema in (on_sqlite, on_postgres):
        assert {pair for pair in schema if pair[0] not in NOT_COPIED} == copied
    keys["run_event"] = ("run", "sequence")  # SQLite's key is the number alone
    assert {table.name: table.key for table in TABLES} == keys


def test_no_more_is_in_memory_than_one_transaction_takes() -> None:
    small = [(number, "x" * 10) for number in range(12_001)]
    large = [(number, "x" * (3 << 20)) for number in range(5)]

    assert [len(batch) for batch in batches(small)] == [5000, 5000, 2001]
    assert [len(batch) for batch in batches(large)] == [2, 2, 1]
    assert [len(batch) for batch in batches([(1, b"x" * (100 << 20)), (2, b"")])] == [1, 1]
    assert list(batches([])) == []


def test_rows_are_read_as_they_are_asked_for(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    with open_copying(origin, target) as now:
        rows = now.source.read("SELECT run, body FROM run_event ORDER BY sequence")
        assert isinstance(rows, Iterator)
        first = next(rows)
        assert [first, *rows] == list(now.source.read("SELECT run, body FROM run_event ORDER BY sequence"))


KILLED = """
import sys
from cronicle.store import copying
from cronicle.store.location import open_copying
copying.ROWS_AT_ONCE = 3
with open_copying(sys.argv[1], sys.argv[2]) as now:
    now.begin()
    for step in now.rows():
        print(step.table, flush=True)
        sys.stdin.readline()
"""


def test_one_that_is_killed_leaves_locks_and_rows_as_a_new_one_needs_them(way: tuple[str, str]) -> None:
    origin, target = way
    fill(origin)
    for table in ("run", "run_event", "attempt"):
        words = [sys.executable, "-c", KILLED, origin, target]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip() == table:
                    break
                process.stdin.write("\n")
                process.stdin.flush()
            os.kill(process.pid, signal.SIGKILL)

    copy(origin, target)

    with closing(open_reader(origin)) as before, closing(open_reader(target)) as after:
        assert seen(after) == seen(before)


def test_there_and_back_it_is_the_same_store(folder: Path, make_database: Callable[[], str]) -> None:
    first, database, back = str(folder / "first"), make_database(), str(folder / "back")
    fill(first)
    copy(first, database)
    copy(database, back)

    with closing(open_reader(first)) as before, closing(open_reader(back)) as after:
        assert seen(after) == seen(before)
    a, b = Connection(folder / "first" / FILE_NAME), Connection(folder / "back" / FILE_NAME)
    for table in TABLES:
        names = ", ".join(f'"{name}"' for name in table.columns)
        where = f" WHERE {table.condition}" if table.condition else ""
        statement = f"SELECT {names} FROM {table.name}{where} ORDER BY {', '.join(table.key)}"
        assert a.rows(statement) == b.rows(statement), table.name
    assert b.rows("PRAGMA integrity_check") == [("ok",)]
    numbers = "SELECT name, seq FROM sqlite_sequence WHERE name NOT LIKE 'slot%' AND seq > 0 ORDER BY name"
    assert a.rows(numbers) == b.rows(numbers)
    a.close()
    b.close()
