"""Several schedulers over one PostgreSQL, which are killed, stopped and ended in turns: is each tick run once?

Workflows of all kinds fire every few seconds until an instant, while faults happen by a seed. What tasks write is the
evidence (`benchmarks.effects`); it is compared with what the store says. It is a violation if

- a tick has no run, or several, or an attempt executes that is of no tick;
- an attempt is executed twice, two attempts of one task at the same time, or a task with `on_lost = "fail"` again;
- a pool, a lock, `max_active_runs`, `max_parallel` or `overlap` is exceeded;
- a run has succeeded whose tasks have not done their work, or failed without an attempt that was lost;
- nobody drives a run 10 seconds after a fault;
- a scheduler ends that nobody has ended, or does not when asked;
- after the last fault not everything comes to its end, or a process is left at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.effects import Attempt, write_script
from benchmarks.faults import Faults, Plan, Serve, Timeline, uptime
from benchmarks.load import POOL, Workflow, judge_effects, kind_of, rate_of, ticks_of, workflows_of
from benchmarks.watching import EffectsWatcher, OwnersWatcher
from benchmarks.world import World
from cronicle.clock import SystemClock
from cronicle.runs.states import LIVE, Cause, Outcome
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter

WEIGHTS = {"kill": 4, "stop": 3, "drain": 2, "fast": 1, "immediate": 1}

STARTING = 5.0
"""Seconds that schedulers have to begin."""

STUCK_SECONDS = 60.0
"""Seconds in which no run is made and none ends, although some are to come: then nothing goes on any more."""

LOST_IN_A_ROW = 3
"""Lost attempts after which a task has failed."""

SHOWN = 20
"""Violations that are printed; of more the number."""

ALL = "1000000"

OF_TICKS = (Cause.SCHEDULE, Cause.CATCHUP)


@frozen
class Found:
    """What a time of faults has come to."""

    ticks: int
    runs: int
    attempts: int
    killed: int
    """Attempts that were ended before they had done their work, and not by their workflow's policy."""
    again: int
    """Attempts that were executed because one before them was lost."""
    caught_up: int
    states: Counter[str]
    faults: Counter[str]
    seconds: float
    drained: float
    """Seconds from the last fault until everything had ended."""
    alone: float
    """The longest time in which nobody drove a run, from the last fault on."""
    latest: float
    """The most seconds from a tick to its run."""
    problems: tuple[str, ...]
    timeline: tuple[str, ...]

    def table(self) -> str:
        """For people."""
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items())) or "none"
        states = ", ".join(f"{count:,} {name}" for name, count in sorted(self.states.items()))
        rows = [
            ("ticks", f"{self.ticks:,} in {self.seconds:.0f} s"),
            ("faults", f"{faults}"),
            ("runs", f"{self.runs:,}: {states}; {self.caught_up:,} were caught up"),
            (
                "attempts",
                f"{self.attempts:,} executed, {self.killed:,} cut short, {self.again:,} for one that was lost",
            ),
            ("nobody drove a run", f"for {self.alone:.1f} s at most"),
            ("latest run of a tick", f"{self.latest:.1f} s after it"),
            ("everything had ended", f"{self.drained:.1f} s after the last fault"),
        ]
        lines = [f"  {name.ljust(22)} {value}" for name, value in rows]
        lines += [f"  WRONG: {problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"  and {len(self.problems) - SHOWN} more")
        return "\n".join([*lines, "  NOT SOUND" if self.problems else "  no violation"])


@frozen
class Wish:
    """What is to happen."""

    workflows: int
    seconds: float
    serves: int
    slots: int
    seed: int
    plan: Plan
    starting: float = STARTING
    """Seconds from the deployment to when all schedulers are at work."""


class Trial:
    """One time of faults in a folder."""

    def __init__(
        self,
        folder: Path,
        wish: Wish,
        url: str | None = None,
        restart_database: Callable[[str], None] | None = None,
    ) -> None:
        self.wish = wish
        self.world = World(folder, url)
        self.workflows = workflows_of(wish.workflows)
        self.timeline = Timeline()
        self.lines = folder / "effects"
        self._script = write_script(folder)
        words = self.world.words("serve", "--slots", str(wish.slots))
        self.serves = [
            Serve(number, words, self.world.folder, self.world.environ, folder / f"serve{number}.log")
            for number in range(1, wish.serves + 1)
        ]
        self.faults = Faults(
            self.serves, wish.plan, random.Random(wish.seed), self.timeline, restart_database
        )
        self.effects = EffectsWatcher(self.lines)
        self.owners = OwnersWatcher(self.world.location, lambda: self.faults.pids, self.timeline)
        self.after = self.end = SystemClock().now()

    def deploy(self) -> None:
        """Deploy all workflows; their schedules end when the faults do."""
        end = SystemClock().now() + timedelta(seconds=self.wish.seconds + self.wish.starting)
        self.end = end.replace(microsecond=500_000)  # between two ticks
        texts = [one.hcl(str(self.lines), str(self._script), self.end) for one in self.workflows]
        self.world.deploy([POOL, *texts])
        deployment = self.world.reading(lambda store: store.find_deployment("many", "local"))
        assert deployment is not None
        self.after = deployment.created_at

    @contextmanager
    def watched(self) -> Iterator[None]:
        """With schedulers at work, and somebody who looks on."""
        self.effects.start()
        try:
            for serve in self.serves:
                serve.start()
                self.timeline.note(f"start serve {serve.number} (process {serve.pid})")
            self.owners.start()
            yield
        finally:
            self.faults.kill_all()
            self.owners.close()
            self.effects.close()

    def disturb(self) -> None:
        """Have faults happen for as long as was wished."""
        self.faults.go_on(self.wish.seconds)

    def drain(self, expected: int) -> float:
        """Wait until every tick has its run and all runs have ended; how long it took."""
        begun = moved = uptime()
        before = (-1, -1)
        while (left := self.world.reading(_live_and_made))[0] or left[1] < expected:
            if left != before:
                before, moved = left, uptime()
            if uptime() - moved > STUCK_SECONDS:
                self.faults.problems.append(
                    f"nothing goes on: {left[0]} runs have not ended, and {expected - left[1]} ticks have no run"
                )
                break
            self.faults.watch(0.25)
        return uptime() - begun

    def run(self) -> Found:
        """All of it."""
        self.deploy()
        expected = sorted(ticks_of(self.workflows, self.after, self.end))
        begun = uptime()
        with self.watched():
            time.sleep(self.wish.starting)
            self.disturb()
            drained = self.drain(len(expected))
            self.faults.end()
        problems = list(self.faults.problems)
        if left := self.world.processes():
            problems.append(f"processes are left: {left}")
        attempts = self.effects.effects.attempts()
        problems += [f"a line is torn: {line}" for line in self.effects.effects.torn[:3]]
        problems += [f"an end without a beginning: {line}" for line in self.effects.effects.unexpected[:3]]
        runs = runs_of(self.world)
        problems += judge_effects(attempts)
        problems += judge_ticks(runs, expected)
        problems += judge_runs(runs, attempts, self.world)
        problems += self.owners.problems
        return Found(
            ticks=len(expected),
            runs=len(runs),
            attempts=len(attempts),
            killed=sum(one.ended is None and not kind_of(one.workflow).may_be_dropped for one in attempts),
            again=sum(one.number > 1 for one in attempts),
            caught_up=sum(run["cause"] == "catchup" for run in runs),
            states=Counter(run["state"] for run in runs),
            faults=self.faults.counts,
            seconds=uptime() - begun,
            drained=drained,
            alone=self.owners.longest,
            latest=max((run["lateness"] or 0.0 for run in runs), default=0.0),
            problems=tuple(problems),
            timeline=tuple(one.text() for one in self.timeline.lines),
        )


def _live_and_made(store: StoreReader) -> tuple[int, int]:
    """Runs that have not ended, and runs that ticks have made."""
    return store.count_runs(RunFilter(states=tuple(LIVE))), store.count_runs(RunFilter(causes=OF_TICKS))


def runs_of(world: World) -> list[Any]:
    """All runs, as the command lists them."""
    return [json.loads(line) for line in world.cronicle("runs", "--jsonl", "--limit", ALL).splitlines()]


def judge_ticks(runs: Sequence[Any], expected: Sequence[tuple[str, datetime]]) -> list[str]:
    """Whether the store has exactly one run for each tick."""
    made = Counter(
        (run["workflow"], datetime.fromisoformat(run["logical_time"]))
        for run in runs
        if run["cause"] in OF_TICKS
    )
    missing, extra = set(expected) - made.keys(), made.keys() - set(expected)
    several = [tick for tick, count in made.items() if count > 1]
    return [
        f"{len(found)} {what}, such as {min(found)}"
        for found, what in (
            (missing, "ticks have no run"),
            (extra, "runs are of no tick"),
            (several, "ticks have several runs"),
        )
        if found
    ]


def judge_runs(runs: Sequence[Any], attempts: Sequence[Attempt], world: World) -> list[str]:
    """Whether what the store says of its runs agrees with what was executed."""
    by_id = {run["id"]: run for run in runs}
    done: dict[str, set[str]] = defaultdict(set)
    begun: dict[str, set[str]] = defaultdict(set)
    problems = []
    for one in attempts:
        begun[one.run].add(one.task)
        if one.ended is not None:
            done[one.run].add(one.task)
        run = by_id.get(one.run)
        if run is None:
            problems.append(f"the store has no run of {one.text()}")
        elif (run["workflow"], datetime.fromisoformat(run["logical_time"])) != (one.workflow, one.time):
            problems.append(f"run {one.run} has executed for another tick: {one.text()}")
    failed = []
    for run in runs:
        kind, name = kind_of(run["workflow"]), f"run {run['id']} of {run['workflow']}"
        state = run["state"]
        if state == "succeeded":
            if missing := {f"t{number}" for number in range(kind.tasks)} - done[run["id"]]:
                problems.append(f"{name} has succeeded, but these tasks have not done their work: {missing}")
        elif state == "failed":
            failed.append(run)
        elif not (kind.may_be_dropped and state in ("skipped", "cancelled")):
            problems.append(f"{name} is {state} ({run['reason']})")
        if state == "skipped" and begun[run["id"]]:
            problems.append(f"{name} was skipped, but has executed")
    return problems + world.reading(
        lambda store: [
            *(text for run in failed for text in _unfounded(store, run)),
            *_unknown(store, attempts, by_id),
        ]
    )


def _unknown(store: StoreReader, attempts: Sequence[Attempt], runs: Mapping[str, Any]) -> Iterator[str]:
    """Attempts that have executed and are not on record, with their fence: what starts is on record before."""
    by_run: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        by_run[one.run].append(one)
    for run_id, several in by_run.items():
        if run_id in runs:
            known = {(one.task, one.attempt): one.fence for one in store.list_attempts(run_id)}
            for one in several:
                if known.get((one.task, one.number)) != one.fence:
                    yield f"the store does not know of {one.text()}"


def _unfounded(store: StoreReader, run: Any) -> Iterator[str]:
    """Why a run should not have failed: no attempt of it was lost, or too few."""
    kind = kind_of(run["workflow"])
    tasks: dict[str, list[Outcome | None]] = defaultdict(list)
    for attempt in store.list_attempts(run["id"]):
        tasks[attempt.task].append(attempt.outcome)
    needed = 1 if kind.may_fail else LOST_IN_A_ROW
    if not any(outcomes[-needed:] == [Outcome.LOST] * needed for outcomes in tasks.values()):
        attempts = [
            f"{one.task}#{one.attempt} process {one.pid} {one.outcome} signal {one.signal} code {one.exit_code}"
            f" {one.detail or ''} {one.started_at} to {one.ended_at}"
            for one in store.list_attempts(run["id"])
        ]
        events = [f"{event.at:%H:%M:%S.%f} {type(event).__name__}" for event in store.get_events(run["id"])]
        yield (
            f"run {run['id']} of {run['workflow']} has failed ({run['reason']}), and no attempt was lost: "
            f"{'; '.join(attempts) or 'none'}; its history: {', '.join(events)}"
        )


# The command


@contextmanager
def postgres(settings: str = "") -> Iterator[tuple[str, Callable[[str], None]]]:
    """A PostgreSQL server with an empty database: its URL, and what restarts it."""
    from tests.servers import running_server

    with running_server(settings) as server:

        def restart(how: str) -> None:
            server.stop(how)
            server.start()

        yield server.uri(), restart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--workflows", type=int, default=200, metavar="N")
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="how long (default: 10)")
    parser.add_argument("--serves", type=int, default=3, metavar="N", help="schedulers (default: 3)")
    parser.add_argument("--slots", type=int, default=16, metavar="N", help="of each (default: 16)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--fault-every", type=float, default=6, metavar="N", help="seconds, on average (default: 6)"
    )
    parser.add_argument(
        "--only", metavar="FAULT,…", help=f"only these faults, of: {', '.join(WEIGHTS)} (default: all)"
    )
    parser.add_argument(
        "--sqlite", action="store_true", help="one scheduler over SQLite, which is killed or ended"
    )
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where all of it stays afterwards")


def wish_of(arguments: argparse.Namespace) -> Wish:
    """What the command line asks for."""
    chosen = (arguments.only or ",".join(WEIGHTS)).split(",")
    if unknown := set(chosen) - WEIGHTS.keys():
        raise SystemExit(f"there is no fault {unknown.pop()!r}; there are: {', '.join(WEIGHTS)}")
    if arguments.sqlite:  # what is stopped keeps its lock
        chosen = [name for name in chosen if name in ("kill", "drain")]
    return Wish(
        workflows=arguments.workflows,
        seconds=arguments.minutes * 60,
        serves=1 if arguments.sqlite else arguments.serves,
        slots=arguments.slots,
        seed=arguments.seed,
        plan=Plan(arguments.fault_every, {name: WEIGHTS[name] for name in chosen}),
    )


def run(arguments: argparse.Namespace) -> bool:
    """Do it and print what has come of it; True if nothing was violated, else the program ends with 1."""
    wish = wish_of(arguments)
    workflows: Sequence[Workflow] = workflows_of(wish.workflows)
    print(
        f"{wish.workflows} workflows, {rate_of(workflows):.0f} ticks a second, {wish.serves} schedulers, "
        f"seed {wish.seed}",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="cronicle-cluster-") as made:
        folder = arguments.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.sqlite:
            found = Trial(folder, wish).run()
        else:
            with postgres() as (url, restart):
                found = Trial(folder, wish, url, restart).run()
    print(found.table())
    if found.problems:
        print("\n".join(found.timeline))
        sys.exit(1)
    return True
