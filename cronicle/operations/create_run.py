"""Making runs: the row and the first facts of each, for every cause that there is so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from cronicle.operations.lock import under_policy
from cronicle.operations.moment import Moment
from cronicle.operations.results import done_before, results_at, results_under_present_names
from cronicle.operations.select import chosen_at
from cronicle.operations.spooled import with_kept_stdout
from cronicle.runs import events as ev
from cronicle.runs.rerun import RerunRules, keep_done
from cronicle.runs.selection import Selection, is_mixed, plan_remake, plan_selection
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Cause, RunState
from cronicle.store.reading import StoreReader
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    DeploymentRecord,
    NewRun,
    RunRecord,
)

if TYPE_CHECKING:
    from cronicle.schedule.ticks import Tick


def ticked(tick: Tick) -> dict[str, Any]:
    """The fields of a run that come from its tick."""
    return {
        "logical_time": tick.logical_time,
        "nominal": tick.nominal.isoformat(),
        "interval_start": tick.interval.start,
        "interval_start_nominal": tick.previous_nominal.isoformat(),
        "interval_end": tick.interval.end,
        "timezone": tick.timezone,
    }


def unscheduled(at: datetime, timezone: str) -> dict[str, Any]:
    """The fields of a run for a moment that is no tick: the workflow has no schedule, or was deployed then."""
    from cronicle.schedule.zones import local_time

    return {
        "logical_time": at.astimezone(UTC),
        "nominal": local_time(timezone, at).isoformat(),
        "interval_start": None,
        "interval_start_nominal": None,
        "interval_end": None,
        "timezone": timezone,
    }


def stand_in(
    deployment: DeploymentRecord, workflow: str, timezone: str, *, run_id: str, host: str, now: datetime
) -> RunRecord:
    """A run that is in no store, for what is executed of a deployment and is none: a heartbeat, a hook of a workflow.

    Args:
        deployment: The one in force.
        workflow: As which workflow it is executed.
        timezone: What its times are shown in.
        run_id: Names its log and its folders.
        host: Where it is executed.
        now: The present moment.
    """
    return RunRecord(
        id=run_id,
        project=deployment.project,
        environment=deployment.environment,
        workflow=workflow,
        **unscheduled(now, timezone),
        cause=Cause.SCHEDULE,
        counts=True,
        revision=deployment.revision,
        deployment=deployment.number,
        spec_hash="",
        actor=Actor(user="", host=host, command=""),
        created_at=now,
    )


def first_facts(
    run: RunRecord,
    selection: Selection | None,
    named: Iterable[str] = (),
    remakes: str | None = None,
) -> tuple[ev.RunEvent, ...]:
    """`RunQueued`, with the tasks that somebody has named to be executed, and what is carried over or left out."""
    queued = ev.RunQueued(at=run.created_at, run_id=run.id, named=tuple(sorted(named)), remakes=remakes)
    return (queued, *selection.events(run.created_at)) if selection else (queued,)


def select_for(
    store: StoreReader, files: Path, run: RunRecord, spec: RunSpec, chosen: frozenset[str] | None
) -> Selection | None:
    """What a run of chosen tasks executes, carries over from the result of its logical time, and leaves out."""
    if chosen is None:
        return None
    results = results_at(store, Moment.of(run))
    return with_kept_stdout(files, spec, results, lambda usable: plan_selection(spec, usable, chosen))


def backfill_run(
    store: StoreReader,
    files: Path,
    backfill: BackfillRecord,
    spec: RunSpec,
    tick: BackfillTick,
    *,
    run_id: str,
    owner: str,
    now: datetime,
) -> NewRun:
    """The run of a backfill for one of its ticks.

    Args:
        store: Knows what was run before.
        files: The files folder, where the stdout of tasks is kept.
        backfill: It.
        spec: What the tick runs.
        tick: For which logical time.
        run_id: The id of the new run.
        owner: Who drives it.
        now: The present moment.
    """
    special = tick.spec_hash is not None
    run = RunRecord(
        id=run_id,
        project=backfill.project,
        environment=backfill.environment,
        workflow=backfill.workflow,
        series=backfill.series,
        logical_time=tick.logical_time,
        nominal=tick.nominal,
        interval_start=tick.interval_start,
        interval_start_nominal=tick.interval_start_nominal,
        interval_end=tick.interval_end,
        timezone=backfill.timezone,
        cause=Cause.BACKFILL,
        counts=backfill.counts,
        revision=tick.revision or backfill.revision,
        deployment=tick.deployment if special else backfill.deployment,
        backfill=backfill.id,
        spec_hash=tick.spec_hash or backfill.spec_hash,
        params={name: one.default for name, one in spec.params.items()} | dict(backfill.params),
        actor=backfill.actor,
        owner=owner,
        runs_on=backfill.runs_on,
        created_at=now,
    )
    run = under_policy(run, spec.policy)
    chosen = backfill.selection or {}
    named = chosen_at(store, Moment.of(run), spec, chosen.get("only", ()), chosen.get("except", ()))
    if tick.tasks is None:
        remade, selection = None, select_for(store, files, run, spec, named)
    else:
        remade = _result_of(store, run)
        run = run if remade is None else _with_params_of(remade, run, spec)
        selection = _remake(store, files, run, spec, remade, tick.tasks, named)
        named = None  # nobody has named them: what an earlier run has done of them may be taken
    if never := RerunRules.of(spec).never.union(chosen.get("never", ())):
        selection = selection or Selection((), (), tuple(task.name for task in spec.tasks))
        selection = keep_done(spec, selection, done_before(store, run, never))
    return NewRun(
        run=attrs.evolve(run, mixed=is_mixed(spec, selection)),
        events=first_facts(run, selection, named or (), None if remade is None else remade.id),
        backfill_position=tick.position,
    )


def _remake(
    store: StoreReader,
    files: Path,
    run: RunRecord,
    spec: RunSpec,
    remade: RunRecord | None,
    stale: Collection[str],
    chosen: frozenset[str] | None,
) -> Selection:
    """What a run executes that makes the stale tasks of a result anew; all of it, if that is gone meanwhile."""
    results = () if remade is None else results_under_present_names(store, run, remade.id)
    return with_kept_stdout(files, spec, results, lambda usable: plan_remake(spec, usable, stale, chosen))


def _result_of(store: StoreReader, run: RunRecord) -> RunRecord | None:
    """The run that is the result of a new one's logical time."""
    result = store.find_result(run.project, run.environment, run.workflow, run.series, run.logical_time)
    return None if result is None else store.find_run(result.run_id)


def _with_params_of(remade: RunRecord, run: RunRecord, spec: RunSpec) -> RunRecord:
    """A new run with the parameters of the one whose tasks it makes anew, as far as there still are such."""
    kept = {name: value for name, value in remade.params.items() if name in spec.params}
    return attrs.evolve(run, params={**run.params, **kept})


def retried(run: RunRecord, **changes: Any) -> RunRecord:
    """A new run like an earlier one: same logical time, revision, parameters and values."""
    return attrs.evolve(
        run,
        sequence=0,
        state=RunState.QUEUED,
        reason=None,
        cause=Cause.RETRY,
        backfill=None,
        retry_of=run.id,
        started_at=None,
        ended_at=None,
        lateness=None,
        cancel_requested=False,
        packed_tasks=None,
        **changes,
    )
