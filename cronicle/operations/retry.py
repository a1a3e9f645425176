"""Retrying a run: a new run of the same logical time, with what had succeeded carried over."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.errors import CronicleError
from cronicle.operations.ask import Candidate, live_run_exists
from cronicle.operations.create_run import first_facts, results_of, retried
from cronicle.runs.selection import Selection, TaskResult, changed_tasks, plan_retry
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import LIVE, TaskState
from cronicle.store.interface import Store, StoreReader
from cronicle.store.records import Actor, LiveRunExists, NewRun, RunRecord


@frozen(kw_only=True)
class RetryPlan:
    """What a retry would do; shown before it is done."""

    run: RunRecord
    """The run that is retried."""
    spec: RunSpec
    spec_hash: str
    revision: str
    deployment: int | None
    counts: bool
    selection: Selection
    changed_since: tuple[str, ...]
    """Tasks that had failed, that the deployed revision does differently, and that this retry repeats."""
    deployed_revision: str | None


def plan_a_retry(
    store: StoreReader,
    run: RunRecord,
    *,
    deployed: Candidate | None,
    other: Candidate | None,
    from_task: str | None,
) -> RetryPlan:
    """What a retry of a finished run would do.

    Args:
        store: Where the run is.
        run: The run.
        deployed: Its workflow as it is deployed now; None if it is not.
        other: The revision that was asked for; None for the run's own.
        from_task: Execute this and all below it, whatever had succeeded.

    Raises:
        CronicleError: The run has not ended, or nothing of it is to be done again.
        UsageError: There is no such task.
    """
    if run.state in LIVE:
        raise CronicleError(f"run {run.id} has not ended", f"End it first: cronicle cancel {run.id}")
    own = spec_from_bytes(store.get_spec(run.spec_hash))
    results = results_of(store, run, own)
    spec = other.spec if other else own
    selection = plan_retry(spec, results, from_task)
    if not selection.executed:
        raise CronicleError(
            f"nothing of run {run.id} has failed: there is nothing to retry",
            f"To run a task and all below it again: cronicle retry {run.id} --from TASK",
        )
    failed = {result.task for result in results if result.state is TaskState.FAILED}
    return RetryPlan(
        run=run,
        spec=spec,
        spec_hash=other.spec_hash if other else run.spec_hash,
        revision=other.revision if other else run.revision,
        deployment=other.deployment if other else run.deployment,
        counts=other.counts if other else run.counts,
        selection=selection,
        changed_since=_changed(deployed, results, failed) if other is None else (),
        deployed_revision=deployed.revision if deployed else None,
    )


def make_retry(
    store: Store, plan: RetryPlan, *, run_id: str, actor: Actor, owner: str, now: datetime
) -> RunRecord:
    """Make the new run in the store.

    Raises:
        CronicleError: The logical time has a live run.
    """
    run = retried(
        plan.run,
        id=run_id,
        spec_hash=plan.spec_hash,
        revision=plan.revision,
        deployment=plan.deployment,
        counts=plan.counts,
        actor=actor,
        owner=owner,
        created_at=now,
    )
    made = store.create_run(NewRun(run=run, events=first_facts(run, plan.selection)))
    if isinstance(made, LiveRunExists):
        raise live_run_exists(store, made.run_id)
    return made


def _changed(
    deployed: Candidate | None, results: tuple[TaskResult, ...], failed: set[str]
) -> tuple[str, ...]:
    if deployed is None:
        return ()
    return tuple(task for task in changed_tasks(deployed.spec, results) if task in failed)
