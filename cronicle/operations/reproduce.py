"""Doing a run again, isolated: with the same spec, revision, parameters, logical time and previous run.

What is reproduced is what the result of the run consists of, as far as its own spec says how to make it: also what
the run had carried over from earlier runs is executed. Only what it had carried over although its spec does that
otherwise, or with other parameters (`--only`), is carried over again, since no run does both; and what it had left
out is left out. Everything comes from the store and the mirror; no clone is needed, nor need one have the revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import define, frozen

from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.names import typed
from cronicle.operations.experiments import (
    Isolation,
    NewExperiment,
    Subject,
    check_rerun,
    check_secrets,
    everything,
    experiment_run,
    when_of,
    without_done,
)
from cronicle.operations.previous import taken_over
from cronicle.operations.results import results_of
from cronicle.runs.selection import Selection, TaskResult
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import LIVE, Cause, Reason, RunState
from cronicle.store.experiments import Experiment
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, RunRecord
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Reproduction(Value):
    """What doing a run again would be."""

    original: RunRecord
    spec: RunSpec
    isolation: Isolation
    selection: Selection | None
    """What is executed; None: everything."""
    kept: tuple[str, ...]
    """Tasks that are carried over again, since the run's spec does them otherwise."""
    left_out: tuple[str, ...]
    """Tasks that are not executed since they say `rerun = "never"`, and nothing stands for them."""
    to_confirm: tuple[str, ...]
    """Tasks for which somebody has to agree to that."""

    def new(
        self, store: StoreReader, *, run_id: str, actor: Actor, owner: str, now: datetime
    ) -> NewExperiment:
        """The run that is to be made."""
        original = self.original
        subject = Subject(
            project=original.project,
            environment=original.environment,
            workflow=original.workflow,
            series=original.series,
            when=when_of(original),
            params=original.params,
            revision=original.revision,
            spec=self.spec,
            spec_hash=original.spec_hash,
            dirty=original.dirty,
        )
        experiment = Experiment(of=original.id, secrets=self.isolation.secrets, data=self.isolation.data)
        run = experiment_run(
            subject, Cause.REPRODUCE, experiment, run_id=run_id, actor=actor, owner=owner, now=now
        )
        more = taken_over(store.get_events(original.id), now)
        return NewExperiment(run=run, spec=self.spec, selection=self.selection, more=more)


def plan_reproduction(
    store: StoreReader, files: Path, run: RunRecord, isolation: Isolation, repository: Path | None = None
) -> Reproduction:
    """What doing a run again would be.

    Args:
        store: Where the run is.
        files: The files folder.
        run: The run.
        isolation: What the new one gets.
        repository: A clone that may have its revision, should the mirror have been lost.

    Raises:
        CronicleError: The run cannot be done again, or not with what it is to get.
    """
    _check_executed(run)
    _check_there(files, run, repository)
    spec = spec_from_bytes(store.get_spec(run.spec_hash))
    results = results_of(store, run, spec)
    selection = _selection(store, run, spec, results)
    planned = everything(spec) if selection is None else selection
    kept = tuple(dict.fromkeys(one.task for one in planned.carried))
    settled = without_done(store, run, spec, selection, results)
    executed = (settled or planned).executed
    to_confirm = check_rerun(spec, executed)
    check_secrets(spec, executed, isolation)
    return Reproduction(
        original=run,
        spec=spec,
        isolation=isolation,
        selection=settled,
        kept=kept,
        left_out=tuple(
            name for name in (settled.excluded if settled else ()) if name not in planned.excluded
        ),
        to_confirm=to_confirm,
    )


def _check_executed(run: RunRecord) -> None:
    if run.state in LIVE:
        raise CronicleError(
            f"run {run.id} has not ended, so there is nothing to compare with",
            f"Wait for its end: cronicle wait {run.id}",
        )
    why = None
    if run.state is RunState.SKIPPED:
        why = "was skipped"
    elif run.reason == Reason.MARKED:
        why = "is a mark that somebody has made"
    if why is not None:
        raise CronicleError(
            f"run {run.id} {why}: nothing was executed that could be done again",
            f"What there is for its logical time: cronicle runs {typed(run.workflow)}",
        )


def _check_there(files: Path, run: RunRecord, repository: Path | None) -> None:
    """See to it that the revision of a run is at hand."""
    from cronicle.git.errors import GitError
    from cronicle.git.mirror import Mirror
    from cronicle.git.repository import open_repository

    path = mirror_path(files, run.project)
    if path.exists() and Mirror.open_or_create(path).has(run.revision):
        return
    if repository is not None:
        with suppress(GitError):
            Mirror.open_or_create(path).pin(open_repository(repository), run.revision)
            return
    raise CronicleError(
        f"revision {run.revision} of run {run.id} is not in the mirror {path} any more",
        "Give the command in a clone that has it: it is taken from there.",
    )


def _selection(
    store: StoreReader, run: RunRecord, spec: RunSpec, results: tuple[TaskResult, ...]
) -> Selection | None:
    """What is carried over again, and left out again."""
    own = {task.name: task for task in spec.tasks}
    params = _Params(store, {run.id: run.params})
    carried = tuple(
        one
        for one in results
        if one.carried_from is not None
        and (
            one.deep_fingerprint != own[one.task].deep_fingerprint
            or params.of(one.carried_from) != run.params
        )
    )
    whole = {one.task for one in carried if one.key is None}
    excluded = tuple(one.task for one in results if one.reason == Reason.NOT_SELECTED and one.key is None)
    if not carried and not excluded:
        return None
    left = whole.union(excluded)
    return Selection(carried, excluded, tuple(name for name in own if name not in left))


@define(eq=False, repr=False)
class _Params:
    """The parameters of runs, each looked up once."""

    store: StoreReader
    known: dict[str, Mapping[str, Any]]

    def of(self, run_id: str) -> Mapping[str, Any]:
        if run_id not in self.known:
            run = self.store.find_run(run_id)
            self.known[run_id] = {} if run is None else run.params
        return self.known[run_id]
