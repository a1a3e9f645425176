"""A server that ends and comes back, with what was asked for meanwhile. With servers of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from store_values import OWNER, START, Sample, new_database, owner

from cronicle.runs import events as ev
from cronicle.store import postgres
from cronicle.store.interface import UnwritableError
from cronicle.store.postgres import connection
from cronicle.store.postgres.store import PostgresStore
from cronicle.store.records import RunRecord, Transition
from tests.servers import NOT_DURABLE, PostgresServer, open_folder, running_server


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    with running_server(NOT_DURABLE, in_memory=True) as started:
        yield started


@pytest.fixture
def location(own_server: PostgresServer) -> Iterator[str]:
    with new_database(own_server.uri()) as uri:
        yield uri


@pytest.fixture
def store(location: str) -> Iterator[PostgresStore]:
    with closing(postgres.open_store(location, create=True, patience=30.0, lease_seconds=1.0)) as opened:
        yield opened


@pytest.fixture
def run(sample: Sample) -> RunRecord:
    return sample.run()


def note(store: PostgresStore, run: RunRecord) -> int | None:
    adopted = ev.RunAdopted(at=START, owner=OWNER)
    return store.append([Transition(run_id=run.id, owner=OWNER, events=(adopted,))])[0]


def noted(location: str) -> int:
    with psycopg.connect(location) as database:
        row = database.execute("SELECT count(*) FROM run_event WHERE type = 'RunAdopted'").fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_is_waited_for(
    own_server: PostgresServer, store: PostgresStore, run: RunRecord, location: str, mode: str
) -> None:
    """Whether it ends its sessions in an orderly way, or as a crash would."""
    answers: list[int | None] = []
    own_server.stop(mode)
    thread = threading.Thread(target=lambda: answers.append(note(store, run)))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()

    own_server.start()
    thread.join(30)

    assert answers == [store.last_event()]
    assert noted(location) == 1


def test_a_server_that_is_away_for_longer_than_one_is_patient_is_one_clear_error(
    own_server: PostgresServer,
    store: PostgresStore,
    run: RunRecord,
    location: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.postgres.patience = 0.5
    monkeypatch.setattr(connection, "AWAY_PATIENCE", 0.0)  # what is called here is called on the main thread
    own_server.stop()
    try:
        for call in (lambda: note(store, run), store.last_event, lambda: store.renew_lease(OWNER)):
            begun = time.monotonic()
            with pytest.raises(UnwritableError, match=r"cannot be reached: .*refused") as caught:
                call()
            assert time.monotonic() - begun < 5
            assert "repeat the command; nothing was recorded" in caught.value.remedy
        with pytest.raises(UnwritableError, match=r"cannot be reached: .*refused"):
            postgres.open_store(location, create=True)
    finally:
        own_server.start()

    assert noted(location) == 0
    assert note(store, run) is not None
    assert noted(location) == 1


def test_nobody_is_dead_because_the_server_was_away(
    own_server: PostgresServer, store: PostgresStore, sample: Sample, location: str
) -> None:
    """Not even for a process that was not there then."""
    store.renew_lease(OWNER)
    own_server.stop()
    time.sleep(1.1)
    own_server.start()

    with closing(postgres.open_store(location, create=False, lease_seconds=1.0)) as newcomer:
        assert newcomer.is_alive(OWNER)
        assert not newcomer.claim_dead_owner(OWNER)
        assert store.renew_lease(OWNER)
        until = time.monotonic() + 10
        while newcomer.is_alive(OWNER):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert newcomer.claim_dead_owner(OWNER)


def test_a_process_that_leaves_while_the_server_is_away_does_not_wait_for_it(
    own_server: PostgresServer, location: str
) -> None:
    leaving = postgres.open_store(location, create=True)
    leaving.register_owner(owner())
    own_server.stop()
    try:
        begun = time.monotonic()
        leaving.close()
        assert time.monotonic() - begun < 5
    finally:
        own_server.start()


# A standby


@pytest.fixture(scope="module")
def pair(own_server: PostgresServer) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A primary, and its standby, which every commit waits for."""
    first, second = (TemporaryDirectory(prefix="cronicle-postgres-", dir=open_folder()) for _ in range(2))
    with first as of_primary, second as of_standby:
        primary = PostgresServer(Path(of_primary))
        primary.make(NOT_DURABLE)
        primary.start()
        standby = PostgresServer(Path(of_standby))
        standby.make_standby_of(primary, "standby")
        standby.start()
        try:
            yield primary, standby
        finally:
            standby.stop("immediate")


def test_what_was_acknowledged_is_there_after_a_failover_and_everything_goes_on(
    pair: tuple[PostgresServer, PostgresServer],
) -> None:
    primary, standby = pair
    ask(primary, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    ask(primary, "SELECT pg_reload_conf()")
    both = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    with closing(postgres.open_store(both, create=True, patience=30.0, lease_seconds=1.0)) as store:
        store.register_owner(owner())
        sample = Sample(store)
        run = sample.run()
        answers: list[int | None] = []
        ended = threading.Event()

        def write() -> None:
            while not ended.is_set():
                answers.append(note(store, run))

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        while len(answers) < 20:
            time.sleep(0.01)
        primary.stop("immediate")
        before = len(answers)
        time.sleep(1.2)  # all leases run out
        standby.promote()
        with closing(postgres.open_store(both, create=False, lease_seconds=1.0)) as newcomer:
            assert newcomer.is_alive(OWNER)
            assert not newcomer.claim_dead_owner(OWNER)
        while len(answers) < before + 20:
            time.sleep(0.01)
        ended.set()
        thread.join(30)

        numbers = [answer for answer in answers if answer is not None]
        assert len(numbers) == len(answers)
        assert numbers == sorted(set(numbers))
        assert noted(standby.uri()) == len(answers)


def ask(server: PostgresServer, sql: str) -> None:
    with psycopg.connect(server.uri(), autocommit=True) as admin:
        admin.execute(sql.encode())


def test_a_commit_that_waits_for_a_standby_is_looked_up_when_its_session_is_ended(
    own_server: PostgresServer, store: PostgresStore, run: RunRecord, location: str
) -> None:
    """It is done where it was done, and that is all that there is to know."""
    ask(own_server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    ask(own_server, "SELECT pg_reload_conf()")
    answers: list[int | None] = []

    def begin() -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.append(note(store, run)))
        thread.start()
        return thread

    thread = begin()
    try:
        with psycopg.connect(own_server.uri(), autocommit=True) as admin:
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            while (found := admin.execute(waiting).fetchone()) is None:
                if not thread.is_alive():  # it was done before the server had heard of the setting
                    thread = begin()
                time.sleep(0.01)
            before = len(answers)
            admin.execute("SELECT pg_terminate_backend(%s)", (found[0],))
            while admin.execute(f"{waiting} AND pid <> %s", (found[0],)).fetchone() is None:
                time.sleep(0.01)  # until whoever looks it up waits for the standby as well
        assert len(answers) == before
    finally:
        ask(own_server, "ALTER SYSTEM RESET synchronous_standby_names")
        ask(own_server, "SELECT pg_reload_conf()")
    thread.join(30)

    assert len(answers) == before + 1
    assert answers[-1] == store.last_event()
    assert noted(location) == len(answers)
