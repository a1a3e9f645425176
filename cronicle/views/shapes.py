"""The shapes of the JSON output; a contract: keys are only ever added.

Keys are the words of docs/glossary.md, instants RFC 3339 in UTC with `Z`, durations in seconds, sizes in bytes; what
is absent is null. `docs/reference/json.md` has their JSON schema, made from these classes. They have no slots, since
those have no order, and keys are to come in the order that is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from cronicle.names import split_instance
from cronicle.runs.events import PreviousFound
from cronicle.runs.hooks import HookRun, HookRuns
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import ENDED_TASK, LIVE, TaskState
from cronicle.store.reading import StoreReader
from cronicle.store.records import AttemptRecord, BackfillRecord, RunRecord, TaskRecord
from cronicle.store.series import TickSpan


@frozen(kw_only=True, slots=False)
class AttemptShape:
    """One try at executing a task."""

    attempt: int
    outcome: str | None
    """None while it runs."""
    reason: str | None
    detail: str | None
    exit_code: int | None
    signal: int | None
    host: str
    pid: int | None
    command: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    cpu_time: float | None
    peak_memory: int | None
    log_bytes: int


@frozen(kw_only=True, slots=False)
class TaskShape:
    """A task of a run, or one instance of it."""

    task: str
    key: str | None
    state: str
    reason: str | None
    fingerprint: str | None
    carried_from: str | None
    """The run in which it was executed, if that was an earlier one."""
    output: Mapping[str, Any]
    attempts: tuple[AttemptShape, ...]
    prepared: Mapping[str, str] = field(factory=dict)
    """By name of each preparation that it uses the key of what is made, under which a machine has it."""
    source: str | None = None
    """The source that its files are from; absent is the project itself."""
    source_revision: str | None = None
    """The commit that it was pinned to."""


@frozen(kw_only=True, slots=False)
class RunShape:
    """A run, as listings show it."""

    id: str
    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    logical_time: datetime
    date: str
    interval_start: datetime | None
    interval_end: datetime | None
    state: str
    reason: str | None
    cause: str
    counts: bool
    dirty: bool
    revision: str
    deployment: int | None
    backfill: str | None
    retry_of: str | None
    owner: str | None
    """The process that drives it; null for one that has ended, or that waits to be resumed."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    lateness: float | None
    runs_on: tuple[str, ...] = ()
    """The labels that a process must have to drive it."""


@frozen(kw_only=True, slots=False)
class HookShape:
    """A hook that was owed, and what has become of it."""

    event: str
    """`on_start`, `on_retry`, `on_late`, `on_success`, `on_failure`, `on_finish` or `on_recovery`."""
    telling: int
    """Which one it is of the times that this hook is told in the run."""
    task: str | None
    """Of `on_retry`: what is tried again, as `key`."""
    key: str | None
    attempt: int
    """2 if it was started again after a crash; 0 before its first start."""
    outcome: str | None
    """None until it has ended."""
    reason: str | None
    detail: str | None
    exit_code: int | None
    signal: int | None
    command: tuple[str, ...]
    started_at: datetime | None
    ended_at: datetime | None


@frozen(kw_only=True, slots=False)
class RunDetails(RunShape):
    """A run with its tasks, as `show` has it."""

    params: Mapping[str, Any]
    actor: Mapping[str, str]
    previous: str | None = None
    """The run that expressions mean by `previous`; null if none refers to it, or there is none."""
    tasks: tuple[TaskShape, ...] = field(default=())
    hooks: tuple[HookShape, ...] = field(default=())


@frozen(kw_only=True, slots=False)
class FailureShape:
    """A task that failed, as a hook is told of it."""

    task: str
    key: str | None
    reason: str | None
    exit_code: int | None
    """Of its last attempt, as all below; null if it had none."""
    signal: int | None
    detail: str | None
    log: tuple[str, ...]
    """The last lines of its log."""


@frozen(kw_only=True, slots=False)
class CommitShape:
    """The commit that a run used."""

    author_name: str
    author_email: str
    committed_at: datetime
    subject: str


@frozen(kw_only=True, slots=False)
class HookEventShape:
    """What a hook is told of."""

    event: str
    task: str | None
    """Of `on_retry`: what failed and will be tried again, as all below."""
    key: str | None
    attempt: int | None
    """Number of the attempt that failed."""


@frozen(kw_only=True, slots=False)
class ToldWorkflow:
    """A workflow, as its hooks `on_pause` and `on_not_fresh` read it."""

    hook: HookEventShape
    reason: str
    """Why it is told, in a sentence."""
    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    revision: str
    deployment: int
    last_run: RunShape | None
    last_success: RunShape | None


@frozen(kw_only=True, slots=False)
class ToldRun(RunDetails):
    """A run, as its hooks read it."""

    hook: HookEventShape
    failures: tuple[FailureShape, ...]
    commit: CommitShape | None
    """Null if it is no longer in the mirror."""
    last_success: RunShape | None
    """The run of the workflow before this one that succeeded."""
    changed_paths: tuple[str, ...] | None
    """What differs below the project's folder between its revision and this one; null without it."""


@frozen(kw_only=True, slots=False)
class BackfillShape:
    """A backfill."""

    id: str
    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    from_: str
    to: str
    revision: str
    deployment: int | None
    state: str
    reason: str | None
    total: int
    done: int
    failed: int
    owner: str | None
    created_at: datetime
    ended_at: datetime | None
    runs_on: tuple[str, ...] = ()
    """The labels that a process must have to drive it."""


@frozen(kw_only=True, slots=False)
class MissedShape:
    """Ticks of one series that made no run, from the first to the last."""

    project: str
    environment: str
    workflow: str
    instance: str | None
    series: str | None
    first: datetime
    last: datetime
    count: int
    reason: str
    """`no_catchup`, `not_latest`, `catchup_window`, `paused`."""
    detail: str
    recorded_at: datetime


def missed_shape(span: TickSpan) -> MissedShape:
    """As JSON shows it."""
    return MissedShape(
        project=span.key.project,
        environment=span.key.environment,
        **workflow_fields(span.key.workflow),
        series=span.key.series,
        first=span.first,
        last=span.last,
        count=span.count,
        reason=span.reason,
        detail=span.detail,
        recorded_at=span.recorded_at,
    )


def workflow_fields(workflow: str) -> dict[str, Any]:
    """The fields that say which workflow it is, and which instance of it."""
    name, key = split_instance(workflow)
    return {"workflow": name, "instance": key}


def run_fields(run: RunRecord) -> dict[str, Any]:
    """The fields of a `RunShape`."""
    return {
        "id": run.id,
        "project": run.project,
        "environment": run.environment,
        **workflow_fields(run.workflow),
        "series": run.series,
        "logical_time": run.logical_time,
        "date": run.times.date,
        "interval_start": run.interval_start,
        "interval_end": run.interval_end,
        "state": run.state,
        "reason": run.reason,
        "cause": run.cause,
        "counts": run.counts,
        "dirty": run.dirty,
        "revision": run.revision,
        "deployment": run.deployment,
        "backfill": run.backfill,
        "retry_of": run.retry_of,
        "owner": run.owner if run.state in LIVE else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "lateness": run.lateness,
        "runs_on": run.runs_on,
    }


def run_shape(run: RunRecord) -> RunShape:
    """A run as listings show it."""
    return RunShape(**run_fields(run))


def run_details(store: StoreReader, run: RunRecord, spec: RunSpec) -> RunDetails:
    """A run with its tasks, in the order of its spec."""
    return RunDetails(**details_fields(store, run, spec))


def details_fields(store: StoreReader, run: RunRecord, spec: RunSpec) -> dict[str, Any]:
    """The fields of a `RunDetails`."""
    return {
        **run_fields(run),
        "params": run.params,
        "actor": {"user": run.actor.user, "host": run.actor.host, "command": run.actor.command},
        "previous": previous_of(store, run, spec),
        "tasks": task_shapes(run, spec, store.list_tasks(run.id), store.list_attempts(run.id)),
        "hooks": hook_shapes(store, run, spec),
    }


def previous_of(store: StoreReader, run: RunRecord, spec: RunSpec) -> str | None:
    """The run that expressions of a run mean by `previous`, as far as it has been looked for."""
    if spec.previous is None:
        return None
    found = (event for event in store.get_events(run.id) if isinstance(event, PreviousFound))
    return next((event.run_id for event in found), None)


def hook_shapes(store: StoreReader, run: RunRecord, spec: RunSpec) -> tuple[HookShape, ...]:
    """The hooks that a run owes, and what has become of them."""
    if not spec.hooks:
        return ()
    return tuple(_hook_shape(spec, hook) for hook in HookRuns.told_by(store.get_events(run.id)).owed())


def _hook_shape(spec: RunSpec, hook: HookRun) -> HookShape:
    start, end = hook.start, hook.end
    return HookShape(
        event=spec.hooks[hook.hook].event,
        telling=hook.telling,
        task=hook.owed.task if hook.owed else None,
        key=hook.owed.key if hook.owed else None,
        attempt=hook.attempt,
        outcome=end.outcome if end else None,
        reason=end.reason if end else None,
        detail=end.detail if end else None,
        exit_code=end.exit_code if end else None,
        signal=end.signal if end else None,
        command=start.argv if start else (),
        started_at=start.at if start else None,
        ended_at=end.at if end else None,
    )


def task_shapes(
    run: RunRecord, spec: RunSpec, tasks: Iterable[TaskRecord], attempts: Iterable[AttemptRecord]
) -> tuple[TaskShape, ...]:
    """The tasks of a run: of a `for_each` task its instances, the whole only where it has none."""
    rows: dict[str, list[TaskRecord]] = {}
    for row in tasks:
        rows.setdefault(row.task, []).append(row)
    tries: dict[tuple[str, str | None], list[AttemptRecord]] = {}
    for attempt in attempts:
        tries.setdefault((attempt.task, attempt.key), []).append(attempt)
    shapes: list[TaskShape] = []
    for task in spec.tasks:
        known = rows.get(task.name, [])
        shown = [row for row in known if row.key is not None] or known
        waiting = TaskRecord(run_id=run.id, task=task.name, key=None, state=TaskState.WAITING)
        shapes += [_task_shape(row, tries.get((row.task, row.key), []), task) for row in shown or [waiting]]
    return tuple(shapes)


def _task_shape(row: TaskRecord, attempts: list[AttemptRecord], task: TaskSpec) -> TaskShape:
    return TaskShape(
        task=row.task,
        key=row.key,
        state=row.state,
        reason=row.reason,
        fingerprint=row.fingerprint or (task.fingerprint if row.state in ENDED_TASK else None) or None,
        carried_from=row.carried_from,
        output=row.output,
        attempts=tuple(_attempt_shape(attempt) for attempt in attempts),
        prepared=task.prepares,
        source=task.source.name if task.source else None,
        source_revision=task.source.revision if task.source else None,
    )


def _attempt_shape(attempt: AttemptRecord) -> AttemptShape:
    return AttemptShape(
        attempt=attempt.attempt,
        outcome=attempt.outcome,
        reason=attempt.reason,
        detail=attempt.detail,
        exit_code=attempt.exit_code,
        signal=attempt.signal,
        host=attempt.host,
        pid=attempt.pid,
        command=attempt.argv,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        cpu_time=attempt.cpu_time,
        peak_memory=attempt.peak_memory,
        log_bytes=attempt.log_bytes,
    )


def backfill_shape(backfill: BackfillRecord) -> BackfillShape:
    """A backfill as listings show it."""
    return BackfillShape(
        id=backfill.id,
        project=backfill.project,
        environment=backfill.environment,
        **workflow_fields(backfill.workflow),
        series=backfill.series,
        from_=backfill.from_text,
        to=backfill.to_text,
        revision=backfill.revision,
        deployment=backfill.deployment,
        state=backfill.state,
        reason=backfill.reason,
        total=backfill.total,
        done=backfill.done,
        failed=backfill.failed,
        owner=backfill.owner,
        created_at=backfill.created_at,
        ended_at=backfill.ended_at,
        runs_on=backfill.runs_on,
    )


def to_builtins(shape: Any) -> Any:
    """A shape, or several, as plain JSON values; `from_` is spelt `from`."""
    import msgspec

    value = msgspec.to_builtins(shape)
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    return _renamed(value)


def _renamed(value: Any) -> Any:
    if isinstance(value, dict) and "from_" in value:
        return {"from" if key == "from_" else key: item for key, item in value.items()}
    return value
