"""A scheduler under time that the test owns: server, store and machine are real, attempts only take time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trio

from cronicle.config.deployed import schedules_to_json
from cronicle.engine.owner import Owner, become_owner
from cronicle.engine.serve import ServeOptions, Server
from cronicle.operations.scope import Scope
from cronicle.runs.policy import Policy
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import RunState
from cronicle.schedule.rule import Schedule
from cronicle.store.interface import Store
from cronicle.store.records import (
    Actor,
    DeployedWorkflow,
    DeploymentRecord,
    ProjectRecord,
    RunFilter,
    RunRecord,
)
from cronicle.testing import FakeAttempts, workflow

ACTOR = Actor(user="ada", host="here", command="test")
START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class OwnedClock:
    """Time that passes with trio's, and that a test may set."""

    def __init__(self, start: datetime = START) -> None:
        self._base = start - timedelta(seconds=trio.current_time())

    def now(self) -> datetime:
        return self._base + timedelta(seconds=trio.current_time())

    def jump(self, by: timedelta) -> None:
        self._base += by


class World:
    """A store with one project, and the processes that serve it."""

    def __init__(self, store: Store, files: Path) -> None:
        self.store = store
        self.files = files
        self.clock = OwnedClock()
        self.attempts: FakeAttempts | None = None
        self.owner: Owner | None = None
        self.server: Server | None = None
        self.processes: dict[Server, FakeAttempts] = {}
        """All that have served, with the attempts of each."""
        self._number = 0
        store.bind_project(
            ProjectRecord(
                name="shop",
                root_commit="0" * 40,
                folder="",
                path="/shop",
                default_environment="local",
                created_at=START,
            ),
            ACTOR,
        )

    def deploy(
        self,
        settings: Mapping[str, Any] | None = None,
        moved: tuple[tuple[str, str], ...] = (),
        **workflows: Mapping[str, Any],
    ) -> DeploymentRecord:
        """Deploy workflows: each `schedules`, `policy`, `graph`, `tasks` and attributes of its spec."""
        deployed = []
        for name, given in workflows.items():
            parts = dict(given)
            schedules = tuple(parts.pop("schedules", ()))
            policy = parts.pop("policy", Policy())
            graph, tasks = parts.pop("graph", "work"), parts.pop("tasks", None)
            made = workflow(graph, tasks, policy=policy, **parts)
            spec = RunSpec(
                **{
                    key: getattr(made, key)
                    for key in (
                        "version",
                        "timezone",
                        "max_parallel",
                        "timeout",
                        "policy",
                        "params",
                        "runs_on",
                        "tasks",
                    )
                },
                hooks=made.hooks,
                pools=made.pools,
                project="shop",
                workflow=name,
            )
            deployed.append(
                DeployedWorkflow(
                    name=name,
                    spec_hash=self.store.put_spec(spec_to_bytes(spec)),
                    schedules=schedules_to_json(schedules),
                    policy=policy,
                )
            )
        self._number += 1
        record = self.store.add_deployment(
            DeploymentRecord(
                project="shop",
                environment="local",
                number=0,
                revision=f"{self._number:040d}",
                created_at=self.clock.now(),
                actor=ACTOR,
                values={},
                workflows=tuple(deployed),
                moved=moved,
                settings=settings,
            ),
            based_on=self._number - 1 or None,
        )
        assert record is not None
        return record

    @asynccontextmanager
    async def serving(
        self, *, slots: int = 8, labels: Sequence[str] = (), **options: Any
    ) -> AsyncIterator[Server]:
        """A process that serves for as long as the context is open, then drains."""
        async with become_owner(
            self.store,
            self.files,
            self.clock,
            slots=slots,
            command="cronicle serve",
            environ={},
            labels=labels,
        ) as owner:
            self.owner = owner
            self.attempts = FakeAttempts(owner.attempts.places, self.clock)
            owner.attempts = self.attempts  # type: ignore[assignment]
            self.server = server = Server(owner, ServeOptions(scope=Scope(), **options), lambda *_: None)
            self.processes[server] = self.attempts
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.serve)
                yield server
                server.drain()

    async def serve_for(self, seconds: float, **options: Any) -> None:
        """Serve for so long, then drain."""
        async with self.serving(**options):
            await trio.sleep(seconds)

    def executed_by(self, server: Server) -> set[str]:
        """The runs of which a process has executed attempts."""
        return {one.run for one in self.processes[server].executed}

    def runs(self, name: str, **wanted: Any) -> list[RunRecord]:
        """The runs of a workflow, by logical time."""
        found = self.store.list_runs(
            RunFilter(project="shop", environment="local", workflow=name, limit=10_000, **wanted)
        )
        return sorted(found, key=lambda run: (run.logical_time, run.sequence))

    def times(self, name: str, **wanted: Any) -> list[str]:
        """Their logical times, `HH:MM:SS`."""
        return [f"{run.logical_time:%H:%M:%S}" for run in self.runs(name, **wanted)]

    def states(self, name: str) -> list[RunState]:
        """Their states."""
        return [run.state for run in self.runs(name)]


def every(duration: float, **changes: Any) -> Schedule:
    """A schedule that ticks so often."""
    return Schedule(every=timedelta(seconds=duration), **changes)
