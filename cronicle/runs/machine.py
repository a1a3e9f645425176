"""The state machine of a run: facts go in, what follows from them and what is to be done comes out.

Rules:

1. `apply` takes a fact as it is. Replaying the stored events of a run rebuilds its state and decides nothing.
2. `advance` applies a new fact and all that follows from it at once, and returns them in order; the caller
   stores them in one transaction before it acts.
3. `next_actions` asks what is to be done now. Asking changes nothing; performing an action leads to a fact.
4. A fact that does not fit raises `IllegalEventError` and changes nothing. A report that comes too late changes
   nothing either, and is no error: the end of an attempt that is no longer the live one (its owner lost it), a
   grant of slots that are no longer needed (`needs_grant` tells), another request to cancel.
5. A fact costs what it changes, never the size of the run; only a cancel looks at every task.
6. Slots of pools belong to the owner of a run: with an owner they are gone, and the next one asks for its own.

Nothing here reads a clock or does I/O, and no rule compares the instants of facts, since wall clocks jump; save for
those that are about the clock, the `timeout` of a `wait` and of a run. Order, trigger rules, conditions, retries and
`max_parallel` are decided here; slots of processes and pools are granted outside. What can be asked is in
`situation`, what follows from an end in `consequences`, the table of what may happen to a task in `units`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Never

from cronicle.runs import events as ev
from cronicle.runs.actions import Question
from cronicle.runs.consequences import Consequences
from cronicle.runs.hooks import TOLD_MEANWHILE, HookEvent
from cronicle.runs.sensitive import known_instances
from cronicle.runs.situation import Group
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import LIVE, Outcome, Reason, RunState, TaskState
from cronicle.runs.units import (
    MOST_LOST_IN_A_ROW,
    TRANSITIONS,
    Unit,
    UnitId,
    may_retry,
    retry_delay,
    seconds,
)
from dag.frontier import End


class IllegalEventError(ValueError):
    """A fact that cannot have happened in the state that the run is in."""


class RunMachine(Consequences):
    """One run, from its first event to its last."""

    @classmethod
    def replay(cls, spec: RunSpec, events: Iterable[ev.RunEvent]) -> RunMachine:
        """The machine in the state to which these events have led."""
        machine = cls(spec)
        for event in events:
            machine.apply(event)
        return machine

    # -- facts ---------------------------------------------------------------------------------------------

    def advance(self, event: ev.RunEvent) -> tuple[ev.RunEvent, ...]:
        """Apply a new fact and all that follows from it; return them in the order to be stored.

        Raises:
            IllegalEventError: The fact does not fit; nothing was changed.
        """
        self._take(event)
        recorded = [event]
        while self._due:
            follows = self._due.popleft()
            self._take(follows)
            recorded.append(follows)
        return tuple(recorded)

    def apply(self, event: ev.RunEvent) -> None:
        """Apply one fact of history; what follows from it is a fact of its own, and the next to be applied.

        Raises:
            IllegalEventError: It does not fit; nothing was changed.
        """
        self._take(event)
        self._due.clear()

    def _take(self, event: ev.RunEvent) -> None:
        kind = type(event)
        if not self.run_id and kind is not ev.RunQueued:
            refuse(event, "comes before RunQueued")
        if self.finished and kind not in _MAY_BE_LATE:
            refuse(event, f"comes after the run had {self.state}")
        _APPLY[kind](self, event)

    def _unit(self, event: ev.RunEvent, task: str, key: str | None = None) -> Unit:
        """The unit that an event is about, in a state in which the event may meet it."""
        unit = self.units.get((task, key))
        if unit is None:
            refuse(event, f"names {task!r}, key {key!r}, which is not known")
        if unit.state not in TRANSITIONS[type(event)]:
            refuse(event, f"cannot be while {task!r}, key {key!r}, is {unit.state}")
        return unit

    def _all_units(self, event: ev.RunEvent, ids: Collection[UnitId]) -> list[Unit]:
        """The same for an event about several, all of which are looked at before anything is changed."""
        if len(set(ids)) != len(ids):
            refuse(event, "names a task twice")
        return [self._unit(event, task, key) for task, key in ids]

    def _must_not_have_started(self, event: ev.RunEvent) -> None:
        if self.state is not RunState.QUEUED or self.stopping:
            refuse(event, "comes after the run had started or was cancelled")

    # -- facts before the start ----------------------------------------------------------------------------

    def _run_queued(self, event: ev.RunQueued) -> None:
        if self.run_id or not event.run_id:
            refuse(event, "must come first, once, and name the run")
        self.run_id, self.named, self.remakes = event.run_id, frozenset(event.named), event.remakes

    def _task_carried_over(self, event: ev.TaskCarriedOver) -> None:
        if self.state is RunState.RUNNING:
            self._carried_over_in_its_turn(event)
            return
        self._must_not_have_started(event)
        unit = self._unit(event, event.task)
        if event.state not in TRANSITIONS[ev.TaskCarriedOver][unit.state]:
            refuse(event, f"cannot bring the state {event.state}")
        is_for_each = self._tasks[event.task].for_each is not None
        if event.key is not None:
            if not is_for_each or (event.task, event.key) in self.units:
                refuse(event, f"names an instance {event.key!r} of {event.task!r} that cannot be")
            unit = self.units[event.task, event.key] = Unit((event.task, event.key))
            self._carried_instances.setdefault(event.task, {})[event.key] = None
        unit.carried_from, unit.carried_attempt = event.from_run, event.attempt
        unit.output = event.output
        if event.key is not None:
            unit.state, unit.reason = event.state, event.reason
            return
        keys = self._carried_instances.get(event.task, {})
        if is_for_each and (keys or event.state is TaskState.SUCCEEDED):
            self.groups[event.task] = Group(keys, open=0)
        self._end(unit, event.state, event.reason, event.at)

    def _tasks_excluded(self, event: ev.TasksExcluded) -> None:
        self._must_not_have_started(event)
        for unit in self._all_units(event, [(task, None) for task in event.tasks]):
            self._end(unit, TaskState.SKIPPED, Reason.NOT_SELECTED, event.at)

    def _previous_found(self, event: ev.PreviousFound) -> None:
        self._must_not_have_started(event)
        if self.previous is not None:
            refuse(event, "comes twice")
        self.previous = event

    def _run_started(self, event: ev.RunStarted) -> None:
        self._must_not_have_started(event)
        self.state = RunState.RUNNING
        if self.spec.timeout is not None:
            self.ends_at = event.at + seconds(self.spec.timeout)
        self._judge((*self._held, *self._frontier.start()), event.at)
        self._held.clear()
        self._finish_run_if_done(event.at)

    def _run_adopted(self, _: ev.RunAdopted) -> None:
        """Who owns a run changes nothing in it, except that slots of pools were granted to its former owner."""
        for unit_id in self._agenda.granted():
            unit = self.units[unit_id]
            unit.slot_granted = False
            self._agenda.queue(unit, self._tasks[unit_id[0]])

    # -- facts about what comes before an attempt ----------------------------------------------------------

    def _tasks_ready(self, event: ev.TasksReady) -> None:
        if self.state is not RunState.RUNNING:
            refuse(event, f"cannot be while the run is {self.state}")
        for unit in self._all_units(event, [(task, None) for task in event.tasks]):
            self._frontier.decide(unit.id)
            unit.state = TaskState.READY
            for_each = self._tasks[unit.id[0]].for_each
            if for_each is None:
                self._ask_condition(unit)
            else:
                self._agenda.questions[unit.id] = Question.INSTANCES
                if "known" in for_each:
                    instances = known_instances(self._tasks[unit.id[0]])
                    self._due.append(ev.InstancesExpanded(at=event.at, task=unit.id[0], instances=instances))

    def _carried_over_in_its_turn(self, event: ev.TaskCarriedOver) -> None:
        """What was executed above a task has come to the same as before, so that it need not be executed."""
        unit = self._unit(event, event.task, event.key)
        if self.stopping or unit.state is not TaskState.READY or unit.attempt:
            refuse(
                event, f"comes while the turn of {event.task!r}, key {event.key!r}, has not come or is over"
            )
        if event.state not in TRANSITIONS[ev.TaskCarriedOver][unit.state]:
            refuse(event, f"cannot bring the state {event.state} to a task whose turn has come")
        if event.key is None and self._tasks[event.task].for_each is not None:
            refuse(event, f"names the whole of {event.task!r}, which ends with its instances")
        unit.carried_from, unit.carried_attempt = event.from_run, event.attempt
        unit.output = event.output
        self._end(unit, event.state, event.reason, event.at)

    def _ask_condition(self, unit: Unit) -> None:
        spec = self._tasks[unit.id[0]]
        if spec.when is None or spec.when.get("known") is True:
            self._agenda.queue(unit, spec)
        else:
            self._agenda.questions[unit.id] = Question.CONDITION

    def _asked(self, event: ev.RunEvent, unit: Unit, *questions: Question) -> None:
        if self._agenda.questions.get(unit.id) not in questions:
            refuse(event, f"answers what nobody asked about {unit.id[0]!r}, key {unit.id[1]!r}")

    def _instances_expanded(self, event: ev.InstancesExpanded) -> None:
        whole = self._unit(event, event.task)
        self._asked(event, whole, Question.INSTANCES)
        self._agenda.drop(whole.id)
        group = self.groups[event.task] = Group(event.instances, open=len(event.instances))
        for key in self._carried_instances.pop(event.task, {}):
            if key not in event.instances:
                del self.units[event.task, key]  # the instance is no more
        for key in event.instances:
            node = (event.task, key)
            unit = self.units.get(node)
            if unit is None:
                unit = self.units[node] = Unit(node, TaskState.READY)
                self._ask_condition(unit)
            else:  # carried over
                group.open -= 1
                self._tell_watchers(unit, event.at)
        for key in self._watched.get(event.task, ()):
            if key not in event.instances:  # who waits for it can only be told that it will never be
                self._judge(self._frontier.finish((event.task, key), End.BAD), event.at)
        if not group.open:
            self._finish_group(event.task, event.at)

    def _condition_evaluated(self, event: ev.ConditionEvaluated) -> None:
        unit = self._unit(event, event.task, event.key)
        self._asked(event, unit, Question.CONDITION)
        self._agenda.drop(unit.id)
        if event.condition:
            self._agenda.queue(unit, self._tasks[event.task])
        else:
            self._end_later(unit, event.at, TaskState.SKIPPED, Reason.CONDITION_FALSE)

    def _evaluation_failed(self, event: ev.EvaluationFailed) -> None:
        unit = self._unit(event, event.task, event.key)
        if not self.needs_grant(event.task, event.key, unit.attempt + 1) or not self._tasks[event.task].lock:
            self._asked(event, unit, Question.INSTANCES, Question.CONDITION)
        self._agenda.drop(unit.id)
        self._end_later(unit, event.at, TaskState.FAILED, event.reason)

    def _slot_granted(self, event: ev.SlotGranted) -> None:
        known = self.units.get((event.task, event.key))
        if known is not None and (known.ended or known.slot_granted or event.attempt <= known.attempt):
            return
        unit = self._unit(event, event.task, event.key)
        if not self.needs_grant(event.task, event.key, event.attempt):
            refuse(event, f"was not asked for by {event.task!r}, key {event.key!r}")
        unit.slot_granted = True
        self._agenda.queue(unit, self._tasks[event.task])

    # -- facts about attempts ------------------------------------------------------------------------------

    def _attempt_started(self, event: ev.AttemptStarted) -> None:
        unit = self._unit(event, event.task, event.key)
        if event.attempt != unit.attempt + 1 or unit.id not in self._agenda:
            refuse(event, f"is not the next attempt of {event.task!r}, key {event.key!r}")
        spec = self._tasks[event.task]
        if not unit.slot_granted and (spec.pool is not None or spec.lock is not None):
            refuse(event, f"lacks the slots of the pool or the lock of {event.task!r}")
        if self._room <= 0:
            refuse(event, f"is one more than max_parallel = {self.spec.max_parallel}")
        self._agenda.drop(unit.id)
        unit.state, unit.attempt, unit.live = TaskState.RUNNING, event.attempt, True
        unit.slot_granted, unit.not_before = False, None
        self._running[unit.id] = unit
        if event.attempt == 1 and spec.wait is not None and spec.wait.timeout is not None:
            unit.asks_until = event.at + seconds(spec.wait.timeout)

    def _live_unit(self, event: ev.AttemptFinished | ev.AttemptLost) -> Unit | None:
        """The unit whose live attempt has ended; None if the report is about an earlier one."""
        unit = self.units.get((event.task, event.key))
        if unit is None or event.attempt > unit.attempt or event.attempt < 1:
            refuse(event, f"is about attempt {event.attempt} of {event.task!r}, which never started")
        return unit if unit.live and unit.attempt == event.attempt else None

    def _attempt_finished(self, event: ev.AttemptFinished) -> None:
        unit = self._live_unit(event)
        if unit is None:
            return
        if event.outcome is Outcome.LOST:
            refuse(event, "says lost, which is what AttemptLost is for")
        if event.outcome is Outcome.NOT_YET:
            self._not_yet(unit, event)
            return
        self._no_longer_live(unit)
        unit.used += 1
        unit.lost_in_a_row = 0
        retry = self._tasks[event.task].retry
        if event.outcome is Outcome.SUCCEEDED:
            unit.output, unit.products = event.output, event.products
            self._end_later(unit, event.at, TaskState.SUCCEEDED, None)
        elif event.outcome is Outcome.SKIPPED:
            self._end_later(unit, event.at, TaskState.SKIPPED, Reason.EXIT_CODE)
        elif event.outcome is Outcome.CANCELLED:
            self._stopped_later(unit, event.at)
        elif not self.stopping and may_retry(retry, unit, event):
            unit.asks_again = False
            delay = retry_delay(retry, self.run_id, unit.id, unit.used)
            self._retry_later(unit, event.at, event.at + delay)
        else:
            self._end_later(unit, event.at, TaskState.FAILED, event.reason)

    def _not_yet(self, unit: Unit, event: ev.AttemptFinished) -> None:
        """What a task with `wait` waits for is not there: it asks again, uses up no attempt, and holds no slot."""
        wait = self._tasks[event.task].wait
        if wait is None:
            refuse(event, f"says not_yet, and {event.task!r} waits for nothing")
        self._no_longer_live(unit)
        unit.lost_in_a_row, unit.asks_again = 0, True
        if self.stopping:
            self._stopped_later(unit, event.at)
        elif unit.asks_until is not None and event.at >= unit.asks_until:
            self._give_up_later(unit, event.at)
        else:
            self._retry_later(unit, event.at, event.at + seconds(wait.every))

    def _wait_timed_out(self, event: ev.WaitTimedOut) -> None:
        unit = self._unit(event, event.task, event.key)
        if not unit.asks_again or unit.asks_until is None or self.stopping:
            refuse(event, f"cannot be: {event.task!r}, key {event.key!r}, waits for nothing, or for ever")
        self._agenda.drop(unit.id)
        unit.slot_granted = False
        self._give_up_later(unit, event.at)

    def _give_up_later(self, unit: Unit, at: datetime) -> None:
        wait = self._tasks[unit.id[0]].wait
        is_skipped = wait is not None and wait.on_timeout == "skip"
        self._end_later(
            unit, at, TaskState.SKIPPED if is_skipped else TaskState.FAILED, Reason.WAIT_TIMED_OUT
        )

    def _stopped_later(self, unit: Unit, at: datetime) -> None:
        self._end_later(unit, at, TaskState.CANCELLED, self._why_stopped)

    @property
    def _why_stopped(self) -> Reason:
        """Why a task is cancelled."""
        return Reason.RUN_TIMED_OUT if self.timed_out else Reason.CANCELLED

    def _attempt_lost(self, event: ev.AttemptLost) -> None:
        unit = self._live_unit(event)
        if unit is None:
            return
        self._no_longer_live(unit)
        unit.lost_in_a_row += 1
        if self.stopping:
            self._stopped_later(unit, event.at)
        elif self._tasks[event.task].on_lost == "retry" and unit.lost_in_a_row < MOST_LOST_IN_A_ROW:
            self._retry_later(unit, event.at, event.at)
        else:
            self._end_later(unit, event.at, TaskState.FAILED, Reason.LOST)

    def _no_longer_live(self, unit: Unit) -> None:
        unit.live = False
        del self._running[unit.id]

    def _retry_later(self, unit: Unit, at: datetime, not_before: datetime) -> None:
        task, key = unit.id
        self._due.append(
            ev.RetryScheduled(at=at, task=task, key=key, attempt=unit.attempt + 1, not_before=not_before)
        )

    def _retry_scheduled(self, event: ev.RetryScheduled) -> None:
        unit = self._unit(event, event.task, event.key)
        if unit.live or event.attempt != unit.attempt + 1 or self.stopping:
            refuse(event, f"cannot be while attempt {unit.attempt} of {event.task!r} goes on or is the last")
        unit.state, unit.not_before = TaskState.BACKING_OFF, event.not_before
        self._agenda.queue(unit, self._tasks[event.task])

    # -- facts about ends ----------------------------------------------------------------------------------

    def _task_finished(self, event: ev.TaskFinished) -> None:
        unit = self._unit(event, event.task, event.key)
        if event.state not in TRANSITIONS[ev.TaskFinished][unit.state]:
            refuse(event, f"cannot bring {event.task!r} from {unit.state} to {event.state}")
        group = self.groups.get(event.task) if event.key is None else None
        if unit.state is TaskState.BACKING_OFF and unit.id in self._agenda:
            refuse(event, f"comes while {event.task!r}, key {event.key!r}, is to be tried again")
        if unit.live or (group is not None and group.open):
            refuse(event, f"comes while {event.task!r}, key {event.key!r}, is still at work")
        self._end(unit, event.state, event.reason, event.at)

    def _cancel_requested(self, event: ev.CancelRequested) -> None:
        if self.stopping:
            return
        self.cancel_requested, self._cancel_reason = True, event.reason or None
        self._stop(event.at)

    def _run_timed_out(self, event: ev.RunTimedOut) -> None:
        if self.ends_at is None:
            refuse(event, "cannot be: the run has not started, or may take any time")
        if self.stopping:
            return
        self.timed_out = True
        self._stop(event.at)

    def _stop(self, at: datetime) -> None:
        """Nothing starts any more."""
        self.stopping = True
        units = tuple(
            unit.id
            for unit in self.units.values()
            if unit.state in TRANSITIONS[ev.TasksCancelled]
            and (unit.id[1] is not None or unit.id[0] not in self.groups)
        )
        if units:
            self._due.append(ev.TasksCancelled(at=at, units=units, reason=self._why_stopped))
        else:
            self._finish_run_if_done(at)

    def _tasks_cancelled(self, event: ev.TasksCancelled) -> None:
        if not self.stopping:
            refuse(event, "comes though nobody cancelled the run")
        units = self._all_units(event, event.units)
        if any(key is None and task in self.groups for task, key in event.units):
            refuse(event, "names a task that ends with its instances")
        for unit in units:
            self._end(unit, TaskState.CANCELLED, event.reason, event.at)

    def _run_marked(self, event: ev.RunMarked) -> None:
        self._must_not_have_started(event)
        if event.state not in (RunState.SUCCEEDED, RunState.FAILED):
            refuse(event, f"cannot bring the state {event.state}")
        if self._open_tasks:
            refuse(event, f"comes while {self._open_tasks} tasks are not excluded")
        self._due.append(ev.RunFinished(at=event.at, state=event.state, reason=Reason.MARKED))

    def _run_finished(self, event: ev.RunFinished) -> None:
        if event.state is RunState.SKIPPED:
            self._must_not_have_started(event)
        elif event.state in LIVE or self._open_tasks:
            refuse(event, f"says {event.state} while {self._open_tasks} tasks are open")
        self.state, self.reason = event.state, event.reason

    # -- facts about hooks ---------------------------------------------------------------------------------

    def _hook_event(self, event: HookEvent) -> None:
        if isinstance(event, ev.HooksOwed) and not self.finished:
            hooks = self.spec.hooks
            if any(hooks[place].event not in TOLD_MEANWHILE for place in event.hooks if place < len(hooks)):
                refuse(event, "comes before the run has ended")
        if why := self.hooks.refusal(self.spec, event):
            refuse(event, why)
        self.hooks.apply(event)


def refuse(event: ev.RunEvent, why: str) -> Never:
    """Say that a fact cannot be."""
    raise IllegalEventError(f"{type(event).__name__} {why}")


_OF_HOOKS = frozenset({ev.HooksOwed, ev.HookStarted, ev.HookFinished, ev.HookLost})

_MAY_BE_LATE = _OF_HOOKS | {ev.AttemptFinished, ev.AttemptLost, ev.SlotGranted}

_APPLY: Mapping[type[Any], Callable[[RunMachine, Any], None]] = {
    ev.RunQueued: RunMachine._run_queued,
    ev.TaskCarriedOver: RunMachine._task_carried_over,
    ev.TasksExcluded: RunMachine._tasks_excluded,
    ev.PreviousFound: RunMachine._previous_found,
    ev.RunStarted: RunMachine._run_started,
    ev.RunAdopted: RunMachine._run_adopted,
    ev.TasksReady: RunMachine._tasks_ready,
    ev.InstancesExpanded: RunMachine._instances_expanded,
    ev.ConditionEvaluated: RunMachine._condition_evaluated,
    ev.EvaluationFailed: RunMachine._evaluation_failed,
    ev.SlotGranted: RunMachine._slot_granted,
    ev.AttemptStarted: RunMachine._attempt_started,
    ev.AttemptFinished: RunMachine._attempt_finished,
    ev.AttemptLost: RunMachine._attempt_lost,
    ev.RetryScheduled: RunMachine._retry_scheduled,
    ev.WaitTimedOut: RunMachine._wait_timed_out,
    ev.TaskFinished: RunMachine._task_finished,
    ev.TasksCancelled: RunMachine._tasks_cancelled,
    ev.CancelRequested: RunMachine._cancel_requested,
    ev.RunTimedOut: RunMachine._run_timed_out,
    ev.RunMarked: RunMachine._run_marked,
    ev.RunFinished: RunMachine._run_finished,
    **dict.fromkeys(_OF_HOOKS, RunMachine._hook_event),
}
