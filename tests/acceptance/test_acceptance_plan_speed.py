"""`plan` in a project as it is after years takes not much longer than in a young one: `python -m benchmarks plan`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from benchmarks.history import Size
from benchmarks.planning import Place, worlds

ROUNDS = 5
TIMES = 6.0
"""What a project of two files takes; generous, for a machine on which other tests run."""


@pytest.mark.slow
def test_a_plan_after_years_takes_a_few_times_what_it_takes_in_a_small_project(place: Path) -> None:
    years, _, small = worlds(place, Size())

    said = years.cronicle("plan")

    assert "m03.py" in said
    assert "1 * * * * → 30 * * * *" in said or "cron" in said
    assert seconds(years) < TIMES * seconds(small)


def seconds(where: Place) -> float:
    found = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        where.cronicle("plan")
        found.append(time.perf_counter() - begun)
    return statistics.median(found[1:])
