"""A project as it is after years: thousands of commits and files, some deployments, a million task runs of history.

The repository is a fresh clone, so its objects lie in one pack, as after a `git clone` or `git gc`. The store was
made by `cronicle apply`; of each workflow at each deployment one run went through the store's own writing, and was
then copied inside the file, row by row of all its tables, with other ids and times: what a scheduler would have left.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
from attrs import frozen

from cronicle.operations.create_run import ticked
from cronicle.runs import events as ev
from cronicle.runs.actions import StartAttempt
from cronicle.runs.machine import RunMachine
from cronicle.runs.packing import pack_tasks
from cronicle.runs.spec import spec_from_bytes
from cronicle.runs.states import Cause, Outcome
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import ticks_after
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import (
    Actor,
    DeploymentRecord,
    NewRun,
    OwnerRecord,
    RunRecord,
    Transition,
)
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.sqlite.connection import Connection

BEGUN = 1_600_000_000
"""When the first commit was made; each is an hour after the one before."""

HOUR = 3_600
FOLDERS = 50
MODULES = 40
STATEMENTS = 500
TASKS = ("extract", "clean", "load", "report")
OWNER = "BENCHMARK0"

DAYS = 400
"""Between two deployments: more than the hours that runs of one take."""


@frozen(kw_only=True)
class Size:
    """How large a world is."""

    commits: int = 5_000
    files: int = 5_000
    workflows: int = 25
    runs: int = 250_000
    deployments: int = 5

    @property
    def task_runs(self) -> int:
        """Each run has one of each task."""
        return self.runs * len(TASKS)


# The repository


def at(number: int) -> pygit2.Signature:
    """Who makes a commit, and when."""
    return pygit2.Signature("Ana", "ana@example.org", BEGUN + number * HOUR, 0)


def first_files(size: Size) -> dict[str, str]:
    """The files of the first commit: workflows, their programs, modules that these import, and all the others."""
    found = {"cronicle.hcl": 'project "years" {\n  timezone = "UTC"\n}\n', "lib/__init__.py": ""}
    for number in range(size.workflows):
        found[f"workflows/w{number:03}.hcl"] = workflow(number)
        for task in TASKS:
            module = (number * 7 + len(task)) % MODULES
            found[f"jobs/w{number:03}/{task}.py"] = (
                f"import sys\nfrom lib import m{module:02}\n\nprint({number}, m{module:02}.NAME)\n"
            )
    for number in range(MODULES):
        above = f"from lib import m{number + 1:02}\n\n" if number % 4 else ""
        found[f"lib/m{number:02}.py"] = f'{above}NAME = "{number}"\n' + "# a line\n" * 40
    for number in range(STATEMENTS):
        found[f"sql/{number:04}.sql"] = f"SELECT {number} FROM weather;\n" * 5
    for number in range(max(0, size.files - len(found))):
        found[f"src/part{number % FOLDERS:02}/file{number:05}.txt"] = f"line of {number}\n" * 20
    return found


def workflow(number: int, attempts: int = 3) -> str:
    """A workflow as people write them; every tenth declares its inputs."""
    tasks = []
    for place, task in enumerate(TASKS):
        upstream = f"    depends_on = [task.{TASKS[place - 1]}]\n" if place else ""
        inputs = '    inputs = ["jobs/**/*.py", "sql/*.sql"]\n' if number % 10 == 0 and task == "load" else ""
        tasks.append(
            f'  task "{task}" {{\n'
            f'    command = ["python3", "jobs/w{number:03}/{task}.py", "--date", run.date]\n'
            f'{upstream}{inputs}    env = {{\n      REGION = "eu-{number}"\n    }}\n'
            f"    retry {{\n      attempts = {attempts}\n    }}\n  }}\n"
        )
    schedule = f'  schedule {{\n    cron = "{number % 60} * * * *"\n  }}\n'
    return f'workflow "w{number:03}" {{\n{schedule}{"".join(tasks)}}}\n'


class Growing:
    """A bare repository of which each commit changes a file or some; trees are written as git does."""

    def __init__(self, path: Path) -> None:
        self._git = pygit2.init_repository(str(path), bare=True, initial_head="main")
        self._trees: dict[str, pygit2.Oid] = {}
        self._folders: dict[str, set[str]] = {"": set()}
        self._parents: list[pygit2.Oid] = []
        self._made = 0

    def commit(self, files: Mapping[str, str], message: str) -> None:
        """One more commit, which changes these files."""
        by_folder: dict[str, dict[str, pygit2.Oid]] = {}
        for path, text in files.items():
            folder, _, name = path.rpartition("/")
            by_folder.setdefault(folder, {})[name] = self._git.create_blob(text.encode())
        touched = {above for folder in by_folder for above in _with_parents(folder)}
        for folder in sorted(touched, key=lambda one: one.count("/") + bool(one), reverse=True):
            self._write_tree(folder, by_folder.get(folder, {}))
        who = at(self._made)
        self._made += 1
        self._parents = [self._git.create_commit("HEAD", who, who, message, self._trees[""], self._parents)]

    def _write_tree(self, folder: str, blobs: Mapping[str, pygit2.Oid]) -> None:
        known = self._trees.get(folder)
        builder = self._git.TreeBuilder(self._git[known]) if known is not None else self._git.TreeBuilder()
        for name, blob in blobs.items():
            builder.insert(name, blob, pygit2.enums.FileMode.BLOB)
        for inner in self._folders.get(folder, ()):
            builder.insert(inner.rpartition("/")[2], self._trees[inner], pygit2.enums.FileMode.TREE)
        self._trees[folder] = builder.write()
        if folder:
            self._folders.setdefault(folder.rpartition("/")[0], set()).add(folder)


def _with_parents(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


def make_repository(place: Path, size: Size) -> Path:
    """The clone that everything happens in."""
    growing = Growing(place / "origin.git")
    growing.commit(first_files(size), "Begin")
    others = size.files - len(first_files(Size(files=0, workflows=size.workflows)))
    for number in range(1, size.commits):
        at = number % max(1, others)
        files = {f"src/part{at % FOLDERS:02}/file{at:05}.txt": f"line {number}\n" * 20}
        growing.commit(files, f"Change {number}")
    clone = place / "years"
    pygit2.clone_repository(f"file://{place / 'origin.git'}", str(clone))
    shutil.rmtree(place / "origin.git")
    return clone


def commit(clone: Path, files: Mapping[str, str], message: str) -> None:
    """One more commit in the clone."""
    git = pygit2.Repository(str(clone))
    for path, text in files.items():
        (clone / path).write_text(text)
        git.index.add(path)
    git.index.write()
    who = at((git.head.peel().commit_time - BEGUN) // HOUR + 1)
    git.create_commit("HEAD", who, who, message, git.index.write_tree(), [git.head.target])


# The history


def make_history(store_folder: Path, size: Size) -> None:
    """Fill the store with the runs of all deployments there are."""
    with closing(open_store(str(store_folder), create=False)) as store:
        deployments = tuple(reversed(store.list_deployments("years", "local", limit=size.deployments)))
        templates = list(_templates(store, deployments))
    each = size.runs // len(templates)
    assert each < DAYS * 24
    connection = Connection(store_folder / FILE_NAME)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        for number, run in enumerate(templates):
            _copy(connection, run, each, first=1_000_000 + number * each)
        last = connection.value("SELECT max(sequence) FROM run_event")
        connection.execute("UPDATE counter SET value = ? WHERE name = 'event'", (last,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _templates(store: Store, deployments: Sequence[DeploymentRecord]) -> Iterator[RunRecord]:
    """A run of each workflow at each deployment."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    who = Actor(user="scheduler", host="here", command="cronicle serve")
    store.register_owner(OwnerRecord(id=OWNER, host="here", pid=1, command=who.command, started_at=now))
    made = 0
    for newer, deployment in enumerate(reversed(deployments)):
        for deployed in deployment.workflows:
            made += 1
            schedule = Schedule(crons=tuple(deployed.schedules[0]["cron"]), timezone="UTC")
            tick = next(iter(ticks_after((schedule,), now - timedelta(days=DAYS * newer))))
            run = RunRecord(
                id=f"T{made:09}",
                project="years",
                environment="local",
                workflow=deployed.name,
                **ticked(tick),
                cause=Cause.SCHEDULE,
                counts=True,
                revision=deployment.revision,
                deployment=deployment.number,
                spec_hash=deployed.spec_hash,
                actor=who,
                owner=OWNER,
                created_at=tick.logical_time,
            )
            yield _driven(store, run)
    store.remove_owner(OWNER)


def _driven(store: Store, run: RunRecord) -> RunRecord:
    """The run, made and driven to its end as a scheduler does."""
    at = run.created_at
    queued = ev.RunQueued(at=at, run_id=run.id)
    assert isinstance(store.create_run(NewRun(run=run, events=(queued,))), RunRecord)
    machine = RunMachine.replay(spec_from_bytes(store.get_spec(run.spec_hash)), (queued,))

    def take(event: ev.RunEvent) -> None:
        facts = machine.advance(event)
        store.append([Transition(run_id=run.id, owner=OWNER, events=facts, packed_tasks=pack_tasks(machine))])

    take(ev.RunStarted(at=at))
    while not machine.finished:
        for action in machine.next_actions(at):
            assert isinstance(action, StartAttempt)
            at += timedelta(seconds=20)
            spec = machine.spec.task(action.task)
            take(
                ev.AttemptStarted(
                    at=at,
                    task=action.task,
                    key=None,
                    attempt=1,
                    token=f"{run.id}-{action.task}",
                    host="worker-7.example.org",
                    argv=("python3", f"jobs/{run.workflow}/{action.task}.py", "--date", run.nominal[:10]),
                    fingerprint=spec.fingerprint,
                    deep_fingerprint=spec.deep_fingerprint,
                )
            )
            take(
                ev.AttemptFinished(
                    at=at + timedelta(seconds=10),
                    task=action.task,
                    key=None,
                    attempt=1,
                    outcome=Outcome.SUCCEEDED,
                    exit_code=0,
                    pid=4711,
                    log_bytes=1_800,
                )
            )
    found = store.find_run(run.id)
    assert found is not None
    return found


def _copy(connection: Connection, run: RunRecord, count: int, first: int) -> None:
    """Copy a run with all its rows so often; each copy is of an hour earlier."""
    events = int(connection.value("SELECT count(*) FROM run_event WHERE run = ?", (run.sequence,)))
    base = int(connection.value("SELECT min(sequence) FROM run_event WHERE run = ?", (run.sequence,)))
    hour = 3_600_000_000
    numbers = (
        f"WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {count - 1})"
    )
    moved = f"n * {hour}"
    event = f"{100_000_000} + ({first} + n) * {events} + %s - {base}"
    times = dict.fromkeys(
        ("logical_time", "interval_start", "interval_end", "created_at", "started_at", "ended_at")
    )
    rules = {
        "run": {
            "sequence": f"{first} + n",
            "id": f"printf('%010d', {first} + n)",
            "ended_event": event % "ended_event",
            **{name: f"{name} - {moved}" for name in times},
        },
        "task_run": {"run": f"{first} + n"},
        "attempt": {
            "run": f"{first} + n",
            "fence": event % "fence",
            "started_at": f"started_at - {moved}",
            "ended_at": f"ended_at - {moved}",
        },
        "run_event": {"sequence": event % "sequence", "run": f"{first} + n", "at": f"at - {moved}"},
    }
    with connection.write():
        for table, changed in rules.items():
            names = [row[1] for row in connection.rows(f"PRAGMA table_info({table})")]
            values = ", ".join(changed.get(name, name) for name in names)
            key = "sequence" if table == "run" else "run"
            connection.execute(
                f"{numbers} INSERT INTO {table} ({', '.join(names)})"
                f" SELECT {values} FROM {table}, copies WHERE {table}.{key} = {run.sequence}"
            )
