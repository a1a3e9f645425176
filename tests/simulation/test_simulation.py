"""The simulation keeps its promises, finds what is planted, and repeats itself; its ticks agree with others'."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from tests.simulation.expected_ticks import Rule
from tests.simulation.plants import PLANTS

ROOT = Path(__file__).parents[2]
QUICKLY_FOUND = frozenset({"catchup-twice", "cursor-before-run", "retry-counter-lost"})
"""Planted bugs that are looked for in the suite; the others are among the slow tests."""


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_twenty_thousand_runs_break_no_promise():
    done = simulate("--seeds", "24", "--runs", "1000", "--first", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^([\d,]+) runs of", done.stdout, re.MULTILINE)
    assert found
    assert int(found[1].replace(",", "")) > 15_000
    for what in (
        "faults: crash",
        "faults: clock forward",
        "deployed: removed",
        "attempts lost",
        "runs: catchup",
    ):
        assert what in done.stdout


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICKLY_FOUND else pytest.param(name, marks=pytest.mark.slow)
        for name in sorted(PLANTS)
    ],
)
def test_what_is_planted_is_found(name):
    """A seed breaks a promise with the bug, and none without it."""
    done = simulate("--plant", name, "--seeds", "40", "--runs", "600", "--stories", "0")

    assert done.returncode == 1, done.stdout + done.stderr
    found = re.search(r"1 seeds break a promise: (\d+)", done.stdout)
    assert found
    sound = simulate("--seed", found[1], "--runs", "600", "--stories", "0")
    assert sound.returncode == 0, sound.stdout


def test_a_seed_does_the_same_again():
    words = ("--plant", "cursor-before-run", "--seed", "1", "--runs", "600")

    first, second = simulate(*words), simulate(*words)

    assert "VIOLATION" in first.stdout
    assert _without_times(first.stdout) == _without_times(second.stdout)


def _without_times(text: str) -> list[str]:
    return [re.sub(r"in \d+\.\d s|in \d+ s \(\d+ a second\)", "", line) for line in text.splitlines()]


def test_its_ticks_are_those_of_cronsim_where_no_clock_changes():
    start = datetime(2027, 5, 2, tzinfo=UTC)
    for cron in (
        "*/7 * * * *",
        "5,35 1-4 * * 1-5",
        "0 12 13 * 5",
        "30 */5 1,15 * *",
        "0 0 L * *",
        "59 23 29 2 *",
    ):
        for zone in ("UTC", "America/New_York", "Asia/Kathmandu"):
            end = start + timedelta(days=60)
            ticks = Rule(crons=(cron,), timezone=zone).ticks(int(start.timestamp()), int(end.timestamp()))
            theirs = []
            for tick in CronSim(cron, start.astimezone(ZoneInfo(zone))):
                if tick > end:
                    break
                theirs.append(int(tick.timestamp()))
            assert ticks == theirs, (cron, zone)


def test_a_fixed_time_in_a_gap_fires_at_its_end_and_in_a_fold_once():
    rule = Rule(crons=("30 2 * * *",), timezone="Europe/Berlin")

    spring = rule.ticks(_at(2026, 3, 28, 12), _at(2026, 3, 30, 12))
    autumn = rule.ticks(_at(2026, 10, 24, 12), _at(2026, 10, 26, 12))

    assert spring == [_at(2026, 3, 29, 1), _at(2026, 3, 30, 0, 30)]
    assert autumn == [_at(2026, 10, 25, 0, 30), _at(2026, 10, 26, 1, 30)]


def test_a_wild_expression_follows_real_time_over_a_change():
    rule = Rule(crons=("*/30 * * * *",), timezone="Europe/Berlin")

    ticks = rule.ticks(_at(2026, 10, 25, 0), _at(2026, 10, 25, 3))

    assert ticks == [_at(2026, 10, 25, 0) + 1800 * number for number in range(1, 7)]


def _at(*fields: int) -> int:
    return int(datetime(*fields, tzinfo=UTC).timestamp())
