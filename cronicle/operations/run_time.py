"""The logical time of a run that is to start at a later time (`run --at`): it is chosen when that time has come.

Until then the run stands for the time at which it is to start, and so in no tick's way. When it has come, the run is
for the latest tick that is due by the schedule which is deployed then; without a schedule it stays as it is.
"""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from cronicle.operations.create_run import ticked
from cronicle.operations.deployed_series import DeployedSeries
from cronicle.operations.lock import under_policy
from cronicle.runs.policy import Policy
from cronicle.runs.states import Cause
from cronicle.schedule.ticks import latest_tick
from cronicle.store.records import RunRecord


def is_to_be_chosen(run: RunRecord) -> bool:
    """True for a run whose logical time is to be chosen when it starts."""
    return run.cause is Cause.MANUAL and run.interval_end is None and run.not_before == run.logical_time


def same_time(other: str) -> str:
    """Why a run whose logical time has a live run waits."""
    return f"run {other} is for the same logical time, and is not over"


def with_chosen_time(deployed: DeployedSeries, run: RunRecord, policy: Policy, now: datetime) -> RunRecord:
    """The run for the latest tick that is due, if its logical time is to be chosen and it is time; else the same.

    Raises:
        CronicleError: The key of its lock cannot be evaluated.
    """
    if not is_to_be_chosen(run) or now < run.logical_time:
        return run
    schedules = deployed.of(run.project, run.environment, run.workflow).get(run.series, ())
    tick = latest_tick(schedules, now) if schedules else None
    if tick is None:
        return run
    lateness = (now - tick.logical_time).total_seconds()
    return under_policy(evolve(run, **ticked(tick), lateness=lateness), policy)
