"""A store behind a pooler in transaction mode: nothing is left in a session, since it is another's a moment later."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest
from store_values import OWNER, Sample, finished, owner, started, task_finished
from wire import Pooler, messages

from cronicle.store import postgres
from cronicle.store.interface import Store
from cronicle.store.location import open_reader
from cronicle.store.postgres.store import PostgresStore
from cronicle.store.records import RunFilter


@pytest.fixture
def location(postgres_location: str) -> str:
    return postgres_location


@pytest.fixture
def pooler(location: str) -> Iterator[Pooler]:
    with closing(Pooler(location)) as made:
        yield made


@pytest.fixture
def store(pooler: Pooler) -> Iterator[PostgresStore]:
    with closing(postgres.open_store(pooler.uri, create=True, patience=10.0, lease_seconds=7.0)) as opened:
        yield opened


def ask(session: socket.socket, sql: str) -> list[bytes]:
    """The rows of one column, asked for in a session of the pooler."""
    query = sql.encode() + b"\0"
    session.sendall(b"Q" + struct.pack("!I", len(query) + 4) + query)
    rows = []
    for kind, message in messages(session):
        if kind == b"D":
            rows.append(message[11:])
        if kind == b"Z":
            return rows
    raise AssertionError("the server has hung up")


def use(sample: Sample) -> None:
    """Write and read so often that psycopg would have prepared everything."""
    for _ in range(12):
        run = sample.run()
        sample.append(run, started(), finished(), task_finished())
        assert sample.store.renew_lease(OWNER)
        assert sample.store.list_tasks(run.id)
        assert sample.store.list_runs(RunFilter(limit=1))[0].id == run.id


def test_a_pooler_is_noticed(store: PostgresStore, location: str, server: str) -> None:
    assert store.postgres.is_pooled
    with closing(postgres.open_store(location, create=False)) as direct:
        assert not direct.postgres.is_pooled


def test_it_works_although_each_transaction_has_another_session(
    store: Store, sample: Sample, pooler: Pooler
) -> None:
    use(sample)

    assert set(pooler.used) == {0, 1, 2}
    assert store.count_runs(RunFilter()) == 12


def test_two_processes_share_the_sessions(store: Store, sample: Sample, pooler: Pooler) -> None:
    with closing(postgres.open_store(pooler.uri, create=False)) as second:
        second.register_owner(owner("other"))
        other = Sample(second, "other")
        other.made = 500
        for _ in range(10):
            sample.append(sample.run(), started())
            other.append(other.run(), started())

    assert store.count_runs(RunFilter()) == 20
    with closing(open_reader(pooler.uri)) as reader:
        assert reader.last_event() == 40


def test_nothing_is_left_in_a_session(store: Store, sample: Sample, pooler: Pooler) -> None:
    before = [
        ask(session, "SELECT name || setting FROM pg_settings ORDER BY name") for session in pooler.sessions
    ]

    use(sample)

    after = [
        ask(session, "SELECT name || setting FROM pg_settings ORDER BY name") for session in pooler.sessions
    ]
    assert after == before
    for session in pooler.sessions:
        assert ask(session, "SELECT name FROM pg_prepared_statements") == []
        assert (
            ask(session, "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            == []
        )
        assert ask(session, "SELECT pg_listening_channels()") == []


def test_what_promises_depend_on_is_set_in_each_transaction(store: PostgresStore, sample: Sample) -> None:
    wanted = {
        "idle_in_transaction_session_timeout": "7s",
        "lock_timeout": "10s",
        "statement_timeout": "0",
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
    }
    for _ in range(3):
        with store.postgres.write():
            found = {name: store.postgres.value("SELECT current_setting(?)", (name,)) for name in wanted}
        assert found == wanted


def test_nobody_can_be_woken_through_it_and_so_nobody_listens(store: Store) -> None:
    woken: list[None] = []

    store.listen(OWNER, lambda: woken.append(None), lambda: False)  # returns at once

    store.wake([OWNER])
    assert woken == []
