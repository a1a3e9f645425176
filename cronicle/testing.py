"""Doubles for tests: time that a test owns, attempts without processes, and short ways to write a workflow.

Under pytest-trio's `autojump_clock` a `TrioClock` and `FakeAttempts` make a run of hours pass in milliseconds, with
the real store, machine and engine. Nothing at run time imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import trio
from attrs import frozen

from cronicle.clock import Clock
from cronicle.engine.attempts import PreparedAttempt
from cronicle.execute.interface import AttemptControl
from cronicle.execute.places import Places
from cronicle.runs import events as ev
from cronicle.runs.labels import labels_of
from cronicle.runs.products import Product
from cronicle.runs.spec import RunSpec, TaskSpec, UpstreamSpec, spec_to_bytes
from cronicle.runs.states import Cause, Outcome
from cronicle.store.interface import Store
from cronicle.store.records import Actor, LiveRunExists, NewRun, RunRecord

START = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


class TrioClock:
    """A clock that begins at an instant and goes with trio's, so that a mock clock of trio moves it."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._begun = trio.current_time()

    def now(self) -> datetime:
        """The start, and what has passed since on trio's clock."""
        return self._start + timedelta(seconds=trio.current_time() - self._begun)


def workflow(graph: str, tasks: Mapping[str, Mapping[str, Any]] | None = None, **attributes: Any) -> RunSpec:
    """A workflow from a few words: in `a -> b, c; c -> d` both b and c wait for a, and d for c.

    Args:
        graph: Names, in clauses parted by `;`. All left of an arrow must happen before all right of it.
        tasks: Attributes of `TaskSpec` for tasks by name; their command is `true` unless they say otherwise.
        attributes: Those of `RunSpec`.
    """
    upstreams: dict[str, list[str]] = {}
    for clause in graph.split(";"):
        before: list[str] = []
        for group in clause.split("->"):
            names = [name.strip() for name in group.split(",") if name.strip()]
            for name in names:
                upstreams.setdefault(name, []).extend(before)
            before = names
    specs = []
    for name, above in upstreams.items():
        own: dict[str, Any] = {"command": {"known": ["true"]}, **(tasks or {}).get(name, {})}
        specs.append(TaskSpec(name=name, upstreams=tuple(UpstreamSpec(task=one) for one in above), **own))
    return RunSpec(
        project="project",
        workflow="workflow",
        runs_on=labels_of(specs),
        tasks=tuple(specs),
        **attributes,
    )


def make_run(
    store: Store, spec: RunSpec, run_id: str, *, owner: str | None, at: datetime = START, **changes: Any
) -> RunRecord:
    """A queued run of a spec in the store."""
    run = RunRecord(
        id=run_id,
        project=spec.project,
        environment="local",
        workflow=spec.workflow,
        logical_time=at,
        nominal=at.replace(tzinfo=None).isoformat(),
        interval_start=None,
        interval_start_nominal=None,
        interval_end=None,
        timezone="UTC",
        cause=changes.pop("cause", Cause.MANUAL),
        counts=True,
        revision=changes.pop("revision", "0" * 40),
        deployment=None,
        spec_hash=store.put_spec(spec_to_bytes(spec)),
        actor=Actor(user="ada", host="here", command="test"),
        owner=owner,
        created_at=at,
        **changes,
    )
    made = store.create_run(NewRun(run=run, events=(ev.RunQueued(at=at, run_id=run_id),)))
    assert not isinstance(made, LiveRunExists), "the test makes two runs for one logical time"
    return made


@frozen
class Planned:
    """How an attempt is to go."""

    outcome: Outcome = Outcome.SUCCEEDED
    seconds: float = 1.0
    exit_code: int | None = None
    output: Mapping[str, Any] = {}
    products: tuple[Product, ...] = ()


@frozen
class Executed:
    """An attempt that has begun."""

    run: str
    task: str
    key: str | None
    attempt: int
    at: datetime
    argv: tuple[str, ...]
    fence: int


class FakeAttempts:
    """Stands for `AttemptRunner`: attempts take time and end as planned, without processes.

    To be put in its place: `owner.attempts = FakeAttempts(owner.attempts.places, clock)`.
    """

    def __init__(self, places: Places, clock: Clock) -> None:
        self.places = places
        self.plan: dict[str, list[Planned]] = {}
        """By task: how its attempts go, one after the other; all others succeed after a second."""
        self.executed: list[Executed] = []
        self.running = 0
        self.most_at_once = 0
        self._clock = clock

    def close(self) -> None:
        """As the real one does."""
        self.places.close()

    def forget(self, run: RunRecord) -> None:
        """Nothing is kept for a run."""

    def order(self) -> list[str]:
        """The tasks in the order in which their attempts began."""
        return [one.task for one in self.executed]

    async def execute(
        self,
        run: RunRecord,
        _: RunSpec,
        prepared: PreparedAttempt,
        fence: int,
        control: AttemptControl,
    ) -> ev.AttemptFinished:
        """Let the planned time pass, unless the owner ends it before."""
        task, key, attempt = prepared.task.name, prepared.key, prepared.attempt
        planned = self.plan[task].pop(0) if self.plan.get(task) else Planned()
        self.executed.append(
            Executed(run.id, task, key, attempt, self._clock.now(), tuple(prepared.argv), fence)
        )
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            with trio.CancelScope() as scope:
                control.wake_through(scope)
                if not control.stop_requested:
                    await trio.sleep(planned.seconds)
        finally:
            control.wake_through(None)
            self.running -= 1
        return ev.AttemptFinished(
            at=self._clock.now(),
            task=task,
            key=key,
            attempt=attempt,
            outcome=Outcome.CANCELLED if control.stop_requested else planned.outcome,
            exit_code=None if control.stop_requested else planned.exit_code,
            output=planned.output,
            products=planned.products,
        )
