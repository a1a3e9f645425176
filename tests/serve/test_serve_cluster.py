"""Several schedulers over one PostgreSQL while faults happen; what tasks have written is the evidence.

For longer: `python -m benchmarks cluster`, `python -m benchmarks failover`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cluster import WEIGHTS, Found, Trial, Wish, postgres
from benchmarks.failover import Failover, primary_and_standby
from benchmarks.faults import Plan

FAST = "fsync = off\nfull_page_writes = off\n"
"""Settings of servers that need not survive a loss of power."""


class OneAfterTheOther(Trial):
    """The first scheduler is killed, and then the second stopped for longer than its lease, and told to end."""

    def disturb(self) -> None:
        first, second = self.serves
        self.faults.watch(1.5)
        self.faults.do("kill", first, seconds=0.5)
        self.faults.watch(3.0)
        self.faults.do("stop", second, seconds=4.5)
        self.faults.watch(4.6)
        self.faults.do("drain", second)  # it has just found that it has lost its lease, or is about to
        self.faults.watch(1.0)


def wish(workflows: int, seconds: float, **changes: object) -> Wish:
    values: dict[str, object] = {
        "workflows": workflows,
        "seconds": seconds,
        "serves": 3,
        "slots": 12,
        "seed": 1,
        "plan": Plan(every=4, weights=WEIGHTS),
    }
    return Wish(**{**values, **changes})  # type: ignore[arg-type]


def assert_sound(found: Found) -> None:
    assert found.problems == (), "\n".join([found.table(), *found.timeline])
    assert found.ticks
    assert found.attempts


def test_two_schedulers_of_which_one_is_killed_and_the_other_stopped_lose_and_double_nothing(
    place: Path,
) -> None:
    with postgres(FAST) as (url, restart):
        found = OneAfterTheOther(place, wish(20, 10, serves=2, starting=2.5), url, restart).run()

    assert_sound(found)
    assert found.faults == {"kill": 1, "stop": 1, "drain": 1}
    assert found.again, "nothing was hit, so nothing was tested"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_three_schedulers_and_their_database_with_faults_all_the_time(place: Path, seed: int) -> None:
    with postgres(FAST) as (url, restart):
        found = Trial(place, wish(60, 60, seed=seed), url, restart).run()

    assert_sound(found)
    assert sum(found.faults.values()) >= 5


@pytest.mark.slow
def test_a_standby_takes_the_place_of_a_primary_that_died_in_mid_load(place: Path) -> None:
    with primary_and_standby(FAST) as servers:
        trial = Failover(place, wish(40, 40), *servers)
        found = trial.run()

    assert_sound(found)
    assert found.faults == {"failover": 1}
    assert len(trial.asker.acknowledged) > 5
    assert len(trial.writer.acknowledged) > 100
    assert trial.interrupted < 10
