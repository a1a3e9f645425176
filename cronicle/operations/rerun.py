"""What `rerun` refuses and asks for: of a retry, and of a backfill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve

from cronicle.errors import CronicleError
from cronicle.names import task_label, typed
from cronicle.operations.results import was_for_real
from cronicle.runs.rerun import Rerun, RerunRules
from cronicle.runs.selection import Selection
from cronicle.runs.states import TaskState
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter, RunRecord

_PAGE = 1000


def check_retry(run: RunRecord, selection: Selection, rules: RerunRules, from_task: str | None) -> None:
    """See whether a retry may be made, and has anything to do.

    Raises:
        CronicleError: It may not, or has not.
    """
    if rules.workflow is Rerun.NEVER:
        raise CronicleError(
            f'run {run.id} is not retried: workflow {run.workflow} says rerun = "never"',
            f"See what it has done: cronicle show {run.id}   If its work is done: "
            f"cronicle mark {run.id} --succeeded --reason …   An execution that you take upon yourself: "
            f"cronicle run {typed(run.workflow)} --time {run.times.time}",
        )
    named = [result for result in selection.kept if result.task == from_task]
    if named and from_task not in selection.executed and named[0].state is TaskState.SUCCEEDED:
        where = named[0].carried_from or named[0].run_id
        raise CronicleError(
            f'task {from_task} is not executed again: it succeeded in run {where}, and says rerun = "never"',
            f"What is below it can be: cronicle retry {run.id} --from TASK",
        )
    if selection.executed:
        return
    failed = [result for result in selection.kept if result.state is TaskState.FAILED]
    if failed:
        first = failed[0]
        label = task_label(first.task, first.key)
        raise CronicleError(
            f"there is nothing to retry of run {run.id}: {label} failed after it had begun, so that it may have "
            'done its work, and it says rerun = "never"',
            f"If it has not: cronicle retry {run.id} --from {first.task}   "
            f"If it has: cronicle mark {run.id} --succeeded --reason …",
        )
    raise CronicleError(
        f"nothing of run {run.id} has failed: there is nothing to retry",
        f"To run a task and all below it again: cronicle retry {run.id} --from TASK",
    )


def times_begun(
    store: StoreReader,
    project: str,
    environment: str,
    workflow: str,
    series: str | None,
    times: Sequence[datetime],
) -> frozenset[datetime]:
    """Those of some logical times for which a run that counts has begun to execute something."""
    if not times:
        return frozenset()
    wanted = RunFilter(
        project=project,
        environment=environment,
        workflow=workflow,
        series=series,
        any_series=False,
        logical_from=min(times),
        logical_to=max(times) + timedelta.resolution,
        limit=_PAGE,
    )
    begun: set[datetime] = set()
    while page := store.list_runs(wanted):
        begun |= {run.logical_time for run in page if was_for_real(run) and run.started_at is not None}
        wanted = evolve(wanted, before=page[-1].sequence)
    return frozenset(begun.intersection(times))
