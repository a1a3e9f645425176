"""What a scheduler notices over time: runs that are late, workflows that are not fresh, or fail again and again.

- `late_after`: a run of a tick that has not ended so long after it tells `on_late`, once.
- `fresh_within`: a workflow whose newest succeeded logical time is older tells `on_not_fresh`, once until it is fresh.
- `pause_after_failures`: so many failed runs of ticks in a row pause the schedules of a workflow and tell `on_pause`.

Only the leader of the ticking looks for the first two, so that each is told by one process.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import trio

from cronicle.operations.in_force import SCHEDULER, WorkflowInForce
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import LIVE, Cause, RunState
from cronicle.schedule.admission import TICK_CAUSES
from cronicle.store.records import Actor, RunFilter, RunRecord
from cronicle.store.series import PauseRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.ticker import Ticker

_log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between two looks for what is late or not fresh."""

MOST_LATE = 1_000
"""Live runs of a workflow that are looked at for late ones."""


class Signals:
    """The signals of the workflows that this process ticks for."""

    def __init__(self, owner: Owner, ticker: Ticker) -> None:
        self._owner = owner
        self._ticker = ticker
        self._told_late: set[str] = set()
        self._not_fresh: set[tuple[str, str, str]] = set()

    async def serve(self) -> None:
        """Look for as long as this is not cancelled."""
        while True:
            if self._ticker.leads:
                now = self._owner.clock.now()
                for workflow in self._ticker.workflows():
                    await self._look_at(workflow, now)
            await trio.sleep(LOOK)
