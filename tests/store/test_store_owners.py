"""Owners: who is alive, who may settle the dead, and what is left of them. With real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_values import OWNER, START, Sample, started

from cronicle.store.interface import Store, StoreError
from cronicle.store.records import OwnerRecord

OWNING_PROCESS = """
import sys
from datetime import UTC, datetime
from cronicle.store.location import open_store
from cronicle.store.records import OwnerRecord
store = open_store(sys.argv[1], create=True)
at = datetime(2026, 1, 1, tzinfo=UTC)
store.register_owner(OwnerRecord(id=sys.argv[2], host="h", pid=1, command="c", started_at=at))
print("registered", flush=True)
sys.stdin.read()
"""


def record(owner: str) -> OwnerRecord:
    return OwnerRecord(id=owner, host="there", pid=7, command="cronicle backfill", started_at=START)


@pytest.fixture
def process(location: str, store: Store) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process that is an owner until it is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(owner: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", OWNING_PROCESS, location, owner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "registered\n"
        return child

    yield start
    for child in running:
        child.kill()
        child.communicate()


def kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()


def test_an_owner_comes_back_with_an_epoch_that_only_grows(store: Store) -> None:
    first = store.register_owner(record("first"))
    store.remove_owner("first")
    second = store.register_owner(record("second"))

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
    store.register_owner(record("first"))
    other = opened()
    assert (store.is_alive("first"), other.is_alive("first")) == (True, True)

    store.remove_owner("first")

    assert (store.is_alive("first"), other.is_alive("first")) == (False, False)


def test_asking_does_not_end_an_owner(store: Store, opened: Callable[[], Store]) -> None:
    """As closing any handle would with POSIX locks."""
    store.register_owner(record("first"))

    other = opened()
    assert other.is_alive("first")
    other.close()

    assert opened().is_alive("first")
    assert not opened().claim_dead_owner("first")


def test_an_owner_that_is_not_known_is_dead_and_cannot_be_claimed(store: Store) -> None:
    assert not store.is_alive("nobody")
    assert not store.claim_dead_owner("nobody")


def test_a_killed_process_is_dead_at_once(
    store: Store, process: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = process("theirs")
    assert store.is_alive("theirs")
    assert not store.claim_dead_owner("theirs")

    kill(child)

    assert not store.is_alive("theirs")


def test_a_stopped_process_is_alive(store: Store, process: Callable[[str], subprocess.Popen[str]]) -> None:
    child = process("theirs")

    child.send_signal(signal.SIGSTOP)

    assert store.is_alive("theirs")
    child.send_signal(signal.SIGCONT)


def test_children_of_an_owner_do_not_keep_it_alive(store: Store, opened: Callable[[], Store]) -> None:
    owner = opened()
    owner.register_owner(record("first"))
    child = subprocess.Popen(["sleep", "30"], close_fds=False)

    owner.close()  # all that its process ever held is gone; the child is not

    assert not store.is_alive("first")
    child.kill()
    child.wait()


def test_one_alone_settles_a_dead_owner(
    store: Store, opened: Callable[[], Store], process: Callable[[str], subprocess.Popen[str]]
) -> None:
    kill(process("theirs"))
    other = opened()

    assert store.claim_dead_owner("theirs")
    assert not other.claim_dead_owner("theirs")
    assert not store.claim_dead_owner("theirs")

    store.remove_owner("theirs")
    assert not other.claim_dead_owner("theirs")
    assert store.list_owners() == ()


def test_when_the_settler_dies_another_can_settle(
    store: Store, opened: Callable[[], Store], process: Callable[[str], subprocess.Popen[str]]
) -> None:
    kill(process("theirs"))
    settler = opened()
    assert settler.claim_dead_owner("theirs")

    settler.close()

    assert store.claim_dead_owner("theirs")


def test_the_settler_may_append_in_the_name_of_the_dead(
    store: Store, sample: Sample, process: Callable[[str], subprocess.Popen[str]]
) -> None:
    from cronicle.runs.events import AttemptLost
    from cronicle.store.records import Transition

    child = process("theirs")
    run = sample.run(owner="theirs")
    store.append([Transition(run_id=run.id, owner="theirs", events=(started(),))])
    kill(child)
    assert store.claim_dead_owner("theirs")
    (live,) = store.list_live_attempts("theirs")
    assert (live.run_id, live.token) == (run.id, "token-1")

    lost = AttemptLost(at=START, task=live.task, key=live.key, attempt=live.attempt)
    answer = store.append([Transition(run_id=run.id, owner="theirs", events=(lost,))])

    assert answer[0] is not None
    assert store.list_live_attempts("theirs") == ()


def test_removing_an_owner_leaves_its_live_runs_and_backfills_without_one(
    store: Store, sample: Sample
) -> None:
    live, ended, backfill = sample.run(), sample.ended(), sample.backfill(1)

    store.remove_owner(OWNER)

    found = store.find_backfill(backfill.id)
    assert found is not None
    assert (sample.again(live).owner, found.owner, found.state) == (None, None, "running")
    assert sample.again(ended).owner == OWNER  # it says who drove it
    assert store.adopt_run(live.id, "another")
    assert store.adopt_backfill(backfill.id, "another")


def test_an_owner_whose_lock_file_is_gone_is_dead_and_can_be_settled(
    store: Store, opened: Callable[[], Store], location: str, process: Callable[[str], subprocess.Popen[str]]
) -> None:
    kill(process("theirs"))
    (Path(location) / "owners" / "theirs.lock").unlink()

    assert not store.is_alive("theirs")
    assert store.claim_dead_owner("theirs")
    assert not opened().claim_dead_owner("theirs")


def test_an_id_is_given_out_once(store: Store, opened: Callable[[], Store]) -> None:
    store.register_owner(record("first"))

    with pytest.raises(StoreError, match="an owner first already"):
        opened().register_owner(record("first"))

    assert store.is_alive("first")


@pytest.mark.parametrize("owner", ["../evil", "a/b", "", ".", "x" * 101, "a\n", "a\0b"])
def test_an_id_that_is_no_name_of_a_file_reaches_no_path(store: Store, owner: str) -> None:
    with pytest.raises(StoreError, match="cannot be the id of an owner"):
        store.register_owner(record(owner))


def test_a_lock_file_that_was_replaced_by_a_link_is_refused(
    store: Store, opened: Callable[[], Store], location: str, folder: Path
) -> None:
    store.register_owner(record("first"))
    lock = Path(location) / "owners" / "first.lock"
    lock.unlink()
    lock.symlink_to(folder / "elsewhere")

    with pytest.raises(StoreError, match="cannot be used"):
        opened().is_alive("first")
    with pytest.raises(StoreError, match="cannot be used"):
        opened().claim_dead_owner("first")
    assert not (folder / "elsewhere").exists()


def test_the_lock_files_are_for_their_user_only(store: Store, location: str) -> None:
    store.register_owner(record("first"))

    owners = Path(location) / "owners"
    assert os.stat(owners).st_mode & 0o777 == 0o700
    assert os.stat(owners / "first.lock").st_mode & 0o777 == 0o600
