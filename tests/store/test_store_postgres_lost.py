"""A connection that is lost, at every moment: what was asked for happens once, and is never recorded twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from store_values import OWNER, START, Sample, owner
from wire import Wire

from cronicle.runs import events as ev
from cronicle.store import postgres
from cronicle.store.interface import UncertainWriteError, UnwritableError
from cronicle.store.postgres import connection
from cronicle.store.postgres.store import PostgresStore
from cronicle.store.records import RunRecord, Transition


@pytest.fixture
def location(postgres_location: str) -> str:
    return postgres_location


@pytest.fixture
def wire(location: str) -> Iterator[Wire]:
    with closing(Wire(location)) as made:
        yield made


@pytest.fixture
def store(wire: Wire) -> Iterator[PostgresStore]:
    """A store on the other side of the wire."""
    with closing(postgres.open_store(wire.uri, create=False, patience=10.0, lease_seconds=60.0)) as opened:
        yield opened


@pytest.fixture
def impatient(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the server for long, not even on the main thread."""
    store.postgres.patience = 0.5
    monkeypatch.setattr(connection, "AWAY_PATIENCE", 0.0)


@pytest.fixture
def run(sample: Sample) -> RunRecord:
    return sample.run()


def ask(location: str, sql: str, values: tuple[object, ...] = ()) -> Any:
    """One value, asked for on a connection of its own."""
    with psycopg.connect(location, autocommit=True) as database:
        row = database.execute(sql, values).fetchone()
        return None if row is None else row[0]


def end_sessions(location: str) -> int:
    """End all sessions of stores; how many there were."""
    return int(
        ask(
            location,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'cronicle' AND datname = current_database()",
        )
    )


def note(store: PostgresStore, run: RunRecord) -> int | None:
    """Append an event."""
    adopted = ev.RunAdopted(at=START, owner=OWNER)
    return store.append([Transition(run_id=run.id, owner=OWNER, events=(adopted,))])[0]


def noted(location: str) -> int:
    """How many events `note` has left."""
    return int(ask(location, "SELECT count(*) FROM run_event WHERE type = 'RunAdopted'"))


def in_the_middle(store: PostgresStore, do: Callable[[], object]) -> None:
    """Have something happen in the middle of the next transaction that appends."""
    former = store._write_down

    def write_down(connection: Any, written: Any) -> None:
        store._write_down = former
        do()
        former(connection, written)

    store._write_down = write_down


def test_a_connection_that_was_lost_while_idle_is_replaced_unnoticed(
    store: PostgresStore, run: RunRecord, location: str
) -> None:
    assert end_sessions(location) >= 1

    number = note(store, run)

    assert number == store.last_event()
    assert noted(location) == 1


def test_a_reader_notices_nothing_either(store: PostgresStore, run: RunRecord, location: str) -> None:
    with closing(postgres.open_reader(location)) as reader:
        assert reader.find_run(run.id) == run

        assert end_sessions(location) >= 1

        assert reader.find_run(run.id) == run


@pytest.mark.parametrize("how", ["session ended", "wire cut"])
def test_what_is_lost_in_the_middle_of_a_transaction_is_done_again_as_a_whole(
    store: PostgresStore, run: RunRecord, location: str, wire: Wire, how: str
) -> None:
    in_the_middle(store, wire.cut if how == "wire cut" else lambda: end_sessions(location))
    before = store.last_event()

    number = note(store, run)

    assert number == before + 1 == store.last_event()
    assert noted(location) == 1


def test_a_commit_that_did_not_reach_the_server_is_tried_again_once(
    store: PostgresStore, run: RunRecord, location: str, wire: Wire
) -> None:
    before, wire.commits, wire.cut_before = store.last_event(), 0, True

    number = note(store, run)

    assert number == before + 1 == store.last_event()
    assert noted(location) == 1
    assert wire.commits == 3  # the lost one, that of looking it up, and that of the second try


def test_a_commit_whose_answer_was_lost_is_looked_up_and_not_tried_again(
    store: PostgresStore, run: RunRecord, location: str, wire: Wire
) -> None:
    before, wire.commits, wire.cut_after = store.last_event(), 0, True

    number = note(store, run)

    assert number == before + 1 == store.last_event()
    assert noted(location) == 1
    assert wire.commits == 2  # the lost one, and that of looking it up


@pytest.mark.parametrize("done", [True, False])
def test_every_kind_of_write_happens_once(
    store: PostgresStore, sample: Sample, location: str, wire: Wire, done: bool
) -> None:
    def lose() -> None:
        wire.cut_after, wire.cut_before = done, not done

    lose()
    run = sample.run()
    lose()
    store.register_owner(owner("another"))
    lose()
    assert store.lead("another") == 1
    lose()
    store.stop_leading("another")
    lose()
    store.remove_owner("another")
    lose()
    backfill = sample.backfill(3)

    assert store.find_run(run.id) == run
    assert [found.id for found in store.list_owners()] == [OWNER]
    assert len(store.list_ticks(backfill.id)) == 3
    assert ask(location, "SELECT epoch FROM leader") == 1
    assert ask(location, "SELECT count(*) FROM run") == 1
    assert not wire.cut_after
    assert not wire.cut_before


class HeldUp:
    """Commits that append wait, in the middle of being done, for as long as the block lasts."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._blocker = psycopg.connect(location)

    def __enter__(self) -> HeldUp:
        self._blocker.execute(
            "CREATE FUNCTION wait() RETURNS TRIGGER LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$"
        )
        self._blocker.execute(
            "CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON run_event"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()"
        )
        self._blocker.commit()
        self._blocker.execute("SELECT pg_advisory_xact_lock(7)")
        return self

    def wait_for_one(self) -> None:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
        while not ask(self._location, waiting):
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self._blocker.rollback()
        self._blocker.close()


def test_a_commit_that_is_held_up_is_waited_for_before_it_is_believed_lost(
    store: PostgresStore, run: RunRecord, location: str
) -> None:
    """Its session is ended in the middle of the commit."""
    answers: list[int | None] = []
    thread = threading.Thread(target=lambda: answers.append(note(store, run)))
    with HeldUp(location) as held_up:
        thread.start()
        held_up.wait_for_one()

        assert end_sessions(location) >= 1
    thread.join(20)

    assert answers == [store.last_event()]
    assert noted(location) == 1


@pytest.mark.parametrize("done", [True, False])
def test_when_nobody_can_tell_whether_a_commit_was_done_that_is_said(
    store: PostgresStore, run: RunRecord, location: str, wire: Wire, done: bool
) -> None:
    def go_away() -> None:
        wire.refuses = True

    store.postgres.uncertain_patience = 0.3
    wire.at_cut, wire.cut_after, wire.cut_before = go_away, done, not done

    with pytest.raises(UncertainWriteError, match="nobody can tell") as caught:
        note(store, run)

    assert caught.value.remedy
    assert noted(location) == int(done)


def test_another_thread_of_the_process_waits_until_it_is_known(
    store: PostgresStore, run: RunRecord, location: str, wire: Wire
) -> None:
    """Its commit would write over the number by which the lost one is looked up."""
    lost = threading.Event()

    def go_away() -> None:
        wire.refuses = True
        lost.set()

    wire.at_cut, wire.cut_after = go_away, True
    answers: list[int | None] = []
    first = threading.Thread(target=lambda: answers.append(note(store, run)))
    first.start()
    assert lost.wait(10)
    second = threading.Thread(target=lambda: answers.append(note(store, run)))
    second.start()
    time.sleep(0.3)
    wire.refuses = False
    first.join(20)
    second.join(20)

    assert answers == [store.last_event() - 1, store.last_event()]
    assert noted(location) == 2


@pytest.mark.usefixtures("impatient")
def test_a_server_that_cannot_be_reached_for_longer_than_one_is_patient_is_one_clear_error(
    store: PostgresStore, run: RunRecord, location: str, wire: Wire
) -> None:
    wire.refuses = True
    wire.cut()
    begun = time.monotonic()

    with pytest.raises(UnwritableError, match="cannot be reached") as caught:
        note(store, run)

    assert time.monotonic() - begun >= 0.5
    assert "nothing was recorded" in caught.value.remedy
    wire.refuses = False
    assert note(store, run) is not None
    assert noted(location) == 1


@pytest.mark.usefixtures("impatient")
def test_closing_a_store_whose_server_is_away_takes_no_time(
    store: PostgresStore, run: RunRecord, wire: Wire
) -> None:
    wire.refuses = True
    wire.cut()
    with pytest.raises(UnwritableError):
        note(store, run)
    store.postgres.patience = 60.0

    begun = time.monotonic()
    store.close()
    store.close()

    assert time.monotonic() - begun < 3


def test_what_was_refused_is_no_lost_connection(store: PostgresStore, run: RunRecord, location: str) -> None:
    """The transaction comes to nothing, and nobody asks about it."""
    with psycopg.connect(location) as admin:
        admin.execute("ALTER TABLE run_event ADD CHECK (type <> 'RunAdopted')")
    before = store.last_event()

    with pytest.raises(Exception, match="has refused what was to be written"):
        note(store, run)

    assert store.last_event() == before
    assert ask(location, "SELECT interrupted_at FROM interruption") == 0


def test_ctrl_c_waits_for_the_commit(store: PostgresStore, run: RunRecord, location: str) -> None:
    """It would cancel the wait for a standby, and leave a commit of which only this server knows."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def press() -> None:
        with held_up:
            pressed.set()
            held_up.wait_for_one()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    held_up, pressed = HeldUp(location), threading.Event()
    thread = threading.Thread(target=press)
    thread.start()
    pressed.wait()

    with pytest.raises(KeyboardInterrupt):
        note(store, run)

    thread.join()
    assert noted(location) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert note(store, run) is not None
