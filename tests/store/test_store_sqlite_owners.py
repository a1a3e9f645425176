"""The lock files by which processes over one SQLite file know of each other's death: at once, and without a clock."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from store_values import owner

from cronicle.store.interface import Store, StoreError


@pytest.fixture
def location(sqlite_location: str) -> str:
    return sqlite_location


def test_children_of_an_owner_do_not_keep_it_alive(store: Store, opened: Callable[[], Store]) -> None:
    other = opened()
    other.register_owner(owner("first"))
    child = subprocess.Popen(["sleep", "30"], close_fds=False)

    other.close()  # all that its process ever held is gone; the child is not

    assert not store.is_alive("first")
    child.kill()
    child.wait()


def test_asking_does_not_end_an_owner(store: Store, opened: Callable[[], Store]) -> None:
    """As closing any handle would with POSIX locks."""
    store.register_owner(owner("first"))

    other = opened()
    assert other.is_alive("first")
    other.close()

    assert opened().is_alive("first")
    assert not opened().claim_dead_owner("first")


def test_a_stopped_process_is_alive(
    store: Store, owning_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = owning_process("theirs")

    child.send_signal(signal.SIGSTOP)

    assert store.is_alive("theirs")
    child.send_signal(signal.SIGCONT)


def test_an_owner_whose_lock_file_is_gone_is_dead_and_can_be_settled(
    store: Store,
    opened: Callable[[], Store],
    location: str,
    owning_process: Callable[[str], subprocess.Popen[str]],
) -> None:
    child = owning_process("theirs")
    child.kill()
    child.wait()
    (Path(location) / "owners" / "theirs.lock").unlink()

    assert not store.is_alive("theirs")
    assert store.claim_dead_owner("theirs")
    assert not opened().claim_dead_owner("theirs")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "x" * 101, "a\n", "a\0b"])
def test_an_id_that_is_no_name_of_a_file_reaches_no_path(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be the id of an owner"):
        store.register_owner(owner(name))


def test_a_lock_file_that_was_replaced_by_a_link_is_refused(
    store: Store, opened: Callable[[], Store], location: str, folder: Path
) -> None:
    store.register_owner(owner("first"))
    lock = Path(location) / "owners" / "first.lock"
    lock.unlink()
    lock.symlink_to(folder / "elsewhere")

    with pytest.raises(StoreError, match="cannot be used"):
        opened().is_alive("first")
    with pytest.raises(StoreError, match="cannot be used"):
        opened().claim_dead_owner("first")
    assert not (folder / "elsewhere").exists()


def test_the_lock_files_are_for_their_user_only(store: Store, location: str) -> None:
    store.register_owner(owner("first"))

    owners = Path(location) / "owners"
    assert os.stat(owners).st_mode & 0o777 == 0o700
    assert os.stat(owners / "first.lock").st_mode & 0o777 == 0o600
