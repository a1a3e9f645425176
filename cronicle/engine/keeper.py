"""Taking up what nobody owns: runs and backfills that were left to this process, or that a dead one has left."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from cronicle.engine.backfills import BackfillDriver
from cronicle.engine.dispatcher import Dispatcher
from cronicle.engine.failures import is_fatal, tell_set_aside
from cronicle.engine.recovery import settle_dead_owners
from cronicle.engine.runner import Observer
from cronicle.runs.states import LIVE
from cronicle.store.interface import StoreError, UnwritableError
from cronicle.store.records import BackfillRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

ADOPTED_AT_ONCE = 500
"""Runs that are adopted in one transaction: a process may have left ten thousand."""

LOOK = 1.0
"""Seconds between two looks for dead owners and for what has no owner."""


class Keeper:
    """What this process adopts."""

    def __init__(
        self, owner: Owner, dispatcher: Dispatcher, observe: Observer, projects: Sequence[str] = ()
    ) -> None:
        self._owner = owner
        self._projects = projects
        """Whose runs it adopts; empty: of all."""
        self._of_others: set[str] = set()
        self._dispatcher = dispatcher
        self._observe = observe
        self._woken = trio.Event()
        self._backfills: set[str] = set()
        self._set_aside: set[str] = set()

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
            if run is not None and run.owner is not None:
                self._owner.wake_other(run.owner)

    def tell_others(self) -> None:
        """Have the other processes look: a run has ended that theirs may wait for, or nobody leads any more."""
        for other in self._owner.ids_of_owners():
            if other != self._owner.id:
                self._owner.wake_other(other)

    async def serve(self) -> None:
        """Adopt for as long as this is not cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._woken = trio.Event()
                with suppress(UnwritableError):  # whoever has something to write tells of it
                    await self._settle_the_dead()
                await self._adopt(nursery)
                with trio.move_on_after(LOOK):
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
            self._dispatcher.look()

    async def _adopt(self, nursery: trio.Nursery) -> None:
        owner = self._owner
        unowned = await owner.journal.call(owner.store.list_unowned)
        found = [one for one in unowned if one not in self._set_aside]
        if self._projects:
            found = await owner.journal.call(self._of_these_projects, found)
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

    def _of_these_projects(self, ids: Iterable[str]) -> list[str]:
        """The runs and backfills of the projects that this process serves; the others wait for whoever does that."""
        store, found = self._owner.store, []
        others, self._of_others = self._of_others, set()
        for one in ids:
            try:
                about = None if one in others else store.find_run(one) or store.find_backfill(one)
            except StoreError:  # what is damaged is set aside by whoever comes across it
                found.append(one)
                continue
            if about is not None and about.project in self._projects:
                found.append(one)
            else:
                self._of_others.add(one)
        return found

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
