"""Driving a backfill: its ticks in order, some runs at once, paused when too many have failed.

Which ticks it has was fixed when it was made; a run is made for each in the same transaction that notes it
beside the tick, so that a crash loses none and doubles none.

A logical time has one live run. Where that is somebody else's, the tick waits for its end and the others go on;
where nobody drives it, it would be waited for in vain, and the backfill pauses at its end and says so.

What it waits for stands in the store, never in memory, so that it survives a crash and a hand-over:

- With `canary` the first ticks are run, and the others start once these have succeeded. One that fails pauses the
  backfill; somebody who resumes it has those that failed tried again.
- With `waits_for` nothing starts until that backfill has succeeded (or each of its ticks has got a result since, of
  the revision that it runs). If it ends otherwise or is paused, this one is paused, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import trio

from cronicle.engine.recovery import settle_dead_owners
from cronicle.engine.runner import Observer
from cronicle.operations.chains import has_come_to_its_end
from cronicle.operations.create_run import backfill_run
from cronicle.runs.events import RunQueued
from cronicle.runs.states import LIVE, BackfillState, RunState
from cronicle.store.acts import Act, act_on
from cronicle.store.interface import UnwritableError
from cronicle.store.records import (
    Actor,
    BackfillRecord,
    BackfillTick,
    ControlRequest,
    LiveRunExists,
    NewRun,
    RunFilter,
    RunRecord,
)
from cronicle.views.words import has_become, plural

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

WAIT_FOR_OTHER_RUN = 0.5
"""Seconds until a live run that somebody else drives is looked at again."""

WAIT_FOR_OTHER_BACKFILL = 0.5
"""Seconds until the backfill that has to succeed before is looked at again."""

ADOPTED_AT_ONCE = 1000
"""Unfinished runs that a resumed backfill takes up; there are never more than its `parallel`."""

CANCELLED_WITH_BACKFILL = "its backfill was cancelled"

Progress = Callable[[BackfillRecord], None]
"""Told whenever a run of the backfill has started or ended."""


class BackfillDriver:
    """Drives one backfill that this process owns, until it ends or is paused."""

    def __init__(
        self,
        owner: Owner,
        backfill: BackfillRecord,
        progress: Progress,
        observe: Observer,
        *,
        retries_canaries: bool = False,
    ) -> None:
        self.backfill = backfill
        self._retries_canaries = retries_canaries
        self._owner = owner
        self._progress = progress
        self._observe = observe
        self._stop: tuple[BackfillState, str | None] | None = None
        self._stopped = trio.Event()
        self._is_chain = False
        """True if each run waits for the one before it to succeed."""
        self._places = trio.CapacityLimiter(backfill.parallel or owner.slots.size)
        self._changed = trio.Event()
        """Set when a run of it has ended."""
        self._runs: set[str] = set()
        self._failed_before = backfill.failed
        self._waits_in_vain: str | None = None
        self._cancelled_by: Actor | None = None
        self._act: Act | None = None

    def request(self, request: ControlRequest) -> None:
        """Obey a request: `pause` starts nothing more, `cancel` also ends what runs."""
        if request.verb == "cancel":
            self.cancel(request.actor, request.reason)
        elif request.verb == "pause":
            by = f"by {request.actor.user}@{request.actor.host}"
            self.pause(f"{by}: {request.reason}" if request.reason else by)

    def pause(self, reason: str, *, asked_here: Actor | None = None) -> None:
        """Start no more runs; those in progress finish.

        `asked_here`: who has interrupted it with Ctrl-C, an act of theirs; a request is on record as one already.
        """
        if self._stop is None:
            self._stop = (BackfillState.PAUSED, reason)
            self._stopped.set()
            if asked_here is not None:
                self._act = act_on(self.backfill, "pause", asked_here, self._owner.clock.now(), reason)

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
            await self._look_at_specs()
            async with trio.open_nursery() as runs:
                await self._resume_runs(runs)
                await self._start_ticks(runs)
        finally:
            del self._owner.backfills[self.backfill.id]
        self._refresh()
        state, reason = self._outcome()
        act = self._act if state is BackfillState.PAUSED else None
        end = partial(self._owner.store.set_backfill_state, owner=self._owner.id, act=act)
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

    async def _look_at_specs(self) -> None:
        """See whether a run waits for the one before it: then there is one at a time."""
        ticks = await self._list_ticks()
        hashes = {tick.spec_hash or self.backfill.spec_hash for tick in ticks}
        self._is_chain = any(self._owner.spec_named(one).policy.depends_on_past for one in sorted(hashes))
        if self._is_chain:
            self._places.total_tokens = 1

    async def _list_ticks(
        self, *, pending: bool = False, limit: int | None = None
    ) -> tuple[BackfillTick, ...]:
        store = self._owner.store
        return await self._owner.journal.call(
            lambda: store.list_ticks(self.backfill.id, pending=pending, limit=limit)
        )

    async def _start_ticks(self, runs: trio.Nursery) -> None:
        if not await self._is_its_turn() or not await self._have_canaries_succeeded(runs):
            return
        for tick in await self._list_ticks(pending=True):
            if not await self._begin(tick, runs):
                return

    async def _begin(self, tick: BackfillTick, runs: trio.Nursery) -> bool:
        """Make the run of a tick and have it driven; False if the backfill is to stop."""
        made = await self._create(tick)
        if made is None:
            return False
        if isinstance(made, LiveRunExists):
            runs.start_soon(self._start_later, tick, made.run_id)
        else:
            runs.start_soon(self._drive_run, made)
        return True

    async def _is_its_turn(self) -> bool:
        """Wait until the backfill has succeeded that comes before; False if that will not be, or this is to stop."""
        name = self.backfill.waits_for
        while name is not None and self._stop is None:
            above = await self._owner.journal.call(self._owner.store.find_backfill, name)
            if above is None or await self._owner.journal.call(has_come_to_its_end, self._owner.store, above):
                break
            if above.state is not BackfillState.RUNNING:
                state = "is paused" if above.state is BackfillState.PAUSED else has_become(above.state)
                self.pause(f"it waits for backfill {above.id} of {above.workflow}, which {state}")
                break
            with trio.move_on_after(WAIT_FOR_OTHER_BACKFILL):
                await self._stopped.wait()
        return self._stop is None

    async def _have_canaries_succeeded(self, runs: trio.Nursery) -> bool:
        """Run the first ticks, if they are to succeed before the others; False if they do not, or this is to stop."""
        begun: set[int] | None = None
        while self.backfill.canary and self._stop is None:
            changed = self._changed
            ticks = await self._list_ticks(limit=self.backfill.canary)
            waited_for = [tick for tick in ticks if tick.state is not RunState.SUCCEEDED]
            if not waited_for:
                return True
            if begun is None:  # what had failed before somebody resumed it is tried again
                begun = set() if self._retries_canaries else {tick.position for tick in ticks if tick.run_id}
                begun |= {tick.position for tick in ticks if tick.state in LIVE}
            if bad := [tick for tick in waited_for if tick.position in begun and self._is_over(tick)]:
                self.pause(self._why_not(bad[0]))
                return False
            for tick in waited_for:
                if tick.position not in begun:
                    begun.add(tick.position)
                    if not await self._begin(tick, runs):
                        return False
            with trio.move_on_after(WAIT_FOR_OTHER_RUN):  # somebody else may drive what is waited for
                await _either(changed, self._stopped)
            if self._waits_in_vain is not None:
                return False
        return self._stop is None

    @staticmethod
    def _is_over(tick: BackfillTick) -> bool:
        return tick.state is not None and tick.state not in LIVE

    def _why_not(self, tick: BackfillTick) -> str:
        """What is said of a canary that has not succeeded."""
        run = None if tick.run_id is None else self._owner.store.find_run(tick.run_id)
        assert run is not None
        others = self.backfill.total - (self.backfill.canary or 0)
        wait = (
            f"; the other {plural(others, 'tick')} {'waits' if others == 1 else 'wait'} for it"
            if others > 0
            else ""
        )
        return f"canary run {run.id} of {run.times.date} {has_become(run.state)}{wait}, and resuming tries it again"

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
            self._owner.spec_named(tick.spec_hash or self.backfill.spec_hash),
            tick,
            run_id=run_id,
            owner=self._owner.id,
            now=self._owner.clock.now(),
        )
        if not await self._has_data(new):
            self._places.release_on_behalf_of(run_id)
            return None
        made = await self._owner.journal.call(self._owner.store.create_run, new)
        if isinstance(made, LiveRunExists):
            self._places.release_on_behalf_of(run_id)
            with suppress(OSError):
                self._owner.attempts.places.remove_run_data(run_id)
        return made

    async def _has_data(self, new: NewRun) -> bool:
        """Give a run that makes stale tasks anew what the others had left in the folder of their run.

        False if that cannot be had; then the backfill pauses.
        """
        queued, places = new.events[0], self._owner.attempts.places
        remade = queued.remakes if isinstance(queued, RunQueued) else None
        if remade is None:
            return True
        try:
            await trio.to_thread.run_sync(places.copy_run_data, remade, new.run.id)
        except OSError as error:
            with suppress(OSError):
                places.remove_run_data(new.run.id)
            self.pause(f"the data of run {remade} cannot be copied: {error}")
            return False
        return True

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
        self._changed.set()
        self._changed = trio.Event()
        self._progress(record)


async def _either(*events: trio.Event) -> None:
    """Wait for one of several events."""
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        for event in events:
            nursery.start_soon(wait, event)
