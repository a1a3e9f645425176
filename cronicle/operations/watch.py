"""What the ticker knows of the environments that it serves: series with their cursors, and which is due next.

Everything here follows from the store; it is kept in memory so that ten thousand workflows cost nothing while none of
them is due. What becomes of due ticks is decided by `cronicle.schedule.owed`, which is pure.

Rules:

1. A deployment is taken up by settling all series of its environment up to now: what the old schedules owed until then
   follows the catchup of the new one. A series that is new, or returns, owes nothing from before.
2. While a workflow is paused its ticks are left alone; when the pause ends they are dropped as one span.
3. A damaged deployment is set aside with an alarm; the one before it stays in force for the ticks of its environment.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from attrs import define, evolve, field, frozen

from cronicle.errors import CronicleError
from cronicle.operations.followers import Followers
from cronicle.operations.in_force import (
    Maker,
    WorkflowInForce,
    deploy_run,
    start_run,
    tick_run,
    workflow_in_force,
)
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import LIVE, Cause
from cronicle.schedule.owed import Assessment, Deployed, Paused, assess, next_tick_after, segments_of, ticks_owed
from cronicle.schedule.rule import Catchup, Schedule
from cronicle.store.interface import Store
from cronicle.store.records import DeploymentRecord, NewRun, RunFilter
from cronicle.store.series import (
    CursorRecord,
    Dropped,
    OwedRecord,
    PauseRecord,
    SeriesKey,
    Settled,
    Settlement,
    TickSpan,
)

_log = logging.getLogger(__name__)

CATCHUPS_AT_ONCE = 2
"""Live runs of a series that make up missed ticks."""

TICKS_AT_ONCE = 500
"""On-time ticks of one series that are settled together."""

NEVER = datetime.max.replace(tzinfo=UTC)

SpecNamed = Callable[[str], RunSpec]


@frozen(kw_only=True)
class Scope:
    """Which environments are served."""

    projects: tuple[str, ...] = ()
    """Empty: all of the store."""
    environments: tuple[str, ...] = ()
    """Empty: of each project its default one."""


@define(eq=False)
class _Series:
    """A series that is in force."""

    key: SeriesKey
    workflow: WorkflowInForce
    schedules: tuple[Schedule, ...]
    cursor: CursorRecord | None
    next_at: datetime = NEVER


@define(eq=False)
class _Environment:
    """One environment of a project, as it is in force."""

    deployment: DeploymentRecord
    workflows: dict[str, WorkflowInForce] = field(factory=dict)
    history: tuple[tuple[DeploymentRecord, dict[str, WorkflowInForce]], ...] = ()
    """Deployments since the oldest cursor, oldest first, the one in force last."""
    series: dict[SeriesKey, _Series] = field(factory=dict)
    pauses: tuple[PauseRecord, ...] = ()
    owed: tuple[OwedRecord, ...] = ()

    @property
    def name(self) -> tuple[str, str]:
        """Project and environment."""
        return self.deployment.project, self.deployment.environment


class Watch:
    """The environments that are served."""

    def __init__(self, store: Store, scope: Scope, spec_named: SpecNamed) -> None:
        self._store = store
        self._scope = scope
        self._spec_named = spec_named
        self._environments: dict[tuple[str, str], _Environment] = {}
        self._queue: list[tuple[datetime, int, _Series]] = []
        self._number = count()
        self._set_aside: set[tuple[str, str, int]] = set()
        self._followers = Followers(store)
        self.progress: dict[str, int] = {}
        """What is to be noted with the next settlements."""

    # -- taking up -----------------------------------------------------------------------------------------

    def refresh(self, now: datetime) -> None:
        """Take up what was deployed, paused or unpaused since the last time."""
        for project, environment, number in self._in_scope():
            known = self._environments.get((project, environment))
            if known is None or known.deployment.number != number:
                if (project, environment, number) not in self._set_aside:
                    self._take_up(project, environment, number, now)
            else:
                self._take_up_pauses(known, now)

    def _in_scope(self) -> Iterator[tuple[str, str, int]]:
        scope = self._scope
        defaults: dict[str, str] = {}
        if not scope.environments:
            defaults = {one.name: one.default_environment for one in self._store.list_projects()}
        for project, environment, number in self._store.list_environments():
            if scope.projects and project not in scope.projects:
                continue
            if environment in scope.environments or environment == defaults.get(project):
                yield project, environment, number

    def _take_up(self, project: str, environment: str, number: int, now: datetime) -> None:
        try:
            self._load(project, environment, now)
        except (CronicleError, ValueError, KeyError, TypeError) as error:
            self._set_aside.add((project, environment, number))
            _log.error(
                "Deployment %d of %s/%s is set aside, since it cannot be read: %s", number, project, environment, error
            )

    def _load(self, project: str, environment: str, now: datetime) -> None:
        cursors = {cursor.key: cursor for cursor in self._store.list_cursors(project, environment)}
        in_force = self._store.find_deployment(project, environment)
        assert in_force is not None
        workflows = _workflows_of(in_force)
        keys = {
            workflow.key(label): (workflow, schedules)
            for workflow in workflows.values()
            for label, schedules in workflow.series.items()
        }
        oldest = min((cursors[key].deployment if key in cursors else 0 for key in keys), default=in_force.number)
        earlier = self._store.list_deployments_since(project, environment, oldest - 1)
        history = tuple((one, _workflows_of(one)) for one in earlier if one.number < in_force.number)
        taken_up = _Environment(
            deployment=in_force,
            workflows=workflows,
            history=(*history, (in_force, workflows)),
            owed=self._store.list_owed(project, environment),
        )
        for key, (workflow, schedules) in keys.items():
            cursor = _begun(key, cursors.get(key), taken_up.history)
            taken_up.series[key] = _Series(key, workflow, schedules, cursor, next_at=now)
        self._environments[project, environment] = taken_up
        self._take_up_pauses(taken_up, now)
        self._requeue()
        self._followers.take_up(taken_up.name, taken_up.workflows.values(), self.progress)

    def _take_up_pauses(self, environment: _Environment, now: datetime) -> None:
        since = min(
            (one.cursor.position for one in environment.series.values() if one.cursor is not None), default=now
        )
        pauses = self._store.list_pauses(*environment.name, ended_after=since)
        if pauses != environment.pauses:
            environment.pauses = pauses
            for one in environment.series.values():
                one.next_at = self._next_at(environment, one, now)
            self._requeue()

    def _requeue(self) -> None:
        self._queue = [
            (one.next_at, next(self._number), one)
            for environment in self._environments.values()
            for one in environment.series.values()
            if one.next_at != NEVER
        ]
        heapq.heapify(self._queue)

    # -- what is due ---------------------------------------------------------------------------------------

    def due(
        self, now: datetime, watched_from: datetime, maker: Maker, new_id: Callable[[], str], *, limit: int
    ) -> list[Settlement]:
        """What is to be settled now, at most so many series at once; empty if nothing is."""
        settlements: list[Settlement] = []
        while self._queue and self._queue[0][0] <= now and len(settlements) < limit:
            _, _, series = heapq.heappop(self._queue)
            environment = self._environments.get((series.key.project, series.key.environment))
            if environment is None or environment.series.get(series.key) is not series or series.next_at > now:
                continue  # it was taken up anew meanwhile
            settlements.append(self._settlement(environment, series, now, watched_from, maker, new_id))
        for environment in self._environments.values():
            settlements += self._deploy_runs(environment, maker, new_id)
            settlements += self._caught_up(environment, now, maker, new_id, limit - len(settlements))
        settlements += self._followers.due(maker, new_id, self._spec_named, self.progress)
        return settlements

    def _settlement(
        self,
        environment: _Environment,
        series: _Series,
        now: datetime,
        watched_from: datetime,
        maker: Maker,
        new_id: Callable[[], str],
    ) -> Settlement:
        cursor, first = series.cursor, series.schedules[0]
        assert cursor is not None
        segments = segments_of(
            cursor.position,
            [_deployed(one, workflows, series.key) for one, workflows in environment.history],
            _pauses_of(environment.pauses, series.key.workflow),
            now,
        )
        found = assess(
            segments,
            now=now,
            watched_from=watched_from,
            catchup=first.catchup,
            window=first.catchup_window,
            limit=TICKS_AT_ONCE,
        )
        spec = self._spec_named(series.workflow.spec_hash) if found.on_time else None
        return Settlement(
            key=series.key,
            expected=None if cursor.deployment == 0 else cursor.position,
            cursor=evolve(cursor, position=found.position, deployment=environment.deployment.number),
            runs=tuple(
                tick_run(
                    series.workflow, spec, series.key.series, tick, Cause.SCHEDULE, run_id=new_id(), maker=maker
                )
                for tick in found.on_time
                if spec is not None
            ),
            owed=_owed_of(series.key, found),
            dropped=_dropped_of(series.key, found, now),
        )

    def _next_at(self, environment: _Environment, series: _Series, now: datetime) -> datetime:
        """When this series has to be settled next."""
        if series.cursor is None or series.cursor.deployment != environment.deployment.number:
            return now
        holding = [one for one in environment.pauses if _holds(one, series.key.workflow, now)]
        if holding:
            return NEVER if any(one.until is None for one in holding) else max(one.until or now for one in holding)
        return next_tick_after(series.schedules, series.cursor.position) or NEVER
