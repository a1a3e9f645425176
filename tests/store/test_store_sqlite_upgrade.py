"""A file that the first release made is brought up to date with all that is in it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from store_values import ACTOR, OWNER, START

from cronicle.runs.policy import Policy
from cronicle.runs.states import Cause, RunState
from cronicle.store.cells import to_instant, to_json
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import RunFilter
from cronicle.store.sqlite import FILE_NAME, connection, schema

AT = to_instant(START)
WORKFLOWS = '[{"name":"daily","spec_hash":"h","schedules":[{"cron":"0 2 * * *"}],"tags":["x"]}]'


@pytest.fixture
def location(sqlite_location: str) -> str:
    return sqlite_location


def insert(opened: connection.Connection, table: str, **values: object) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    opened.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def insert_run(opened: connection.Connection, number: int, **changes: object) -> None:
    values: dict[str, object] = {
        "sequence": number,
        "id": f"R{number:09}",
        "project": "weather",
        "environment": "local",
        "workflow": "daily",
        "instance": "",
        "series": "",
        "logical_time": AT + number,
        "nominal": "2026-03-01T02:00:00",
        "timezone": "UTC",
        "state": "queued",
        "cause": "manual",
        "counts": 1,
        "dirty": 0,
        "revision": "1" * 40,
        "deployment": 1,
        "backfill": "",
        "spec_hash": "h",
        "params": "{}",
        "actor": to_json(ACTOR),
        "owner": OWNER,
        "created_at": AT,
        "cancel_requested": 0,
        **changes,
    }
    insert(opened, "run", **values)


@pytest.fixture
def old(folder: Path) -> Path:
    """The folder of a store of the first schema, with rows that the second one touches."""
    path = folder / "store" / FILE_NAME
    path.parent.mkdir(mode=0o700)
    apsw.Connection(str(path)).close()
    opened = connection.Connection(path)
    opened.execute("PRAGMA journal_mode = WAL")
    schema.upgrade(opened, schema.migrations("sqlite")[:1])
    with opened.write():
        insert(
            opened,
            "project",
            name="weather",
            root_commit="a" * 40,
            folder="",
            path="/home/ada/weather",
            default_environment="local",
            created_at=AT,
            bound=1,
        )
        insert(opened, "spec", hash="h", body=b'{"version":1}')
        insert(
            opened,
            "deployment",
            project="weather",
            environment="local",
            number=1,
            revision="1" * 40,
            created_at=AT,
            actor=to_json(ACTOR),
            variables="{}",
            workflows=WORKFLOWS,
        )
        insert_run(opened, 1, state="succeeded", ended_at=AT, ended_event=2)
        insert_run(opened, 2)
        insert(opened, "run_event", sequence=1, run=1, type="RunStarted", version=1, at=AT, body="{}")
        insert(
            opened,
            "slot",
            sequence=7,
            run=2,
            task="load",
            key="",
            attempt=1,
            owner=OWNER,
            pool="db",
            slots=2,
            priority=3,
            requested_at=AT,
            granted=1,
            started=0,
        )
    opened.close()
    return path.parent


@pytest.fixture
def upgraded(old: Path) -> Store:
    return open_store(str(old), create=False)


def test_a_store_of_the_first_schema_has_the_newest_after_it_was_opened(old: Path, upgraded: Store) -> None:
    upgraded.close()

    opened = connection.Connection(old / FILE_NAME)
    assert schema.version_of(opened) == schema.NEWEST
    assert opened.rows("PRAGMA foreign_key_check") == []
    assert opened.value("PRAGMA integrity_check") == "ok"
    opened.close()


def test_its_schema_is_that_of_a_new_store(old: Path, upgraded: Store, folder: Path) -> None:
    open_store(str(folder / "new"), create=True).close()
    upgraded.close()

    def tables(place: Path) -> list[tuple[object, ...]]:
        opened = connection.Connection(place / FILE_NAME)
        found = opened.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
        opened.close()
        return found

    assert tables(old) == tables(folder / "new")


def test_its_deployments_have_the_rules_of_who_says_nothing(upgraded: Store) -> None:
    found = upgraded.find_deployment("weather", "local")

    assert found is not None
    assert (found.moved, found.settings) == ((), None)
    assert [(each.name, each.tags, each.policy) for each in found.workflows] == [("daily", ("x",), Policy())]


def test_its_live_runs_may_start_and_keep_their_slots(upgraded: Store) -> None:
    live, ended = upgraded.list_runs(RunFilter())

    assert (live.admitted, live.not_before, live.lock) == (True, None, None)
    assert (ended.state, ended.cause) == (RunState.SUCCEEDED, Cause.MANUAL)
    assert upgraded.admit(live.id, OWNER, START).admitted
    assert [(grant.run_id, grant.pool, grant.slots) for grant in upgraded.list_grants(OWNER)] == [
        (live.id, "db", 2)
    ]


def test_nobody_leads_it_and_it_owes_nothing(upgraded: Store) -> None:
    assert upgraded.find_leader() is None
    assert upgraded.list_cursors("weather", "local") == upgraded.list_owed("weather", "local") == ()
    assert upgraded.list_environments() == (("weather", "local", 1),)
