"""A store with history for the tests of the commands: made through the store's interface, as the engine makes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cronicle.execute.places import log_path
from cronicle.logs import LogWriter, Stream
from cronicle.names import task_label
from cronicle.operations.create_run import ticked, unscheduled
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.packing import pack_tasks
from cronicle.runs.spec import RetrySpec, RunSpec, TaskSpec, UpstreamSpec, spec_to_bytes
from cronicle.runs.states import Cause, Outcome
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import Tick, ticks_on
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    DeployedWorkflow,
    DeploymentRecord,
    NewRun,
    OwnerRecord,
    ProjectRecord,
    RunRecord,
    Transition,
)

ZONE = "America/Los_Angeles"
DAILY = Schedule(crons=("55 23 * * *",), timezone=ZONE)
DAILY_JSON = {"cron": ["55 23 * * *"], "timezone": ZONE}
DEPLOYED_AT = datetime(2015, 12, 1, 9, 0, tzinfo=UTC)
REVISION = "8d41e07" + "0" * 33
ANA = Actor(user="ana", host="pluto", command="cronicle run daily --time 2015-12-31")
SECOND = timedelta(seconds=1)
OWNER = "owner-1"


def spec(*tasks: TaskSpec, workflow: str = "daily", **attributes: Any) -> RunSpec:
    return RunSpec(project="weather", workflow=workflow, timezone=ZONE, tasks=tasks, **attributes)


def task(name: str, *upstreams: str, **attributes: Any) -> TaskSpec:
    ups = tuple(UpstreamSpec(task=up) for up in upstreams)
    return TaskSpec(name=name, command={"known": ["true"]}, upstreams=ups, **attributes)


PIPELINE = spec(
    task("extract", fingerprint="1:aa", inputs={"extract.py": "100644:1"}),
    task(
        "summarise",
        "extract",
        for_each={"known": {"rain": "rain", "wind": "wind"}},
        retry=RetrySpec(attempts=3),
    ),
    task("report", "summarise"),
)


class Running:
    """A run that is driven by hand: each fact goes through the machine and into the store."""

    def __init__(
        self, world: World, run: RunRecord, run_spec: RunSpec, facts: tuple[ev.RunEvent, ...]
    ) -> None:
        self.world, self.run = world, run
        self.machine = RunMachine.replay(run_spec, facts)

    @property
    def id(self) -> str:
        return self.run.id

    def take(self, *events: ev.RunEvent) -> Running:
        facts = tuple(fact for event in events for fact in self.machine.advance(event))
        transition = Transition(
            run_id=self.run.id, owner=OWNER, events=facts, packed_tasks=pack_tasks(self.machine)
        )
        assert self.world.store.append([transition])[0] is not None
        return self

    def begin(self, label: str, log: str | bytes = b"", stream: Stream = Stream.STDOUT) -> Running:
        name, key = _split(label)
        attempt = self.machine.units[name, key].attempt + 1
        at = self.world.clock(SECOND)
        started = ev.AttemptStarted(
            at=at,
            task=name,
            key=key,
            attempt=attempt,
            token=f"{self.id}-{label}-{attempt}",
            host="pluto",
            argv=("python3", f"{name}.py", *([key] if key else [])),
            fingerprint="1:aa",
        )
        self.take(started)
        if log:
            self.log(label, log, stream)
        return self

    def log(self, label: str, data: str | bytes, stream: Stream = Stream.STDOUT) -> Running:
        name, key = _split(label)
        path = log_path(self.world.folder, self.id, name, key, self.machine.units[name, key].attempt)
        with LogWriter(path, 1 << 30) as writer:
            writer.write(stream, data.encode() if isinstance(data, str) else data, self.world.now)
        return self

    def end(self, label: str, outcome: Outcome = Outcome.SUCCEEDED, **rest: Any) -> Running:
        name, key = _split(label)
        at = self.world.clock(SECOND / 5)
        if outcome is Outcome.FAILED:
            rest = {"reason": "exit_code", "exit_code": 1, **rest}
        elif outcome is Outcome.SUCCEEDED:
            rest = {"exit_code": 0, **rest}
        attempt = self.machine.units[name, key].attempt
        return self.take(
            ev.AttemptFinished(at=at, task=name, key=key, attempt=attempt, outcome=outcome, pid=7, **rest)
        )

    def do(
        self, label: str, outcome: Outcome = Outcome.SUCCEEDED, log: str | bytes = b"", **rest: Any
    ) -> Running:
        return self.begin(label, log).end(label, outcome, **rest)

    def succeed(self) -> Running:
        """All that is left succeeds."""
        while not self.machine.finished:
            for action in self.machine.next_actions(self.world.now):
                self.do(task_label(action.task, action.key))
        return self

    def fail(self) -> Running:
        """`summarise[rain]` fails for good, and `report` is skipped."""
        self.do("extract").do("summarise[wind]")
        for _ in range(3):
            self.do("summarise[rain]", Outcome.FAILED, b"ValueError: could not convert\n")
        return self

    def now(self) -> RunRecord:
        found = self.world.store.find_run(self.id)
        assert found is not None
        return found


def _split(label: str) -> tuple[str, str | None]:
    name, bracket, key = label.partition("[")
    return name, key.removesuffix("]") if bracket else None


class World:
    """A store in a folder, a clock that goes on by itself, and the project `weather` with a deployment."""

    def __init__(self, folder: Path, project_folder: Path | None = None) -> None:
        self.folder = folder
        self.now = datetime(2016, 1, 1, 8, 0, tzinfo=UTC)
        self.store: Store = open_store(str(folder), create=True)
        self.made = 0
        self.store.register_owner(
            OwnerRecord(id=OWNER, host="pluto", pid=4321, command="cronicle run daily", started_at=self.now)
        )
        self.project(path=str(project_folder or "/nowhere"))

    def clock(self, step: timedelta = SECOND) -> datetime:
        self.now += step
        return self.now

    def project(self, name: str = "weather", path: str = "/nowhere") -> ProjectRecord:
        return self.store.bind_project(
            ProjectRecord(
                name=name,
                root_commit="a" * 40,
                folder="" if name == "weather" else name,
                path=path,
                default_environment="local",
                created_at=DEPLOYED_AT,
            ),
            ANA,
        )

    def deploy(
        self,
        *workflows: DeployedWorkflow,
        project: str = "weather",
        at: datetime = DEPLOYED_AT,
        revision: str = REVISION,
        settings: Any = None,
    ) -> DeploymentRecord:
        current = self.store.find_deployment(project, "local")
        actor = Actor(user="ana", host="pluto", command="cronicle apply")
        made = self.store.add_deployment(
            DeploymentRecord(
                project=project,
                environment="local",
                number=0,
                revision=revision,
                created_at=at,
                actor=actor,
                values={},
                workflows=workflows or (self.workflow(),),
                settings=settings,
            ),
            based_on=current.number if current else None,
        )
        assert made is not None
        return made

    def workflow(
        self, name: str = "daily", run_spec: RunSpec = PIPELINE, schedules: Any = None
    ) -> DeployedWorkflow:
        return DeployedWorkflow(
            name=name,
            spec_hash=self.store.put_spec(spec_to_bytes(run_spec)),
            schedules=[DAILY_JSON] if schedules is None else schedules,
        )

    def new_id(self, run_id: str | None = None) -> str:
        self.made += 1
        return run_id or f"{'7K2M9QX4T' if self.made % 2 else '4C0V8E5N2'}{self.made:01X}"[:10].ljust(10, "0")

    def run(
        self,
        day: str | None = "2015-12-31",
        run_spec: RunSpec = PIPELINE,
        *,
        start: bool = True,
        facts: Callable[[RunRecord], tuple[ev.RunEvent, ...]] = lambda run: (),
        **changes: Any,
    ) -> Running:
        times = unscheduled(self.now, "UTC") if day is None else ticked(tick_of(day))
        values: dict[str, Any] = {
            "id": self.new_id(),
            "project": "weather",
            "environment": "local",
            "workflow": run_spec.workflow,
            **times,
            "cause": Cause.MANUAL,
            "counts": True,
            "revision": REVISION,
            "deployment": 1,
            "spec_hash": self.store.put_spec(spec_to_bytes(run_spec)),
            "actor": ANA,
            "owner": OWNER,
            "created_at": self.clock(),
        }
        run = RunRecord(**{**values, **changes})
        events = (ev.RunQueued(at=run.created_at, run_id=run.id), *facts(run))
        position = changes.get("backfill") and _position(self.store, changes["backfill"], run)
        made = self.store.create_run(NewRun(run=run, events=events, backfill_position=position))
        assert isinstance(made, RunRecord), made
        running = Running(self, made, run_spec, events)
        return running.take(ev.RunStarted(at=self.clock())) if start else running

    def backfill(self, *days: str, **changes: Any) -> BackfillRecord:
        ticks = [backfill_tick(position, tick_of(day)) for position, day in enumerate(days)]
        actor = Actor(user="ana", host="pluto", command="cronicle backfill daily")
        values: dict[str, Any] = {
            "id": f"9XG3T0B1Z{self.made}",
            "project": "weather",
            "environment": "local",
            "workflow": "daily",
            "from_text": days[0],
            "to_text": days[-1],
            "timezone": ZONE,
            "revision": REVISION,
            "deployment": 1,
            "spec_hash": self.store.put_spec(spec_to_bytes(PIPELINE)),
            "total": len(days),
            "actor": actor,
            "owner": OWNER,
            "created_at": self.clock(),
        }
        made = self.store.create_backfill(BackfillRecord(**{**values, **changes}), ticks)
        assert made is not None
        return made

    def die(self) -> None:
        """The process that drives all runs here dies: a new one opens the store."""
        self.store.close()
        self.store = open_store(str(self.folder), create=False)


def tick_of(day: str) -> Tick:
    (found,) = ticks_on(DAILY, datetime.fromisoformat(day).date())
    return found


def backfill_tick(position: int, tick: Tick) -> BackfillTick:
    times = ticked(tick)
    times.pop("timezone")
    return BackfillTick(position=position, **times)


def _position(store: Store, backfill: str, run: RunRecord) -> int:
    return next(tick.position for tick in store.list_ticks(backfill) if tick.logical_time == run.logical_time)
