"""Asking for a run by hand: what is to run, for when, at which revision, and whether it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from cronicle.errors import CronicleError
from cronicle.names import typed
from cronicle.operations.create_run import first_facts, select_for
from cronicle.operations.deployed import Target
from cronicle.operations.lock import under_policy
from cronicle.operations.moment import Moment
from cronicle.operations.select import chosen_at
from cronicle.runs.labels import labels_needed
from cronicle.runs.selection import is_mixed
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Cause
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


def make_run(
    store: Store,
    files: Path,
    candidate: Candidate,
    wish: Wish,
    *,
    run_id: str,
    actor: Actor,
    owner: str | None,
    now: datetime,
) -> RunRecord:
    """Make the run in the store; without an owner it is left to the process that serves.

    Raises:
        CronicleError: The logical time has a live run already.
        UsageError: A selector matches nothing.
    """
    chosen = chosen_by(store, candidate, wish)
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
    )
    run = under_policy(run, candidate.spec.policy)
    selection = select_for(store, files, run, candidate.spec, chosen)
    run = evolve(run, mixed=is_mixed(candidate.spec, selection))
    made = store.create_run(NewRun(run=run, events=first_facts(run, selection, chosen or ())))
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
    return chosen


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
