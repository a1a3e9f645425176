"""A store that cannot be written: one clear alarm, nothing new starts, and all goes on by itself after it."""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from serve_world import Served, json_of, workflow

ALARM = "Nothing new starts until it can be written"
HEALED = "can be written again"


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of its own for a store, which only root can make."""
    with tempfile.TemporaryDirectory(prefix="cronicle-disk-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "cronicle", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("no disk can be mounted here")
        yield Path(folder)
        subprocess.run(["umount", "-l", folder], check=True)


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def check_every_tick(served: Served) -> None:
    ticks = Counter(run.logical_time for run in served.runs("w"))
    assert set(ticks.values()) == {1}
    assert len(ticks) == (max(ticks) - min(ticks)) // timedelta(seconds=1) + 1


def test_a_locked_store_is_told_once_and_heals(served: Served) -> None:
    served.deploy_workflows(workflow("w"))
    scheduler = served.serve()
    served.until(lambda: served.effects("end"), "a run")

    with closing(sqlite3.connect(served.store_folder / "store.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        alarm = json_of(scheduler.says(ALARM))
        begun = len(served.effects("begin"))
        other.execute("ROLLBACK")
    scheduler.says(HEALED)
    served.until(lambda: len(served.effects("end")) > begun + 9, "all goes on")

    assert alarm["level"] == "error"
    assert "locked" in alarm["event"]
    assert (scheduler.count(ALARM), scheduler.count(HEALED)) == (1, 1)
    check_every_tick(served)


@pytest.mark.slow
def test_a_scheduler_that_cannot_write_can_be_ended(served: Served) -> None:
    served.deploy_workflows(workflow("w"))
    scheduler = served.serve()
    served.until(lambda: served.effects("end"), "a run")

    with closing(sqlite3.connect(served.store_folder / "store.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        scheduler.says(ALARM)
        scheduler.term()
        scheduler.says("Drains")
        scheduler.term()
        scheduler.end()
        other.execute("ROLLBACK")

    served.serve()
    count = len(served.effects("end"))
    served.until(lambda: len(served.effects("end")) > count + 1, "another goes on")


def test_a_full_disk_is_told_once_and_heals(served: Served, small_disk: Path) -> None:
    served.store = small_disk / "store"
    served.deploy_workflows(workflow("w"))
    scheduler = served.serve()
    served.until(lambda: served.effects("end"), "a run")

    ballast = small_disk / "ballast"
    fill(ballast)
    alarm = json_of(scheduler.says(ALARM))
    assert "is full" in alarm["event"]
    ballast.unlink()
    scheduler.says(HEALED)
    count = len(served.effects("end"))
    served.until(lambda: len(served.effects("end")) > count + 3, "all goes on")

    assert (scheduler.count(ALARM), scheduler.count(HEALED)) == (1, 1)
    assert scheduler.process.poll() is None
    check_every_tick(served)
