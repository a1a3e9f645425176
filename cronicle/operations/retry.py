"""Retrying a run: a new run of the same logical time, with what had succeeded carried over."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from attrs import evolve, frozen

from cronicle.errors import CronicleError
from cronicle.execute.places import Places
from cronicle.names import typed
from cronicle.operations.ask import Candidate, live_run_exists
from cronicle.operations.create_run import first_facts, retried
from cronicle.operations.lock import under_policy
from cronicle.operations.previous import taken_over
from cronicle.operations.rerun import check_retry
from cronicle.operations.results import done_before, renames_since, results_of
from cronicle.operations.spooled import with_kept_stdout
from cronicle.plan.renames import with_renamed_results
from cronicle.runs.labels import labels_needed
from cronicle.runs.rerun import RerunRules, keep_done
from cronicle.runs.selection import (
    Selection,
    TaskResult,
    as_of_spec,
    changed_tasks,
    is_mixed,
    plan_retry,
    with_recorded,
)
from cronicle.runs.spec import RunSpec, policy_from_bytes, spec_from_bytes
from cronicle.runs.states import LIVE, TaskState
from cronicle.store.experiments import Experiment
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
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
    dirty: bool
    selection: Selection
    from_task: str | None
    """What is executed in any case."""
    to_confirm: tuple[str, ...]
    """Tasks that would be executed again, and for which somebody has to agree to that."""
    changed_since: tuple[str, ...]
    """Tasks that had failed, that the deployed revision does differently, and that this retry repeats."""
    deployed_revision: str | None

    @property
    def runs_on(self) -> tuple[str, ...]:
        """The labels that whoever executes it must have."""
        return labels_needed(self.spec, self.selection.executed)


def plan_a_retry(
    store: StoreReader,
    files: Path,
    run: RunRecord,
    *,
    deployed: Candidate | None,
    other: Candidate | None,
    from_task: str | None,
) -> RetryPlan:
    """What a retry of a finished run would do.

    Args:
        store: Where the run is.
        files: The files folder, where the tasks' stdout is kept.
        run: The run.
        deployed: Its workflow as it is deployed now; None if it is not.
        other: The revision that was asked for; None for the run's own.
        from_task: Execute this and all below it, whatever had succeeded.

    Raises:
        CronicleError: The run has not ended, nothing of it is to be done again, or `rerun` forbids it.
        UsageError: There is no such task.
    """
    if run.state in LIVE:
        raise CronicleError(f"run {run.id} has not ended", f"End it first: cronicle cancel {run.id}")
    own = spec_from_bytes(store.get_spec(run.spec_hash))
    rules = RerunRules.of(other.spec if other else own, deployed.spec if deployed else None)
    results = results_of(store, run, own, () if rules.is_silent else {task.name for task in own.tasks})
    spec = other.spec if other else own
    if other is not None:
        names = renames_since(store, run, other.deployment).tasks_of(run.workflow, own)
        results = with_renamed_results(results, own, names)
    compared = as_of_spec(own, results) if other is None else results
    selection = with_kept_stdout(files, spec, compared, lambda usable: plan_retry(spec, usable, from_task))
    selection = with_recorded(selection, results)
    if rules.never:
        done = done_before(store, run, rules.never, results)
        selection = keep_done(spec, selection, done, from_task)
    check_retry(run, selection, rules, from_task)
    acted = {result.task for result in results if result.has_acted}
    again = tuple(name for name in selection.executed if name in acted)
    failed = {result.task for result in results if result.state is TaskState.FAILED}
    return RetryPlan(
        run=run,
        spec=spec,
        spec_hash=other.spec_hash if other else run.spec_hash,
        revision=other.revision if other else run.revision,
        deployment=other.deployment if other else run.deployment,
        counts=_counts_at(other, run) if other else _counts(store, run),
        dirty=other.dirty if other else run.dirty,
        selection=selection,
        from_task=from_task,
        to_confirm=rules.to_confirm(again),
        changed_since=_changed(deployed, results, failed) if other is None else (),
        deployed_revision=deployed.revision if deployed else None,
    )


def make_retry(
    store: Store, files: Path, plan: RetryPlan, *, run_id: str, actor: Actor, owner: str, now: datetime
) -> RunRecord:
    """Make the new run in the store, with a copy of what the tasks of the retried one have left for each other.

    Raises:
        CronicleError: The logical time has a live run, or there is no room for the copy.
    """
    run = retried(
        plan.run,
        id=run_id,
        spec_hash=plan.spec_hash,
        revision=plan.revision,
        deployment=plan.deployment,
        counts=plan.counts,
        dirty=plan.dirty,
        actor=actor,
        owner=owner,
        runs_on=plan.runs_on,
        mixed=is_mixed(plan.spec, plan.selection),
        created_at=now,
        experiment=None if plan.counts else _again(plan.run.experiment),
    )
    run = under_policy(run, policy_from_bytes(store.get_spec(run.spec_hash)))
    with Places(files) as places:
        _copy_run_data(places, plan.run, run)  # first: nobody may take the run up without it
        named = () if plan.from_task is None else (plan.from_task,)
        events = (*first_facts(run, plan.selection, named), *taken_over(store.get_events(plan.run.id), now))
        made = store.create_run(NewRun(run=run, events=events))
        if isinstance(made, LiveRunExists):
            places.remove_run_data(run.id)
            raise live_run_exists(store, made.run_id)
    return made


def _copy_run_data(places: Places, old: RunRecord, new: RunRecord) -> None:
    try:
        places.copy_run_data(old.id, new.id)
    except OSError as error:
        with suppress(OSError):
            places.remove_run_data(new.id)
        raise CronicleError(
            f"the data of run {old.id} cannot be copied for its retry: {error}",
            "Make room, or the files readable. All tasks anew, without that data: "
            f"cronicle run {typed(old.workflow)} --time {old.times.time}",
        ) from error


def _again(experiment: Experiment | None) -> Experiment:
    """What the retry of an experiment is for; of a run that has counted, at a revision that does not, the least."""
    return Experiment() if experiment is None else evolve(experiment, verdict=None)


def _counts(store: StoreReader, run: RunRecord) -> bool:
    """A revision that has been deployed since the run counts now, unless that was made to be looked at."""
    if run.experiment is not None and run.experiment.never_counts:
        return False
    return run.counts or (
        not run.dirty and store.has_been_deployed(run.project, run.environment, run.revision)
    )


def _counts_at(other: Candidate, run: RunRecord) -> bool:
    return other.counts and not (run.experiment is not None and run.experiment.never_counts)


def _changed(
    deployed: Candidate | None, results: tuple[TaskResult, ...], failed: set[str]
) -> tuple[str, ...]:
    if deployed is None:
        return ()
    return tuple(task for task in changed_tasks(deployed.spec, results) if task in failed)
