"""A candidate for the last logical times that have a result: isolated, and each compared with the run that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from cronicle.errors import CronicleError
from cronicle.names import typed
from cronicle.operations.addresses import Addresses
from cronicle.operations.ask import Candidate
from cronicle.operations.create_run import select_for
from cronicle.operations.experiments import (
    Isolation,
    NewExperiment,
    Subject,
    check_rerun,
    check_secrets,
    everything,
    experiment_run,
    params_like,
    previous_like,
    when_of,
    without_done,
)
from cronicle.operations.moment import Moment
from cronicle.operations.select import chosen_at
from cronicle.runs.spec import spec_from_bytes
from cronicle.runs.states import Cause, RunState
from cronicle.store.experiments import Experiment
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, RunRecord
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Trial(Value):
    """What is tried."""

    candidate: Candidate
    results: tuple[RunRecord, ...]
    """The runs that count, the latest logical time first."""
    isolation: Isolation
    params: Mapping[str, Any]
    """Those that were given."""
    only: Sequence[str] = ()
    without: Sequence[str] = ()

    def new(
        self,
        store: StoreReader,
        files: Path,
        result: RunRecord,
        *,
        session: str,
        run_id: str,
        actor: Actor,
        owner: str,
        now: datetime,
    ) -> NewExperiment:
        """The run to be compared with one of the results.

        Raises:
            CronicleError: A parameter has no value, or a task does not get what it needs.
            UsageError: A selector matches nothing.
        """
        candidate, spec = self.candidate, self.candidate.spec
        own = spec_from_bytes(store.get_spec(result.spec_hash))
        run = experiment_run(
            Subject(
                project=result.project,
                environment=result.environment,
                workflow=candidate.workflow,
                series=result.series,
                when=when_of(result),
                params=params_like(spec, result, own, self.params),
                revision=candidate.revision,
                spec=spec,
                spec_hash=candidate.spec_hash,
                dirty=candidate.dirty,
            ),
            Cause.TRIAL,
            Experiment(
                of=result.id,
                session=session,
                secrets=self.isolation.secrets,
                data=self.isolation.data,
            ),
            run_id=run_id,
            actor=actor,
            owner=owner,
            now=now,
        )
        chosen = chosen_at(store, Moment.of(run), spec, self.only, self.without)
        selection = without_done(store, run, spec, select_for(store, files, run, spec, chosen))
        more = previous_like(store, result, own, spec, now)
        new = NewExperiment(run=run, spec=spec, selection=selection, more=more)
        check_secrets(spec, new.executed, self.isolation, f" at {candidate.revision[:7]}")
        return new

    def to_confirm(self, store: StoreReader) -> tuple[str, ...]:
        """The tasks that are executed only if somebody agrees to that.

        Raises:
            CronicleError: The workflow is never executed again, or a task does not get what it needs.
            UsageError: A selector matches nothing.
        """
        spec, at = self.candidate.spec, f" at {self.candidate.revision[:7]}"
        moment = Moment.of(evolve(self.results[0], workflow=self.candidate.workflow))
        chosen = chosen_at(store, moment, spec, self.only, self.without)
        executed = everything(spec).executed if chosen is None else tuple(chosen)
        check_secrets(spec, executed, self.isolation, at)
        return check_rerun(spec, executed, at)


def last_results(
    store: StoreReader, candidate: Candidate, series: str | None, count: int
) -> tuple[RunRecord, ...]:
    """The runs that count for the last logical times that have one, the latest first.

    Raises:
        CronicleError: There is none.
    """
    project, environment = candidate.target.project.name, candidate.target.environment
    found: list[RunRecord] = []
    before: datetime | None = None
    while len(found) < count:
        result = store.find_newest_result(project, environment, candidate.workflow, series, before=before)
        if result is None:
            break
        before = result.logical_time
        if (run := store.find_run(result.run_id)) is not None:
            found.append(run)
    if not found:
        raise CronicleError(
            f"{candidate.workflow} has no result in {project}/{environment} that a trial could be compared with",
            f"Run it first: cronicle run {typed(candidate.workflow)}",
        )
    return tuple(found)


def results_named(addresses: Addresses, workflow: str, times: Sequence[str]) -> tuple[RunRecord, ...]:
    """The runs that count for these logical times.

    Raises:
        UsageError: A text is no time.
        CronicleError: One of them has no result.
    """
    wanted = addresses.filter_for(workflow)
    found: dict[str, RunRecord] = {}
    for text in times:
        runs = addresses.runs_at(wanted, text)
        run = addresses.chosen(runs) if runs else None
        if run is None or not run.counts or run.state is not RunState.SUCCEEDED:
            raise CronicleError(
                f"{workflow} has no result for {text} that a trial could be compared with",
                f"What there is: cronicle runs {typed(workflow)}",
            )
        found[run.id] = run
    return tuple(sorted(found.values(), key=lambda run: run.logical_time, reverse=True))
