"""What the ticker knows of the environments that it serves, and which series is due next.

Everything here follows from the store; it is kept in memory so that ten thousand workflows cost nothing while none of
them is due. What the store is to take of a series that is due is made by `cronicle.operations.settlements`.

Rules:

1. A deployment is taken up by settling all series of its environment up to now: what the old schedules owed until
   then follows the catchup of the new one.
2. While a workflow is paused its ticks are left alone; when the pause ends they are dropped as one span.
3. A workflow whose runs cannot be made (its spec is damaged, its lock cannot be evaluated) is set aside with an alarm
   until the next deployment. So is a damaged deployment; the one before it stays in force for the ticks of its
   environment.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from weakref import WeakValueDictionary

from cronicle.errors import CronicleError
from cronicle.operations.followers import Followers
from cronicle.operations.in_force import Maker, WorkflowInForce
from cronicle.operations.on_deploy import deploy_runs
from cronicle.operations.scope import Scope
from cronicle.operations.served import NEVER, Series, ServedEnvironment, load_environment
from cronicle.operations.settlements import beside, made_up, runs_of, settlement_of
from cronicle.runs.states import LIVE, Cause
from cronicle.schedule.coming import Coming, likeness
from cronicle.schedule.owed import next_due
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import tick_of_start
from cronicle.store.interface import Store, UnwritableError
from cronicle.store.records import DeploymentRecord, RunFilter, RunRecord
from cronicle.store.series import SeriesKey, Settled, Settlement

_log = logging.getLogger(__name__)

CATCHUPS_AT_ONCE = 2
"""Live runs of a series that make up missed ticks."""

INSTANT = timedelta.resolution

COUNTED_AGAIN = 5
"""A series with so many of these is left alone for so many looks, unless one of them ends or another process has
something to tell: counting costs a walk over all that is live of its workflow."""


class Watch:
    """The environments that are served."""

    def __init__(self, store: Store, scope: Scope, *, is_start: bool) -> None:
        self._store = store
        self._scope = scope
        self._is_start = is_start
        self._environments: dict[tuple[str, str], ServedEnvironment] = {}
        self._queue: list[tuple[datetime, int, Series]] = []
        self._number = count()
        self._set_aside: set[tuple[str, str, int]] = set()
        self._to_begin: list[ServedEnvironment] = []
        self._coming: WeakValueDictionary[Hashable, Coming] = WeakValueDictionary()
        self._followers = Followers(store, scope.key)
        self._full: dict[SeriesKey, int] = {}
        """Series with as many runs that make up missed ticks as there may be: for how many looks that is believed."""
        self.progress: dict[str, int] = {}
        """What is to be noted with the next settlements."""

    # -- taking up -----------------------------------------------------------------------------------------

    def refresh(self, now: datetime) -> None:
        """Take up what was deployed, paused or unpaused since the last time."""
        for project, environment, number in self._in_scope():
            known = self._environments.get((project, environment))
            if known is not None and known.deployment.number == number:
                self._take_up_pauses(known, now)
            elif (project, environment, number) not in self._set_aside:
                self._take_up(project, environment, number, now)

    def _in_scope(self) -> Iterator[tuple[str, str, int]]:
        defaults: dict[str, str] = {}
        if not self._scope.environments:
            defaults = {one.name: one.default_environment for one in self._store.list_projects()}
        for project, environment, number in self._store.list_environments():
            if self._scope.ticks_for(project, environment, defaults.get(project)):
                yield project, environment, number

    def _take_up(self, project: str, environment: str, number: int, now: datetime) -> None:
        try:
            taken_up = load_environment(self._store, project, environment)
        except (CronicleError, ValueError, KeyError, TypeError) as error:
            self._set_aside.add((project, environment, number))
            _log.error(
                "Deployment %d of %s/%s is set aside, since it cannot be read: %s",
                number,
                project,
                environment,
                error,
            )
            return
        self._environments[taken_up.name] = taken_up
        for series in taken_up.series.values():
            series.coming = self._coming_of(series.schedules)
        self._take_up_pauses(taken_up, now, is_new=True)
        self._followers.take_up(taken_up.name, taken_up.workflows.values(), self.progress)
        self._to_begin.append(taken_up)

    def _coming_of(self, schedules: tuple[Schedule, ...]) -> Coming | None:
        """The coming ticks of a series, shared with others that have the same."""
        if not all(one.enabled for one in schedules):
            return None
        alike = likeness(schedules)
        coming = self._coming.get(alike) or Coming(schedules)
        if alike is not None:
            self._coming[alike] = coming
        return coming

    def _take_up_pauses(self, environment: ServedEnvironment, now: datetime, *, is_new: bool = False) -> None:
        # Where there are no pauses, what is settled since only leaves out more of those that have ended.
        if is_new or environment.pauses:
            environment.settled = environment.settled_until(now)
        pauses = self._store.list_pauses(*environment.name, ended_after=environment.settled)
        if is_new or pauses != environment.pauses:
            environment.pauses = pauses
            for series in environment.series.values():
                series.next_at = self._next_at(environment, series, now)
            self._requeue()

    def _requeue(self) -> None:
        self._queue = [
            (series.next_at, next(self._number), series)
            for environment in self._environments.values()
            for series in environment.series.values()
            if series.next_at != NEVER
        ]
        heapq.heapify(self._queue)

    def _next_at(self, environment: ServedEnvironment, series: Series, now: datetime) -> datetime:
        """When a series has to be settled next."""
        if series.is_set_aside:
            return NEVER
        if series.stored is None or series.cursor.deployment != environment.deployment.number:
            # Its cursor is to say which deployment holds; one made by a clock that is ahead holds from then on.
            return max(now, environment.deployment.created_at)
        paused_until = environment.paused_until(series.key.workflow, now)
        if paused_until is not None:
            return paused_until
        position = series.cursor.position
        if series.coming is None:
            return next_due(series.schedules, position) or NEVER
        tick = series.coming.next_after(position)
        return NEVER if tick is None else tick.logical_time

    # -- what is due ---------------------------------------------------------------------------------------

    def due(self, watched_from: datetime, maker: Maker, *, limit: int) -> list[Settlement]:
        """What is to be settled now, about so many series at once; empty if nothing is.

        Args:
            watched_from: Since when somebody has watched without a break.
            maker: Who makes the runs, and which moment it is.
            limit: How many series.
        """
        now = maker.now
        found: list[Settlement] = []
        while self._queue and self._queue[0][0] <= now and len(found) < limit:
            _, _, series = heapq.heappop(self._queue)
            environment = self._environments.get((series.key.project, series.key.environment))
            if (
                environment is None
                or environment.series.get(series.key) is not series
                or series.next_at > now
            ):
                continue  # it was taken up anew, or queued again, meanwhile
            with self._setting_aside(series):
                settlement = settlement_of(environment, series, watched_from, maker)
                if settlement is not None:
                    found.append(settlement)
                else:
                    series.next_at = series.cursor.position + INSTANT
                    heapq.heappush(self._queue, (series.next_at, next(self._number), series))
        if found:
            return found  # first, that all cursors are there
        for environment in self._to_begin:
            found += self._begin(environment, maker)
        self._to_begin.clear()
        for environment in self._environments.values():
            found += self._caught_up(environment, maker, limit - len(found))
        return found + self._followers.due(maker, self.progress)

    def may_be_due(self, now: datetime) -> bool:
        """False if it is certain, without asking the store, that nothing is due."""
        return (
            bool(self._queue and self._queue[0][0] <= now)
            or bool(self._to_begin)
            or self.owes
            or self._followers.are_some
        )

    def run_ended(self, run: RunRecord) -> bool:
        """Take in that a run has ended; True if something may be due for it."""
        is_catchup = run.cause is Cause.CATCHUP
        if is_catchup:
            self.others_changed()
        return is_catchup or self._followers.follow(run.project, run.environment, run.workflow)

    def others_changed(self) -> None:
        """Believe nothing any more of what other processes may have changed."""
        self._full.clear()

    @contextmanager
    def _setting_aside(self, series: Series) -> Iterator[None]:
        """Leave a series alone whose runs cannot be made, until the next deployment; the others go on."""
        try:
            yield
        except UnwritableError:
            raise
        except (CronicleError, ValueError) as error:
            series.is_set_aside, series.next_at = True, NEVER
            _log.error(
                "Its ticks make no runs until the next deployment, since they cannot be made: %s",
                error,
                extra={
                    "project": series.key.project,
                    "environment": series.key.environment,
                    "workflow": series.key.workflow,
                },
            )

    def _caught_up(self, environment: ServedEnvironment, maker: Maker, limit: int) -> Iterator[Settlement]:
        """The next of the ticks that are still to be made up, a few of each series at a time."""
        begun: set[SeriesKey] = set()
        for owed in environment.owed:
            if limit <= 0:
                return
            series = environment.series.get(owed.key)
            if (
                series is None or series.is_set_aside or owed.key in begun
            ):  # of a series the oldest come first
                continue
            begun.add(owed.key)
            if environment.paused_until(owed.key.workflow, maker.now) is not None:
                continue
            if believed := self._full.get(owed.key, 0):
                self._full[owed.key] = believed - 1
                continue
            room = CATCHUPS_AT_ONCE - self._live_catchups(owed.key)
            if room <= 0:
                self._full[owed.key] = COUNTED_AGAIN
            else:
                limit -= 1
                with self._setting_aside(series):
                    yield made_up(environment, series, owed, room, maker)

    def _live_catchups(self, key: SeriesKey) -> int:
        wanted = RunFilter(
            project=key.project,
            environment=key.environment,
            workflow=key.workflow,
            series=key.series,
            any_series=False,
            states=tuple(LIVE),
            causes=(Cause.CATCHUP,),
        )
        return self._store.count_runs(wanted, CATCHUPS_AT_ONCE)

    def _begin(self, environment: ServedEnvironment, maker: Maker) -> Iterator[Settlement]:
        """Runs that a deployment makes, and those of schedules that fire when a scheduler starts."""
        number = environment.deployment.number
        noted = f"deployment/{'/'.join(environment.name)}"
        before = self.progress.get(noted)
        is_first = before is None
        if before is None:
            before = self._store.get_progress(noted) or 0
        self.progress[noted] = number
        if before < number:
            yield from deploy_runs(self._store, environment, before, maker)
        if self._is_start and is_first:
            for series in environment.series.values():
                ticks = [
                    tick_of_start(one, maker.now) for one in series.schedules if one.on_start and one.enabled
                ]
                with self._setting_aside(series):
                    if runs := runs_of(series, ticks[:1], Cause.SCHEDULE, maker):
                        yield beside(series, runs)

    # -- what came of it -----------------------------------------------------------------------------------

    def note(self, settlements: Sequence[Settlement], settled: Sequence[Settled], now: datetime) -> None:
        """Take in what was stored."""
        stale: set[tuple[str, str]] = set()
        with_owed: set[tuple[str, str]] = set()
        for settlement, answer in zip(settlements, settled, strict=True):
            name = (settlement.key.project, settlement.key.environment)
            if answer.is_stale:
                stale.add(name)
                continue
            if settlement.owed:
                with_owed.add(name)
            environment = self._environments[name]
            series = environment.series.get(settlement.key)
            if series is not None and settlement.cursor is not None:
                series.cursor, series.stored = settlement.cursor, settlement.cursor.position
                series.next_at = self._next_at(environment, series, now)
                if series.next_at != NEVER:
                    heapq.heappush(self._queue, (series.next_at, next(self._number), series))
        for name in with_owed - stale:
            self._environments[name].owed = self._store.list_owed(*name)
        for name in stale:  # another has moved a cursor: what is in memory is not true any more
            del self._environments[name]
        if stale:
            self.refresh(now)

    def seconds_until_next(self, now: datetime) -> float:
        """How long nothing is due, as far as is known now."""
        return max(0.0, (self._queue[0][0] - now).total_seconds()) if self._queue else float("inf")

    @property
    def owes(self) -> bool:
        """True if ticks are still to be made up."""
        return any(environment.owed for environment in self._environments.values())

    def deployments(self) -> Iterator[DeploymentRecord]:
        """Those in force."""
        return (environment.deployment for environment in self._environments.values())

    def workflows(self) -> Iterator[WorkflowInForce]:
        """All that are in force."""
        for environment in self._environments.values():
            yield from environment.workflows.values()
