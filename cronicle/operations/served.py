"""One environment as it is in force: its workflows, how far their series are settled, what is owed and paused.

Rules:

1. A series that is new, or that returns after a deployment without it, begins afresh: it owes nothing from before the
   deployment that brought it. One that is merely disabled keeps its cursor.
2. The past is kept as long as a cursor or an owed tick refers to it, and not longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from attrs import define, field

from cronicle.operations.in_force import WorkflowInForce, workflow_in_force
from cronicle.schedule.coming import Coming
from cronicle.schedule.owed import Deployed, Paused
from cronicle.schedule.rule import Schedule
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord
from cronicle.store.series import CursorRecord, OwedRecord, PauseRecord, SeriesKey

NEVER = datetime.max.replace(tzinfo=UTC)

History = Sequence[tuple[DeploymentRecord, dict[str, WorkflowInForce]]]
"""Deployments and their workflows, oldest first, the one in force last."""


@define(eq=False)
class Series:
    """A series that is in force."""

    key: SeriesKey
    workflow: WorkflowInForce
    schedules: tuple[Schedule, ...]
    cursor: CursorRecord
    """From where its ticks are to be settled."""
    stored: datetime | None
    """The position of its cursor in the store; None: there is none yet."""
    next_at: datetime = NEVER
    """When it has to be settled next."""
    is_set_aside: bool = False
    """True if its runs cannot be made."""
    coming: Coming | None = None
    """Its coming ticks; None if one of its schedules is not enabled."""


@define(eq=False)
class ServedEnvironment:
    """An environment of a project."""

    deployment: DeploymentRecord
    """The one in force."""
    workflows: dict[str, WorkflowInForce]
    history: History
    series: dict[SeriesKey, Series] = field(factory=dict)
    settled: datetime = NEVER
    """Up to here at least all of its series are settled: pauses that ended before it are of no concern."""
    pauses: tuple[PauseRecord, ...] = ()
    owed: tuple[OwedRecord, ...] = ()

    @property
    def name(self) -> tuple[str, str]:
        """Project and environment."""
        return self.deployment.project, self.deployment.environment

    def settled_until(self, now: datetime) -> datetime:
        """Up to here all of its series are settled."""
        return min((one.cursor.position for one in self.series.values()), default=now)

    def deployments(self, series: Series) -> list[Deployed]:
        """What the deployments since its cursor's say of a series, that one first."""
        return [
            Deployed(number=deployment.number, at=deployment.created_at, schedules=_in(workflows, series.key))
            for deployment, workflows in self.history
            if deployment.number >= series.cursor.deployment
        ]

    def schedules_of(self, owed: OwedRecord) -> tuple[Schedule, ...]:
        """The schedules that name ticks which are owed; those in force where the past is not known any more."""
        for deployment, workflows in self.history:
            if deployment.number == owed.deployment:
                return _in(workflows, owed.key)
        return _in(self.workflows, owed.key)

    def pauses_of(self, workflow: str) -> list[Paused]:
        """All pauses that concern a workflow."""
        return [
            Paused(start=one.paused_at, end=end_of(one), detail=pause_text(one))
            for one in self.pauses
            if one.workflow in (None, workflow)
        ]

    def paused_until(self, workflow: str, now: datetime) -> datetime | None:
        """When a workflow that is paused now goes on, `NEVER` if by itself never; None if it is not paused."""
        ends = [
            end_of(one) or NEVER
            for one in self.pauses
            if one.workflow in (None, workflow) and holds(one, now)
        ]
        return max(ends, default=None)


def load_environment(store: StoreReader, project: str, environment: str) -> ServedEnvironment:
    """An environment that has a deployment, as it is in force now.

    Raises:
        StoreError, ValueError: What the store says of it is damaged.
    """
    deployment = store.find_deployment(project, environment)
    assert deployment is not None
    workflows = _workflows_of(deployment)
    keys = {
        workflow.key(label): (workflow, schedules)
        for workflow in workflows.values()
        for label, schedules in workflow.series.items()
    }
    cursors = {cursor.key: cursor for cursor in store.list_cursors(project, environment)}
    owed = store.list_owed(project, environment)
    oldest = min(
        (
            deployment.number,
            *(cursors[key].deployment if key in cursors else 1 for key in keys),
            *(one.deployment for one in owed if one.key in keys),
        )
    )
    past = [
        (one, _workflows_of(one))
        for one in store.list_deployments_since(project, environment, oldest - 1)
        if one.number < deployment.number
    ]
    served = ServedEnvironment(
        deployment=deployment, workflows=workflows, history=(*past, (deployment, workflows)), owed=owed
    )
    for key, (workflow, schedules) in keys.items():
        known = cursors.get(key)
        served.series[key] = Series(
            key=key,
            workflow=workflow,
            schedules=schedules,
            cursor=_begun(key, known, served.history),
            stored=known.position if known else None,
        )
    return served


def _workflows_of(deployment: DeploymentRecord) -> dict[str, WorkflowInForce]:
    return {one.name: workflow_in_force(deployment, one) for one in deployment.workflows}


def _in(workflows: dict[str, WorkflowInForce], key: SeriesKey) -> tuple[Schedule, ...]:
    """The schedules of a series, if there is such a workflow with it."""
    return workflows[key.workflow].series.get(key.series, ()) if key.workflow in workflows else ()


def _begun(key: SeriesKey, known: CursorRecord | None, history: History) -> CursorRecord:
    """Where a series that is in force stands: at its cursor, or where a deployment brought it (back)."""
    cursor, is_there = known, known is not None
    for deployment, workflows in history:
        if known is not None and deployment.number <= known.deployment:
            continue
        if not _in(workflows, key):
            is_there = False
        elif not is_there:
            at = deployment.created_at
            cursor, is_there = (
                CursorRecord(key=key, since=at, position=at, deployment=deployment.number),
                True,
            )
    assert cursor is not None, "a series in force has been deployed"
    return cursor


def end_of(pause: PauseRecord) -> datetime | None:
    """When a pause ends or has ended; None: when somebody ends it."""
    return min((end for end in (pause.until, pause.ended_at) if end is not None), default=None)


def holds(pause: PauseRecord, now: datetime) -> bool:
    """True while a pause lasts."""
    end = end_of(pause)
    return pause.paused_at <= now and (end is None or now < end)


def pause_text(pause: PauseRecord) -> str:
    """Who paused it, and why."""
    by = f"by {pause.actor.user}@{pause.actor.host}"
    return f"{by}: {pause.reason}" if pause.reason else by


def pauses_holding(pauses: Iterable[PauseRecord], now: datetime) -> tuple[PauseRecord, ...]:
    """Those that hold."""
    return tuple(one for one in pauses if holds(one, now))
