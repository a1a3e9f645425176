"""The shapes of the JSON output; a contract: keys are only ever added.

Keys are the words of docs/glossary.md, instants RFC 3339 in UTC with `Z`, durations in seconds, sizes in bytes; what
is absent is null. `docs/reference/json.md` has their JSON schema, made from these classes. They have no slots, since
those have no order, and keys are to come in the order that is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from cronicle.runs.states import LIVE
from cronicle.store.records import BackfillRecord, RunRecord, TickRevision
from cronicle.store.series import TickSpan
from cronicle.views.parts import InputShape, workflow_fields


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
class ProductShape:
    """A file below `$CRONICLE_DATA` that a task has made, as it was when the task had succeeded."""

    path: str
    size: int
    sha256: str
    condition: str | None = None
    """With `--verify`: `unchanged`, `changed`, `missing` or `unreadable`."""
    changed_by: str | None = None
    """The task run that has left it as it is now; null if it was none that recorded it."""


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
    rerun: str = "allow"
    """Whether it may be executed again: `allow`, `confirm` or `never`."""
    summary: str | None = None
    """Markdown that its last attempt to end wrote to `$CRONICLE_SUMMARY`; null if none, or it is kept no more."""
    products: tuple[ProductShape, ...] = ()
    """The files that it has made, as its `produces` names them."""
    inputs: tuple[InputShape, ...] | None = None
    """The files that define what it does, where one task is shown; null in a list of tasks."""


@frozen(kw_only=True, slots=False)
class ExperimentShape:
    """What an isolated run is for, which does not count."""

    of: str | None
    """The run that it repeats, or is compared with."""
    session: str | None
    """Names the runs of one `bisect` or `trial`: the id of the first."""
    data: str
    """What its data folder held when it began: `empty`, or `copy` of the lasting one."""
    secrets: bool
    """Whether its tasks got the values of secrets."""
    judge: str | None
    """The command that tells good from bad; null: whether the run succeeds does."""
    verdict: str | None
    """What a `bisect` has found: `good`, `bad`, or `skip` if it cannot be told."""


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
    experiment: ExperimentShape | None = None
    """Of a run that is isolated, and does not count."""


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
    rerun: str = "allow"
    """Whether the workflow's runs may be repeated: `allow`, `confirm` or `never`."""
    runbook: str | None = None
    """A file of its revision, in the project's folder, that tells what to do when it fails."""


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
    runbook_text: str | None = None
    """What its runbook says, at its revision; null without one."""


@frozen(kw_only=True, slots=False)
class TickRevisionShape:
    """What some ticks of a backfill run, where each runs what was deployed then (`--as-deployed`)."""

    revision: str
    deployment: int | None
    ticks: int


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
    choice: str = "changed"
    """Which ticks of the range it took: `changed`, `missing`, `failed`, `stale`, `all`."""
    canary: int | None = None
    """So many runs first; the others start once these have succeeded."""
    waits_for: str | None = None
    """The backfill that has to succeed before (`--downstream`)."""
    revisions: tuple[TickRevisionShape, ...] | None = None
    """What its ticks run that do not run `revision`; null in `status` and `wait`."""


@frozen(kw_only=True, slots=False)
class BackfillChainShape(BackfillShape):
    """A backfill with those that follow it (`--downstream`)."""

    downstream: tuple[BackfillShape, ...] = ()
    """In the order of their turns; each waits for the one before it."""


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


def experiment_shape(run: RunRecord) -> ExperimentShape | None:
    """As JSON shows it; None for a run that is none."""
    if run.experiment is None:
        return None
    one = run.experiment
    return ExperimentShape(
        of=one.of,
        session=one.session,
        data=str(one.data),
        secrets=one.secrets,
        judge=one.judge,
        verdict=None if one.verdict is None else str(one.verdict),
    )


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
        "experiment": experiment_shape(run),
    }


def run_shape(run: RunRecord) -> RunShape:
    """A run as listings show it."""
    return RunShape(**run_fields(run))


def backfill_shape(
    backfill: BackfillRecord, revisions: Iterable[TickRevision] | None = None
) -> BackfillShape:
    """A backfill as listings show it, with what the store says of the revisions of its ticks."""
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
        choice=backfill.choice,
        canary=backfill.canary,
        waits_for=backfill.waits_for,
        revisions=None if revisions is None else tick_revision_shapes(revisions),
    )


def backfill_chain(shapes: Sequence[BackfillShape]) -> Any:
    """A backfill, in it those that follow it, as plain JSON values."""
    first, *others = to_builtins(shapes)
    return first | {"downstream": others}


def tick_revision_shapes(revisions: Iterable[TickRevision]) -> tuple[TickRevisionShape, ...]:
    """What ticks run, where that is not what their backfill says."""
    return tuple(
        TickRevisionShape(revision=one.revision, deployment=one.deployment, ticks=one.ticks)
        for one in revisions
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
