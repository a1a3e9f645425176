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

from cronicle.runs.spec import RunSpec
from cronicle.runs.states import ENDED_TASK, LIVE, TaskState
from cronicle.store.records import AttemptRecord, BackfillRecord, RunRecord, TaskRecord


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


@frozen(kw_only=True, slots=False)
class RunDetails(RunShape):
    """A run with its tasks, as `show` has it and hooks read it."""

    params: Mapping[str, Any]
    actor: Mapping[str, str]
    tasks: tuple[TaskShape, ...] = field(default=())


@frozen(kw_only=True, slots=False)
class BackfillShape:
    """A backfill."""

    id: str
    project: str
    environment: str
    workflow: str
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


def run_fields(run: RunRecord) -> dict[str, Any]:
    """The fields of a `RunShape`."""
    return {
        "id": run.id,
        "project": run.project,
        "environment": run.environment,
        "workflow": run.workflow,
        "instance": run.instance,
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
    }


def run_shape(run: RunRecord) -> RunShape:
    """A run as listings show it."""
    return RunShape(**run_fields(run))


def run_details(
    run: RunRecord, spec: RunSpec, tasks: Iterable[TaskRecord], attempts: Iterable[AttemptRecord]
) -> RunDetails:
    """A run with its tasks, in the order of its spec."""
    return RunDetails(
        **run_fields(run),
        params=run.params,
        actor={"user": run.actor.user, "host": run.actor.host, "command": run.actor.command},
        tasks=task_shapes(run, spec, tasks, attempts),
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
        shapes += [
            _task_shape(row, tries.get((row.task, row.key), []), task.fingerprint)
            for row in shown or [waiting]
        ]
    return tuple(shapes)


def _task_shape(row: TaskRecord, attempts: list[AttemptRecord], fingerprint: str) -> TaskShape:
    return TaskShape(
        task=row.task,
        key=row.key,
        state=row.state,
        reason=row.reason,
        fingerprint=row.fingerprint or (fingerprint if row.state in ENDED_TASK else None) or None,
        carried_from=row.carried_from,
        output=row.output,
        attempts=tuple(_attempt_shape(attempt) for attempt in attempts),
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
        workflow=backfill.workflow,
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
