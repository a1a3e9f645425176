"""`plan` in a project as it is after years takes not much longer than in a young one: `python -m benchmarks plan`."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchmarks.history import Size
from benchmarks.planning import Place, processor_time, worlds

ROUNDS = 5
TIMES = 4.0
"""What a project of two files takes; it was 1.6 when this was written."""


@pytest.mark.slow
def test_a_plan_after_years_takes_a_few_times_what_it_takes_in_a_small_project(tmp_path: Path) -> None:
    years, _, small = worlds(tmp_path, Size())

    said = years.cronicle("plan")

    assert "lib/m03.py   changed" in said
    assert '["1 * * * *"] → ["30 * * * *"]' in said
    assert "10,000 results of w005 turn stale" in said
    assert seconds(years) < TIMES * seconds(small)


def seconds(where: Place) -> float:
    """Of a processor, so that it does not matter what else the machine does."""
    found = []
    for _ in range(ROUNDS + 1):
        begun = processor_time()
        where.cronicle("plan")
        found.append(processor_time() - begun)
    return statistics.median(found[1:])
