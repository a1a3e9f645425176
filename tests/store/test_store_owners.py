"""Owners: who is alive, who may settle the dead, and what is left of them. With real processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest
from store_values import OWNER, START, Sample, owner

from cronicle.runs.events import AttemptLost
from cronicle.store.interface import Store, StoreError
from cronicle.store.records import OwnerRecord, Transition

OwningProcess = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def lease_seconds() -> float:
    return 1.0


def kill(child: subprocess.Popen[str], store: Store, name: str) -> None:
    """Kill the process of an owner, and wait until it is dead: at once, or when its lease has run out."""
    child.kill()
    child.wait()
    if store.lease_seconds is None:
        assert not store.is_alive(name)
    until = time.monotonic() + 5
    while store.is_alive(name):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_an_owner_comes_back_with_an_epoch_that_only_grows(store: Store) -> None:
    record = OwnerRecord(id="second", host="there", pid=7, command="cronicle backfill", started_at=START)
    first = store.register_owner(owner("first"))
    store.remove_owner("first")
    second = store.register_owner(record)

    assert second.epoch > first.epoch > 0
    assert store.list_owners() == (second,)
    assert (second.host, second.pid, second.command, second.started_at) == (
        "there",
        7,
        "cronicle backfill",
        START,
    )


def test_an_owner_is_alive_until_it_is_removed(store: Store, opened: Callable[[], Store]) -> None:
    """For whoever asks, in this process or through another opening of the store."""
    store.register_owner(owner("first"))
    other = opened()
    assert (store.is_alive("first"), other.is_alive("first")) == (True, True)
    assert not other.claim_dead_owner("first")

    store.remove_owner("first")

    assert (store.is_alive("first"), other.is_alive("first")) == (False, False)


def test_an_owner_whose_store_is_closed_is_dead_at_once(store: Store, opened: Callable[[], Store]) -> None:
    other = opened()
    other.register_owner(owner("first"))

    other.close()

    assert not store.is_alive("first")
    assert store.claim_dead_owner("first")


def test_an_owner_that_is_not_known_is_dead_and_cannot_be_claimed(store: Store) -> None:
    assert not store.is_alive("nobody")
    assert not store.claim_dead_owner("nobody")


def test_a_killed_process_is_dead(store: Store, owning_process: OwningProcess) -> None:
    child = owning_process("theirs")
    assert store.is_alive("theirs")
    assert not store.claim_dead_owner("theirs")

    kill(child, store, "theirs")

    assert not store.is_alive("theirs")


def test_a_process_that_was_held_up_beyond_its_lease_does_not_settle_itself(
    store: Store, opened: Callable[[], Store]
) -> None:
    """It would end its own attempts and believe that they have failed; it asks for its lease, or others settle it."""
    store.register_owner(owner("first"))
    until = time.monotonic() + 5
    while store.lease_seconds is not None and store.is_alive("first"):
        assert time.monotonic() < until
        time.sleep(0.02)

    assert not store.claim_dead_owner("first")
    assert store.renew_lease("first")
    assert store.is_alive("first")


def test_one_alone_settles_a_dead_owner(
    store: Store, opened: Callable[[], Store], owning_process: OwningProcess
) -> None:
    kill(owning_process("theirs"), store, "theirs")
    other = opened()

    assert store.claim_dead_owner("theirs")
    assert not other.claim_dead_owner("theirs")
    assert not store.claim_dead_owner("theirs")

    store.remove_owner("theirs")
    assert not other.claim_dead_owner("theirs")
    assert store.list_owners() == ()


def test_when_the_settler_dies_another_can_settle(
    store: Store, opened: Callable[[], Store], owning_process: OwningProcess
) -> None:
    kill(owning_process("theirs"), store, "theirs")
    settler = opened()
    assert settler.claim_dead_owner("theirs")

    settler.close()

    assert store.claim_dead_owner("theirs")


def test_what_was_claimed_and_left_can_be_claimed_by_another(
    store: Store, opened: Callable[[], Store], owning_process: OwningProcess
) -> None:
    kill(owning_process("theirs"), store, "theirs")
    assert store.claim_dead_owner("theirs")

    store.leave_dead_owner("theirs")

    assert not store.is_alive("theirs")
    assert opened().claim_dead_owner("theirs")


def test_the_settler_may_append_in_the_name_of_the_dead(
    store: Store, sample: Sample, owning_process: OwningProcess
) -> None:
    kill(owning_process("theirs"), store, "theirs")
    assert store.claim_dead_owner("theirs")
    (live,) = store.list_live_attempts("theirs")
    assert (live.run_id, live.token) == ("Rtheirs", "token-1")

    lost = AttemptLost(at=START, task=live.task, key=live.key, attempt=live.attempt)
    answer = store.append([Transition(run_id=live.run_id, owner="theirs", events=(lost,))])

    assert answer[0] is not None
    assert store.list_live_attempts("theirs") == ()


def test_removing_an_owner_leaves_its_live_runs_and_backfills_without_one(
    store: Store, sample: Sample
) -> None:
    live, ended, backfill = sample.run(), sample.ended(), sample.backfill(1)
    store.register_owner(owner("another"))

    store.remove_owner(OWNER)

    found = store.find_backfill(backfill.id)
    assert found is not None
    assert (sample.again(live).owner, found.owner, found.state) == (None, None, "running")
    assert sample.again(ended).owner == OWNER  # it says who drove it
    assert store.adopt_run(live.id, "another")
    assert store.adopt_backfill(backfill.id, "another")


def test_an_id_is_given_out_once(store: Store, opened: Callable[[], Store]) -> None:
    store.register_owner(owner("first"))

    for other in (opened(), store):
        with pytest.raises(StoreError, match="an owner first already"):
            other.register_owner(owner("first"))

    assert store.is_alive("first")
    assert Sample(store, "first").run().owner == "first"


def test_an_owner_that_lives_renews_its_lease(store: Store) -> None:
    store.register_owner(owner("first"))

    assert store.renew_lease("first")
    store.remove_owner("first")
    assert store.lease_seconds is None or not store.renew_lease("first")
