"""The loop that drives one run: facts into the machine, its wishes out into the world.

Every round applies the facts that have come in, asks the machine what to do, stores all that followed in one
transaction, and only then starts processes. So the end of one task and the start of the next are one commit, and
nothing is acted on before it is durable.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from cronicle.engine.hooks import HookTeller, lost_hooks
from cronicle.engine.needs import SharedNeeds
from cronicle.engine.slots import SlotUser, precedence
from cronicle.errors import CronicleError
from cronicle.execute.interface import AttemptControl
from cronicle.operations.owe_hooks import audience_of, owe_hooks
from cronicle.operations.previous import find_previous
from cronicle.runs import events as ev
from cronicle.runs.actions import (
    EvaluateTask,
    GiveUpWaiting,
    KillAttempt,
    Question,
    RequestSlot,
    StartAttempt,
    TimeOutRun,
    WakeAt,
)
from cronicle.runs.hooks import hooks_meanwhile
from cronicle.runs.losses import lost_attempts
from cronicle.runs.machine import RunMachine
from cronicle.runs.packing import pack_tasks
from cronicle.runs.scope import BadReference
from cronicle.runs.states import Outcome, RunState
from cronicle.runs.units import UnitId
from cronicle.store.acts import Act, act_on
from cronicle.store.records import Actor, RunRecord, SlotRequest, Transition

if TYPE_CHECKING:
    from cronicle.engine.attempts import PreparedAttempt
    from cronicle.engine.cutoff import Comparison, Cutoff
    from cronicle.engine.owner import Owner

TOKEN_BYTES = 16

RUN_CANCELLED = "The run was cancelled."
RUN_TIMED_OUT = "The run took longer than its workflow's timeout."

Observer = Callable[[RunRecord, RunMachine, Sequence[ev.RunEvent]], None]
"""Told of every batch of facts of a run once they are durable."""


class OwnershipLostError(CronicleError):
    """The run belongs to another process; this one has ended its attempts and dropped it."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"another process has taken over run {run_id}", f"Follow it: cronicle logs -f {run_id}"
        )


@frozen(eq=False, repr=False)
class _Start:
    """An attempt to be executed once its `AttemptStarted` is durable."""

    position: int
    """Of that event in the transaction; gives the fence."""
    prepared: PreparedAttempt


class RunDriver:
    """Drives one run to its end."""

    def __init__(self, owner: Owner, run: RunRecord, machine: RunMachine, observe: Observer) -> None:
        self.run = run
        self.machine = machine
        self._owner = owner
        self._observe = observe
        self._hooks = HookTeller(owner, run, machine, observe) if machine.spec.hooks else None
        self._evaluator = owner.evaluator_for(run, machine)
        self._inbox: deque[ev.RunEvent] = deque()
        self._wake = trio.Event()
        self._controls: dict[UnitId, AttemptControl] = {}
        self._slot_user = SlotUser(
            precedence(machine.spec.policy.priority, run.cause, run.sequence), self.wake
        )
        self._slots_taken = 0
        self._wake_at: datetime | None = None
        self._needs = SharedNeeds(machine)
        self._cutoff: Cutoff | None = None
        self._act: Act | None = None

    # -- what comes in -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Have the loop look again."""
        self._wake.set()

    async def woken(self) -> None:
        """Wait until somebody has it look again."""
        await self._wake.wait()
        self._wake = trio.Event()

    @property
    def is_asked_to_end(self) -> bool:
        """True if somebody has asked for the end of the run, taken up or not."""
        return self.machine.cancel_requested or any(
            isinstance(event, ev.CancelRequested) for event in self._inbox
        )

    def deliver(self, event: ev.RunEvent) -> None:
        """Hand a fact to the run."""
        self._inbox.append(event)
        self._wake.set()

    def cancel(self, actor: Actor, reason: str = "", *, is_asked_here: bool = False) -> None:
        """Ask for the end of the run: its attempts get TERM, nothing else starts.

        Where somebody `is_asked_here`, with Ctrl-C, it is an act of theirs; a request is on record as one already.
        """
        now, by = self._owner.clock.now(), f"{actor.user}@{actor.host}"
        if is_asked_here:
            self._act = act_on(self.run, "cancel", actor, now, reason)
        self.deliver(ev.CancelRequested(at=now, by=by, reason=reason))

    def owe(self, event: str) -> None:
        """Have the hooks for an event of the run told (`on_late`), each once."""
        audience = audience_of(self._owner.store, self.run)
        if hooks := hooks_meanwhile(self.machine.spec, audience, event):
            self.deliver(ev.HooksOwed(at=self._owner.clock.now(), hooks=hooks))

    def kill(self) -> None:
        """End the running attempts at once, without grace."""
        for control in self._controls.values():
            control.kill()

    def is_for(self, run: RunRecord) -> None:
        """Take in the logical time that was chosen for the run while it waited."""
        if run is not self.run:
            self.run = run
            self._evaluator = self._owner.evaluator_for(run, self.machine)

    # -- the loop ------------------------------------------------------------------------------------------

    async def drive(self) -> RunMachine:
        """Drive the run until it has ended and its hooks are told; one that was left, from where it was left.

        Raises:
            OwnershipLostError: Another process owns the run.
            StoreError: The store cannot be written any more; the attempts were ended.
        """
        self._owner.drivers[self.run.id] = self
        try:
            async with trio.open_nursery() as attempts:
                await self._loop(attempts)
        finally:
            del self._owner.drivers[self.run.id]
            self._owner.attempts.forget(self.run)
            self._owner.slots.want_no_more(self._slot_user)
            for _ in range(self._slots_taken):  # of attempts whose end nobody has taken in: it was given up
                self._owner.slots.release()
        return self.machine

    async def _enter(self) -> list[ev.RunEvent]:
        """The facts of taking the run up, once it may start; those of its end, if it may not."""
        if self.run.admitted or self.machine.state is not RunState.QUEUED:
            return await self._begin()
        from cronicle.engine.admission import wait_for_admission  # few runs have to wait

        dropped = await wait_for_admission(self, self._owner)
        if self.machine.finished and not dropped:  # the tick after its has taken its place in the queue
            return []
        return list(dropped) if dropped or self.is_asked_to_end else await self._begin()

    async def _begin(self) -> list[ev.RunEvent]:
        """The facts of taking the run up."""
        if self.machine.state is RunState.QUEUED and not self.machine.cancel_requested:
            recorded = list(self._find_previous(self._owner.clock.now()))
            recorded += await self._carried_over()
            return [*recorded, *self.machine.advance(ev.RunStarted(at=self._owner.clock.now()))]
        if self.machine.state is RunState.RUNNING:
            await self._carried_over()
        now = self._owner.clock.now()
        adopted = self.machine.advance(ev.RunAdopted(at=now, owner=self._owner.id))
        return [*adopted, *lost_attempts(self.machine, now)]

    def _find_previous(self, now: datetime) -> tuple[ev.RunEvent, ...]:
        """What expressions mean by `previous`, if any of them does and it is not known from a retried run."""
        tasks = self.machine.spec.previous
        if tasks is None or self.machine.previous is not None:
            return ()
        found = self.machine.advance(find_previous(self._owner.store, self.run, tasks, now))
        self._evaluator = self._owner.evaluator_for(self.run, self.machine)
        return found

    async def _carried_over(self) -> list[ev.RunEvent]:
        """What is taken from earlier runs before the start; finds out what may be taken later, in a task's turn."""
        if self.machine.remakes is None and not any(task.reuse for task in self.machine.spec.tasks):
            return []
        from cronicle.engine.cutoff import find_cutoff
        from cronicle.engine.reuse import earlier_results, facts_of_reuse

        recorded: list[ev.RunEvent] = []
        earlier = await earlier_results(self._owner, self.run, self.machine)
        if self.machine.state is RunState.QUEUED:
            for fact in await facts_of_reuse(self._owner, self.run, self.machine, earlier):
                recorded += self.machine.advance(fact)
        self._cutoff = await find_cutoff(self._owner, self.run, self.machine, earlier)
        return recorded

    async def _compare(self, comparison: Comparison) -> None:
        await comparison.settle()
        self.wake()

    async def _loop(self, attempts: trio.Nursery) -> None:
        begun = [] if self.machine.finished else await self._enter()
        if self._hooks is not None:
            begun += lost_hooks(self.machine, self._owner.clock.now(), self._hooks.is_at_work)
        while True:
            self._wake = trio.Event()
            recorded, starts, slot_requests = self._step(begun)
            begun = []
            if recorded and self._hooks is not None:
                now = self._owner.clock.now()
                recorded += owe_hooks(self._owner.store, self.run, self.machine, recorded, now)
            if recorded:
                await self._store(recorded, starts, attempts)
            if self._hooks is not None:
                self._hooks.begin(attempts)
            if slot_requests:
                await self._owner.pools.request(slot_requests, self.machine.spec.pools)
            for comparison in self._cutoff.take_comparisons() if self._cutoff is not None else ():
                attempts.start_soon(self._compare, comparison)
            if self.machine.finished and not self._controls and not self._inbox:
                return
            await self._sleep()

    async def _sleep(self) -> None:
        if self._wake_at is None:
            await self._wake.wait()
            return
        seconds = (self._wake_at - self._owner.clock.now()).total_seconds()
        with trio.move_on_after(max(0.0, seconds)):
            await self._wake.wait()

    async def _store(self, recorded: list[ev.RunEvent], starts: list[_Start], attempts: trio.Nursery) -> None:
        act, self._act = self._act, None
        is_cancelled = act is not None and any(isinstance(event, ev.CancelRequested) for event in recorded)
        first = await self._owner.journal.append(
            Transition(
                run_id=self.run.id,
                owner=self._owner.id,
                events=tuple(recorded),
                packed_tasks=pack_tasks(self.machine),
                act=act if is_cancelled else None,
            )
        )
        if first is None:
            attempts.cancel_scope.cancel()
            raise OwnershipLostError(self.run.id)
        for start in starts:
            control = AttemptControl()
            self._controls[start.prepared.unit] = control
            attempts.start_soon(self._attempt, start.prepared, first + start.position, control)
        self._observe(self.run, self.machine, recorded)
        if freed := self._needs.take_freed():
            await self._owner.pools.released(freed)

    async def _attempt(self, prepared: PreparedAttempt, fence: int, control: AttemptControl) -> None:
        event = await self._owner.attempts.execute(self.run, self.machine.spec, prepared, fence, control)
        self.deliver(self._owner.unless_hit_by_interrupt(event))

    # -- one round; does no I/O ----------------------------------------------------------------------------

    def _step(
        self, recorded: list[ev.RunEvent]
    ) -> tuple[list[ev.RunEvent], list[_Start], list[tuple[SlotRequest, ...]]]:
        """Apply what has come in and all that follows; the facts to store, and what to do after that."""
        starts: list[_Start] = []
        requests: list[tuple[SlotRequest, ...]] = []
        while self._inbox:
            self._take(self._inbox.popleft(), recorded)
        while self._perform(recorded, starts, requests):
            pass
        return recorded, starts, requests

    def _take(self, event: ev.RunEvent, recorded: list[ev.RunEvent]) -> None:
        if isinstance(event, ev.AttemptFinished | ev.AttemptLost):
            self._controls.pop((event.task, event.key), None)
            self._owner.slots.release()
            self._slots_taken -= 1
            self._needs.free(event.task, event.key, event.attempt)
        if isinstance(event, ev.CancelRequested) and (self.machine.finished or self.machine.stopping):
            return
        if isinstance(event, ev.HooksOwed):
            new = tuple(hook for hook in event.hooks if not self.machine.hooks.is_owed(hook))
            recorded += self.machine.advance(ev.HooksOwed(at=event.at, hooks=new)) if new else ()
            return
        if isinstance(event, ev.SlotGranted):
            unit = self.machine.units[event.task, event.key]
            if self.machine.stopping or unit.slot_granted or unit.attempt + 1 != event.attempt:
                return
        recorded += self.machine.advance(event)

    def _perform(
        self,
        recorded: list[ev.RunEvent],
        starts: list[_Start],
        requests: list[tuple[SlotRequest, ...]],
    ) -> bool:
        """Perform what the machine wishes now; True if that made new facts, so that it is to be asked again."""
        now = self._owner.clock.now()
        slots = self._owner.slots
        asked = slots.available_to(self._slot_user)
        actions = self.machine.next_actions(now, asked + 1)  # one more than there are: does it want another?
        self._wake_at = None
        again = False
        started = 0
        for action in actions:
            if self._cutoff is not None and isinstance(action, StartAttempt | RequestSlot | EvaluateTask):
                taken_over = self._cutoff.take_over(action, now)
                if isinstance(taken_over, ev.TaskCarriedOver):
                    recorded += self.machine.advance(taken_over)
                    again = True
                if taken_over is not True:
                    continue
            if isinstance(action, StartAttempt):
                if started == asked:
                    slots.want(self._slot_user)
                    return again
                started += 1
                again |= self._start(action, now, recorded, starts)
            elif isinstance(action, EvaluateTask):
                recorded += self.machine.advance(self._answer(action, now))
                again = True
            elif isinstance(action, KillAttempt):
                if control := self._controls.get((action.task, action.key)):
                    control.cancel(RUN_TIMED_OUT if self.machine.timed_out else RUN_CANCELLED)
            elif isinstance(action, RequestSlot):
                again |= self._request_slot(action, now, recorded, requests)
            elif isinstance(action, WakeAt):
                self._wake_at = action.at
            elif isinstance(action, GiveUpWaiting):
                recorded += self.machine.advance(ev.WaitTimedOut(at=now, task=action.task, key=action.key))
                self._needs.free(action.task, action.key, 0)
                again = True
            elif isinstance(action, TimeOutRun):
                recorded += self.machine.advance(ev.RunTimedOut(at=now))
                again = True
        slots.want_no_more(self._slot_user)
        return again

    def _start(
        self, action: StartAttempt, now: datetime, recorded: list[ev.RunEvent], starts: list[_Start]
    ) -> bool:
        """Begin an attempt; True if it ended at once, because its expressions cannot be evaluated."""
        task = self.machine.task_spec(action.task)
        failure: BadReference | None = None
        prepared: PreparedAttempt | None = None
        token = secrets.token_hex(TOKEN_BYTES)
        try:
            prepared = self._evaluator.prepare(task, action.key, action.attempt, token)
        except BadReference as error:
            failure = error
        started = ev.AttemptStarted(
            at=now,
            task=action.task,
            key=action.key,
            attempt=action.attempt,
            token=token,
            host=self._owner.host,
            argv=prepared.argv if prepared else (),
            fingerprint=task.fingerprint,
            deep_fingerprint=task.deep_fingerprint,
        )
        position = len(recorded)
        recorded += self.machine.advance(started)
        if prepared is not None:
            self._owner.slots.take(self._slot_user)
            self._slots_taken += 1
            starts.append(_Start(position, prepared))
            return False
        assert failure is not None
        recorded += self.machine.advance(
            ev.AttemptFinished(
                at=now,
                task=action.task,
                key=action.key,
                attempt=action.attempt,
                outcome=Outcome.FAILED,
                reason="bad_reference",
                detail=failure.detail,
            )
        )
        self._needs.free(action.task, action.key, action.attempt)
        return True

    def _answer(self, action: EvaluateTask, now: datetime) -> ev.RunEvent:
        task = self.machine.task_spec(action.task)
        try:
            if action.question is Question.INSTANCES:
                instances = self._evaluator.instances(task)
                return ev.InstancesExpanded(at=now, task=action.task, instances=instances)
            condition = self._evaluator.condition(task, action.key)
            return ev.ConditionEvaluated(at=now, task=action.task, key=action.key, condition=condition)
        except BadReference as error:
            return ev.EvaluationFailed(
                at=now, task=action.task, key=action.key, reason="bad_reference", detail=error.detail
            )

    def _request_slot(
        self,
        action: RequestSlot,
        now: datetime,
        recorded: list[ev.RunEvent],
        requests: list[tuple[SlotRequest, ...]],
    ) -> bool:
        """Ask for what an attempt needs, once; True if the key of its lock cannot be told, so that it has failed."""
        try:
            needs = self._needs.ask(action, self._evaluator)
        except BadReference as error:
            recorded += self.machine.advance(
                ev.EvaluationFailed(
                    at=now, task=action.task, key=action.key, reason="bad_reference", detail=error.detail
                )
            )
            return True
        if not needs:
            return False
        requests.append(
            tuple(
                SlotRequest(
                    run_id=self.run.id,
                    task=action.task,
                    key=action.key,
                    attempt=action.attempt,
                    owner=self._owner.id,
                    pool=pool,
                    slots=slots,
                    priority=action.priority,
                    requested_at=now,
                )
                for pool, slots in needs
            )
        )
        return False
