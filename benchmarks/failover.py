"""A primary dies in mid-load and a synchronous standby takes its place: does everything go on, and is nothing lost?

Schedulers serve a database whose URL names both servers, while a client leaves runs to them and another writes into
the audit log as fast as it can; both note what was acknowledged. Then all processes of the primary get `kill -9`, and
the standby is promoted. At the end everything that was acknowledged is there, once, and all holds that the test of
the cluster asks for (`python -m benchmarks cluster`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from benchmarks.cluster import STARTING, Found, Trial, Wish
from benchmarks.faults import Plan, uptime
from benchmarks.load import MANUAL, Workflow
from cronicle.clock import SystemClock
from cronicle.errors import CronicleError
from cronicle.store.location import open_store
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor

if TYPE_CHECKING:
    import psycopg

    from tests.servers import PostgresServer

STANDBY = "standby"

UNTIL_PROMOTED = 1.0
"""Seconds from the death of the primary to the promotion of the standby: somebody has to notice it."""

NOTE = "note"
"""The act of entries of the audit log that the client makes."""

PAGE = 10_000

ACTOR = Actor(user="benchmark", host="localhost", command="benchmarks failover")


class Asker(threading.Thread):
    """Leaves runs to the schedulers, one after the other, and notes those that were acknowledged."""

    def __init__(self, trial: Trial, name: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.refused = 0
        self.closed = threading.Event()
        self._world = trial.world
        self._name = name

    def run(self) -> None:
        while not self.closed.wait(0.05):
            done = subprocess.run(
                self._world.words("run", self._name, "--detach", "--json"),
                cwd=self._world.folder,
                env=self._world.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                self.acknowledged.append(json.loads(done.stdout)["id"])
            else:
                self.refused += 1


class Writer(threading.Thread):
    """Writes numbers into the audit log as fast as it can, and notes those that were acknowledged."""

    def __init__(self, location: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.refused = 0
        self.closed = threading.Event()
        self._location = location

    def run(self) -> None:
        number, clock = 0, SystemClock()
        while not self.closed.is_set():
            try:
                store = open_store(self._location, create=False, patience=1.0)
            except (CronicleError, OSError):
                self.closed.wait(0.1)
                continue
            with suppress(CronicleError, OSError):
                while not self.closed.is_set():
                    number += 1
                    try:
                        store.add_audit(ACTOR, clock.now(), NOTE, str(number))
                    except (CronicleError, OSError):
                        self.refused += 1
                        raise
                    self.acknowledged.append(str(number))
            with suppress(CronicleError, OSError):
                store.close()


class Failover(Trial):
    """A time under load, in the middle of which the primary dies."""

    def __init__(self, folder: Path, wish: Wish, primary: PostgresServer, standby: PostgresServer) -> None:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (primary, standby))
        super().__init__(folder, wish, f"postgresql://postgres@{hosts}/postgres")
        self._primary, self._standby = primary, standby
        self.workflows = (*self.workflows, Workflow(MANUAL, "manual0", 0))
        self.asker, self.writer = Asker(self, "manual0"), Writer(self.world.location)
        self.interrupted = 0.0

    def disturb(self) -> None:
        self.asker.start()
        self.writer.start()
        self.faults.watch(self.wish.seconds / 2)
        self.timeline.note("the primary dies", is_fault=True)
        kill_server(self._primary)
        died = uptime()
        self.faults.watch(UNTIL_PROMOTED)
        self._standby.promote()
        self.timeline.note("the standby is the primary", is_fault=True)
        self.faults.counts["failover"] += 1
        self.faults.watch(self.wish.seconds / 2)
        for client in (self.asker, self.writer):
            client.closed.set()
        for client in (self.asker, self.writer):
            client.join()
        began = [one.began for one in self.effects.effects.begun if one.began > died]
        self.interrupted = min(began, default=uptime()) - died

    def run(self) -> Found:
        found = super().run()
        problems = self.world.reading(self._lost)
        return evolve(found, problems=(*found.problems, *problems))

    def _lost(self, store: StoreReader) -> list[str]:
        """What was acknowledged and is not there, or is there twice."""
        problems = []
        for run_id in self.asker.acknowledged:
            run = store.find_run(run_id)
            if run is None:
                problems.append(f"run {run_id} was acknowledged, and is lost")
            elif run.state != "succeeded":
                problems.append(f"run {run_id}, that somebody has asked for, is {run.state}")
        there: Counter[str] = Counter()
        before = None
        while page := store.list_audit(before=before, limit=PAGE):
            there.update(one.subject for one in page if one.act == NOTE)
            before = page[-1].sequence
        lost = set(self.writer.acknowledged) - there.keys()
        doubled = [number for number, times in there.items() if times > 1]
        problems += (
            [f"{len(lost)} entries of the audit log were acknowledged, and are lost: {min(lost)}"]
            if lost
            else []
        )
        problems += [f"{len(doubled)} entries of the audit log are doubled: {doubled[0]}"] if doubled else []
        return problems

    def table(self, found: Found) -> str:
        """For people."""
        rows = [
            (
                "runs asked for",
                f"{len(self.asker.acknowledged):,} acknowledged, {self.asker.refused:,} refused",
            ),
            ("audit log", f"{len(self.writer.acknowledged):,} acknowledged, {self.writer.refused:,} refused"),
            ("no task started", f"for {self.interrupted:.1f} s after the primary died"),
        ]
        lines = [f"  {name.ljust(22)} {value}" for name, value in rows]
        return "\n".join([*lines, found.table()])


def kill_server(server: PostgresServer) -> None:
    """`kill -9` for all of its processes at once."""
    postmaster = server.pid()
    pids = [postmaster, *_children(postmaster)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
            if fields and int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


@contextmanager
def primary_and_standby(settings: str = "") -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Two servers: what the first has committed is on the disk of the second."""
    import psycopg

    from tests.servers import PostgresServer, open_folder

    with tempfile.TemporaryDirectory(prefix="cronicle-failover-", dir=open_folder()) as folder:
        Path(folder).chmod(0o711)  # the servers may run as another user
        primary, standby = PostgresServer(Path(folder) / "primary"), PostgresServer(Path(folder) / "standby")
        primary.make(settings)
        primary.start()
        try:
            standby.make_standby_of(primary, STANDBY)
            standby.start()
            with psycopg.connect(primary.uri(), autocommit=True) as admin:
                admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
                admin.execute("SELECT pg_reload_conf()")
                _wait_for_standby(admin)
            yield primary, standby
        finally:
            for server in (primary, standby):
                with suppress(RuntimeError, OSError):
                    server.stop("immediate")


def _wait_for_standby(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    deadline = time.monotonic() + 60
    while True:
        row = admin.execute("SELECT sync_state FROM pg_stat_replication").fetchone()
        if row == ("sync",):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the standby does not follow: {row}")
        time.sleep(0.1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--workflows", type=int, default=60, metavar="N")
    parser.add_argument("--minutes", type=float, default=1, metavar="N", help="how long (default: 1)")
    parser.add_argument("--serves", type=int, default=3, metavar="N", help="schedulers (default: 3)")
    parser.add_argument("--slots", type=int, default=16, metavar="N", help="of each (default: 16)")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="where all of it stays afterwards")


def run(arguments: argparse.Namespace) -> bool:
    """Do it and print what has come of it; True if nothing was violated, else the program ends with 1."""
    wish = Wish(
        workflows=arguments.workflows,
        seconds=arguments.minutes * 60,
        serves=arguments.serves,
        slots=arguments.slots,
        seed=0,
        plan=Plan(STARTING, {}),
    )
    with tempfile.TemporaryDirectory(prefix="cronicle-failover-") as made, primary_and_standby() as servers:
        folder = arguments.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        trial = Failover(folder, wish, *servers)
        found = trial.run()
        print(trial.table(found))
    if found.problems:
        print("\n".join(found.timeline))
        sys.exit(1)
    return True
