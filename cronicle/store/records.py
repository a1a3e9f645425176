"""The rows of the store as values. Instants are aware and in UTC; durations are seconds; JSON is plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from cronicle.names import split_move
from cronicle.runs.events import RunEvent
from cronicle.runs.policy import Policy
from cronicle.runs.states import BackfillState, Cause, Outcome, RunState, TaskState
from cronicle.schedule.run_times import RunTimes
from cronicle.store.experiments import Experiment
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.schedule.admission import LiveRun
    from cronicle.store.acts import Act

Json = Any


@frozen(kw_only=True, eq=False, repr=False)
class Actor(Value):
    """Who asked for something, from where, and with which command."""

    user: str
    host: str
    command: str
    """The command line as it was typed, with values of `--var` left out."""


@frozen(kw_only=True, eq=False, repr=False)
class ProjectRecord(Value):
    """A project and the repository that it is bound to."""

    name: str
    root_commit: str
    folder: str
    """The project's folder inside the repository; empty for the root."""
    path: str
    """Where its clone lay when it was last applied from."""
    default_environment: str
    created_at: datetime


@frozen(kw_only=True, eq=False, repr=False)
class DeployedWorkflow(Value):
    """What a deployment says of one workflow."""

    name: str
    spec_hash: str
    schedules: Json
    """As `cronicle.config.deployed` writes and reads them."""
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    policy: Policy = field(factory=Policy)


@frozen(kw_only=True, eq=False, repr=False)
class SourcePin(Value):
    """What a source was pinned to when it was deployed."""

    name: str
    git: str
    """Where it comes from: an address, or an absolute path."""
    ref: str | None
    """What was pinned, as it was named; None: its HEAD."""
    revision: str


@frozen(kw_only=True, eq=False, repr=False)
class Promotion(Value):
    """Which deployment of another environment was deployed once more (`apply --from`)."""

    environment: str
    number: int


@frozen(kw_only=True, eq=False, repr=False)
class DeploymentRecord(Value):
    """That an environment runs a revision from a moment on. Never edited."""

    project: str
    environment: str
    number: int
    """1, 2, … within (project, environment)."""
    revision: str
    created_at: datetime
    actor: Actor
    values: Mapping[str, Json]
    """The values of all variables."""
    workflows: tuple[DeployedWorkflow, ...]
    rolled_back_to: int | None = None
    """The deployment that a rollback repeated."""
    moved: tuple[tuple[str, str], ...] = ()
    """Renames that it declared, from and to: `workflow.a`, `workflow.a.task.x`."""
    settings: Json = None
    """What its `project` block says that the scheduler needs: `heartbeat`, `retention`."""
    pins: tuple[SourcePin, ...] = ()
    """Of all sources that its files declare."""
    plan: str | None = None
    """What it changed, as the JSON that `plan --json` said; decoded by whoever asks for it."""
    expires_at: datetime | None = None
    """When whoever serves ends the environment (`apply --ttl`); None: it stays."""
    ended: bool = False
    """True if it ends its environment: it has no workflows, and the next deployment begins anew."""
    promoted_from: Promotion | None = None
    """The deployment of another environment that it repeats; None if it is of a plan of its own."""
    signer: str | None = None
    """Who signed its revision, as the file of allowed signers names them; None where nobody asked."""

    def is_past(self, now: datetime) -> bool:
        """True if its environment is to be ended: its time has come, and nobody has done it."""
        return self.expires_at is not None and self.expires_at <= now and not self.ended

    @property
    def renamed_workflows(self) -> dict[str, str]:
        """The workflows among `moved`: from the former name to the present one."""
        moves = [(split_move(old), split_move(new)) for old, new in self.moved]
        return {old: new for (old, old_task), (new, new_task) in moves if old_task is new_task is None}

    def find_workflow(self, name: str) -> DeployedWorkflow | None:
        """What it says of the workflow of that name; None if it has none."""
        return next((workflow for workflow in self.workflows if workflow.name == name), None)


@frozen(kw_only=True, eq=False, repr=False)
class RunRecord(Value):
    """A run as it is now."""

    id: str
    sequence: int = 0
    """Order of creation in the store; assigned by it."""
    project: str
    environment: str
    workflow: str
    """An instance of a workflow with `for_each` by its name and key: `sync[eu]`."""
    series: str | None = None
    """None is the series of the unlabelled schedules."""
    logical_time: datetime
    nominal: str
    """The nominal local date and time of the tick, ISO without offset."""
    interval_start: datetime | None
    """None, as the other two, for a run of a workflow without a schedule."""
    interval_start_nominal: str | None
    interval_end: datetime | None
    timezone: str
    state: RunState = RunState.QUEUED
    reason: str | None = None
    cause: Cause
    counts: bool
    dirty: bool = False
    revision: str
    deployment: int | None
    backfill: str | None = None
    retry_of: str | None = None
    spec_hash: str
    params: Mapping[str, Json] = field(factory=dict)
    actor: Actor
    owner: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    """The start of its first attempt."""
    ended_at: datetime | None = None
    lateness: float | None = None
    """Seconds from its logical time (jitter included) to when it was made; null where nobody waited for it then."""
    not_before: datetime | None = None
    """It does not start before: jitter, or `run --at`. None: at once."""
    lock: str | None = None
    """The key that it holds from its admission to its end."""
    admitted: bool = True
    """True once it may start. Runs that are made with rules to meet (`Policy`) wait for it in state queued."""
    assigned_to: str | None = None
    """The process that serves which is to take it up, while it has no owner."""
    runs_on: tuple[str, ...] = ()
    """Labels that the process must have which drives it, sorted."""
    experiment: Experiment | None = None
    """Of a run that is an experiment."""
    mixed: bool = False
    """True if its spec does not tell what it consists of: it carries over what it does otherwise, or lacks tasks."""
    cancel_requested: bool = False
    packed_tasks: str | None = None
    """Once it has ended: JSON list of [task, key, state, reason], for grids."""

    @property
    def due_at(self) -> datetime:
        """When it is to start: at its logical time, or later (jitter, `run --at`)."""
        return max(self.logical_time, self.not_before or self.logical_time)

    def as_live(self, sequence: int | None = None) -> LiveRun:
        """What policies look at of it; with another sequence for one that has none yet."""
        from cronicle.schedule.admission import LiveRun

        return LiveRun(
            id=self.id,
            sequence=self.sequence if sequence is None else sequence,
            cause=self.cause,
            series=self.series,
            state=self.state,
            admitted=self.admitted,
            logical_time=self.logical_time,
        )

    @property
    def times(self) -> RunTimes:
        """Its logical time and interval as texts, as expressions and tasks see them."""
        return RunTimes.of(
            logical_time=self.logical_time,
            nominal=self.nominal,
            interval_start=self.interval_start,
            interval_start_nominal=self.interval_start_nominal,
            interval_end=self.interval_end,
            timezone=self.timezone,
        )


@frozen(kw_only=True, eq=False, repr=False)
class TaskRecord(Value):
    """A task run that has left `waiting`. The spec tells of those that have not."""

    run_id: str
    task: str
    key: str | None
    state: TaskState
    reason: str | None = None
    fingerprint: str = ""
    deep_fingerprint: str = ""
    carried_from: str | None = None
    output: Mapping[str, Json] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False)
class AttemptRecord(Value):
    """One try at executing a task."""

    run_id: str
    task: str
    key: str | None
    attempt: int
    token: str
    fence: int
    host: str
    argv: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    detail: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    pid: int | None = None
    cpu_time: float | None = None
    peak_memory: int | None = None
    log_bytes: int = 0
    stdout_size: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class BackfillRecord(Value):
    """A set of runs over a range of logical times, as it is now."""

    id: str
    sequence: int = 0
    project: str
    environment: str
    workflow: str
    series: str | None = None
    from_text: str
    to_text: str
    timezone: str
    """IANA name of the zone of its ticks."""
    revision: str
    deployment: int | None
    spec_hash: str
    params: Mapping[str, Json] = field(factory=dict)
    selection: Json = None
    """`{"only": [...], "except": [...]}` or None."""
    choice: str = "changed"
    """Which ticks were taken: `changed` (the default), `missing`, `failed`, `stale`, `all`."""
    parallel: int | None = None
    """Runs at once; None is the slots of the process that drives it."""
    newest_first: bool = False
    max_failures: int = 10
    hooks: bool = False
    runs_on: tuple[str, ...] = ()
    """Labels that the process must have which drives it and its runs, sorted."""
    canary: int | None = None
    """So many runs first; the others start once these have succeeded."""
    waits_for: str | None = None
    """A backfill that has to succeed before: of a workflow that this one depends on."""
    counts: bool = True
    state: BackfillState = BackfillState.RUNNING
    reason: str | None = None
    total: int
    done: int = 0
    """Ticks whose run has ended, however."""
    failed: int = 0
    actor: Actor
    owner: str | None = None
    created_at: datetime
    ended_at: datetime | None = None


@frozen(kw_only=True, eq=False, repr=False)
class BackfillTick(Value):
    """One logical time of a backfill, fixed when it was made."""

    position: int
    """In the order in which they are run, from 0."""
    logical_time: datetime
    nominal: str
    interval_start: datetime | None
    """None, as the other two, of a workflow without a schedule."""
    interval_start_nominal: str | None
    interval_end: datetime | None
    revision: str | None = None
    """What it runs, with the two below, where that is not what the backfill says (`--as-deployed`)."""
    deployment: int | None = None
    spec_hash: str | None = None
    tasks: tuple[str, ...] | None = None
    """The tasks that are stale, and are made anew with all below them (`--stale`); None: as the backfill says."""
    run_id: str | None = None
    state: RunState | None = None
    """Of its run; None while there is none."""


@frozen(kw_only=True, eq=False, repr=False)
class TickRevision(Value):
    """What some ticks of a backfill run, where that is not what it says itself."""

    revision: str
    deployment: int | None
    ticks: int


@frozen(kw_only=True, eq=False, repr=False)
class OwnerRecord(Value):
    """A process that drives runs."""

    id: str
    epoch: int = 0
    """Assigned by the store; only grows."""
    host: str
    pid: int
    command: str
    started_at: datetime
    labels: tuple[str, ...] = ()
    """What it can execute, sorted: tasks whose `runs_on` names no other."""


@frozen(kw_only=True, eq=False, repr=False)
class ControlRequest(Value):
    """Somebody's wish for a run or a backfill, until its owner has taken it up."""

    id: int = 0
    target: str
    """Id of a run or a backfill."""
    verb: str
    """`cancel`, `pause`."""
    actor: Actor
    reason: str = ""
    requested_at: datetime


@frozen(kw_only=True, eq=False, repr=False)
class Transition(Value):
    """New facts of one run, to be stored together or not at all."""

    run_id: str
    owner: str
    """Must own the run, else nothing is stored."""
    events: tuple[RunEvent, ...]
    packed_tasks: str | None = None
    """Given with the last one."""
    act: Act | None = None
    """What a person has done of which they are a consequence, for the audit log."""


@frozen(kw_only=True, eq=False, repr=False)
class NewRun(Value):
    """A run to be made, with its first events."""

    run: RunRecord
    events: tuple[RunEvent, ...]
    backfill_position: int | None = None
    """Marks that tick of `run.backfill` as having this run, in the same transaction, in place of any before it."""


@frozen(kw_only=True, eq=False, repr=False)
class AdmissionAnswer(Value):
    """Whether a run may start."""

    admitted: bool
    reasons: tuple[str, ...] = ()
    """Why not (yet): sentences for people."""
    is_over: bool = False
    """True if there is nothing to ask for any more: the run has ended (a newer one has its place in the queue), or
    somebody else drives it."""


@frozen(eq=False, repr=False)
class LiveRunExists(Value):
    """The answer to making a run for a logical time that has a live one, or for a tick that has had its run."""

    run_id: str


@frozen(kw_only=True, eq=False, repr=False)
class SlotRequest(Value):
    """A wish for slots of a pool, for one attempt."""

    run_id: str
    task: str
    key: str | None
    attempt: int
    owner: str
    pool: str
    slots: int
    priority: int
    requested_at: datetime
    granted: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class LiveAttempt(Value):
    """An attempt that was started and has no end on record."""

    run_id: str
    task: str
    key: str | None
    attempt: int
    token: str
    pid: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RunFilter(Value):
    """Which runs to list; None leaves open. Newest first, by order of creation."""

    project: str | None = None
    environment: str | None = None
    workflow: str | None = None
    with_instances: bool = False
    """True: of a workflow with `for_each` the runs of all its instances as well."""
    series: str | None = None
    any_series: bool = True
    states: tuple[RunState, ...] = ()
    causes: tuple[Cause, ...] = ()
    backfill: str | None = None
    revision: str | None = None
    logical_from: datetime | None = None
    logical_to: datetime | None = None
    """Exclusive."""
    before: int | None = None
    """A run's sequence: only older ones."""
    limit: int = 50
