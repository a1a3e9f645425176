"""One screen of what fails, runs, is unfinished and comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from cronicle.config.deployed import series_from_json
from cronicle.operations.addresses import Addresses
from cronicle.operations.labels import LabelsOfServing, Lacking
from cronicle.operations.leaders import leader_of_ticks
from cronicle.operations.served import pauses_holding
from cronicle.runs.states import LIVE, ORDINARY_CAUSES, BackfillState, RunState
from cronicle.schedule.admission import TICK_CAUSES
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import Tick, ticks_after
from cronicle.store.interface import StoreError
from cronicle.store.reading import StoreReader
from cronicle.store.records import (
    BackfillRecord,
    DeployedWorkflow,
    DeploymentRecord,
    OwnerRecord,
    RunFilter,
    RunRecord,
)
from cronicle.store.series import PauseRecord
from cronicle.views.backfills import backfill_note
from cronicle.views.naming import Naming
from cronicle.views.runbooks import runbook_of
from cronicle.views.runs import progress_of
from cronicle.views.ticks import tick_shape
from cronicle.views.words import (
    day_and_time,
    duration,
    local_time,
    plural,
    relative,
    series_name,
    took,
)

MOST_RUNS = 10
"""Live runs that are shown; of more the number."""

TIMES_LOOKED_AT = 3
"""So many of the last logical times of a workflow are looked at for one whose run can be read."""

FAILURES_LOOKED_AT = 50
"""So many of the last failed runs of a workflow are looked at for one whose logical time has no result since."""

MOST_BACKFILLS = 10


@frozen(kw_only=True)
class WorkflowHealth:
    """How a deployed workflow does, in one of its series."""

    deployment: DeploymentRecord
    workflow: str
    series: str | None
    last: RunRecord | None
    """Of its last logical time: the result, else the newest run."""
    failure: RunRecord | None
    """The newest counting run that failed and whose logical time has no result since."""
    next: Tick | None
    pause: PauseRecord | None = None
    """What keeps its ticks from making runs now."""
    runbook: str | None = None
    """Of what failed: a file that tells what to do."""
    late_after: float | None = None
    """Seconds after its tick from which on a run of it that has not ended is late."""

    def label(self, naming: Naming) -> str:
        """`daily`, `daily "late"`, `weather/daily`."""
        name = series_name(self.workflow, self.series)
        return naming.of(self.deployment.project, self.deployment.environment, name)

    def options(self, naming: Naming) -> str:
        """What a command that is suggested has to say for it."""
        return naming.options(self.deployment.project, self.deployment.environment)


def schedulers(store: StoreReader, scope: tuple[str | None, str | None]) -> tuple[OwnerRecord, ...]:
    """The processes that make runs of ticks in a project and environment (None: in any)."""
    project, environment = scope
    record = None if project is None else store.find_project(project)
    if record is None or environment is None:
        return tuple(leader for _, leader in store.list_leaders())
    leader = leader_of_ticks(store, record, environment)
    return () if leader is None else (leader,)


def scheduler_line(leaders: Sequence[OwnerRecord], now: datetime) -> str:
    """Which processes make runs of ticks, or what to type for one to do so."""
    if not leaders:
        return "no scheduler runs, so ticks make no runs: cronicle serve"
    said = [f"process {one.pid} on {one.host}, started {relative(one.started_at, now)}" for one in leaders]
    if len(said) == 1:
        return f"scheduler: {said[0]}"
    named = (f"{text} ({one.command})" for text, one in zip(said, leaders, strict=True))
    return f"schedulers: {'; '.join(named)}"


@frozen(kw_only=True)
class Status:
    """All that the screen shows."""

    live: tuple[RunRecord, ...]
    """Newest first, at most `MOST_RUNS`."""
    live_count: int
    driven: frozenset[str]
    """Ids of those live runs that a process drives."""
    lacking: Mapping[str, Lacking]
    """By the ids of live runs the labels for which they wait."""
    backfills: tuple[BackfillRecord, ...]
    workflows: tuple[WorkflowHealth, ...]


@frozen
class Line:
    """A line of the screen: the word that its mark and colour go by, its cells, and what to type next."""

    state: str
    cells: tuple[str, ...]
    command: str = ""


def status_of(
    store: StoreReader,
    addresses: Addresses,
    deployments: Iterable[DeploymentRecord],
    scope: tuple[str | None, str | None],
    now: datetime,
) -> Status:
    """The status of what is deployed, and of all that is unfinished in a project and environment (None: any)."""
    project, environment = scope
    wanted = RunFilter(project=project, environment=environment, states=tuple(LIVE), limit=MOST_RUNS)
    live, labels = store.list_runs(wanted), LabelsOfServing(store)
    return Status(
        live=live,
        live_count=store.count_runs(wanted) if len(live) == MOST_RUNS else len(live),
        driven=frozenset(run.id for run in live if run.owner is not None and store.is_alive(run.owner)),
        lacking={run.id: found for run in live if (found := labels.find_lacking(run)) is not None},
        backfills=store.list_backfills(project, environment, unfinished=True, limit=MOST_BACKFILLS),
        workflows=tuple(
            health for deployment in deployments for health in _healths(store, addresses, deployment, now)
        ),
    )


def _healths(
    store: StoreReader, addresses: Addresses, deployment: DeploymentRecord, now: datetime
) -> Iterator[WorkflowHealth]:
    """How each series of a deployment is; a workflow without a schedule counts as one."""
    pauses = pauses_holding(store.list_pauses(deployment.project, deployment.environment), now)
    for workflow in deployment.workflows:
        series = series_from_json(workflow.schedules) or {None: ()}
        for label, schedules in series.items():
            yield _health(store, addresses, deployment, workflow, label, schedules, pauses, now)


def _health(
    store: StoreReader,
    addresses: Addresses,
    deployment: DeploymentRecord,
    workflow: DeployedWorkflow,
    series: str | None,
    schedules: Sequence[Schedule],
    pauses: Sequence[PauseRecord],
    now: datetime,
) -> WorkflowHealth:
    where = (deployment.project, deployment.environment, workflow.name, series)
    runs = RunFilter(
        project=deployment.project,
        environment=deployment.environment,
        workflow=workflow.name,
        series=series,
        any_series=False,
    )
    times = store.list_logical_times(*where, TIMES_LOOKED_AT)
    last, failure = _last(addresses, runs, times), _failure(store, runs)
    failed = last if last is not None and last.state is RunState.FAILED else failure
    return WorkflowHealth(
        deployment=deployment,
        workflow=workflow.name,
        series=series,
        last=last,
        failure=failure,
        runbook=None if failed is None else runbook_of(store, failed),
        next=next(ticks_after(schedules, now), None),
        pause=next((one for one in pauses if one.workflow in (None, workflow.name)), None),
        late_after=workflow.policy.late_after,
    )


def _last(addresses: Addresses, runs: RunFilter, times: Iterable[datetime]) -> RunRecord | None:
    """The run that is meant of the first of these logical times that has one which can be read."""
    for time in times:
        found = addresses.runs_with(runs, time)
        if found:
            try:
                return addresses.chosen(found)
            except StoreError:  # the record of the result is damaged, which the list has told
                return found[0]
    return None


def _failure(store: StoreReader, runs: RunFilter) -> RunRecord | None:
    from attrs import evolve

    failed = evolve(runs, states=(RunState.FAILED,), causes=ORDINARY_CAUSES, limit=FAILURES_LOOKED_AT)
    for run in store.list_runs(failed):
        where = (run.project, run.environment, run.workflow, run.series, run.logical_time)
        if run.counts and store.find_result(*where) is None:
            return run
    return None


def next_line(status: Status, naming: Naming, now: datetime) -> str:
    """The next tick of all workflows; that none makes a run by itself is said beside it."""
    coming = [
        (one.next.logical_time, one.label(naming), one.next.timezone)
        for one in status.workflows
        if one.next and one.pause is None
    ]
    if not coming:
        return "no ticks to come"
    at, label, zone = min(coming)
    return f"next tick  {label}  {day_and_time(at, zone)} ({relative(at, now)})"


def live_lines(store: StoreReader, status: Status, naming: Naming, now: datetime) -> list[Line]:
    """A line for each live run."""
    late_after = {
        (one.deployment.project, one.deployment.environment, one.workflow): one.late_after
        for one in status.workflows
    }
    lines = []
    for run in status.live:
        progress = progress_of(store, run)
        tasks = f"{progress.done} of {plural(progress.total, 'task')}" if progress else ""
        spent = duration(took(run.started_at, None, now))
        at = local_time(run.logical_time, run.timezone)
        is_driven = run.id in status.driven
        state = "being cancelled" if run.cancel_requested and is_driven else str(run.state)
        said = f"{state} for {spent}" if spent else state
        command = f"cronicle logs -f {run.id}" if is_driven else f"cronicle resume {run.id}"
        said += _late(run, late_after.get((run.project, run.environment, run.workflow)), now)
        said = said if is_driven else f"{state}, but no process drives it"
        if lacking := status.lacking.get(run.id):
            said, command = f"{state}, {lacking.text}", f"cronicle explain {run.id}"
        name = naming.of(run.project, run.environment, run.workflow)
        lines.append(Line(str(run.state) if is_driven else "paused", (name, at, said, tasks), command))
    return lines


def serving_lines(status: Status) -> list[str]:
    """Who serves with which labels, where runs wait for others."""
    return list(dict.fromkeys(text for one in status.lacking.values() for text in one.served_by))


def _late(run: RunRecord, late_after: float | None, now: datetime) -> str:
    """By how much a run of a tick that has not ended is late."""
    if late_after is None or run.cause not in TICK_CAUSES:
        return ""
    late = (now - run.due_at).total_seconds() - late_after
    return f", late by {duration(late)}" if late > 0 else ""


def backfill_lines(store: StoreReader, status: Status, naming: Naming) -> list[Line]:
    """A line for each unfinished backfill."""
    lines = []
    for one in status.backfills:
        percent = 100 * one.done // one.total if one.total else 100
        failed = f", {one.failed:,} failed" if one.failed else ""
        progress = f"{one.done:,} of {one.total:,} ({percent} %){failed}"
        note = backfill_note(store, one)
        state = "running" if one.state is BackfillState.RUNNING and not note else "paused"
        span = f"{one.from_text} to {one.to_text}"
        command = "" if note else f"cronicle show {one.id}"
        name = naming.of(one.project, one.environment, one.workflow)
        lines.append(Line(state, (f"backfill of {name}", span, progress), note or command))
    return lines


def status_document(
    status: Status, leaders: Sequence[OwnerRecord], follows: Sequence[Any] = ()
) -> dict[str, Any]:
    """The status as one JSON object; `follows` are the branches that are followed, as JSON has them."""
    from cronicle.views.parts import workflow_fields
    from cronicle.views.shapes import backfill_shape, run_shape, to_builtins

    def shape(run: RunRecord | None) -> Any:
        return None if run is None else to_builtins(run_shape(run))

    processes = [
        {
            "pid": one.pid,
            "host": one.host,
            "started_at": one.started_at,
            "command": one.command,
            "labels": one.labels,
        }
        for one in leaders
    ]
    return {
        "scheduler": processes[0] if processes else None,
        "schedulers": processes,
        "follows": list(follows),
        "live": [
            {**shape(run), "driven": run.id in status.driven, "lacks_labels": run.id in status.lacking}
            for run in status.live
        ],
        "live_count": status.live_count,
        "backfills": [to_builtins(backfill_shape(one)) for one in status.backfills],
        "workflows": [
            {
                "project": one.deployment.project,
                "environment": one.deployment.environment,
                **workflow_fields(one.workflow),
                "series": one.series,
                "last": shape(one.last),
                "failure": shape(one.failure),
                "runbook": one.runbook,
                "next": None if one.next is None else tick_shape(one.next),
                "paused": None
                if one.pause is None
                else {
                    "paused_at": one.pause.paused_at,
                    "until": one.pause.until,
                    "by": one.pause.actor.user,
                    "reason": one.pause.reason,
                },
            }
            for one in status.workflows
        ],
    }
