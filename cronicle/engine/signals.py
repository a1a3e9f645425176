"""What a scheduler notices over time: runs that are late, workflows that are not fresh, or fail again and again.

- `late_after`: a run of a tick that has not ended so long after it tells `on_late`, once.
- `fresh_within`: a workflow whose newest succeeded logical time is older tells `on_not_fresh`, once until it is fresh
  again.
- `pause_after_failures`: so many failed runs of ticks in a row pause the schedules of a workflow and tell
  `on_pause`.

Only the leader of the ticking looks for the first two, so that each is told by one process.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import trio

from cronicle.operations.in_force import SCHEDULER, WorkflowInForce
from cronicle.operations.served import holds
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import LIVE, RunState
from cronicle.schedule.admission import TICK_CAUSES
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

MOST_LATE = 1_000
"""Live runs of a workflow that are looked at for late ones."""


class Signals:
    """The signals of the workflows that this process ticks for."""

    def __init__(self, owner: Owner, ticker: Ticker) -> None:
        self._owner = owner
        self._ticker = ticker
        self._told_late: set[str] = set()
        self._not_fresh: set[SeriesKey] = set()

    async def serve(self) -> None:
        """Look for as long as this is not cancelled."""
        while True:
            if self._ticker.leads:
                now = self._owner.clock.now()
                for workflow in self._ticker.workflows():
                    policy = workflow.policy
                    if policy.late_after is not None:
                        await self._look_for_late(workflow, timedelta(seconds=policy.late_after), now)
                    if policy.fresh_within is not None:
                        await self._look_at_freshness(workflow, timedelta(seconds=policy.fresh_within), now)
            await trio.sleep(LOOK)

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
        if len(ended) < limit or any(one.state is not RunState.FAILED for one in ended):
            return
        self._pause(run, limit)

    def _pause(self, run: RunRecord, limit: int) -> None:
        now = self._owner.clock.now()
        reason = f"{limit} runs in a row have failed (pause_after_failures)"
        actor = Actor(user=SCHEDULER, host=self._owner.host, command="cronicle serve")
        store = self._owner.store
        pauses = store.list_pauses(run.project, run.environment)
        if any(holds(one, now) and one.workflow == run.workflow for one in pauses):
            return
        store.add_pause(
            PauseRecord(
                project=run.project,
                environment=run.environment,
                workflow=run.workflow,
                actor=actor,
                reason=reason,
                paused_at=now,
            )
        )
        store.add_audit(actor, now, "pause", run.workflow, reason)
        _log.warning(
            "Workflow %s is paused: %s. Let it go on: cronicle unpause %s", run.workflow, reason, run.workflow
        )
        self._ticker.wake()

    async def _look_for_late(self, workflow: WorkflowInForce, late_after: timedelta, now: datetime) -> None:
        """Runs of ticks that have not ended in time."""
        live = await self._owner.journal.call(
            self._owner.store.list_runs,
            RunFilter(
                project=workflow.project,
                environment=workflow.environment,
                workflow=workflow.workflow,
                states=tuple(sorted(LIVE)),
                causes=tuple(sorted(TICK_CAUSES)),
                limit=MOST_LATE,
            ),
        )
        for run in live:
            due = max(run.logical_time, run.not_before or run.logical_time)
            if now - due > late_after and run.id not in self._told_late:
                self._told_late.add(run.id)
                _log.warning("Run %s of %s is late: its tick was %s.", run.id, run.workflow, run.logical_time)

    async def _look_at_freshness(self, workflow: WorkflowInForce, within: timedelta, now: datetime) -> None:
        """Whether the newest succeeded logical time of a series is too old."""
        for label in workflow.series or (None,):
            newest = await self._owner.journal.call(
                self._owner.store.find_newest_result,
                workflow.project,
                workflow.environment,
                workflow.workflow,
                label,
            )
            if newest is None:
                continue
            key = workflow.key(label)
            if now - newest.logical_time <= within:
                self._not_fresh.discard(key)
            elif key not in self._not_fresh:
                self._not_fresh.add(key)
                _log.warning(
                    "Workflow %s is not fresh: its newest result is of %s.",
                    workflow.workflow,
                    newest.logical_time,
                )
