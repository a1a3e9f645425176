"""What hooks read on their stdin: a run, or a workflow, with what one needs to know of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve

from cronicle.errors import CronicleError
from cronicle.execute.places import log_path, mirror_path
from cronicle.execute.summaries import Summaries
from cronicle.logs import tail
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import ORDINARY_CAUSES, RunState, TaskState
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord, RunFilter, RunRecord
from cronicle.views.parts import workflow_fields
from cronicle.views.run_shapes import details_fields
from cronicle.views.runbooks import MOST_TOLD, read_runbook
from cronicle.views.shapes import (
    CommitShape,
    FailureShape,
    HookEventShape,
    TaskShape,
    ToldRun,
    ToldWorkflow,
    run_shape,
)

SUMMARIES_ROOM = 1 << 20
"""Characters of summaries that a hook is told, in all."""

LOG_LINES = 20
"""Lines of the log of each failed task that a hook is told."""


def told(
    store: StoreReader,
    files: Path,
    run_id: str,
    event: str,
    task: str | None = None,
    key: str | None = None,
    attempt: int | None = None,
) -> ToldRun:
    """What a hook reads of a run; `on_retry` also names the attempt that failed, and tells of it as a failure."""
    run = store.find_run(run_id)
    assert run is not None
    spec = spec_from_bytes(store.get_spec(run.spec_hash))
    fields = details_fields(store, run, spec, Summaries(files, room=SUMMARIES_ROOM))
    before = last_success(store, run)
    commit, changed = _git_facts(files, spec.folder, run, before)
    failures = [_failure(files, run_id, one) for one in fields["tasks"] if one.state == TaskState.FAILED]
    failures += [
        _failure(files, run_id, one, attempt)
        for one in fields["tasks"]
        if (one.task, one.key) == (task, key) and attempt is not None
    ]
    return ToldRun(
        **fields,
        hook=HookEventShape(event=event, task=task, key=key, attempt=attempt),
        failures=tuple(failures),
        commit=commit,
        last_success=run_shape(before) if before else None,
        changed_paths=changed,
        runbook_text=_runbook_text(files, run, spec),
    )


def _runbook_text(files: Path, run: RunRecord, spec: RunSpec) -> str | None:
    if spec.runbook is None:
        return None
    try:
        return read_runbook(files, run, spec.folder, spec.runbook, MOST_TOLD)
    except CronicleError:  # the mirror is gone; the hook is told the rest
        return None


def last_success(store: StoreReader, run: RunRecord) -> RunRecord | None:
    """The run of the workflow and series that succeeded last before this one was made."""
    before = store.list_runs(_like(run, states=(RunState.SUCCEEDED,), before=run.sequence))
    return before[0] if before else None


def told_of_workflow(
    store: StoreReader,
    deployment: DeploymentRecord,
    workflow: str,
    series: str | None,
    event: str,
    reason: str,
) -> ToldWorkflow:
    """What a hook reads of a workflow."""
    of = RunFilter(
        project=deployment.project,
        environment=deployment.environment,
        workflow=workflow,
        series=series,
        any_series=False,
        causes=ORDINARY_CAUSES,
        limit=1,
    )
    last = store.list_runs(of)
    good = store.list_runs(evolve(of, states=(RunState.SUCCEEDED,)))
    return ToldWorkflow(
        hook=HookEventShape(event=event, task=None, key=None, attempt=None),
        reason=reason,
        project=deployment.project,
        environment=deployment.environment,
        **workflow_fields(workflow),
        series=series,
        revision=deployment.revision,
        deployment=deployment.number,
        last_run=run_shape(last[0]) if last else None,
        last_success=run_shape(good[0]) if good else None,
    )


def _like(run: RunRecord, **changes: Any) -> RunFilter:
    return RunFilter(
        project=run.project,
        environment=run.environment,
        workflow=run.workflow,
        series=run.series,
        any_series=False,
        causes=ORDINARY_CAUSES,
        limit=1,
        **changes,
    )


def _failure(files: Path, run_id: str, task: TaskShape, attempt: int | None = None) -> FailureShape:
    """How a task failed, at an attempt (None: the last)."""
    attempts = [one for one in task.attempts if attempt in (None, one.attempt)]
    last = attempts[-1] if attempts else None
    path = log_path(files, run_id, task.task, task.key, last.attempt) if last else None
    return FailureShape(
        task=task.task,
        key=task.key,
        reason=task.reason or (last.reason if last else None),
        exit_code=last.exit_code if last else None,
        signal=last.signal if last else None,
        detail=last.detail if last else None,
        log=tuple(tail(path, LOG_LINES)) if path else (),
    )


def _git_facts(
    files: Path, folder: str, run: RunRecord, before: RunRecord | None
) -> tuple[CommitShape | None, tuple[str, ...] | None]:
    """The commit of a run, and the paths that differ from an earlier one's; None for what is not known."""
    from cronicle.git.mirror import Mirror

    try:
        mirror = Mirror.open_or_create(mirror_path(files, run.project))
        info = mirror.commit_info(run.revision)
    except CronicleError:
        return None, None
    commit = CommitShape(
        author_name=info.author_name,
        author_email=info.author_email,
        committed_at=info.committed_at,
        subject=info.subject,
    )
    try:
        return commit, mirror.changed_paths(before.revision, run.revision, folder) if before else None
    except CronicleError:
        return commit, None
