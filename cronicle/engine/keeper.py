"""Taking up what nobody owns: runs and backfills that were left to this process, or that a dead one has left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from cronicle.engine.backfills import BackfillDriver
from cronicle.engine.dispatcher import Dispatcher
from cronicle.engine.failures import is_fatal, tell_set_aside
from cronicle.engine.recovery import settle_dead_owners
from cronicle.engine.runner import Observer
from cronicle.engine.sharing import Shares, moves
from cronicle.operations.in_force import SCHEDULER
from cronicle.operations.labels import named
from cronicle.operations.scope import Scope
from cronicle.runs.labels import missing_labels
from cronicle.runs.states import LIVE
from cronicle.schedule.admission import PolicyReason
from cronicle.store.interface import StoreError, UnwritableError
from cronicle.store.records import Actor, BackfillRecord
from cronicle.store.serving import ServingRecord, UnownedRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

ALL = 1_000_000
"""More queued runs than a process has."""

ADOPTED_AT_ONCE = 500
"""Runs that are adopted in one transaction: a process may have left ten thousand."""

LOOK = 1.0
"""Seconds between two looks for dead owners and for what has no owner."""


class Keeper:
    """What this process adopts."""

    def __init__(
        self, owner: Owner, scope: Scope, leads: Callable[[], bool], dispatcher: Dispatcher, observe: Observer
    ) -> None:
        self._owner = owner
        self._scope = scope
        self._leads = leads
        self._is_draining = False
        self._dispatcher = dispatcher
        self._observe = observe
        self._woken = trio.Event()
        self._backfills: set[str] = set()
        self._set_aside: set[str] = set()
        self._superseded: dict[str, tuple[str, ...]] = {}
        """Runs without an owner that are to be ended, with the labels that they need."""
        self._lacking: frozenset[tuple[str, ...]] = frozenset()
        """What runs need and nobody has who serves."""

    @property
    def is_idle(self) -> bool:
        """True if it drives no backfill."""
        return not self._backfills

    def wake(self) -> None:
        """Have it look now."""
        self._woken.set()

    def take_on(self, run_ids: Iterable[str]) -> None:
        """Have runs driven that were made for this process."""
        runs = (self._owner.store.find_run(run_id) for run_id in run_ids)
        self._dispatcher.offer(run for run in runs if run is not None and run.state in LIVE)

    def cancel_superseded(self, run_ids: Iterable[str]) -> None:
        """See to it that runs in whose place there is a newer one are ended; the store holds the requests for it."""
        for run_id in run_ids:
            self._dispatcher.hasten(run_id)
            run = self._owner.store.find_run(run_id)
            if run is None:
                continue
            if run.owner is not None:
                self._owner.wake_other(run.owner)
            elif run.runs_on:  # nobody may ever come who could take it up
                self._superseded[run_id] = run.runs_on
                self._woken.set()

    def tell_others(self) -> None:
        """Have the other processes look: a run has ended that theirs may wait for, or nobody leads any more."""
        for other in self._owner.ids_of_owners():
            if other != self._owner.id:
                self._owner.wake_other(other)

    async def serve(self) -> None:
        """Adopt for as long as this is not cancelled."""
        owner = self._owner
        await owner.journal.call(owner.store.serve_as, owner.id, self._scope.key, owner.slots.size)
        self.tell_others()  # runs may wait for the labels that it has
        async with trio.open_nursery() as nursery:
            look_at = trio.current_time()
            while True:
                self._woken = trio.Event()
                # It is woken at every run's end, and nobody dies so often.
                is_time = trio.current_time() >= look_at
                if is_time:
                    with suppress(UnwritableError):  # whoever has something to write tells of it
                        await self._settle_the_dead()
                    look_at = trio.current_time() + LOOK
                await self._adopt(nursery)
                if is_time:
                    await self._even_out()
                with trio.move_on_at(look_at):
                    await self._woken.wait()

    async def _settle_the_dead(self) -> None:
        for settled in await settle_dead_owners(self._owner.store, self._owner.clock):
            _log.warning(
                "Process %d on %s had died; it left %d runs, %d attempts are lost.",
                settled.owner.pid,
                settled.owner.host,
                len(settled.runs),
                settled.attempts,
            )
            self._owner.on_wake()  # nobody may lead now, and runs may wait for what it held

    async def _adopt(self, nursery: trio.Nursery) -> None:
        """Take up what this process is to take up, and give the others what is for them."""
        owner = self._owner
        unowned = await owner.journal.call(owner.store.list_unowned)
        unowned = tuple(one for one in unowned if one.id not in self._set_aside)
        if not unowned:
            self._lacking = frozenset()
        if unowned and not self._is_draining:
            serving = await owner.journal.call(owner.store.list_serving, self._scope.key)
            self._tell_of_lacking(unowned, serving)
            await self._take_up([one.id for one in await self._mine(unowned, serving)], nursery)
        if self._superseded and not self._is_draining:
            await self._end_superseded()

    async def _mine(
        self, unowned: Sequence[UnownedRecord], serving: Sequence[ServingRecord]
    ) -> list[UnownedRecord]:
        """Those that this process is to take up now; as the leader it gives the runs among them to all who serve."""
        owner, shares = self._owner, Shares(serving)
        mine: list[UnownedRecord] = []
        assigned: dict[str, str] = {}
        for one in unowned:
            is_able = not missing_labels(one.runs_on, owner.labels)
            if one.assigned_to == owner.id and is_able:
                mine.append(one)
            elif shares.can_take(one.assigned_to, one.runs_on) or not self._takes(one):
                continue
            elif one.is_backfill or len(serving) <= 1:
                if is_able:
                    mine.append(one)
            elif self._leads():
                taker = shares.next(one.runs_on)
                if taker == owner.id:
                    mine.append(one)
                elif taker is not None:
                    assigned[one.id] = taker
        if assigned:
            await owner.journal.call(owner.store.assign_runs, assigned)
            for other in set(assigned.values()):
                owner.wake_other(other)
        return mine

    def _takes(self, one: UnownedRecord) -> bool:
        return self._scope.takes(one.project, one.environment)

    def _tell_of_lacking(self, unowned: Sequence[UnownedRecord], serving: Sequence[ServingRecord]) -> None:
        """As the leader, say in the log which labels something waits for that nobody has who serves; once."""
        if not self._leads():
            return
        needed = {one.runs_on for one in unowned if one.runs_on and self._takes(one)}
        lacking = frozenset(runs_on for runs_on in needed if _is_lacking(runs_on, serving))
        for runs_on in sorted(lacking - self._lacking):
            _log.warning(
                "Something waits for a process with %s, and none that serves has that.",
                named(runs_on),
            )
        self._lacking = lacking

    async def _end_superseded(self) -> None:
        """End those in whose place there is a newer one, and for which nobody serves who could take them up."""
        owner = self._owner
        superseded, self._superseded = self._superseded, {}
        serving = await owner.journal.call(owner.store.list_serving, self._scope.key)
        actor = Actor(user=SCHEDULER, host=owner.host, command="cronicle serve")
        for run_id, runs_on in superseded.items():
            if not _is_lacking(runs_on, serving):  # whoever takes it up finds that it is to be ended
                continue
            if await owner.journal.call(owner.store.adopt_run, run_id, owner.id):
                run = owner.store.find_run(run_id)
                assert run is not None
                self._dispatcher.end(run, actor, PolicyReason.SUPERSEDED)

    async def _take_up(self, found: Sequence[str], nursery: trio.Nursery) -> None:
        owner = self._owner
        for start in range(0, len(found), ADOPTED_AT_ONCE):
            batch = found[start : start + ADOPTED_AT_ONCE]
            runs = frozenset(await owner.journal.call(owner.store.adopt_runs, batch, owner.id))
            for one in batch:
                try:
                    if one in runs:
                        self.take_on((one,))
                    else:
                        await self._adopt_backfill(nursery, one)
                except StoreError as error:
                    if is_fatal(owner, error):
                        raise
                    self._set_aside.add(one)
                    tell_set_aside(one, error)

    async def _even_out(self) -> None:
        """As the leader, have queued runs go where there are slots for them."""
        owner = self._owner
        if not self._leads() or len(owner.ids_of_owners()) == 1:
            return
        for move in moves(await owner.journal.call(owner.store.list_serving, self._scope.key)):
            moved = await owner.journal.call(
                owner.store.hand_over_queued, move.source, move.target, move.count
            )
            if moved:
                _log.info(
                    "%d queued runs go from one process to another that has slots for them.", len(moved)
                )
                owner.wake_other(move.target)
                owner.wake_other(move.source)

    async def drain(self) -> None:
        """Take up nothing more, and leave what has not begun to the others who serve."""
        self._is_draining = True
        owner = self._owner
        with suppress(UnwritableError):  # then they take it up when this process has ended
            await owner.journal.call_once(owner.store.serve_as, owner.id, self._scope.key, None)
            if await owner.journal.call_once(owner.store.list_serving, self._scope.key):
                await owner.journal.call_once(owner.store.hand_over_queued, owner.id, "", ALL)
                self.tell_others()

    async def _adopt_backfill(self, nursery: trio.Nursery, name: str) -> None:
        owner = self._owner
        backfill = owner.store.find_backfill(name)
        if backfill is None:
            return
        if await owner.journal.call(owner.store.adopt_backfill, backfill.id, owner.id):
            adopted = self._owner.store.find_backfill(backfill.id)
            assert adopted is not None
            self._backfills.add(backfill.id)
            nursery.start_soon(self._drive_backfill, adopted)

    async def _drive_backfill(self, backfill: BackfillRecord) -> None:
        try:
            driver = BackfillDriver(self._owner, backfill, lambda _: None, self._observe)
            ended = await driver.drive()
            _log.info("Backfill %s of %s: %s.", ended.id, ended.workflow, ended.state)
        except Exception as error:
            if is_fatal(self._owner, error):
                raise
            self._set_aside.add(backfill.id)
            tell_set_aside(f"backfill {backfill.id} of {backfill.workflow}", error)
        finally:
            self._backfills.discard(backfill.id)


def _is_lacking(runs_on: tuple[str, ...], serving: Sequence[ServingRecord]) -> bool:
    """True if nobody who serves has all these labels."""
    return all(missing_labels(runs_on, one.labels) for one in serving)
