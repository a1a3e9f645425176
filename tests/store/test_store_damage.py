"""Damaged rows: what is damaged says so, and everything else goes on."""

from __future__ import annotations

import logging
from pathlib import Path

import apsw
import psycopg
import pytest
from store_values import ACTOR, OWNER, START, Sample, finished, started, task_finished

from cronicle.store.interface import Store, StoreError
from cronicle.store.records import RunFilter, Transition
from cronicle.store.series import (
    CursorRecord,
    Dropped,
    OwedRecord,
    PauseRecord,
    SeriesKey,
    Settlement,
    TickSpan,
)
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.url import is_url


def damage(location: str, sql: str) -> None:
    """Change a row behind the store's back."""
    if is_url(location):
        with psycopg.connect(location) as database:
            for table, constraint in database.execute(_CHECKS).fetchall():
                database.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
            assert database.execute(sql).rowcount == 1
        return
    database = apsw.Connection(str(Path(location) / FILE_NAME))
    database.execute("PRAGMA ignore_check_constraints = ON")
    database.execute(sql)
    assert database.changes() == 1
    database.close()


_CHECKS = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"


@pytest.mark.parametrize(
    "change",
    ["body = '{'", "body = '[]'", "body = '{}'", "type = 'Nonsense'", "version = 99", "body = chr(1)"],
)
def test_a_run_with_a_damaged_event_is_unreadable_and_the_others_go_on(
    store: Store, sample: Sample, location: str, change: str
) -> None:
    bad, good = sample.run(), sample.run()
    change = change if is_url(location) else change.replace("chr(1)", "char(0)")
    damage(location, f"UPDATE run_event SET {change} WHERE run = {bad.sequence}")

    with pytest.raises(StoreError, match=f"history of run {bad.id} cannot be read") as caught:
        store.get_events(bad.id)

    assert caught.value.remedy
    assert len(store.get_events(good.id)) == 1
    assert sample.append(good, started()) is not None


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost'",
        "cause = ''",
        "params = '{'",
        "actor = '[]'",
        "actor = '{}'",
        f"logical_time = {1 << 62}",
    ],
)
def test_a_damaged_run_is_left_out_of_lists_with_an_alarm(
    store: Store, sample: Sample, location: str, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    bad, good = sample.run(), sample.run()
    damage(location, f"UPDATE run SET {change} WHERE sequence = {bad.sequence}")

    with pytest.raises(StoreError, match=f"run {bad.id} in the store is damaged"):
        store.find_run(bad.id)
    with caplog.at_level(logging.WARNING, logger="cronicle.store"):
        listed = store.list_runs(RunFilter())

    assert [run.id for run in listed] == [good.id]
    assert f"run number {bad.sequence}" in caplog.text
    assert sample.append(good, started()) is not None


@pytest.mark.parametrize("change", ["state = 'nowhere'", "output = 'x'"])
def test_a_damaged_task_makes_its_run_unreadable(
    store: Store, sample: Sample, location: str, change: str
) -> None:
    run = sample.run()
    sample.append(run, started(), finished(), task_finished())
    damage(location, f"UPDATE task_run SET {change}")

    with pytest.raises(StoreError, match=f"run {run.id} in the store is damaged"):
        store.list_tasks(run.id)


@pytest.mark.parametrize("change", ["outcome = 'so so'", "argv = '1'"])
def test_a_damaged_attempt_makes_its_run_unreadable(
    store: Store, sample: Sample, location: str, change: str
) -> None:
    run = sample.run()
    sample.append(run, started(), finished(), task_finished())
    damage(location, f"UPDATE attempt SET {change}")

    with pytest.raises(StoreError, match=f"run {run.id} in the store is damaged"):
        store.list_attempts(run.id)


def test_a_run_in_an_unknown_state_does_not_stop_the_batch_that_it_is_in(
    store: Store, sample: Sample, location: str
) -> None:
    bad, good = sample.run(), sample.run()
    damage(location, f"UPDATE run SET state = 'lost' WHERE sequence = {bad.sequence}")

    answers = store.append(
        [Transition(run_id=run.id, owner=OWNER, events=(started(),)) for run in (bad, good)]
    )

    assert answers[0] is None
    assert answers[1] is not None


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("cursor", f"position = {1 << 62}"),
        ("owed", f"after = {1 << 62}"),
        ("dropped", "reason = 'whim'"),
        ("pause", "actor = '{'"),
    ],
)
def test_a_damaged_row_about_ticks_is_left_out_with_an_alarm(
    store: Store, sample: Sample, location: str, caplog: pytest.LogCaptureFixture, table: str, change: str
) -> None:
    epoch = store.lead(OWNER)
    assert epoch is not None
    for workflow in ("bad", "good"):
        key = SeriesKey(project="weather", environment="local", workflow=workflow)
        settlement = Settlement(
            key=key,
            expected=None,
            cursor=CursorRecord(key=key, since=START, position=START, deployment=1),
            owed=(OwedRecord(key=key, deployment=1, after=START, until=START, left=1),),
            dropped=(
                TickSpan(key=key, first=START, last=START, count=1, reason=Dropped.PAUSED, recorded_at=START),
            ),
        )
        store.settle(epoch, [settlement])
        store.add_pause(
            PauseRecord(
                project="weather", environment="local", workflow=workflow, actor=ACTOR, paused_at=START
            )
        )

    damage(location, f"UPDATE {table} SET {change} WHERE workflow = 'bad'")

    found = {
        "cursor": [cursor.key.workflow for cursor in store.list_cursors("weather", "local")],
        "owed": [owed.key.workflow for owed in store.list_owed("weather", "local")],
        "dropped": [span.key.workflow for span in store.list_dropped()],
        "pause": [pause.workflow for pause in store.list_pauses("weather", "local")],
    }
    assert found[table] == ["good"]
    assert all(len(others) == 2 for name, others in found.items() if name != table)
    assert "damaged" in caplog.text
