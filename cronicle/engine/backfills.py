"""Driving a backfill: its ticks in order, some runs at once, paused when too many have failed.

Which ticks it has was fixed when it was made; a run is made for each in the same transaction that notes it
beside the tick, so that a crash loses none and doubles none.

A logical time has one live run. Where that is somebody else's, the tick waits for its end and the others go on;
where nobody drives it, it would be waited for in vain, and the backfill pauses at its end and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import trio

from cronicle.engine.recovery import settle_dead_owners
from cronicle.engine.runner import Observer
from cronicle.operations.create_run import backfill_run
from cronicle.runs.states import LIVE, BackfillState, RunState
from cronicle.store.interface import UnwritableError
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
"""Seconds until a live run that somebody else drives is looked at again."""

ADOPTED_AT_ONCE = 1000
"""Unfinished runs that a resumed backfill takes up; there are never more than its `parallel`."""

CANCELLED_WITH_BACKFILL = "its backfill was cancelled"

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
        self._spec = owner.spec_named(backfill.spec_hash)
        self._is_chain = self._spec.policy.depends_on_past
        """True if each run waits for the one before it to succeed."""
        at_once = 1 if self._is_chain else backfill.parallel or owner.slots.size
        self._places = trio.CapacityLimiter(at_once)
        self._runs: set[str] = set()
        self._failed_before = backfill.failed
        self._waits_in_vain: str | None = None
        self._cancelled_by: Actor | None = None

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
        self._cancelled_by = actor
        for run_id in self._runs:
            if driver := self._owner.drivers.get(run_id):
                driver.cancel(actor, CANCELLED_WITH_BACKFILL)

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
        state, reason = self._outcome()
        end = partial(self._owner.store.set_backfill_state, owner=self._owner.id)
        await self._owner.journal.call(end, self.backfill.id, state, reason, self._owner.clock.now())
        self._refresh()
        return self.backfill

    def _outcome(self) -> tuple[BackfillState, str | None]:
        """How the backfill stands now that nothing of it runs any more."""
        stopped = self._stop
        if stopped is None and self._waits_in_vain is not None:
            stopped = BackfillState.PAUSED, self._waits_in_vain
        if stopped is not None and (
            stopped[0] is not BackfillState.PAUSED or self.backfill.done < self.backfill.total
        ):
            return stopped
        states = [tick.state for tick in self._owner.store.list_ticks(self.backfill.id)]
        if all(state is RunState.SUCCEEDED for state in states):
            return BackfillState.SUCCEEDED, None
        cancelled = states.count(RunState.CANCELLED)
        return BackfillState.FAILED, f"runs that were cancelled: {cancelled}" if cancelled else None

    async def _resume_runs(self, runs: trio.Nursery) -> None:
        """Take up the runs that a former owner of the backfill had begun."""
        wanted = RunFilter(backfill=self.backfill.id, states=tuple(LIVE), limit=ADOPTED_AT_ONCE)
        for run in reversed(self._owner.store.list_runs(wanted)):
            if await self._adopt(run.id):
                await self._places.acquire_on_behalf_of(run.id)
                runs.start_soon(self._drive_run, run)
            else:
                runs.start_soon(self._await_other, run.id)

    async def _adopt(self, run_id: str) -> bool:
        return await self._owner.journal.call(self._owner.store.adopt_run, run_id, self._owner.id)

    async def _start_ticks(self, runs: trio.Nursery) -> None:
        ticks = await self._owner.journal.call(
            lambda: self._owner.store.list_ticks(self.backfill.id, pending=True)
        )
        for tick in ticks:
            made = await self._create(tick)
            if made is None:
                return
            if isinstance(made, LiveRunExists):
                runs.start_soon(self._start_later, tick, made.run_id)
            else:
                runs.start_soon(self._drive_run, made)

    async def _create(self, tick: BackfillTick) -> RunRecord | LiveRunExists | None:
        """The run for a tick, as soon as there is a place for it; None when the backfill is to stop."""
        run_id = self._owner.new_id()
        await self._place(run_id)
        if self._stop is not None:
            return None
        new = backfill_run(
            self._owner.store,
            self._owner.files,
            self.backfill,
            self._spec,
            tick,
            run_id=run_id,
            owner=self._owner.id,
            now=self._owner.clock.now(),
        )
        made = await self._owner.journal.call(self._owner.store.create_run, new)
        if isinstance(made, LiveRunExists):
            self._places.release_on_behalf_of(run_id)
        return made

    async def _start_later(self, tick: BackfillTick, other: str) -> None:
        """Run a tick whose logical time has a live run, once that has ended."""
        while (there := await self._wait_for(other)) is not None:
            if there.state in LIVE:
                name = f"{there.workflow}@{there.times.date}"
                self._waits_in_vain = f"nobody drives run {other} of {name}: cronicle resume {other}"
                return
            made = await self._create(tick)
            if not isinstance(made, LiveRunExists):
                if made is not None:
                    await self._drive_run(made)
                return
            other = made.run_id

    async def _await_other(self, run_id: str) -> None:
        """Wait for the end of a run of this backfill that somebody else drives; drive it if nobody does."""
        while (there := await self._wait_for(run_id)) is not None and there.state in LIVE:
            if await self._adopt(run_id):
                await self._places.acquire_on_behalf_of(run_id)
                await self._drive_run(there)
                return
        self._refresh()

    async def _wait_for(self, run_id: str) -> RunRecord | None:
        """A run of somebody else as soon as it has ended or has no owner; None when the backfill is to stop."""
        store = self._owner.store
        while self._stop is None:
            run = await self._owner.journal.call(store.find_run, run_id)
            if run is None or run.state not in LIVE or run.owner is None:
                return run
            if not store.is_alive(run.owner):
                with suppress(UnwritableError):
                    await settle_dead_owners(store, self._owner.clock)
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
            driver = self._owner.driver_for(run, self._observe)
            if self._cancelled_by is not None:  # while the run was made
                driver.cancel(self._cancelled_by, CANCELLED_WITH_BACKFILL)
            await driver.drive()
        finally:
            self._runs.discard(run.id)
            self._places.release_on_behalf_of(run.id)
        self._refresh()
        failed = self.backfill.failed - self._failed_before  # a resumed one has as many again
        if self._stop is None and self._is_chain and driver.machine.state is not RunState.SUCCEEDED:
            what = f"run {run.id} of {run.times.date} has {driver.machine.state}"
            self.pause(f"{what}, and the next depends on it (depends_on_past)")
        if self._stop is None and failed >= self.backfill.max_failures:
            self.pause(f"{failed} runs have failed (--max-failures {self.backfill.max_failures})")

    def _refresh(self) -> None:
        record = self._owner.store.find_backfill(self.backfill.id)
        assert record is not None
        self.backfill = record
        self._progress(record)
