"""A small world for tests with real processes: a repository, a store, and processes that drive what is in it.

What tasks do to the world is the evidence here, not what the store says: every attempt of the scripts below writes
a line when it begins and one when it has done its work, into a file that only grows.
"""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from cronicle.clock import SystemClock
from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import init_repository
from cronicle.names import new_run_id
from cronicle.runs import events as ev
from cronicle.runs.spec import RunSpec, TaskSpec, spec_to_bytes
from cronicle.runs.states import Cause
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import Actor, BackfillRecord, BackfillTick, NewRun, RunRecord

HERE = Path(__file__).parent
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ACTOR = Actor(user="ada", host="here", command="cronicle backfill w")
PATIENCE = 60.0
"""Seconds until a process that does not do what it should is given up."""

BEGIN = """
effects=$CRONICLE_DATA/effects
mine=$CRONICLE_DATA/$CRONICLE_DATE.$CRONICLE_TASK
if read -r pid token < "$mine.last" && grep -qs "$token" "/proc/$pid/environ"; then
    echo "overlap $CRONICLE_DATE $CRONICLE_TASK $CRONICLE_ATTEMPT $CRONICLE_RUN_ID" >> "$effects"
fi 2>/dev/null
echo "$$ $CRONICLE_ATTEMPT_TOKEN" > "$mine.last"
echo "begin $CRONICLE_DATE $CRONICLE_TASK $CRONICLE_ATTEMPT $CRONICLE_RUN_ID" >> "$effects"
"""
"""Says that an attempt has begun, and whether an earlier one of the same task is still there."""

END = """
echo "end $CRONICLE_DATE $CRONICLE_TASK $CRONICLE_ATTEMPT $CRONICLE_RUN_ID" >> "$effects"
"""


def script(name: str, body: str, **fields: object) -> TaskSpec:
    """A task that executes `body` between its two lines."""
    return TaskSpec(name=name, script={"known": BEGIN + body + END}, **fields)  # type: ignore[arg-type]


@attrs.frozen
class Effect:
    """A line that an attempt wrote."""

    what: str
    date: str
    task: str
    attempt: int
    run: str


@attrs.frozen
class World:
    """The folder of a test, with a repository, its mirror, and a store."""

    root: Path
    revision: str

    @property
    def store_folder(self) -> Path:
        return self.root / "store"

    def open(self) -> Store:
        """The store, opened once more."""
        return open_store(str(self.store_folder), create=True)

    def effects(self) -> list[Effect]:
        """What the tasks did, in order."""
        path = self.store_folder / "data" / "p" / "local" / "effects"
        lines = path.read_text().splitlines() if path.exists() else []
        return [
            Effect(what, date, task, int(attempt), run)
            for what, date, task, attempt, run in map(str.split, lines)
        ]

    def processes(self) -> list[int]:
        """Living processes of attempts: the path of the store stands in their environment."""
        wanted = f"={self.store_folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdecimal() and wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def add_run(self, store: Store, spec: RunSpec, **fields: object) -> RunRecord:
        """A run that nobody drives yet, of the first day unless a logical time is given; None is now."""
        at = fields.pop("logical_time", FIRST) or SystemClock().now()
        assert isinstance(at, datetime)
        run = RunRecord(
            id=new_run_id(secrets.randbelow),
            project="p",
            environment="local",
            workflow=spec.workflow,
            logical_time=at,
            nominal=at.replace(tzinfo=None).isoformat(),
            interval_start=at - DAY,
            interval_start_nominal=(at - DAY).replace(tzinfo=None).isoformat(),
            interval_end=at,
            timezone="UTC",
            revision=self.revision,
            deployment=None,
            spec_hash=store.put_spec(spec_to_bytes(spec)),
            actor=ACTOR,
            created_at=FIRST,
            **{"cause": Cause.MANUAL, "counts": True, **fields},  # type: ignore[arg-type]
        )
        made = store.create_run(NewRun(run=run, events=(ev.RunQueued(at=FIRST, run_id=run.id),)))
        assert isinstance(made, RunRecord)
        return made

    def add_backfill(
        self,
        store: Store,
        spec: RunSpec,
        ticks: int,
        *,
        name: str = "B",
        first: datetime = FIRST,
        **fields: object,
    ) -> BackfillRecord:
        """A backfill of daily ticks that nobody drives yet."""
        made = store.create_backfill(
            BackfillRecord(
                id=name,
                project="p",
                environment="local",
                workflow=spec.workflow,
                from_text=first.date().isoformat(),
                to_text=(first + ticks * DAY).date().isoformat(),
                timezone="UTC",
                revision=self.revision,
                deployment=None,
                spec_hash=store.put_spec(spec_to_bytes(spec)),
                total=ticks,
                actor=ACTOR,
                created_at=FIRST,
                **fields,  # type: ignore[arg-type]
            ),
            [tick_on(first + position * DAY, position) for position in range(ticks)],
        )
        assert made is not None
        return made


def tick_on(day: datetime, position: int) -> BackfillTick:
    """The daily tick of a day."""
    return BackfillTick(
        position=position,
        logical_time=day,
        nominal=day.replace(tzinfo=None).isoformat(),
        interval_start=day - DAY,
        interval_start_nominal=(day - DAY).replace(tzinfo=None).isoformat(),
        interval_end=day,
    )


def make_world(root: Path, files: Mapping[str, str] | None = None) -> World:
    """A new world: one commit in a repository, and a store whose mirror has it."""
    repository = init_repository(root / "repository")
    files = files or {"readme.txt": "A workflow.\n"}
    for name, text in files.items():
        (root / "repository" / name).write_text(text)
    clock = SystemClock()
    identity = repository.identity(os.environ, "ada", "here")
    revision = repository.commit_files(list(files), "First", identity, clock.now())
    world = World(root, revision)
    world.open().close()
    Mirror.open_or_create(mirror_path(world.store_folder, "p")).pin(repository, revision)
    return world


@attrs.frozen
class Project:
    """A project in a repository, with its store in a folder, for tests of the command itself."""

    folder: Path
    store: Path

    @property
    def environ(self) -> dict[str, str]:
        names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        passed = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return {**passed, **names, "HOME": str(self.folder.parent), "CRONICLE_STORE": str(self.store)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A `cronicle` command, started."""
        return subprocess.Popen(
            [sys.executable, "-m", "cronicle", *words],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cronicle(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a `cronicle` command."""
        with self.start(*words) as process:
            out, errors = process.communicate(timeout=PATIENCE)
        return process.returncode, out, errors


def deployed_project(root: Path, text: str, store: Path) -> Project:
    """A project with one file, committed and applied."""
    project = Project(root / "project", store)
    repository = init_repository(project.folder)
    (project.folder / "cronicle.hcl").write_text(text)
    identity = repository.identity(os.environ, "ada", "here")
    repository.commit_files(["cronicle.hcl"], "First", identity, SystemClock().now())
    code, _, errors = project.cronicle("apply", "--auto-approve")
    assert code == 0, errors
    return project


class Driver:
    """A process that drives a backfill or a run, as a command does (`faults_driver.py`)."""

    def __init__(self, world: World, *arguments: str, slots: int = 4) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "faults_driver.py"), str(world.store_folder), str(slots), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line that it prints; empty at its end."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), "it prints nothing"
        return self._process.stdout.readline().strip()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> bool:
        """`kill -9`; True if it was still there."""
        there = self._process.poll() is None
        self._process.kill()
        self.end()
        return there

    def end(self) -> tuple[int, str]:
        """Wait for its end: exit code and stderr."""
        _, errors = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, errors


@contextmanager
def driving(world: World, *arguments: str, slots: int = 4) -> Iterator[Driver]:
    """A driver that does not outlive the block."""
    driver = Driver(world, *arguments, slots=slots)
    try:
        yield driver
    finally:
        if driver._process.poll() is None:
            driver.kill()
        for stream in (driver._process.stdout, driver._process.stderr):
            if stream is not None:
                stream.close()


def wait_until(condition: object, what: str) -> float:
    """Wait until `condition()` is true; the seconds that it took."""
    assert callable(condition)
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE, f"waited in vain for: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun
