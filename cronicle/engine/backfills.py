"""Driving a backfill: its ticks in order, some runs at once, paused when too many have failed.

Which ticks it has was fixed when it was made; a run is made for each in the same transaction that notes it
beside the tick, so that a crash loses none and doubles none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from cronicle.engine.runner import Observer
from cronicle.operations.create_run import backfill_run
from cronicle.runs.states import LIVE, BackfillState
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    ControlRequest,
    LiveRunExists,
    RunFilter,
    RunRecord,
)

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

WAIT_FOR_OTHER_RUN = 0.5
"""Seconds until a logical time that has a live run of somebody else is looked at again."""

ADOPTED_AT_ONCE = 1000
"""Unfinished runs that a resumed backfill takes up; there are never more than its `parallel`."""

Progress = Callable[[BackfillRecord], None]
"""Told whenever a run of the backfill has started or ended."""


class BackfillDriver:
    """Drives one backfill that this process owns, until it ends or is paused."""

    def __init__(self, owner: Owner, backfill: BackfillRecord, progress: Progress, observe: Observer) -> None:
        self.backfill = backfill
        self._owner = owner
        self._progress = progress
        self._observe = observe
        self._stop: tuple[BackfillState, str | None] | None = None
        self._stopped = trio.Event()
        self._places = trio.CapacityLimiter(backfill.parallel or owner.slots.size)
        self._runs: set[str] = set()
        self._spec = owner.spec_named(backfill.spec_hash)

    def request(self, request: ControlRequest) -> None:
        """Obey a request: `pause` starts nothing more, `cancel` also ends what runs."""
        if request.verb == "cancel":
            self.cancel(request.actor, request.reason)
        elif request.verb == "pause":
            by = f"by {request.actor.user}@{request.actor.host}"
            self.pause(f"{by}: {request.reason}" if request.reason else by)

    def pause(self, reason: str) -> None:
        """Start no more runs; those in progress finish."""
        if self._stop is None:
            self._stop = (BackfillState.PAUSED, reason)
            self._stopped.set()

    def cancel(self, actor: Actor, reason: str) -> None:
        """Start no more runs and cancel those in progress."""
        self._stop = (BackfillState.CANCELLED, reason or f"by {actor.user}@{actor.host}")
        self._stopped.set()
        for run_id in self._runs:
            if driver := self._owner.drivers.get(run_id):
                driver.cancel(actor, "its backfill was cancelled")

    async def drive(self) -> BackfillRecord:
        """Drive to the end; the record as it is then: succeeded, failed, paused or cancelled."""
        self._owner.backfills[self.backfill.id] = self
        try:
            async with trio.open_nursery() as runs:
                await self._resume_runs(runs)
                await self._start_ticks(runs)
        finally:
            del self._owner.backfills[self.backfill.id]
        self._refresh()
        state, reason = self._stop or (None, None)
        if state is None or (state is BackfillState.PAUSED and self.backfill.done >= self.backfill.total):
            state = BackfillState.FAILED if self.backfill.failed else BackfillState.SUCCEEDED
            reason = None
        self._owner.store.set_backfill_state(
            self.backfill.id, state, reason, self._owner.clock.now(), owner=self._owner.id
        )
        self._refresh()
        return self.backfill

    async def _resume_runs(self, runs: trio.Nursery) -> None:
        """Take up the runs that a former owner of the backfill had begun."""
        wanted = RunFilter(backfill=self.backfill.id, states=tuple(LIVE), limit=ADOPTED_AT_ONCE)
        for run in reversed(self._owner.store.list_runs(wanted)):
            if self._owner.store.adopt_run(run.id, self._owner.id):
                await self._places.acquire_on_behalf_of(run.id)
                runs.start_soon(self._drive_run, run)

    async def _start_ticks(self, runs: trio.Nursery) -> None:
        ticks = await self._owner.journal.call(
            lambda: self._owner.store.list_ticks(self.backfill.id, pending=True)
        )
        for tick in ticks:
            run = await self._create(tick)
            if run is None:
                return
            runs.start_soon(self._drive_run, run)

    async def _create(self, tick: BackfillTick) -> RunRecord | None:
        """The run for a tick, as soon as there is a place for it; None when the backfill is to stop."""
        while self._stop is None:
            run_id = self._owner.new_id()
            if not await self._place(run_id):
                return None
            new = backfill_run(
                self._owner.store,
                self.backfill,
                self._spec,
                tick,
                run_id=run_id,
                owner=self._owner.id,
                now=self._owner.clock.now(),
            )
            made = await self._owner.journal.call(self._owner.store.create_run, new)
            if not isinstance(made, LiveRunExists):
                return made
            self._places.release_on_behalf_of(run_id)
            with trio.move_on_after(WAIT_FOR_OTHER_RUN):
                await self._stopped.wait()
        return None

    async def _place(self, borrower: str) -> bool:
        """Wait for a place among the runs at once; False if the backfill is to stop before there is one."""
        async with trio.open_nursery() as nursery:

            async def give_up() -> None:
                await self._stopped.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(give_up)
            await self._places.acquire_on_behalf_of(borrower)
            nursery.cancel_scope.cancel()
        return not self._stopped.is_set()

    async def _drive_run(self, run: RunRecord) -> None:
        self._runs.add(run.id)
        try:
            await self._owner.driver_for(run, self._observe).drive()
        finally:
            self._runs.discard(run.id)
            self._places.release_on_behalf_of(run.id)
        self._refresh()
        if self._stop is None and self.backfill.failed >= self.backfill.max_failures:
            self.pause(
                f"{self.backfill.failed} runs have failed (--max-failures {self.backfill.max_failures})"
            )

    def _refresh(self) -> None:
        record = self._owner.store.find_backfill(self.backfill.id)
        assert record is not None
        self.backfill = record
        self._progress(record)
