"""Making runs: the row and the first facts of each, for every cause that there is so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import define, field

from cronicle.operations.lock import under_policy
from cronicle.operations.spooled import with_kept_stdout
from cronicle.runs import events as ev
from cronicle.runs.selection import Selection, TaskResult, plan_selection
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import Cause, RunState
from cronicle.runs.units import UnitId
from cronicle.store.reading import StoreReader
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    DeploymentRecord,
    NewRun,
    RunRecord,
    TaskRecord,
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


def results_of(store: StoreReader, run: RunRecord, spec: RunSpec) -> tuple[TaskResult, ...]:
    """How the tasks of a finished run ended, with the fingerprints of its spec."""
    fingerprints = {task.name: task for task in spec.tasks}
    last = _LastAttempts(store, frozenset(task.name for task in spec.tasks if task.stdout_is_data))
    return tuple(
        TaskResult(
            task=row.task,
            key=row.key,
            state=row.state,
            reason=row.reason,
            output=row.output,
            carried_from=row.carried_from,
            run_id=run.id,
            attempt=last.of(row),
            fingerprint=fingerprints[row.task].fingerprint,
            deep_fingerprint=fingerprints[row.task].deep_fingerprint,
        )
        for row in store.list_tasks(run.id)
        if row.task in fingerprints
    )


@define(eq=False, repr=False)
class _LastAttempts:
    """The last attempts of tasks whose stdout is data: each run that executed some is asked once."""

    store: StoreReader
    tasks: frozenset[str]
    _known: dict[str, dict[UnitId, int]] = field(factory=dict)

    def of(self, row: TaskRecord) -> int:
        """The number of a task's last attempt in the run that executed it; 0 if it needs none."""
        if row.task not in self.tasks:
            return 0
        run_id = row.carried_from or row.run_id
        known = self._known.get(run_id)
        if known is None:
            known = self._known[run_id] = {}
            for attempt in self.store.list_attempts(run_id):
                unit = (attempt.task, attempt.key)
                known[unit] = max(attempt.attempt, known.get(unit, 0))
        return known.get((row.task, row.key), 0)


def chosen_tasks(spec: RunSpec, only: Iterable[str], without: Iterable[str]) -> frozenset[str] | None:
    """The tasks that `--only` and `--except` leave; None if neither is given.

    Raises:
        UsageError: A selector matches nothing.
    """
    only, without = tuple(only), tuple(without)
    if not only and not without:
        return None
    from cronicle.operations.select import select_tasks

    chosen = select_tasks(spec, only) if only else frozenset(task.name for task in spec.tasks)
    return chosen - (select_tasks(spec, without) if without else frozenset())


def first_facts(run: RunRecord, selection: Selection | None) -> tuple[ev.RunEvent, ...]:
    """`RunQueued`, and what is carried over or left out."""
    queued = ev.RunQueued(at=run.created_at, run_id=run.id)
    return (queued, *selection.events(run.created_at)) if selection else (queued,)


def select_for(
    store: StoreReader, files: Path, run: RunRecord, spec: RunSpec, chosen: frozenset[str] | None
) -> Selection | None:
    """What a run of chosen tasks executes, carries over from the result of its logical time, and leaves out."""
    if chosen is None:
        return None
    result = store.find_result(run.project, run.environment, run.workflow, run.series, run.logical_time)
    earlier = store.find_run(result.run_id) if result else None
    results: tuple[TaskResult, ...] = ()
    if earlier is not None:
        results = results_of(store, earlier, spec_from_bytes(store.get_spec(earlier.spec_hash)))
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
    """The run of a backfill for one of its ticks."""
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
        revision=backfill.revision,
        deployment=backfill.deployment,
        backfill=backfill.id,
        spec_hash=backfill.spec_hash,
        params=backfill.params,
        actor=backfill.actor,
        owner=owner,
        runs_on=backfill.runs_on,
        created_at=now,
    )
    run = under_policy(run, spec.policy)
    selection = backfill.selection or {}
    chosen = chosen_tasks(spec, selection.get("only", ()), selection.get("except", ()))
    return NewRun(
        run=run,
        events=first_facts(run, select_for(store, files, run, spec, chosen)),
        backfill_position=tick.position,
    )


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
