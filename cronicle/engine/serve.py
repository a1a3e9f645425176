"""The process that serves: it ticks, takes up what nobody owns, drives what it owns, and drains when told to end.

One nursery owns everything that goes on here. The parts do not know each other; this module tells one what another
has seen:

    Ticker      makes runs of ticks               Dispatcher   starts and drives runs
    Followers   makes runs after runs             Keeper       adopts what nobody owns, settles dead owners
    Signals     late, not fresh, failing          housekeeping: heartbeat, retention, watchdog

Rules:

1. TERM drains: it stops ticking and starting at once, so that another process can lead; attempts that run go on to
   their end. A second TERM, or the end of the patience, ends them. Runs that have not ended are left without an
   owner, and the next process that serves takes them up.
2. What cannot be written waits until it can be (`cronicle.engine.journal`); what may have been written halfway ends
   the process.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import trio
from attrs import field, frozen

from cronicle.engine.dispatcher import Dispatcher
from cronicle.engine.heartbeat import Heartbeat
from cronicle.engine.keeper import Keeper
from cronicle.engine.runner import Observer
from cronicle.engine.signals import Signals
from cronicle.engine.ticker import Made, Ticker
from cronicle.operations.scope import Scope
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import RunState
from cronicle.store.records import ControlRequest, RunRecord
from cronicle.store.series import Settled, Settlement

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks whether everything has ended."""

DRAIN = "drain"
"""The verb by which a process that serves is asked to drain."""


@frozen(kw_only=True)
class ServeOptions:
    """How to serve."""

    scope: Scope = field(factory=Scope)
    until: datetime | None = None
    """Serve the ticks up to this instant, and end when all runs have."""
    drain_seconds: float | None = None
    """How long running attempts may take to end when draining; None: as long as they need."""


Service = Callable[[], Awaitable[None]]


class Server:
    """All that one serving process does."""

    def __init__(
        self,
        owner: Owner,
        options: ServeOptions,
        observe: Observer,
        settled: Made = lambda *_: None,
    ) -> None:
        self._owner = owner
        self._options = options
        self.dispatcher = Dispatcher(owner, observe, self._run_ended)
        self.ticker = Ticker(owner, options.scope, self._ticks_settled)
        self.keeper = Keeper(owner, options.scope, lambda: self.ticker.leads, self.dispatcher, observe)
        self.signals = Signals(owner, self.ticker, self.dispatcher.runs)
        self.heartbeat = Heartbeat(owner, self.ticker, lambda: owner.journal.is_well)
        self.draining = trio.Event()
        """Set when draining begins."""
        self._settled = settled
        self._drained = trio.Event()
        self._something_ended = trio.Event()

    async def serve(self, *services: Service) -> None:
        """Serve until drained, or until the instant that the options name; `services` go on beside."""
        self._owner.on_request = self._obey
        self._owner.on_wake = self.look
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.dispatcher.serve)
            nursery.start_soon(self.keeper.serve)
            nursery.start_soon(self.signals.serve)
            nursery.start_soon(self.heartbeat.serve)
            for service in services:
                nursery.start_soon(service)
            nursery.start_soon(self._tick)
            nursery.start_soon(self._drain)
            await self._drained.wait()
            self._owner.journal.give_up()
            nursery.cancel_scope.cancel()

    async def _tick(self) -> None:
        await self.ticker.serve(self._options.until)
        if self._options.until is not None and not self.draining.is_set():
            await self._until_idle(self._options.until)
            self._drained.set()

    async def _until_idle(self, until: datetime) -> None:
        """Wait until everything has ended that was made, but for what is to start later."""
        while not (self.dispatcher.is_idle_until(until) and self.keeper.is_idle and self.ticker.is_idle):
            self._something_ended = trio.Event()
            with trio.move_on_after(LOOK):
                await self._something_ended.wait()

    # -- draining ------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Begin to drain; a second call ends the attempts that still run."""
        if self.draining.is_set():
            _log.warning("Ends the attempts that run.")
            self._drained.set()
            return
        slots = self._owner.slots
        _log.info("Drains: starts nothing more, %d attempts go on.", slots.size - slots.free)
        slots.close()
        self.ticker.stop()
        self.keeper.tell_others()  # one that stands by leads at once
        self.dispatcher.drain()
        self.draining.set()

    async def _drain(self) -> None:
        """Once draining has begun, wait for the attempts that run."""
        await self.draining.wait()
        await self.keeper.drain()
        seconds = self._options.drain_seconds
        with trio.move_on_after(float("inf") if seconds is None else seconds):
            await self._owner.slots.all_free()
        self._drained.set()

    # -- what the parts tell each other --------------------------------------------------------------------

    def _obey(self, request: ControlRequest) -> bool:
        """Obey what is asked of this process, or of a run of it that has no driver yet."""
        if request.target == self._owner.id and request.verb == DRAIN:
            if not self.draining.is_set():
                self.drain()
            return True
        if self.dispatcher.knows(request.target):
            self.dispatcher.hasten(request.target)
        return False

    def look(self) -> None:
        """Look at everything that others may have changed."""
        self.ticker.wake()
        self.keeper.wake()
        self.dispatcher.look()

    def _ticks_settled(self, settlements: Sequence[Settlement], settled: Sequence[Settled]) -> None:
        """Runs were made: take them on; those that a newer one supersedes are cancelled."""
        self._settled(settlements, settled)
        made: list[RunRecord] = []
        sequences: dict[str, int] = {}
        for settlement, one in zip(settlements, settled, strict=True):
            self.keeper.cancel_superseded(one.superseded)
            self.dispatcher.let_go(one.skipped)
            made += [new.run for new in settlement.runs if new.run.id in one.made]
            sequences.update(one.made)
        self.dispatcher.offer((run for run in made if run.owner is not None), sequences)
        for other in {run.assigned_to for run in made if run.assigned_to is not None}:
            self._owner.wake_other(other)

    def _run_ended(self, run: RunRecord, machine: RunMachine) -> None:
        self._something_ended.set()
        if machine.state is RunState.FAILED:
            _log.warning(
                "The run has failed.",
                extra={"run": run.id, "workflow": run.workflow, "logical_time": run.logical_time.isoformat()},
            )
        self.signals.run_ended(run, machine)
        self.ticker.run_ended(run)
        self.keeper.tell_others()
