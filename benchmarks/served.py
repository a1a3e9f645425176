"""Ten thousand workflows that fire on the same minute, and before it nothing to do: how a scheduler bears them.

Measured are the time from the tick until all runs are durable and until the first task has started, the most memory
that the process has had, and the share of a core that it uses while nothing is due.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import frozen

from benchmarks.world import World, serving, until
from cronicle.clock import SystemClock
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter

DURABLE_BOUND, START_BOUND = 2.0, 1.0
"""Seconds from the tick."""

MEMORY_BOUND = 400.0
"""MiB."""

IDLE_BOUND = 0.01
"""Of a core."""

IDLE_SECONDS = 30.0

SETTLING = timedelta(seconds=15)
"""From the start of the scheduler to when it is at rest."""


@frozen
class Measured:
    """What was measured."""

    workflows: int
    idle: float
    durable: float
    started: float
    memory: float

    @property
    def is_within_bounds(self) -> bool:
        """True if all is as it should be."""
        return (
            self.durable < DURABLE_BOUND
            and self.started < START_BOUND
            and self.memory < MEMORY_BOUND
            and self.idle < IDLE_BOUND
        )

    def table(self) -> str:
        """For people."""
        rows = [
            ("all runs durable after the tick", f"{self.durable:.2f} s", f"{DURABLE_BOUND:g} s"),
            ("first task started after the tick", f"{self.started:.2f} s", f"{START_BOUND:g} s"),
            ("most memory", f"{self.memory:.0f} MiB", f"{MEMORY_BOUND:g} MiB"),
            ("of a core while idle", f"{self.idle:.2%}", f"{IDLE_BOUND:.0%}"),
        ]
        lines = [f"  {what:36}{value:>10}   bound {bound}" for what, value, bound in rows]
        return "\n".join([f"{self.workflows:,} workflows on the same minute", *lines])


def measure(folder: Path, workflows: int) -> Measured:
    """Deploy, serve, and wait for the minute."""
    world = World(folder)
    tick = _minute_after(SystemClock().now() + timedelta(seconds=120 + workflows / 100))
    world.deploy(_workflows(workflows, tick))
    with serving(world, "--slots", "8") as scheduler:
        begun = SystemClock().now()
        if tick - begun < SETTLING + timedelta(seconds=IDLE_SECONDS + 10):
            raise RuntimeError("deploying took too long: this machine is too slow, or too busy")
        time.sleep(SETTLING.total_seconds())
        before = scheduler.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        idle = (scheduler.cpu_seconds() - before) / IDLE_SECONDS
        until(lambda: SystemClock().now() >= tick, pause=0.001)
        until(lambda: world.reading(lambda store: store.count_runs(RunFilter(), workflows)) == workflows)
        durable = (SystemClock().now() - tick).total_seconds()
        first = until(lambda: world.reading(_first_start))
        time.sleep(5)  # runs are under way
        memory = scheduler.peak_mib()
    return Measured(workflows, idle, durable, (first - tick).total_seconds(), memory)


def _workflows(number: int, tick: datetime) -> Iterator[str]:
    for one in range(number):
        yield (
            f'workflow "w{one}" {{\n  schedule {{\n    cron = "{tick.minute} {tick.hour} * * *"\n  }}\n'
            '  task "a" {\n    command = ["/bin/true"]\n  }\n}\n'
        )


def _minute_after(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


def _first_start(store: StoreReader) -> datetime | None:
    runs = store.list_runs(RunFilter(limit=20_000))
    return min((run.started_at for run in runs if run.started_at is not None), default=None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--workflows", type=int, default=10_000, metavar="N")


def run(arguments: argparse.Namespace) -> bool:
    """Measure and print; True if all is within its bounds."""
    good = True
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="cronicle-serve-") as folder:
            measured = measure(Path(folder), arguments.workflows)
        print(measured.table(), flush=True)
        good &= measured.is_within_bounds
    return good
