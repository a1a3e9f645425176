"""Running a candidate for logical times that have a result, and telling how each compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from attrs import frozen

from cronicle.cli.experimenting import IsolatedRuns, agrees_to_repeat, drive_isolated
from cronicle.cli.output import paint, plural, print_json, say, table, tell, visible_line
from cronicle.cli.session import Session
from cronicle.cli.slots import default_slots
from cronicle.errors import ExitCode, UsageError
from cronicle.names import typed
from cronicle.operations.ask import Candidate
from cronicle.operations.candidate import DEPLOYED, find_candidate
from cronicle.operations.compare_runs import compare_runs
from cronicle.operations.experiments import Isolation
from cronicle.operations.labels import check_labels
from cronicle.operations.params import given_param
from cronicle.operations.trial import Trial, last_results, results_named
from cronicle.plan.outcomes import Likeness
from cronicle.plan.run_differences import RunDifference
from cronicle.runs.labels import labels_needed
from cronicle.runs.states import RunState
from cronicle.store.records import RunRecord
from cronicle.views.differences import outcome_lines
from cronicle.views.experiments import TrialRunShape, TrialShape, show_commands
from cronicle.views.parts import workflow_fields
from cronicle.views.shapes import run_shape, to_builtins
from cronicle.views.words import local_time, name_of

if TYPE_CHECKING:
    from cronicle.store.interface import Store

MOST_LINES = 3
"""Differences of one logical time that are told in the table."""


@frozen(kw_only=True)
class Tried:
    """What is asked for."""

    workflow: str
    revision: str | None
    """None: the working directory as it is."""
    clashes: bool
    """`--dirty` and `--revision` were both given."""
    last: int
    times: tuple[str, ...]
    series: str | None
    isolation: Isolation
    param: tuple[str, ...]
    var: tuple[str, ...]
    only: tuple[str, ...]
    without: tuple[str, ...]


@frozen(kw_only=True)
class Compared:
    """One logical time: the run that counts, and that of the candidate."""

    result: RunRecord
    run: RunRecord
    difference: RunDifference


def try_candidate(
    session: Session, store: Store, asked: Tried, *, auto_approve: bool, slots: int | None, json: bool
) -> int:
    """Run a candidate for each logical time, compare each with what counts, and tell."""
    candidate = _candidate(session, store, asked)
    trial = _trial(session, store, asked, candidate)
    check_labels(
        candidate.workflow,
        labels_needed(candidate.spec, None),
        session.labels,
        ["Else try it on a machine that can."],
    )
    if not agrees_to_repeat(candidate.workflow, trial.to_confirm(store), auto_approve=auto_approve):
        return ExitCode.FAILED
    at = "the working directory" if candidate.dirty else candidate.revision[:7]
    what = plural(len(trial.results), "logical time")
    tell(f"trial of {candidate.workflow} at {at} for {what}, isolated: data {trial.isolation.data}")
    found = drive_isolated(
        session, store, slots, lambda runs: _run_all(runs, trial, slots or default_slots())
    )
    if found is None:
        tell(f"{paint('✗', 'red')} interrupted; nothing of it counts")
        return ExitCode.INTERRUPTED
    compared = [
        Compared(result=result, run=run, difference=compare_runs(store, session.files, result, run))
        for result, run in found
    ]
    if json:
        print_json(to_builtins(_shape(trial, compared)))
    else:
        _say(trial, compared)
    is_equal = all(one.difference.outcome is not Likeness.DIFFERENT for one in compared)
    return ExitCode.GOOD if is_equal else ExitCode.FAILED


def _candidate(session: Session, store: Store, asked: Tried) -> Candidate:
    if asked.clashes:
        raise UsageError("--dirty and --revision exclude each other", "Leave one of them out.")
    if asked.var and asked.revision == DEPLOYED:
        raise UsageError("--var has no effect on what is deployed", "Try a revision: --revision HEAD --var …")
    return find_candidate(
        session.sources(store),
        asked.workflow,
        revision=asked.revision,
        dirty=asked.revision is None,
        var=asked.var,
    )


def _trial(session: Session, store: Store, asked: Tried, candidate: Candidate) -> Trial:
    addresses = session.addresses(store, asked.series)
    if asked.times:
        results = results_named(addresses, asked.workflow, asked.times)
    else:
        results = last_results(store, candidate, asked.series, asked.last)
    spec = candidate.spec
    return Trial(
        candidate=candidate,
        results=results,
        isolation=asked.isolation,
        params=dict(given_param(spec.workflow, spec.params, text) for text in asked.param),
        only=asked.only,
        without=asked.without,
    )


async def _run_all(runs: IsolatedRuns, trial: Trial, at_once: int) -> list[tuple[RunRecord, RunRecord]]:
    """Run all, so many at once; each with the run that counts, in their order."""
    ended: dict[str, RunRecord] = {}
    session_id = runs.owner.new_id()
    limit = trio.CapacityLimiter(at_once)

    async def run_one(result: RunRecord, run_id: str) -> None:
        async with limit:
            if runs.is_stopped():
                return
            new = trial.new(
                runs.store,
                runs.session.files,
                result,
                session=session_id,
                run_id=run_id,
                actor=runs.session.actor(),
                owner=runs.owner.id,
                now=runs.session.clock.now(),
            )
            run = ended[result.id] = await runs.execute(new)
            tell(f"  {name_of(run)}  run {run.id} {run.state}   {len(ended)} of {len(trial.results)}")

    async with trio.open_nursery() as nursery:
        for place, result in enumerate(trial.results):
            nursery.start_soon(run_one, result, session_id if place == 0 else runs.owner.new_id())
    return [(result, ended[result.id]) for result in trial.results if result.id in ended]


def _shape(trial: Trial, compared: list[Compared]) -> TrialShape:
    candidate = trial.candidate
    first = compared[0].run
    return TrialShape(
        project=candidate.target.project.name,
        environment=candidate.target.environment,
        **workflow_fields(candidate.workflow),
        revision=candidate.revision,
        dirty=candidate.dirty,
        session=first.experiment.session if first.experiment else None,
        data=str(trial.isolation.data),
        outcome=str(_worst(compared)),
        trials=tuple(
            TrialRunShape(
                logical_time=one.result.logical_time,
                result=run_shape(one.result),
                run=run_shape(one.run),
                outcome=str(one.difference.outcome),
                tasks=one.difference.tasks,
                unknown=one.difference.unknown,
            )
            for one in compared
        ),
    )


def _worst(compared: list[Compared]) -> Likeness:
    found = {one.difference.outcome for one in compared}
    return next((one for one in (Likeness.DIFFERENT, Likeness.UNKNOWN) if one in found), Likeness.SAME)


_WORDS: dict[Any, tuple[str, str]] = {
    Likeness.SAME: ("same", "green"),
    Likeness.UNKNOWN: ("same, as far as it is kept", "green"),
    Likeness.DIFFERENT: ("differs", "red"),
}


def _say(trial: Trial, compared: list[Compared]) -> None:
    rows = [["LOGICAL TIME", "RESULT", "TRIAL", "", ""]]
    for one in compared:
        word, colour = _WORDS[one.difference.outcome]
        lines = [visible_line(line) for line in outcome_lines(one.difference)]
        if one.run.state is not RunState.SUCCEEDED:
            lines.insert(0, f"the run {one.run.state}")
        more = [f"… {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
        shown = [*lines[:MOST_LINES], *more] or [""]
        when = local_time(one.result.logical_time, one.result.timezone)
        rows.append([when, one.result.id, one.run.id, paint(word, colour), shown[0]])
        rows += [["", "", "", "", line] for line in shown[1:]]
    say(table(rows))
    say()
    differing = [one for one in compared if one.difference.outcome is Likeness.DIFFERENT]
    equal = len(compared) - len(differing)
    say(paint(f"{equal} of {len(compared)} have come to the same.", "bold"))
    if differing:
        say(f"  side by side   {show_commands(differing[0].result, differing[0].run)}")
    elif not trial.candidate.dirty and not trial.candidate.counts:
        say(f"  deploy it      cronicle apply --revision {typed(trial.candidate.revision[:12])}")
