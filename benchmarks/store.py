"""Storing what happens, as the engine does: transitions a second over PostgreSQL against SQLite, on the same disk.

Some runs are under way at once. Each ends an attempt of a task and begins one of the next, waits until that is
durable, and goes on: all through one `Journal`, which commits whatever has gathered. PostgreSQL has its own settings,
but for what keeps it on the loopback; it syncs each commit, as SQLite does.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
from attrs import field, frozen

from cronicle.engine.journal import Journal
from cronicle.runs import events as ev
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Outcome, TaskState
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import OwnerRecord, Transition
from cronicle.testing import make_run
from tests.servers import running_server

AT_ONCE = {1: 400, 8: 2_400, 64: 9_600}
"""Runs that are under way, and how many transitions are stored."""

BOUND = 0.5
"""Of what SQLite does with most of them under way."""

OWNER = "benchmark"
AT = datetime(2026, 3, 1, tzinfo=UTC)


@frozen
class Measured:
    """What storing some transitions took."""

    seconds: float
    transitions: int
    commits: int
    latencies: Sequence[float] = field(repr=False)
    """Seconds from asking for each to its being durable."""

    @property
    def rate(self) -> float:
        """Transitions a second."""
        return self.transitions / self.seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument(
        "--folder", type=Path, metavar="PATH", help="on the disk to be measured (default: that of /tmp)"
    )
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="measure one of them (for a profiler)")


def run(arguments: argparse.Namespace) -> bool:
    """Measure and print; True if PostgreSQL is fast enough."""
    with places(arguments.folder, arguments.only) as locations:
        found: dict[int, dict[str, list[Measured]]] = {}
        for at_once, count in AT_ONCE.items():
            of_all = found[at_once] = {name: [] for name in locations}
            for number in range(arguments.rounds + 1):  # alternately; the first does not count
                for name, location in locations.items():
                    measured = measure(location, at_once, count)
                    if number:
                        of_all[name].append(measured)
            print(table(at_once, of_all), flush=True)
    if len(locations) < 2:
        return True
    most = found[max(found)]
    ratio = rate(most["postgres"]) / rate(most["sqlite"])
    verdict = "within" if ratio >= BOUND else "BELOW"
    print(f"with {max(found)} under way {ratio:.2f} of what SQLite does: {verdict} the bound of {BOUND:g}")
    return ratio >= BOUND


@contextmanager
def places(parent: Path | None, only: str | None) -> Iterator[Mapping[str, str]]:
    """Where the stores lie."""
    with tempfile.TemporaryDirectory(prefix="cronicle-benchmark-", dir=parent) as folder:
        sqlite = {"sqlite": str(Path(folder) / "sqlite")}
        if only == "sqlite":
            yield sqlite
            return
        with running_server(parent=parent) as server:
            yield {"postgres": server.uri()} if only else {"postgres": server.uri(), **sqlite}


def measure(location: str, at_once: int, count: int) -> Measured:
    """Let so many runs store transitions, `count` in all."""
    with closing(open_store(location, create=True, lease_seconds=600.0)) as store:
        owner = OwnerRecord(id=OWNER, host="here", pid=1, command="cronicle serve", started_at=AT)
        store.register_owner(owner)
        made = store.last_event()  # so many seconds later no run is of the same logical time
        spec = RunSpec(project="project", workflow="workflow", tasks=())
        runs = [
            make_run(
                store, spec, f"R{made:09}N{number}", owner=OWNER, at=AT + timedelta(seconds=made + number)
            ).id
            for number in range(at_once)
        ]
        measured: Measured = trio.run(_drive, store, runs, count // at_once)
        store.remove_owner(OWNER)
    return measured


async def _drive(store: Store, runs: Sequence[str], transitions: int) -> Measured:
    journal = Journal(store)
    latencies: list[float] = []

    async def one(run: str) -> None:
        for number in range(transitions):
            asked = time.perf_counter()
            sequence = await journal.append(Transition(run_id=run, owner=OWNER, events=facts(number)))
            latencies.append(time.perf_counter() - asked)
            assert sequence is not None

    begun = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for run in runs:
            nursery.start_soon(one, run)
    seconds = time.perf_counter() - begun
    return Measured(seconds, transitions * len(runs), journal.commits, latencies)


def facts(number: int) -> tuple[ev.RunEvent, ...]:
    """The end of one task's attempt, and the start of the next one's."""
    start = ev.AttemptStarted(
        at=AT,
        task=f"task_{number}",
        key=None,
        attempt=1,
        token=f"{number:032x}",
        host="worker-7.example.org",
        argv=("python", "-m", "weather.load", "--date", "2026-03-01", "--table", f"daily_{number}"),
        fingerprint=f"1:{number:064x}",
        deep_fingerprint=f"1:{number:064x}",
    )
    if not number:
        return (ev.RunStarted(at=AT), start)
    former = f"task_{number - 1}"
    end = ev.AttemptFinished(
        at=AT,
        task=former,
        key=None,
        attempt=1,
        outcome=Outcome.SUCCEEDED,
        exit_code=0,
        pid=4000 + number,
        cpu_time=0.12,
        peak_memory=23_000_000,
        log_bytes=1800,
        output={"rows": str(number), "path": f"/data/daily_{number}.parquet"},
    )
    return (end, ev.TaskFinished(at=AT, task=former, key=None, state=TaskState.SUCCEEDED), start)


def rate(rounds: Sequence[Measured]) -> float:
    """Transitions a second in the round in the middle."""
    return statistics.median(one.rate for one in rounds)


def table(at_once: int, found: Mapping[str, Sequence[Measured]]) -> str:
    """Medians and extremes for people."""
    title = f"{at_once} under way, {AT_ONCE[at_once]} transitions"
    lines = [
        title,
        f"  {'':10}{'a second':>10}{'slowest':>9}{'fastest':>9}{'to a commit':>13}{'latency':>10}{'99%':>10}",
    ]
    for name, rounds in found.items():
        rates = [one.rate for one in rounds]
        to_a_commit = statistics.median(one.transitions / one.commits for one in rounds)
        latencies = sorted(seconds for one in rounds for seconds in one.latencies)
        usual, long = statistics.median(latencies), latencies[math.ceil(len(latencies) * 0.99) - 1]
        lines.append(
            f"  {name:10}{rate(rounds):10.0f}{min(rates):9.0f}{max(rates):9.0f}{to_a_commit:13.1f}"
            f"{usual * 1000:8.2f}ms{long * 1000:8.2f}ms"
        )
    if len(found) > 1:
        postgres, sqlite = found.values()
        lines.append(f"  {rate(postgres) / rate(sqlite):.2f} of what SQLite does")
    return "\n".join(lines) + "\n"
