"""Many workflows that fire every few seconds while the scheduler is killed again and again: is each tick run once?

What tasks write is the evidence: each attempt appends a line with its tick and its run to a file. At the end every
tick of every workflow since the deployment must have lines of exactly one run, which the store knows to have
succeeded, and no attempt may have been executed twice or be left as a process.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import frozen

from benchmarks.world import World, serving
from cronicle.clock import SystemClock
from cronicle.store.records import RunFilter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PAGE = 10_000

SCRIPT = (
    'echo "$CRONICLE_WORKFLOW $CRONICLE_TIME $CRONICLE_RUN_ID $CRONICLE_ATTEMPT" >> "$CRONICLE_DATA/lines"'
)


@frozen
class Mix:
    """Workflows by the seconds between their ticks; those of a minute have a cron expression."""

    periods: tuple[int, ...]

    def hcl(self) -> list[str]:
        """As workflows `w0`, `w1` and so on."""
        script = SCRIPT.replace('"', '\\"')
        return [
            f'workflow "w{number}" {{\n  schedule {{\n    {_rule(period)}\n    catchup = "all"\n  }}\n'
            f'  task "a" {{\n    command = ["/bin/sh", "-c", "{script}"]\n  }}\n}}\n'
            for number, period in enumerate(self.periods)
        ]

    @property
    def rate(self) -> float:
        """Runs per second."""
        return sum(1 / period for period in self.periods)

    def ticks(self, after: datetime, until: datetime) -> Iterator[tuple[str, datetime]]:
        """Workflow and tick, of all that lie after an instant and not after another; by arithmetic of its own."""
        for number, period in enumerate(self.periods):
            first = int((after - EPOCH).total_seconds() // period + 1) * period
            last = int((until - EPOCH).total_seconds() // period) * period
            for second in range(first, last + 1, period):
                yield f"w{number}", EPOCH + timedelta(seconds=second)


def _rule(period: int) -> str:
    return 'cron = "* * * * *"' if period == 60 else f'every = "{period}s"'


def mix_of(workflows: int, share_of_minutes: float = 0.2) -> Mix:
    """So many workflows: a share of them each minute, the others each 1 to 5 seconds in equal parts."""
    minutes = int(workflows * share_of_minutes)
    return Mix(tuple([60] * minutes + [1 + number % 5 for number in range(workflows - minutes)]))


@frozen
class Found:
    """What a time of kills has come to."""

    ticks: int
    kills: int
    attempts: int
    seconds: float
    worst_lateness: float
    """Seconds from a tick to its run, of those that were on time."""
    caught_up: int
    """Runs with cause catchup."""
    problems: tuple[str, ...]

    def table(self) -> str:
        """For people."""
        lines = [
            f"{self.ticks:,} ticks in {self.seconds:.0f} s, {self.kills} kills",
            f"  {self.attempts:,} attempts executed, {self.caught_up:,} runs were caught up",
            f"  latest run of a tick: {self.worst_lateness:.1f} s after it",
            *(f"  WRONG: {problem}" for problem in self.problems),
        ]
        return "\n".join([*lines, "  " + ("NOT SOUND" if self.problems else "each tick has exactly one run")])


def measure(folder: Path, mix: Mix, *, seconds: float, kill_every: float, seed: int, slots: int) -> Found:
    """Serve for so long, killing the scheduler with `kill -9` after `kill_every` seconds on average."""
    world = World(folder)
    world.deploy(mix.hcl())
    chance = random.Random(seed)
    deployment = world.reading(lambda store: store.find_deployment("many", "local"))
    assert deployment is not None
    begun, kills = time.monotonic(), 0
    while True:
        left = seconds - (time.monotonic() - begun)
        with serving(world, "--slots", str(slots)) as scheduler:
            time.sleep(min(left, chance.uniform(0.1, 2 * kill_every - 0.1)))
            if time.monotonic() - begun >= seconds:
                scheduler.end()
                break
            scheduler.kill()
            kills += 1
    until = SystemClock().now() + timedelta(seconds=5)
    with serving(world, "--slots", str(slots), "--once-until", until.isoformat()) as last:
        last.wait()
    took = time.monotonic() - begun
    return _judge(world, mix, deployment.created_at, until, kills, took)


def _judge(world: World, mix: Mix, after: datetime, until: datetime, kills: int, seconds: float) -> Found:
    problems: list[str] = []
    lines = [line.split() for line in (world.data / "lines").read_text().splitlines()]
    problems += [f"a line is torn: {line}" for line in lines if len(line) != 4][:3]
    runs_of: dict[tuple[str, datetime], set[str]] = {}
    for workflow, tick, run, _ in lines:
        runs_of.setdefault((workflow, datetime.fromisoformat(tick)), set()).add(run)
    expected = set(mix.ticks(after, until))
    missing, extra = expected - runs_of.keys(), runs_of.keys() - expected
    doubled = [tick for tick, runs in runs_of.items() if len(runs) != 1]
    repeated = [key for key, times in Counter(tuple(line[2:]) for line in lines).items() if times > 1]
    for found, what in (
        (missing, "ticks were never executed"),
        (extra, "lines are of no tick"),
        (doubled, "ticks have lines of several runs"),
        (repeated, "attempts were executed twice"),
    ):
        if found:
            problems.append(f"{len(found)} {what}, such as {next(iter(found))}")
    stored = _runs(world)
    times: Counter[tuple[str, datetime]] = Counter((run[0], run[1]) for run in stored)
    if set(times) != expected or set(times.values()) - {1}:
        problems.append(f"the store has {len(stored)} runs for {len(expected)} ticks")
    bad = [run for run in stored if run[2] != "succeeded"]
    if bad:
        problems.append(f"{len(bad)} runs have not succeeded, such as {bad[0]}")
    if orphans := world.processes():
        problems.append(f"processes are left: {orphans}")
    return Found(
        ticks=len(expected),
        kills=kills,
        attempts=len(lines),
        seconds=seconds,
        worst_lateness=max((run[4] for run in stored if run[3] == "schedule"), default=0.0),
        caught_up=sum(run[3] == "catchup" for run in stored),
        problems=tuple(problems),
    )


def _runs(world: World) -> list[tuple[str, datetime, str, str, float]]:
    """Workflow, tick, state, cause and lateness of all runs."""

    def read(store: object) -> list[tuple[str, datetime, str, str, float]]:
        found: list[tuple[str, datetime, str, str, float]] = []
        before = None
        while page := store.list_runs(RunFilter(limit=PAGE, before=before)):  # type: ignore[attr-defined]
            found += [
                (run.workflow, run.logical_time, str(run.state), str(run.cause), run.lateness or 0.0)
                for run in page
            ]
            before = page[-1].sequence
        return found

    return world.reading(read)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--workflows", type=int, default=500, metavar="N")
    parser.add_argument("--seconds", type=float, default=600, metavar="N", help="how long (default: 600)")
    parser.add_argument("--kill-every", type=float, default=20, metavar="N", help="seconds, on average")
    parser.add_argument(
        "--minutes", type=float, default=0.2, metavar="SHARE", help="of the workflows, with a cron expression"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--slots", type=int, default=8, metavar="N")


def run(arguments: argparse.Namespace) -> bool:
    """Measure and print; True if every tick has exactly one run."""
    mix = mix_of(arguments.workflows, arguments.minutes)
    print(f"{arguments.workflows} workflows, {mix.rate:.0f} ticks a second", flush=True)
    with tempfile.TemporaryDirectory(prefix="cronicle-realtime-") as folder:
        found = measure(
            Path(folder),
            mix,
            seconds=arguments.seconds,
            kill_every=arguments.kill_every,
            seed=arguments.seed,
            slots=arguments.slots,
        )
    print(found.table())
    return not found.problems
