"""Leases: who was taken for dead and settled writes nothing more, and no outage of the server is anybody's death."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import attrs
import psycopg
import pytest
from store_values import ACTOR, DAY, OWNER, START, Sample, owner, started, tick

from cronicle.runs import events as ev
from cronicle.runs.states import BackfillState, Cause, RunState
from cronicle.store import postgres
from cronicle.store.interface import NotOwnerError, Store
from cronicle.store.postgres.store import PostgresStore
from cronicle.store.records import ControlRequest, NewRun, RunFilter, SlotRequest
from cronicle.store.series import CursorRecord, SeriesKey, Settlement

LEASE = 0.3

KEY = SeriesKey(project="weather", environment="local", workflow="daily")


@pytest.fixture
def location(postgres_location: str) -> str:
    return postgres_location


@pytest.fixture
def lease_seconds() -> float:
    return LEASE


@pytest.fixture
def other(opened: Callable[[], Store]) -> Store:
    """The store as another process has it open."""
    return opened()


def wait_for_death(store: Store, name: str = OWNER) -> None:
    until = time.monotonic() + 10
    while store.is_alive(name):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_owner_lives_for_as_long_as_it_renews_its_lease(
    store: Store, sample: Sample, other: Store
) -> None:
    until = time.monotonic() + 3 * LEASE
    while time.monotonic() < until:
        assert store.renew_lease(OWNER)
        assert other.is_alive(OWNER)
        assert not other.claim_dead_owner(OWNER)
        time.sleep(LEASE / 10)

    wait_for_death(other)

    assert store.renew_lease(OWNER)  # nobody has claimed it: it lives on
    assert other.is_alive(OWNER)
    assert sample.run().owner == OWNER


@pytest.fixture
def before(store: Store, sample: Sample) -> World:
    """What `me` drives, before it is taken for dead."""
    epoch = store.lead(OWNER)
    assert epoch is not None
    return World(sample, epoch)


class World:
    def __init__(self, sample: Sample, epoch: int) -> None:
        self.epoch = epoch
        self.running = sample.run()
        self.waiting = sample.run(admitted=False)
        self.left = sample.run(owner=None)
        self.backfill = sample.backfill(2)
        self.wish = SlotRequest(
            run_id=self.running.id,
            task="load",
            key=None,
            attempt=1,
            owner=OWNER,
            pool="db",
            slots=1,
            priority=0,
            requested_at=START,
        )
        self.cancel = ControlRequest(target=self.running.id, verb="cancel", actor=ACTOR, requested_at=START)

    def settlement(self, sample: Sample) -> Settlement:
        at = START + 500 * DAY
        record = sample.record(logical_time=at, cause=Cause.SCHEDULE)
        return Settlement(
            key=KEY,
            expected=None,
            cursor=CursorRecord(key=KEY, since=START, position=at, deployment=1),
            runs=(NewRun(run=record, events=(ev.RunQueued(at=START, run_id=record.id),)),),
        )


def test_whatever_an_owner_writes_after_it_was_claimed_has_no_effect(
    store: Store, sample: Sample, other: Store, before: World
) -> None:
    other.add_request(before.cancel)
    wait_for_death(other)
    assert other.claim_dead_owner(OWNER)
    runs, last = other.list_runs(RunFilter()), other.last_event()
    backfill = other.find_backfill(before.backfill.id)

    assert not store.renew_lease(OWNER)
    assert sample.append(before.running, started()) is None
    assert store.admit(before.waiting.id, OWNER, START).is_over
    assert not store.adopt_run(before.left.id, OWNER)
    assert store.adopt_runs((before.left.id,), OWNER) == ()
    assert store.lead(OWNER) is None
    assert store.settle(before.epoch, [before.settlement(sample)], {"ends": 7}) is None
    store.stop_leading(OWNER)
    store.serve_as(OWNER, "", 4)
    store.request_slots([before.wish])
    assert not store.set_backfill_state(before.backfill.id, BackfillState.PAUSED, None, START, owner=OWNER)
    later = attrs.evolve(before.waiting, logical_time=START + 300 * DAY)
    assert store.choose_time(later, OWNER) is False
    assert store.take_requests(OWNER) == ()
    with pytest.raises(NotOwnerError, match="taken for dead"):
        sample.run()
    with pytest.raises(NotOwnerError, match="taken for dead"):
        sample.backfill(1, workflow="weekly")
    store.remove_owner(OWNER)

    assert other.list_runs(RunFilter()) == runs
    assert other.last_event() == last
    assert other.find_backfill(before.backfill.id) == backfill
    assert other.grant_slots({"db": 9}) == ()
    assert other.list_cursors("weather", "local") == ()
    assert other.get_progress("ends") is None
    assert other.list_serving("") == ()
    assert [found.id for found in other.list_owners()] == [OWNER]
    leader = other.find_leader()
    assert leader is not None
    assert leader.id == OWNER  # until it is settled
    # All of which its claimer may do in its name.
    claimer = Sample(other)
    claimer.made = 900
    assert other.renew_lease(OWNER)
    assert claimer.append(before.running, started()) is not None
    assert other.settle(before.epoch, [before.settlement(claimer)]) is not None
    assert [request.target for request in other.take_requests(OWNER)] == [before.running.id]
    other.request_slots([before.wish])
    assert len(other.grant_slots({"db": 9})) == 1
    assert other.set_backfill_state(before.backfill.id, BackfillState.PAUSED, None, START, owner=OWNER)
    other.remove_owner(OWNER)
    assert other.list_owners() == ()
    assert other.find_leader() is None


def test_who_was_settled_joins_again_as_another(store: Store, sample: Sample, other: Store) -> None:
    run = sample.run()
    wait_for_death(other)
    assert other.claim_dead_owner(OWNER)
    other.remove_owner(OWNER)

    again = Sample(store, "again")
    store.register_owner(owner("again"))

    assert store.adopt_run(run.id, "again")
    assert again.append(run, ev.RunStarted(at=START)) is not None
    assert again.again(run).state is RunState.RUNNING


def test_another_leads_when_the_lease_of_the_leader_has_run_out(
    store: Store, sample: Sample, other: Store, before: World
) -> None:
    other.register_owner(owner("other"))
    assert other.lead("other") is None

    wait_for_death(other)
    while not other.renew_lease("other") or (epoch := other.lead("other")) is None:
        time.sleep(0.01)

    assert epoch > before.epoch
    assert store.settle(before.epoch, [before.settlement(sample)]) is None
    assert store.renew_lease(OWNER)  # it lives, and leads no more
    assert store.lead(OWNER) is None
    leader = store.find_leader()
    assert leader is not None
    assert leader.id == "other"


def test_a_process_that_was_stopped_beyond_its_lease_and_goes_on_records_nothing(
    store: Store, owning_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = owning_process("theirs")
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("2\n")
    child.stdin.flush()
    assert child.stdout.readline() != "None\n"
    child.send_signal(signal.SIGSTOP)
    wait_for_death(store, "theirs")
    assert store.claim_dead_owner("theirs")
    before = store.get_events("Rtheirs")

    child.send_signal(signal.SIGCONT)
    child.stdin.write("3\n")
    child.stdin.flush()

    assert child.stdout.readline() == "None\n"
    assert store.get_events("Rtheirs") == before


STOPPED_WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from store_values import Sample, owner, started
from cronicle.store.location import open_store
store = open_store(sys.argv[2], create=False, lease_seconds=float(sys.argv[3]))
store.register_owner(owner("theirs"))
sample = Sample(store, "theirs")
run = sample.run(id="Rtheirs", workflow="theirs")
write_down = store._write_down
def stop(connection, written):
    write_down(connection, written)
    connection.value("SELECT 1")  # it has been sent
    print("in the middle", flush=True)
    sys.stdin.readline()
    store._write_down = write_down
store._write_down = stop
print(sample.append(run, started()), flush=True)
"""


def test_a_writer_that_is_stopped_in_the_middle_loses_its_session_and_what_it_wrote(
    store: Store, sample: Sample, location: str
) -> None:
    """Whoever writes next waits for a lease at most."""
    child = subprocess.Popen(
        [sys.executable, "-c", STOPPED_WRITER, str(Path(__file__).parent), location, str(LEASE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "in the middle\n"
        child.send_signal(signal.SIGSTOP)

        sample.run()  # it has waited for the end of that session

        wait_for_death(store, "theirs")
        assert store.claim_dead_owner("theirs")
        assert len(store.get_events("Rtheirs")) == 1
        child.send_signal(signal.SIGCONT)
        child.stdin.write("go on\n")
        child.stdin.flush()
        assert child.stdout.readline() == "None\n"
        assert child.wait() == 0
    finally:
        child.kill()
        child.communicate()
    assert len(store.get_events("Rtheirs")) == 1


# Interruptions


@pytest.fixture
def patient(location: str) -> Iterator[PostgresStore]:
    """A store whose leases are so long that what happens within one can be seen."""
    with closing(postgres.open_store(location, create=False, lease_seconds=1.0)) as opened:
        yield opened


def end_sessions(location: str) -> None:
    with psycopg.connect(location, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'cronicle' AND datname = current_database()"
        )


def test_leases_that_ran_out_while_the_server_was_away_last_once_more(
    location: str, store: Store, sample: Sample, patient: PostgresStore
) -> None:
    wait_for_death(patient)

    end_sessions(location)  # all that a client can see of an outage

    assert patient.is_alive(OWNER)
    assert not patient.claim_dead_owner(OWNER)
    begun = time.monotonic()
    wait_for_death(patient)
    assert time.monotonic() - begun > 0.5
    assert patient.claim_dead_owner(OWNER)


def test_who_loses_its_connection_again_and_again_keeps_nobody_from_claiming_the_dead(
    location: str, store: Store, sample: Sample, patient: PostgresStore
) -> None:
    end_sessions(location)
    assert patient.is_alive(OWNER)

    until = time.monotonic() + 10
    while patient.is_alive(OWNER):
        assert time.monotonic() < until
        end_sessions(location)

    assert patient.claim_dead_owner(OWNER)


def test_a_lease_that_was_given_back_does_not_last_once_more(
    location: str, patient: PostgresStore, opened: Callable[[], Store]
) -> None:
    leaving = opened()
    leaving.register_owner(owner("leaving"))
    leaving.close()

    end_sessions(location)

    assert not patient.is_alive("leaving")
    assert patient.claim_dead_owner("leaving")


def test_ticks_of_a_backfill_are_left_to_whoever_adopts_it(
    store: Store, sample: Sample, other: Store, before: World
) -> None:
    """An owner that was settled makes no runs for them, and takes none away."""
    wait_for_death(other)
    assert other.claim_dead_owner(OWNER)
    other.remove_owner(OWNER)
    other.register_owner(owner("other"))
    assert other.adopt_backfill(before.backfill.id, "other")
    next_owner = Sample(other, "other")
    next_owner.made = 900

    with pytest.raises(NotOwnerError):
        sample.run(0, cause=Cause.BACKFILL, backfill=before.backfill.id, logical_time=START)
    made = next_owner.run(0, cause=Cause.BACKFILL, backfill=before.backfill.id, logical_time=START)

    assert other.list_ticks(before.backfill.id)[0] == attrs.evolve(
        tick(0), run_id=made.id, state=RunState.QUEUED
    )
