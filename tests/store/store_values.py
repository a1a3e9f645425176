"""Values for the tests of the store: short to write, complete to store."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from attrs import frozen

from cronicle.runs import events as ev
from cronicle.runs.states import Cause, Outcome, RunState, TaskState
from cronicle.store.interface import Store
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    DeployedWorkflow,
    DeploymentRecord,
    LiveRunExists,
    NewRun,
    OwnerRecord,
    ProjectRecord,
    RunRecord,
    Transition,
)

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
OWNER = "me"
ACTOR = Actor(user="ada", host="here", command="cronicle run daily")
SPEC = b'{"version":1}'


def project(name: str = "weather", **changes: Any) -> ProjectRecord:
    values: dict[str, Any] = {
        "name": name,
        "root_commit": "a" * 40,
        "folder": "",
        "path": "/home/ada/weather",
        "default_environment": "local",
        "created_at": START,
    }
    return ProjectRecord(**{**values, **changes})


def deployment(number: int = 0, **changes: Any) -> DeploymentRecord:
    values: dict[str, Any] = {
        "project": "weather",
        "environment": "local",
        "number": number,
        "revision": "1" * 40,
        "created_at": START,
        "actor": ACTOR,
        "values": {"region": "eu", "limits": [1, 2.5, None]},
        "workflows": (DeployedWorkflow(name="daily", spec_hash="h", schedules=[{"cron": "0 2 * * *"}]),),
        "plan": '{"changes":["é"]}',
    }
    return DeploymentRecord(**{**values, **changes})


def tick(position: int, at: datetime | None = None) -> BackfillTick:
    at = START + position * DAY if at is None else at
    return BackfillTick(
        position=position,
        logical_time=at,
        nominal=at.strftime("%Y-%m-%dT%H:%M:%S"),
        interval_start=at - DAY,
        interval_start_nominal=(at - DAY).strftime("%Y-%m-%dT%H:%M:%S"),
        interval_end=at,
    )


def owner(name: str = OWNER) -> OwnerRecord:
    return OwnerRecord(id=name, host="here", pid=1, command="cronicle serve", started_at=START)


@frozen
class Places:
    """Where stores of a backend can be made: `with places.new() as location:`."""

    new: Callable[[], AbstractContextManager[str]]
    share: float = 1.0
    """Of the examples that a test over many places takes elsewhere; making one of these takes long."""

    def examples(self, number: int) -> int:
        return max(1, int(number * self.share))


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder, in memory where there is such a file system: these tests are about meaning, not about disks."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cronicle-store-", dir=parent) as made:
        yield Path(made)


def in_database(server: str, name: str) -> str:
    """The URI of another database of a server."""
    return server.rpartition("/")[0] + f"/{name}"


@contextmanager
def new_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URI of a database for as long as the block lasts."""
    name = f"store_{secrets.token_hex(6)}"
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        quickly = " STRATEGY FILE_COPY" if admin.info.server_version >= 150_000 else ""
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}{quickly}")
        try:
            yield in_database(server, name)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Sample:
    """Makes runs and backfills in a store and appends to them as one of its owners."""

    def __init__(self, store: Store, owner: str = OWNER) -> None:
        self.store = store
        self.owner = owner
        self.spec_hash = store.put_spec(SPEC)
        self.made = 0

    def new_id(self, prefix: str = "R") -> str:
        self.made += 1
        return f"{prefix}{self.made:09}"

    def record(self, **changes: Any) -> RunRecord:
        at = changes.get("logical_time", START + (self.made + 1) * DAY)
        values: dict[str, Any] = {
            "id": changes.get("id") or self.new_id(),
            "project": "weather",
            "environment": "local",
            "workflow": "daily",
            "logical_time": at,
            "nominal": "2026-03-01T02:00:00",
            "interval_start": at - DAY,
            "interval_start_nominal": "2026-02-28T02:00:00",
            "interval_end": at,
            "timezone": "Europe/Oslo",
            "cause": Cause.MANUAL,
            "counts": True,
            "revision": "1" * 40,
            "deployment": 1,
            "spec_hash": self.spec_hash,
            "params": {"day": "monday"},
            "actor": ACTOR,
            "owner": self.owner,
            "created_at": START,
        }
        return RunRecord(**{**values, **changes})

    def try_run(self, position: int | None = None, **changes: Any) -> RunRecord | LiveRunExists:
        record = self.record(**changes)
        queued = ev.RunQueued(at=START, run_id=record.id)
        return self.store.create_run(NewRun(run=record, events=(queued,), backfill_position=position))

    def run(self, position: int | None = None, **changes: Any) -> RunRecord:
        made = self.try_run(position, **changes)
        assert isinstance(made, RunRecord)
        return made

    def append(self, run: RunRecord, *events: ev.RunEvent, packed: str | None = None) -> int | None:
        transition = Transition(run_id=run.id, owner=self.owner, events=events, packed_tasks=packed)
        return self.store.append([transition])[0]

    def ended(
        self, state: RunState = RunState.SUCCEEDED, position: int | None = None, **changes: Any
    ) -> RunRecord:
        """A run that has ended so."""
        run = self.run(position, **changes)
        self.append(run, ev.RunStarted(at=START), ev.RunFinished(at=START + SECOND, state=state))
        return self.again(run)

    def again(self, run: RunRecord) -> RunRecord:
        """The run as it is now."""
        found = self.store.find_run(run.id)
        assert found is not None
        return found

    def backfill_record(self, count: int = 3, **changes: Any) -> BackfillRecord:
        values: dict[str, Any] = {
            "id": changes.get("id") or self.new_id("B"),
            "project": "weather",
            "environment": "local",
            "workflow": "daily",
            "from_text": "2026-03-01",
            "to_text": "2026-03-03",
            "timezone": "Europe/Oslo",
            "revision": "1" * 40,
            "deployment": 1,
            "spec_hash": self.spec_hash,
            "params": {"x": 1},
            "selection": {"only": ["a"]},
            "total": count,
            "actor": ACTOR,
            "owner": self.owner,
            "created_at": START,
        }
        return BackfillRecord(**{**values, **changes})

    def backfill(self, count: int = 3, **changes: Any) -> BackfillRecord:
        made = self.store.create_backfill(
            self.backfill_record(count, **changes), [tick(position) for position in range(count)]
        )
        assert made is not None
        return made


def started(
    task: str = "extract", key: str | None = None, attempt: int = 1, **changes: Any
) -> ev.AttemptStarted:
    values: dict[str, Any] = {
        "at": START + SECOND,
        "task": task,
        "key": key,
        "attempt": attempt,
        "token": f"token-{attempt}",
        "host": "here",
        "argv": ("sh", "-c", "true"),
        "fingerprint": "1:f",
        "deep_fingerprint": "1:d",
    }
    return ev.AttemptStarted(**{**values, **changes})


def finished(
    task: str = "extract",
    key: str | None = None,
    attempt: int = 1,
    outcome: Outcome = Outcome.SUCCEEDED,
    **changes: Any,
) -> ev.AttemptFinished:
    values: dict[str, Any] = {
        "at": START + 3 * SECOND,
        "task": task,
        "key": key,
        "attempt": attempt,
        "outcome": outcome,
    }
    return ev.AttemptFinished(**{**values, **changes})


def task_finished(
    task: str = "extract",
    key: str | None = None,
    state: TaskState = TaskState.SUCCEEDED,
    reason: str | None = None,
) -> ev.TaskFinished:
    return ev.TaskFinished(at=START + 3 * SECOND, task=task, key=key, state=state, reason=reason)
