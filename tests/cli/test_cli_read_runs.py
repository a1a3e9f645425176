"""`cronicle runs`, and the addresses of runs."""

from __future__ import annotations

import pytest
from cli_world import World

from cronicle.runs.states import Cause


@pytest.fixture(autouse=True)
def deployed(world: World) -> None:
    world.deploy()


def test_runs_shows_each_run_on_one_line(world, cronicle):
    """Newest first, times in the schedule's zone, and which of two is the result."""
    world.run(id="4C0V8E5N2R", cause=Cause.BACKFILL).succeed()
    world.run(id="7K2M9QX4TA").fail()

    said = cronicle("runs", "daily")

    assert said.code == 0
    assert said.out == (
        "  RUN         LOGICAL TIME      STATE      CAUSE     REVISION  STARTED   TOOK   TASKS\n"
        "  7K2M9QX4TA  2015-12-31 23:55  failed     manual    8d41e07   5 s ago   5.0 s  2 of 4\n"
        "  4C0V8E5N2R  2015-12-31 23:55  succeeded  backfill  8d41e07   12 s ago  3.8 s  4       the result\n"
    )
