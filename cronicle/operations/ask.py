"""Asking for a run by hand: what is to run, for when, at which revision, and whether it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import typed
from cronicle.operations.create_run import first_facts, select_for
from cronicle.operations.deployed import Target
from cronicle.operations.experiments import Isolation, OwnData, check_secrets, own_data
from cronicle.operations.lock import under_policy
from cronicle.operations.moment import Moment
from cronicle.operations.select import chosen_at
from cronicle.runs.labels import labels_needed
from cronicle.runs.selection import is_mixed
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Cause
from cronicle.store.experiments import Experiment
from cronicle.store.interface import Store
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, DeployedWorkflow, LiveRunExists, NewRun, RunRecord
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Candidate(Value):
    """A workflow at a revision, ready to be run: from a deployment, or compiled for the occasion."""

    target: Target
    workflow: str
    spec: RunSpec
    spec_hash: str
    deployed: DeployedWorkflow
    """What its deployment says of it, or would say."""
    revision: str
    deployment: int | None
    counts: bool
    dirty: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class Wish(Value):
    """What a person asks of a run."""

    series: str | None = None
    when: Mapping[str, Any]
    params: Mapping[str, Any]
    only: Sequence[str] = ()
    without: Sequence[str] = ()
    not_before: datetime | None = None
    """When it is to start; None: now."""
    isolation: Isolation = field(factory=Isolation)
    """What it gets of what production has, if it does not count."""


@frozen(kw_only=True, eq=False, repr=False)
class AskedRun(Value):
    """A run that is to be made, and the data folder that is to be there before, if it has one of its own."""

    new: NewRun
    data: OwnData | None


def asked_run(
    store: StoreReader,
    files: Path,
    candidate: Candidate,
    wish: Wish,
    *,
    run_id: str,
    actor: Actor,
    owner: str | None,
    now: datetime,
) -> AskedRun:
    """What a person asks for; without an owner it is left to the process that serves.

    Raises:
        UsageError: A selector matches nothing, or what is asked is not for a run that counts.
        CronicleError: The selectors leave no task, or one needs what the run does not get.
    """
    chosen = chosen_by(store, candidate, wish)
    isolation = wish.isolation
    run = RunRecord(
        id=run_id,
        project=candidate.target.project.name,
        environment=candidate.target.environment,
        workflow=candidate.workflow,
        series=wish.series,
        **wish.when,
        cause=Cause.MANUAL,
        counts=candidate.counts,
        dirty=candidate.dirty,
        revision=candidate.revision,
        deployment=candidate.deployment,
        spec_hash=candidate.spec_hash,
        params=wish.params,
        actor=actor,
        owner=owner,
        runs_on=labels_needed(candidate.spec, chosen),
        created_at=now,
        not_before=wish.not_before,
        experiment=None if candidate.counts else Experiment(data=isolation.data, secrets=isolation.secrets),
    )
    run = under_policy(run, candidate.spec.policy)
    selection = select_for(store, files, run, candidate.spec, chosen)
    run = evolve(run, mixed=is_mixed(candidate.spec, selection))
    return AskedRun(
        new=NewRun(run=run, events=first_facts(run, selection, chosen or ())),
        data=None if run.experiment is None else own_data(store, files, run, selection),
    )


def make_run(store: Store, asked: AskedRun) -> RunRecord:
    """Make the run in the store; its data folder is there.

    Raises:
        CronicleError: The logical time has a live run already.
    """
    made = store.create_run(asked.new)
    if isinstance(made, LiveRunExists):
        raise live_run_exists(store, made.run_id)
    return made


def chosen_by(store: StoreReader, candidate: Candidate, wish: Wish) -> frozenset[str] | None:
    """The tasks that a run is to execute; None for all.

    Raises:
        UsageError: A selector matches nothing.
        CronicleError: The selectors leave no task.
    """
    moment = Moment(
        project=candidate.target.project.name,
        environment=candidate.target.environment,
        workflow=candidate.workflow,
        series=wish.series,
        logical_time=wish.when["logical_time"],
    )
    chosen = chosen_at(store, moment, candidate.spec, wish.only, wish.without)
    if chosen is not None and not chosen:
        raise CronicleError(
            "the selectors leave no task: there is nothing to execute",
            "`failed` are the tasks that failed in the last run of that logical time, `changed` those that its "
            "result does not have as they are now. See: cronicle explain "
            f"{typed(candidate.workflow)}@{wish.when['logical_time'].isoformat()}",
        )
    _check_isolation(candidate, wish, chosen)
    return chosen


def _check_isolation(candidate: Candidate, wish: Wish, chosen: frozenset[str] | None) -> None:
    if not candidate.counts:
        executed = {task.name for task in candidate.spec.tasks} if chosen is None else chosen
        check_secrets(candidate.spec, executed, wish.isolation, f" at {candidate.revision[:7]}")
    elif wish.isolation != Isolation():
        raise UsageError(
            "--data and --secrets are for runs that do not count; this one has the lasting data, and its secrets",
            "Leave them out; or run the working directory as it is: --dirty",
        )


def live_run_exists(store: Store, run_id: str) -> CronicleError:
    """Why a second run for the same logical time is refused, and what to do."""
    other = store.find_run(run_id)
    if other is not None and other.owner is None:
        return CronicleError(
            f"run {run_id} of {other.workflow} for {other.times.time} has not ended, and no process drives it",
            f"Go on with it: cronicle resume {run_id}   or end it: cronicle cancel {run_id}",
        )
    return CronicleError(
        f"run {run_id} is for the same logical time, and is not over",
        f"Follow it: cronicle logs -f {run_id}   or end it: cronicle cancel {run_id}",
    )
