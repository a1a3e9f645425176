"""What a scheduler notices over time: runs that are late, workflows that are not fresh, or fail again and again.

- `late_after`: a run of a tick that has not ended so long after it tells `on_late`, once.
- `fresh_within`: a workflow whose newest succeeded logical time is older tells `on_not_fresh`, once until it is fresh
  again.
- `pause_after_failures`: so many failed runs of ticks in a row pause the schedules of a workflow and tell
  `on_pause`.

Each process looks for its own late runs, which only their owner can tell of; only the leader of the ticking looks for
what is not fresh, so that one process tells it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from cronicle.engine.hooks import tell_late
from cronicle.engine.workflow_hooks import tell_of_workflow
from cronicle.errors import CronicleError
from cronicle.names import typed
from cronicle.operations.in_force import SCHEDULER, WorkflowInForce
from cronicle.operations.served import pauses_holding
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import LIVE, RunState
from cronicle.schedule.admission import TICK_CAUSES
from cronicle.store.interface import UnwritableError
from cronicle.store.records import Actor, RunFilter, RunRecord
from cronicle.store.series import PauseRecord, SeriesKey

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.ticker import Ticker

_log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between two looks for what is late or not fresh."""

MOST_LIVE = 100
"""Live runs of a workflow that are looked past for its last ended ones."""


@frozen
class _Notice:
    """Something that the hooks of a workflow are to be told."""

    key: SeriesKey
    """Of which series."""
    event: str
    reason: str


class Signals:
    """The signals of the workflows that this process ticks for."""

    def __init__(self, owner: Owner, ticker: Ticker, owned: Callable[[], Iterable[RunRecord]]) -> None:
        self._owner = owner
        self._ticker = ticker
        self._owned = owned
        self._told_late: set[str] = set()
        self._not_fresh: set[SeriesKey] = set()
        self._notices, self._noticed = trio.open_memory_channel[_Notice](float("inf"))

    async def serve(self) -> None:
        """Look for as long as this is not cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell)
            while True:
                now = self._owner.clock.now()
                await self._look_for_late(now)
                if self._ticker.leads:
                    await self._look(now)
                await trio.sleep(LOOK)

    async def _look(self, now: datetime) -> None:
        for workflow in self._ticker.workflows():
            policy = workflow.policy
            if policy.fresh_within is not None:
                await self._look_at_freshness(workflow, timedelta(seconds=policy.fresh_within), now)

    async def _tell(self) -> None:
        """Execute the hooks of workflows, one after the other."""
        async for one in self._noticed:
            deployment = self._owner.store.find_deployment(one.key.project, one.key.environment)
            if deployment is not None:
                await tell_of_workflow(
                    self._owner, deployment, one.key.workflow, one.event, one.reason, series=one.key.series
                )

    # -- failures ------------------------------------------------------------------------------------------

    def run_ended(self, run: RunRecord, machine: RunMachine) -> None:
        """A run of this process has ended: if too many of its workflow have failed in a row, pause that."""
        self._told_late.discard(run.id)
        limit = machine.spec.policy.pause_after_failures
        if limit is None or machine.state is not RunState.FAILED or run.cause not in TICK_CAUSES:
            return
        last = self._owner.store.list_runs(
            RunFilter(
                project=run.project,
                environment=run.environment,
                workflow=run.workflow,
                causes=tuple(sorted(TICK_CAUSES)),
                limit=limit + MOST_LIVE,
            )
        )
        ended = [one for one in last if one.state not in LIVE and one.state is not RunState.SKIPPED][:limit]
        if len(ended) == limit and all(one.state is RunState.FAILED for one in ended):
            self._pause(run, f"{limit} runs in a row have failed (pause_after_failures)")

    def _pause(self, run: RunRecord, reason: str) -> None:
        now, store = self._owner.clock.now(), self._owner.store
        pauses = store.list_pauses(run.project, run.environment)
        if any(one.workflow == run.workflow for one in pauses_holding(pauses, now)):
            return
        actor = Actor(user=SCHEDULER, host=self._owner.host, command="cronicle serve")
        pause = PauseRecord(
            project=run.project,
            environment=run.environment,
            workflow=run.workflow,
            actor=actor,
            reason=reason,
            paused_at=now,
        )
        try:
            store.add_pause(pause)
        except UnwritableError:  # the next failure will pause it
            return
        _log.warning(
            "It is paused: %s. Let it go on: cronicle unpause %s --project %s -e %s",
            reason,
            typed(run.workflow),
            run.project,
            run.environment,
            extra=_fields(run),
        )
        self._ticker.wake()
        key = SeriesKey(
            project=run.project, environment=run.environment, workflow=run.workflow, series=run.series
        )
        self._notices.send_nowait(_Notice(key, "on_pause", reason))

    # -- lateness ------------------------------------------------------------------------------------------

    async def _look_for_late(self, now: datetime) -> None:
        """Runs of ticks that this process owns and that have not ended in time."""
        for run in tuple(self._owned()):
            if run.cause not in TICK_CAUSES or run.id in self._told_late:
                continue
            try:
                late_after = self._owner.spec_named(run.spec_hash).policy.late_after
            except (CronicleError, ValueError):
                continue  # whoever drives it tells of that
            if late_after is None or now - run.due_at <= timedelta(seconds=late_after):
                continue
            if await tell_late(self._owner, run.id):
                self._told_late.add(run.id)
                _log.warning(
                    "The run is late: its tick was %s.",
                    run.logical_time.isoformat(),
                    extra={"run": run.id, **_fields(run)},
                )

    # -- freshness -----------------------------------------------------------------------------------------

    async def _look_at_freshness(self, workflow: WorkflowInForce, within: timedelta, now: datetime) -> None:
        """Whether the newest succeeded logical time of a series is too old."""
        for label in workflow.series or (None,):
            key = workflow.key(label)
            newest = await self._owner.journal.call(
                self._owner.store.find_newest_result,
                workflow.project,
                workflow.environment,
                workflow.workflow,
                label,
            )
            if newest is None:
                continue  # it has never been fresh
            if now - newest.logical_time <= within:
                self._not_fresh.discard(key)
            elif key not in self._not_fresh:
                self._not_fresh.add(key)
                reason = f"its newest result is of {newest.logical_time.isoformat()}"
                _log.warning("It is not fresh: %s.", reason, extra=_fields(workflow))
                self._notices.send_nowait(_Notice(key, "on_not_fresh", reason))


def _fields(one: RunRecord | WorkflowInForce) -> dict[str, str]:
    """What a line of the log says of which workflow it tells."""
    return {"project": one.project, "environment": one.environment, "workflow": one.workflow}
