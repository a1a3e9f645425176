"""What the store says of the gates of a queued run: the tick before it, and the workflows that it requires."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronicle.operations.deployed_series import DeployedSeries, SeriesOf
from cronicle.operations.run_time import same_time, with_chosen_time
from cronicle.runs.policy import Policy
from cronicle.runs.states import LIVE
from cronicle.schedule.admission import Gates, Past, Required, Waiting, gates, may_start
from cronicle.schedule.ticks import ticks_between
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter, RunRecord
from cronicle.store.series import SeriesKey

MOST_LIVE = 1_000
"""Live runs of a workflow that are looked at."""

_INSTANT = timedelta.resolution


def gates_of(
    store: StoreReader, deployed: DeployedSeries, run: RunRecord, policy: Policy, now: datetime
) -> Gates:
    """What stands between a queued run and its admission, apart from limits."""
    return gates(
        policy,
        Waiting(
            cause=run.cause,
            logical_time=run.logical_time,
            not_before=run.not_before,
            past=_past_of(store, run) if policy.depends_on_past else None,
            required=tuple(_required(store, deployed, run, workflow) for workflow in policy.requires),
        ),
        now,
    )


def _past_of(store: StoreReader, run: RunRecord) -> Past | None:
    """The tick before that of a run; its interval begins there."""
    before = run.interval_start
    if before is None or before >= run.logical_time:
        return None
    result = store.find_result(run.project, run.environment, run.workflow, run.series, before)
    return Past(
        logical_time=before,
        succeeded=result is not None,
        outside=result is None and _is_outside(store, run, before),
    )


def _is_outside(store: StoreReader, run: RunRecord, before: datetime) -> bool:
    """True if nobody owes the tick before: it is older than the cursor, and no tick of the run's backfill."""
    if run.backfill is not None:
        ticks = store.list_ticks(run.backfill)
        if any(tick.logical_time == before for tick in ticks):
            return False
    cursor = store.find_cursor(
        SeriesKey(
            project=run.project,
            environment=run.environment,
            workflow=run.workflow,
            series=run.series,
        )
    )
    return cursor is None or before <= cursor.since


def _required(store: StoreReader, deployed: DeployedSeries, run: RunRecord, workflow: str) -> Required:
    """How many of the ticks of a required workflow in a run's interval, or at its logical time, have succeeded."""
    start = run.interval_start
    first = run.logical_time if start is None or start >= run.logical_time else start + _INSTANT
    end = run.logical_time + _INSTANT
    times: dict[str | None, set[datetime]] = {
        label: {tick.logical_time for tick in ticks_between(schedules, first, end)}
        for label, schedules in _series_of(deployed, run, workflow).items()
    }
    times = times or {None: {run.logical_time}}  # without a schedule: its run of the same logical time
    succeeded = 0
    for label, wanted in times.items():
        results = store.list_results(run.project, run.environment, workflow, label, first, end)
        succeeded += len(wanted.intersection(results))
    return Required(workflow=workflow, succeeded=succeeded, ticks=sum(map(len, times.values())))


def _series_of(deployed: DeployedSeries, run: RunRecord, workflow: str) -> SeriesOf:
    """The unlabelled series of a workflow as it is deployed now, else all of its series; nothing if it has none."""
    series = deployed.of(run.project, run.environment, workflow)
    return {None: series[None]} if None in series else series


def waiting_reasons(store: StoreReader, run: RunRecord, policy: Policy, now: datetime) -> tuple[str, ...]:
    """Why a queued run has not started yet, limits included: sentences for people."""
    found = store.list_runs(
        RunFilter(
            project=run.project,
            environment=run.environment,
            workflow=run.workflow,
            states=tuple(sorted(LIVE)),
            limit=MOST_LIVE,
        )
    )
    deployed = DeployedSeries(store)
    chosen = with_chosen_time(deployed, run, policy, now)
    same = [one for one in found if (one.series, one.logical_time) == (run.series, chosen.logical_time)]
    if chosen is not run and same:
        return (same_time(same[0].id),)
    gate = gates_of(store, deployed, chosen, policy, now)
    return (*gate.reasons, *may_start(policy, chosen.as_live(), [one.as_live() for one in found]))
