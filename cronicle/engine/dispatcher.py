"""Starting the queued runs of a process that serves: which comes next, and when there is room for one more.

Ten thousand runs may be queued; a run has a driver only once it may start and there are slots for it, so that what
waits costs a row and nothing else.

Rules:

1. Runs that wait for their policy are looked at by workflow, in the order of their logical times. What limits the
   first limits those behind it, so they are not asked about.
2. A run that may start is started when a slot is free that no run in progress wants: few runs are in progress, and
   those are finished first. Which one comes next, `cronicle.schedule.admission` says.
3. When another process says that something has changed, those that wait are looked at again for which a run has ended
   since; the others have no reason to be.
4. One run that cannot be read is set aside with an alarm, and the others go on.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import trio
from attrs import define, evolve, field

from cronicle.engine.admission import LOOK_AGAIN, judge
from cronicle.engine.failures import is_fatal, is_loss_of_ownership, tell_set_aside
from cronicle.engine.runner import Observer
from cronicle.errors import CronicleError
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import RunState
from cronicle.schedule.admission import Queued
from cronicle.store.records import Actor, RunRecord, Transition

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

GATES_AT_ONCE = 20
"""So many runs of a workflow that wait for something of their own are looked at in one go; those behind them after
`LOOK_AGAIN`."""

NOT_TOLD = 15.0
"""Seconds after which the waiting runs of a workflow are looked at although nobody has said that something has
changed: what one process tells another may be lost."""

MANY_EVENTS = 5_000
"""If so many have been stored since it was looked for ends last, all that wait are looked at instead."""

Workflow = tuple[str, str, str]
"""Project, environment, workflow."""

Ended = Callable[[RunRecord, RunMachine], None]
"""Told of every run of this process that has ended."""


@define(eq=False)
class _Group:
    """The runs of one workflow that wait for their policy, by logical time."""

    runs: list[RunRecord] = field(factory=list)
    look_at: datetime | None = None
    is_dirty: bool = True
    required: set[str] = field(factory=set)
    """Workflows of which ends may set one free."""
    has_lock: bool = False
    """True if whoever holds a lock, of whatever workflow, may keep one waiting."""
    place: int = 0
    """From which on those behind the first ones are looked at next."""

    def some(self) -> tuple[RunRecord, ...]:
        """Those to be looked at now: half of them the oldest ones, the others in turns, so that none is forgotten."""
        if len(self.runs) <= GATES_AT_ONCE:
            return tuple(self.runs)
        half = GATES_AT_ONCE // 2
        place = self.place if half <= self.place < len(self.runs) else half
        self.place = place + half
        return (*self.runs[:half], *self.runs[place : place + half])

    def add(self, run: RunRecord) -> None:
        self.runs.append(run)
        self.runs.sort(key=lambda one: (one.logical_time, one.sequence))
        self.is_dirty = True

    def take(self, run_id: str) -> RunRecord | None:
        for place, run in enumerate(self.runs):
            if run.id == run_id:
                return self.runs.pop(place)
        return None


class Dispatcher:
    """The queued runs of this process, and those in progress."""

    def __init__(self, owner: Owner, observe: Observer, ended: Ended) -> None:
        self._owner = owner
        self._observe = observe
        self._ended = ended
        self._ready: list[tuple[Any, int, RunRecord, int]] = []
        """Rank, number, run, its sequence."""
        self._waiting: dict[Workflow, _Group] = {}
        self._known: set[str] = set()
        self._beginning: set[str] = set()
        self._hasty: list[RunRecord] = []
        self._to_end: dict[str, tuple[Actor, str]] = {}
        """By whom, and why, runs are to be ended that have no driver yet."""
        self._number = count()
        self._changed = trio.Event()
        self._others_changed = False
        self._seen_event: int | None = None
        """Ends up to this event are known to those that wait."""
        self._is_draining = False
        owner.slots.tell_when_idle(self._wake)

    # -- what others say -----------------------------------------------------------------------------------

    def offer(self, runs: Iterable[RunRecord], sequences: Mapping[str, int] | None = None) -> None:
        """Take on live runs that this process owns; those that it has are passed over.

        Args:
            runs: As they are stored, or, where `sequences` has them by their ids, as they were before.
            sequences: What the store has just numbered runs with. A run that may start is numbered when it does, so
                that of ten thousand ticks of one minute the later ones do not wait for copies of the first.
        """
        for run in runs:
            if run.id in self._known:
                continue
            self._known.add(run.id)
            sequence = sequences[run.id] if sequences is not None else run.sequence
            if run.state is RunState.QUEUED and not run.admitted:
                self._waiting.setdefault(_workflow_of(run), _Group()).add(_numbered(run, sequence))
            else:
                self._put(run, sequence)
        self._wake()

    def knows(self, run_id: str) -> bool:
        """True for a run that was offered and has not ended."""
        return run_id in self._known

    def hasten(self, run_id: str) -> None:
        """Give a queued run a driver at once, since somebody wants something of it."""
        for group in self._waiting.values():
            if run := group.take(run_id):
                self._hasty.append(run)
        for place, (_, _, run, sequence) in enumerate(self._ready):
            if run.id == run_id:
                del self._ready[place]
                heapq.heapify(self._ready)
                self._hasty.append(_numbered(run, sequence))
                break
        self._wake()

    def end(self, run: RunRecord, actor: Actor, reason: str) -> None:
        """Have a live run that this process owns ended; nothing more of it is started."""
        self._known.add(run.id)
        self._to_end[run.id] = actor, reason
        self._hasty.append(run)
        self._wake()

    def let_go(self, run_ids: Iterable[str]) -> None:
        """Let go of queued runs that have ended in the transaction that made newer ones."""
        for run_id in run_ids:
            if any(group.take(run_id) for group in self._waiting.values()):
                self._known.discard(run_id)

    def look(self) -> None:
        """Look for what has ended in other processes, and at those that waited for it."""
        self._others_changed = True
        self._wake()

    def drain(self) -> None:
        """Start no more runs."""
        self._is_draining = True

    @property
    def is_idle(self) -> bool:
        """True if every run that was offered has ended."""
        return not self._known

    def is_idle_until(self, instant: datetime) -> bool:
        """True if every run that was offered has ended, or is to start after an instant."""
        later = sum(
            run.not_before is not None and run.not_before > instant
            for group in self._waiting.values()
            for run in group.runs
        )
        return len(self._known) == later

    def runs(self) -> Iterator[RunRecord]:
        """Those that this process has in hand: waiting, ready, in progress."""
        yield from (run for group in self._waiting.values() for run in group.runs)
        yield from (run for _, _, run, _ in self._ready)
        yield from (driver.run for driver in self._owner.drivers.values())

    @property
    def waiting(self) -> int:
        """Runs that have no driver."""
        return len(self._ready) + sum(len(group.runs) for group in self._waiting.values())

    # -- the loop ------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Start runs for as long as this is not cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                if not self._is_draining:
                    for run in self._hasty:
                        nursery.start_soon(self._drive, run)
                    self._hasty.clear()
                    await self._look_for_ends()
                    look_at = await self._judge_waiting()
                    self._start_ready(nursery)
                    with trio.move_on_after(self._seconds_until(look_at)):
                        await self._changed.wait()
                else:
                    await self._changed.wait()

    def _seconds_until(self, look_at: datetime | None) -> float:
        if look_at is None:
            return LOOK_AGAIN if any(group.runs for group in self._waiting.values()) else float("inf")
        return max(0.0, (look_at - self._owner.clock.now()).total_seconds())

    async def _look_for_ends(self) -> None:
        """Mark those that wait for what has ended since this was asked last, if others say that something has."""
        if not self._others_changed:
            return
        self._others_changed = False
        owner, seen = self._owner, self._seen_event
        last = self._seen_event = await owner.journal.call(owner.store.last_event)
        if seen is None or last - seen > MANY_EVENTS:
            for group in self._waiting.values():
                group.is_dirty = True
        elif last > seen and self._waiting:
            for end in await owner.journal.call(owner.store.list_ends, seen, last):
                self._mark_waiting((end.project, end.environment, end.workflow), end.held_lock)

    def _mark_waiting(self, ended: Workflow, held_lock: bool) -> None:
        """Have those looked at that may have waited for the end of a run of a workflow."""
        for workflow, group in self._waiting.items():
            if workflow == ended or ended[2] in group.required or (group.has_lock and held_lock):
                group.is_dirty = True

    async def _judge_waiting(self) -> datetime | None:
        """Look at the runs that wait for their policy; when to look again because time alone may change something."""
        now, soonest = self._owner.clock.now(), None
        for workflow, group in tuple(self._waiting.items()):
            if group.is_dirty or (group.look_at is not None and group.look_at <= now):
                group.is_dirty = False
                look_at = await self._judge_group(group)
                anyway = now + timedelta(seconds=NOT_TOLD)
                group.look_at = min(look_at or anyway, anyway)
            if not group.runs:
                del self._waiting[workflow]
            elif group.look_at is not None:
                soonest = min(soonest or group.look_at, group.look_at)
        return soonest

    async def _judge_group(self, group: _Group) -> datetime | None:
        soonest: datetime | None = None
        some = group.some()
        for run in some:
            try:
                policy = self._owner.spec_named(run.spec_hash).policy
                group.required.update(policy.requires)
                group.has_lock |= run.lock is not None
                verdict = await judge(self._owner, run, policy)
            except Exception as error:
                if is_fatal(self._owner, error):
                    raise
                self._set_aside(run, error)
                group.take(run.id)
                continue
            if verdict.run is not run and group.take(run.id) is not None:
                run = verdict.run  # its logical time was chosen
                group.add(run)
            if (verdict.admitted or verdict.dropped is not None) and group.take(run.id) is None:
                continue  # somebody has hastened it meanwhile: it has a driver, which judges it itself
            if verdict.admitted:
                self._put(evolve(run, admitted=True), run.sequence)
            elif verdict.dropped is not None:
                await self._drop(run, verdict.dropped)
            elif verdict.is_over:
                group.take(run.id)
                self._known.discard(run.id)
                continue
            if verdict.look_at is not None:
                soonest = min(soonest or verdict.look_at, verdict.look_at)
            if verdict.is_limited:
                return soonest
        if len(group.runs) > len(some):
            again = self._owner.clock.now() + timedelta(seconds=LOOK_AGAIN)
            soonest = min(soonest or again, again)
        return soonest

    async def _drop(self, run: RunRecord, reason: str) -> None:
        """End a queued run in state `skipped`."""
        machine = RunMachine.replay(
            self._owner.spec_named(run.spec_hash), self._owner.store.get_events(run.id)
        )
        if machine.finished:  # a settlement has dropped it a moment before, and is about to say so
            self._known.discard(run.id)
            return
        now = self._owner.clock.now()
        facts = machine.advance(ev.RunFinished(at=now, state=RunState.SKIPPED, reason=reason))
        await self._owner.journal.append(Transition(run_id=run.id, owner=self._owner.id, events=facts))
        self._forget(run, machine)

    def _put(self, run: RunRecord, sequence: int) -> None:
        """Queue a run that may start."""
        try:
            priority = self._owner.spec_named(run.spec_hash).policy.priority
        except (CronicleError, ValueError) as error:
            self._set_aside(run, error)
            return
        queued = Queued(
            id=run.id,
            priority=priority,
            cause=run.cause,
            logical_time=run.logical_time,
            sequence=sequence,
        )
        heapq.heappush(self._ready, (queued.rank, next(self._number), run, sequence))

    def _start_ready(self, nursery: trio.Nursery) -> None:
        slots = self._owner.slots
        while self._ready and slots.idle > len(self._beginning):
            _, _, run, sequence = heapq.heappop(self._ready)
            self._beginning.add(run.id)
            nursery.start_soon(self._drive, _numbered(run, sequence))

    async def _drive(self, run: RunRecord) -> None:
        try:
            driver = self._owner.driver_for(run, self._observed)
            if asked := self._to_end.pop(run.id, None):
                driver.cancel(*asked)
            machine = await driver.drive()
        except Exception as error:
            if is_fatal(self._owner, error):
                raise
            if is_loss_of_ownership(error):
                level = logging.INFO if run.state is RunState.QUEUED else logging.WARNING
                _log.log(level, "Run %s is not for this process to drive any more.", run.id)
                self._forget(run, None)
            else:
                self._set_aside(run, error)
            return
        finally:
            self._beginning.discard(run.id)
        self._forget(run, machine)

    def _observed(self, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent]) -> None:
        if run.id in self._beginning:  # it has asked for the slots that it wants
            self._beginning.discard(run.id)
            self._wake()
        self._observe(run, machine, facts)

    def _forget(self, run: RunRecord, machine: RunMachine | None) -> None:
        self._known.discard(run.id)
        if machine is not None and machine.finished:
            self._ended(run, machine)
        self._mark_waiting(_workflow_of(run), run.lock is not None)
        self._wake()

    def _set_aside(self, run: RunRecord, error: Exception) -> None:
        tell_set_aside(f"run {run.id} of {run.workflow}", error)

    def _wake(self) -> None:
        self._changed.set()


def _numbered(run: RunRecord, sequence: int) -> RunRecord:
    return run if run.sequence == sequence else evolve(run, sequence=sequence)


def _workflow_of(run: RunRecord) -> Workflow:
    return run.project, run.environment, run.workflow
