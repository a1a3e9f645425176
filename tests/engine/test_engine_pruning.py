"""Removing what is past its time beside a scheduler."""

from __future__ import annotations

import logging
import os
from datetime import timedelta

import pytest
import trio

from cronicle.clock import SystemClock
from cronicle.engine.pruning import prune_once
from cronicle.execute.places import Places
from cronicle.operations.prune import FILES_AT_ONCE
from cronicle.store.location import open_store
from cronicle.testing import START


class Clock:
    """A clock that stands still."""

    def __init__(self, now):
        self._now = now

    def now(self):
        return self._now


@pytest.fixture
def folders(tmp_path, store):
    """More logs of runs that are no more than one step removes, all of them old."""
    location = tmp_path / "store"
    with Places(location) as places:
        for number in range(FILES_AT_ONCE + 7):
            folder = places.log_path(f"R{number:09}", "a", None, 1).parent
            folder.mkdir(parents=True)
            os.utime(folder, (0, 0))
    return location


async def test_a_pass_goes_in_steps_and_lets_others_come_between(folders, store, caplog, autojump_clock):
    caplog.set_level(logging.INFO)
    now = SystemClock().now() + timedelta(days=2)
    begun = trio.current_time()

    total = await prune_once(lambda: open_store(str(folders), create=False), folders, Clock(now), pause=60)

    assert total.logs == FILES_AT_ONCE + 7
    assert trio.current_time() - begun >= 120  # a pause for each step
    assert list((folders / "logs").iterdir()) == []
    assert "the logs of 507" in caplog.text


async def test_a_pass_that_is_cancelled_ends_at_its_next_pause_and_the_next_one_goes_on(folders, store):
    now = SystemClock().now() + timedelta(days=2)

    with trio.move_on_after(0.2) as scope:
        await prune_once(lambda: open_store(str(folders), create=False), folders, Clock(now), pause=3600)
    assert scope.cancelled_caught
    left = len(list((folders / "logs").iterdir()))
    total = await prune_once(lambda: open_store(str(folders), create=False), folders, Clock(now), pause=0)

    assert total.logs == left > 0


async def test_where_nothing_is_past_its_time_nothing_is_said(folders, store, caplog):
    caplog.set_level(logging.INFO)

    total = await prune_once(lambda: open_store(str(folders), create=False), folders, Clock(START), pause=0)

    assert (total.runs, total.logs, total.run_data) == (0, 0, 0)
    assert caplog.text == ""
