"""Ticking: one process of a store sees to it that each tick makes its run, or leaves a record of why not.

The ticker leads (`Store.lead`) under an epoch that the store checks in every transaction that settles ticks. What a
series owes is computed by `cronicle.operations.watch` from its cursor, the deployments and pauses since, and the
clock; what comes of it is one transaction with the new cursor. So a crash at any moment settles a tick once.

Rules:

1. It never sleeps longer than `RECHECK`, since the wall clock may be set. When it finds that the clock has gone
   further than it slept (a suspended machine, a clock set forward), the ticks in between were missed; a clock set
   back repeats nothing, since cursors stay.
2. What changes from outside (a deployment, a pause, a detached run) wakes it by a datagram; a lost one costs a
   second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import trio

from cronicle.engine.sharing import Shares
from cronicle.operations.ended import end_expired
from cronicle.operations.in_force import Maker, WorkflowInForce
from cronicle.operations.scope import Scope
from cronicle.operations.watch import Watch
from cronicle.store.interface import UnwritableError
from cronicle.store.records import DeploymentRecord, RunRecord
from cronicle.store.series import Settled, Settlement

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

RECHECK = 1.0
"""Seconds that the ticker sleeps at most: the clock may be set, and a datagram lost."""

JUMP = timedelta(seconds=30)
"""A clock that is so much further than the sleep took was set, or the machine was suspended."""

FIRST_BATCH, BATCH = 20, 500
"""Settlements in the first transaction of a look, and in those after it: the first runs are to start at once."""

Made = Callable[[Sequence[Settlement], Sequence[Settled]], None]
"""Told what came of settlements."""


class Ticker:
    """The ticks of the environments that this process serves."""

    def __init__(self, owner: Owner, scope: Scope, made: Made) -> None:
        self._owner = owner
        self._made = made
        self._scope = scope
        self._watch: Watch | None = None
        self._epoch: int | None = None
        self._watched_from: datetime | None = None
        self._checked: tuple[datetime, float] | None = None
        self._woken = trio.Event()
        self._stopped = False
        self.looked = trio.Event()
        """Set once it is known whether this process leads."""

    @property
    def leads(self) -> bool:
        """True while this process leads the ticking."""
        return self._epoch is not None

    @property
    def is_idle(self) -> bool:
        """True if no missed ticks are still to be made up."""
        return self._watch is None or not self._watch.owes

    def workflows(self) -> tuple[WorkflowInForce, ...]:
        """All workflows that it ticks for; none while another process leads."""
        return tuple(self._watch.workflows()) if self._watch is not None else ()

    def deployments(self) -> tuple[DeploymentRecord, ...]:
        """The deployments in force that it ticks for; none while another process leads."""
        return tuple(self._watch.deployments()) if self._watch is not None else ()

    def wake(self) -> None:
        """Have it look now, at all that others may have changed."""
        if self._watch is not None:
            self._watch.others_changed()
        self._woken.set()

    def run_ended(self, run: RunRecord) -> None:
        """Have it look now if something may follow from the end of a run."""
        if self._watch is not None and self._watch.run_ended(run):
            self._woken.set()

    def stop(self) -> None:
        """Settle no more ticks; another may lead."""
        self._stopped = True
        if self._epoch is not None:
            with suppress(UnwritableError):  # then it leads to its end
                self._owner.store.stop_leading(self._owner.id)
            self._epoch = None
        self._woken.set()

    async def serve(self, until: datetime | None = None) -> None:
        """Tick for as long as this is not cancelled or stopped; with `until`, to that instant, inclusive."""
        while not self._stopped:
            self._woken = trio.Event()
            now = self._owner.clock.now()
            done = until is not None and now >= until
            seconds = await self._look(min(now, until) if until is not None else now)
            if done and self.is_idle:
                return
            if until is not None:
                seconds = min(seconds, max(0.0, (until - self._owner.clock.now()).total_seconds()))
            with trio.move_on_after(seconds):
                await self._woken.wait()

    async def _look(self, now: datetime) -> float:
        """Settle what is due; how many seconds there is nothing to do after that."""
        owner = self._owner
        epoch = await owner.journal.call(owner.store.lead, owner.id, self._scope.key)
        if epoch is None or self._stopped:
            self._lose_lead()
            self.looked.set()
            return RECHECK
        if epoch != self._epoch or self._watch is None:
            self._epoch = epoch
            self._watch = Watch(owner.store, self._scope, is_start=self._watched_from is None)
            self._watched_from = now
            _log.info("Leads the ticking.")
            self.looked.set()
        self._notice_jump(now)
        assert self._watched_from is not None
        await owner.journal.call(self._watch.refresh, now)
        await self._end_expired(now)
        if not self._watch.may_be_due(now):  # somebody has woken it, and it was nothing for it
            return min(RECHECK, self._watch.seconds_until_next(owner.clock.now()))
        maker = Maker(
            owner=owner.id,
            host=owner.host,
            now=now,
            new_id=owner.new_id,
            spec_named=owner.spec_named,
            labels=owner.labels,
            taker=(await self._shares()).next,
        )
        limit = FIRST_BATCH
        while settlements := self._watch.due(self._watched_from, maker, limit=limit):
            if not await self._settle(settlements):
                return 0.0
            limit = BATCH
        return min(RECHECK, self._watch.seconds_until_next(owner.clock.now()))

    async def _end_expired(self, now: datetime) -> None:
        """End the environments whose time has come, before another tick of theirs makes a run."""
        assert self._watch is not None
        if not any(one.is_past(now) for one in self._watch.deployments()):
            return
        owner = self._owner
        found = tuple(self._watch.deployments())
        for one in await owner.journal.call(end_expired, owner.store, found, now, owner.host):
            _log.info(
                "The environment has ended: its time had come.",
                extra={"project": one.project, "environment": one.environment},
            )
        await owner.journal.call(self._watch.refresh, now)

    async def _shares(self) -> Shares:
        """Who serves the same, and how much each has to do."""
        owner = self._owner
        if len(await owner.journal.call(owner.store.list_owners)) == 1:
            return Shares(())  # the usual case, and it costs next to nothing
        return Shares(await owner.journal.call(owner.store.list_serving, self._scope.key))

    async def _settle(self, settlements: Sequence[Settlement]) -> bool:
        """Store settlements; False if this process does not lead any more."""
        if self._epoch is None:  # stopped while they were made
            return False
        assert self._watch is not None
        settled = await self._owner.journal.call(
            self._owner.store.settle, self._epoch, settlements, self._watch.progress
        )
        if settled is None:
            self._lose_lead()
            return False
        self._watch.note(settlements, settled, self._owner.clock.now())
        self._made(settlements, settled)
        return True

    def _lose_lead(self) -> None:
        if self._epoch is not None:
            _log.warning("Another process leads the ticking now.")
        self._epoch, self._watch = None, None

    def _notice_jump(self, now: datetime) -> None:
        """Ticks that passed while nobody looked, since the clock was set or the machine slept, were missed."""
        steady = trio.current_time()
        if self._checked is not None:
            before, then = self._checked
            if now - before - timedelta(seconds=steady - then) > JUMP:
                _log.warning(
                    "The clock went from %s to %s at once; ticks in between were missed.", before, now
                )
                self._watched_from = now
        self._checked = now, steady
