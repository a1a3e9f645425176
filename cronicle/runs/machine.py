"""The state machine of a run: facts go in, what follows from them and what is to be done comes out.

Rules:

1. `apply` takes a fact as it is. Replaying the stored events of a run rebuilds its state and decides nothing.
2. `advance` applies a new fact and all that follows from it at once, and returns them in order; the caller
   stores them in one transaction before it acts.
3. `next_actions` asks what is to be done now. Asking changes nothing; performing an action leads to a fact.
4. A fact that does not fit raises `IllegalEventError` and changes nothing. The end of an attempt that is no
   longer the live one (its owner lost it) changes nothing either, and is no error.
5. A fact costs what it changes, never the size of the run.

Nothing here reads a clock or does I/O. Order, trigger rules, conditions, retries and `max_parallel` are decided
here; slots of processes and pools are granted outside.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from cronicle.runs import events as ev
from cronicle.runs.actions import (
    Action,
    EvaluateTask,
    KillAttempt,
    Question,
    RequestSlot,
    StartAttempt,
    WakeAt,
)
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import Outcome, Reason, RunState, TaskState
from cronicle.runs.units import EXPECTED_IN, MOST_LOST_IN_A_ROW, Unit, UnitId, may_retry, retry_delay
from dag.frontier import End, Frontier, JoinRule, Verdict

NO_LIMIT = 1 << 30


class IllegalEventError(ValueError):
    """A fact that cannot have happened in the state that the run is in."""


class _Group:
    """The instances of one `for_each` task."""

    __slots__ = ("instances", "open")

    def __init__(self, instances: Mapping[str, Any]) -> None:
        self.instances = instances
        self.open = len(instances)


class RunMachine:
    """One run, from its first event to its last."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.run_id = ""
        self.state = RunState.QUEUED
        self.reason: str | None = None
        self.cancel_requested = False
        self.live_attempts = 0
        self.units: dict[UnitId, Unit] = {}
        self.groups: dict[str, _Group] = {}
        self._tasks: dict[str, TaskSpec] = {task.name: task for task in spec.tasks}
        self._open_tasks = len(spec.tasks)
        self._started = False
        self._any_failed = False
        self._watched: dict[str, list[str]] = {}  # task -> its keys that another task waits for by name
        for task in spec.tasks:
            self.units[task.name, None] = Unit((task.name, None))
            for upstream in task.upstreams:
                if upstream.key is not None:
                    self._watched.setdefault(upstream.task, []).append(upstream.key)
        self._frontier: Frontier[UnitId] = Frontier(
            {(t.name, None): tuple((up.task, up.key) for up in t.upstreams) for t in spec.tasks},
            {(t.name, None): JoinRule(t.trigger_rule) for t in spec.tasks},
        )
        self._held: list[Verdict[UnitId]] = []  # verdicts that carried-over tasks caused before the start
        self._due: deque[ev.RunEvent] = deque()
        self._questions: dict[UnitId, Question] = {}
        self._startable: dict[int, dict[UnitId, None]] = {}  # by priority, in order of becoming so
        self._wants_slot: dict[UnitId, None] = {}
        self._backing_off: list[tuple[datetime, str, str | None]] = []  # sorted; key None as ""

    @classmethod
    def replay(cls, spec: RunSpec, events: Iterable[ev.RunEvent]) -> RunMachine:
        """The machine in the state to which these events have led."""
        machine = cls(spec)
        for event in events:
            machine.apply(event)
        machine._due.clear()  # what followed is among the events
        return machine

    @property
    def finished(self) -> bool:
        """True once the run has ended; its state never changes after that."""
        return self.state not in (RunState.QUEUED, RunState.RUNNING)

    def task_spec(self, name: str) -> TaskSpec:
        """The spec of a task; KeyError if there is none of that name."""
        return self._tasks[name]

    def outputs_of(self, task: str) -> Mapping[str, Any] | Mapping[str, Mapping[str, Any]]:
        """The outputs of a task; of a `for_each` task a map from key to outputs."""
        group = self.groups.get(task)
        if group is None:
            return self.units[task, None].output
        return {key: self.units[task, key].output for key in group.instances}

    def has_live_attempt(self, task: str, key: str | None, attempt: int) -> bool:
        """True if this very attempt is running."""
        unit = self.units.get((task, key))
        return unit is not None and unit.state is TaskState.RUNNING and unit.attempt == attempt

    def running_units(self) -> Iterator[Unit]:
        """The units that have an attempt running."""
        return (unit for unit in self.units.values() if unit.state is TaskState.RUNNING)

    def waiting_for(self, task: str) -> tuple[UnitId, ...]:
        """The upstreams of a task that have not ended."""
        return tuple(
            (up.task, up.key)
            for up in self._tasks[task].upstreams
            if not self._frontier.is_finished((up.task, up.key))
        )

    # -- facts ---------------------------------------------------------------------------------------------

    def advance(self, event: ev.RunEvent) -> tuple[ev.RunEvent, ...]:
        """Apply a new fact and all that follows from it; return them in the order to be stored.

        Raises:
            IllegalEventError: The fact does not fit; nothing was changed.
        """
        self.apply(event)
        recorded = [event]
        while self._due:
            follows = self._due.popleft()
            self.apply(follows)
            recorded.append(follows)
        return tuple(recorded)

    def apply(self, event: ev.RunEvent) -> None:
        """Apply one fact.

        Raises:
            IllegalEventError: It does not fit; nothing was changed.
        """
        if self.finished:
            if isinstance(event, ev.AttemptFinished | ev.AttemptLost):
                return
            raise IllegalEventError(f"{type(event).__name__} after the run had {self.state}")
        _APPLY[type(event)](self, event)

    def _unit_for(self, event: Any) -> Unit:
        unit = self.units.get((event.task, event.key))
        if unit is None:
            raise IllegalEventError(
                f"{type(event).__name__} for the unknown task {event.task!r}, key {event.key!r}"
            )
        if unit.state not in EXPECTED_IN[type(event)]:
            raise IllegalEventError(f"{type(event).__name__} for {event.task!r}, which is {unit.state}")
        return unit

    def _run_queued(self, event: ev.RunQueued) -> None:
        if self.run_id:
            raise IllegalEventError("RunQueued a second time")
        self.run_id = event.run_id

    def _task_carried_over(self, event: ev.TaskCarriedOver) -> None:
        if self._started:
            raise IllegalEventError("TaskCarriedOver after the run had started")
        if event.key is not None and event.task in self._tasks:
            self.units.setdefault((event.task, event.key), Unit((event.task, event.key)))
        unit = self._unit_for(event)
        unit.state, unit.carried_from, unit.output = event.state, event.from_run, event.output
        if event.key is None:
            self._end_task(unit)

    def _tasks_excluded(self, event: ev.TasksExcluded) -> None:
        for task in event.tasks:
            unit = self.units[task, None]
            unit.state, unit.reason = TaskState.SKIPPED, Reason.NOT_SELECTED
            self._end_task(unit)

    def _run_started(self, event: ev.RunStarted) -> None:
        if self._started:
            raise IllegalEventError("RunStarted a second time")
        self._started = True
        self.state = RunState.RUNNING
        self._judge((*self._held, *self._frontier.start()), event.at)
        self._finish_run_if_done(event.at)

    def _run_adopted(self, event: ev.RunAdopted) -> None:
        """Who owns a run changes nothing in it."""

    def _tasks_ready(self, event: ev.TasksReady) -> None:
        for name in event.tasks:
            if self.units[name, None].state is not TaskState.WAITING:
                raise IllegalEventError(f"TasksReady for {name!r}, which is {self.units[name, None].state}")
        for name in event.tasks:
            self._frontier.decide((name, None))
            unit = self.units[name, None]
            unit.state = TaskState.READY
            if self._tasks[name].for_each is not None:
                self._ask_instances(name, event.at)
            else:
                self._ask_condition(unit)

    def _ask_instances(self, name: str, at: datetime) -> None:
        for_each = self._tasks[name].for_each
        assert for_each is not None
        if "known" in for_each:
            self._due.append(ev.InstancesExpanded(at=at, task=name, instances=for_each["known"]))
        else:
            self._questions[name, None] = Question.INSTANCES

    def _ask_condition(self, unit: Unit) -> None:
        when = self._tasks[unit.id[0]].when
        if when is None or when.get("known") is True:
            unit.condition_known = True
            self._make_startable(unit)
        else:
            self._questions[unit.id] = Question.CONDITION

    def _instances_expanded(self, event: ev.InstancesExpanded) -> None:
        whole = self.units[event.task, None]
        if whole.state is not TaskState.READY or event.task in self.groups:
            raise IllegalEventError(f"InstancesExpanded for {event.task!r}, which is {whole.state}")
        self._questions.pop(whole.id, None)
        group = self.groups[event.task] = _Group(event.instances)
        for key in event.instances:
            unit = self.units.setdefault((event.task, key), Unit((event.task, key)))
            if unit.ended:  # carried over
                group.open -= 1
                self._end_watched(unit.id, unit, event.at)
            else:
                unit.state = TaskState.READY
                self._ask_condition(unit)
        for key in self._watched.get(event.task, ()):
            if key not in event.instances and not self._frontier.is_finished((event.task, key)):
                # Somebody waits for an instance that does not exist; it can only be told that it failed.
                self._judge(self._frontier.finish((event.task, key), End.BAD), event.at)
        if not group.open:
            self._finish_group(event.task, event.at)

    def _condition_evaluated(self, event: ev.ConditionEvaluated) -> None:
        unit = self._unit_for(event)
        if unit.condition_known:
            raise IllegalEventError(f"ConditionEvaluated a second time for {event.task!r}")
        self._questions.pop(unit.id, None)
        unit.condition_known = True
        if event.condition:
            self._make_startable(unit)
        else:
            self._end_later(unit, event.at, TaskState.SKIPPED, Reason.CONDITION_FALSE)

    def _evaluation_failed(self, event: ev.EvaluationFailed) -> None:
        unit = self._unit_for(event)
        self._questions.pop(unit.id, None)
        self._end_later(unit, event.at, TaskState.FAILED, event.reason)

    def _make_startable(self, unit: Unit) -> None:
        spec = self._tasks[unit.id[0]]
        if spec.pool is not None and not unit.slot_granted:
            self._wants_slot[unit.id] = None
        else:
            self._startable.setdefault(spec.priority, {})[unit.id] = None

    def _slot_granted(self, event: ev.SlotGranted) -> None:
        unit = self._unit_for(event)
        if unit.attempt + 1 != event.attempt:
            raise IllegalEventError(f"SlotGranted for attempt {event.attempt} of {event.task!r}")
        unit.slot_granted = True
        if unit.id in self._wants_slot:
            del self._wants_slot[unit.id]
            self._make_startable(unit)

    def _attempt_started(self, event: ev.AttemptStarted) -> None:
        unit = self._unit_for(event)
        if event.attempt != unit.attempt + 1 or not self._started or self.cancel_requested:
            raise IllegalEventError(f"AttemptStarted number {event.attempt} of {event.task!r} cannot be")
        self._forget_waiting(unit)
        unit.state, unit.attempt = TaskState.RUNNING, event.attempt
        unit.slot_granted, unit.not_before = False, None
        self.live_attempts += 1

    def _forget_waiting(self, unit: Unit) -> None:
        self._startable.get(self._tasks[unit.id[0]].priority, {}).pop(unit.id, None)
        self._wants_slot.pop(unit.id, None)
        self._questions.pop(unit.id, None)
        if unit.not_before is not None:
            self._backing_off.remove((unit.not_before, unit.id[0], unit.id[1] or ""))

    def _attempt_finished(self, event: ev.AttemptFinished) -> None:
        if not self.has_live_attempt(event.task, event.key, event.attempt):
            return
        unit = self._unit_for(event)
        spec = self._tasks[event.task]
        unit.used += 1
        unit.lost_in_a_row = 0
        self.live_attempts -= 1
        if event.outcome is Outcome.SUCCEEDED:
            unit.output = event.output
            self._end_later(unit, event.at, TaskState.SUCCEEDED, None)
        elif event.outcome is Outcome.SKIPPED:
            self._end_later(unit, event.at, TaskState.SKIPPED, Reason.EXIT_CODE)
        elif event.outcome is Outcome.CANCELLED:
            self._end_later(unit, event.at, TaskState.CANCELLED, Reason.CANCELLED)
        elif not self.cancel_requested and may_retry(spec.retry, unit, event):
            delay = retry_delay(spec.retry, self.run_id, unit.id, unit.used)
            self._retry_later(unit, event.at, event.at + delay)
        else:
            self._end_later(unit, event.at, TaskState.FAILED, event.reason)

    def _attempt_lost(self, event: ev.AttemptLost) -> None:
        if not self.has_live_attempt(event.task, event.key, event.attempt):
            return
        unit = self._unit_for(event)
        unit.lost_in_a_row += 1
        self.live_attempts -= 1
        if self.cancel_requested:
            self._end_later(unit, event.at, TaskState.CANCELLED, Reason.CANCELLED)
        elif self._tasks[event.task].on_lost == "retry" and unit.lost_in_a_row < MOST_LOST_IN_A_ROW:
            self._retry_later(unit, event.at, event.at)
        else:
            self._end_later(unit, event.at, TaskState.FAILED, Reason.LOST)

    def _retry_later(self, unit: Unit, at: datetime, not_before: datetime) -> None:
        task, key = unit.id
        self._due.append(
            ev.RetryScheduled(at=at, task=task, key=key, attempt=unit.attempt + 1, not_before=not_before)
        )

    def _retry_scheduled(self, event: ev.RetryScheduled) -> None:
        unit = self._unit_for(event)
        unit.state, unit.not_before = TaskState.BACKING_OFF, event.not_before
        insort(self._backing_off, (event.not_before, event.task, event.key or ""))

    def _end_later(self, unit: Unit, at: datetime, state: TaskState, reason: str | None) -> None:
        task, key = unit.id
        self._due.append(ev.TaskFinished(at=at, task=task, key=key, state=state, reason=reason))

    def _task_finished(self, event: ev.TaskFinished) -> None:
        unit = self._unit_for(event)
        self._forget_waiting(unit)
        unit.state, unit.reason = event.state, event.reason
        if event.key is None:
            self._end_task(unit, event.at)
        else:
            self._end_instance(unit, event.at)

    def _end_instance(self, unit: Unit, at: datetime) -> None:
        task = unit.id[0]
        group = self.groups[task]
        group.open -= 1
        self._end_watched(unit.id, unit, at)
        if not group.open:
            self._finish_group(task, at)

    def _end_watched(self, node: UnitId, unit: Unit, at: datetime) -> None:
        if node[1] in self._watched.get(node[0], ()) and not self._frontier.is_finished(node):
            self._judge(self._frontier.finish(node, self._end_of(unit)), at)

    def _finish_group(self, task: str, at: datetime) -> None:
        states = {self.units[task, key].state for key in self.groups[task].instances}
        skipped_for_failure = any(
            self.units[task, key].reason == Reason.UPSTREAM_FAILED for key in self.groups[task].instances
        )
        if TaskState.CANCELLED in states:
            state, reason = TaskState.CANCELLED, Reason.CANCELLED
        elif TaskState.FAILED in states or skipped_for_failure:
            state, reason = TaskState.FAILED, None
        elif states == {TaskState.SKIPPED}:
            state = TaskState.SKIPPED
            reasons = {self.units[task, key].reason for key in self.groups[task].instances}
            reason = Reason(reasons.pop()) if len(reasons) == 1 else None  # type: ignore[arg-type]
        else:
            state, reason = TaskState.SUCCEEDED, None
        self._end_later(self.units[task, None], at, state, reason)

    def _end_of(self, unit: Unit) -> End:
        """How the ending of a unit looks to those below it (design: "Ends")."""
        if unit.state is TaskState.SUCCEEDED or unit.reason == Reason.NOT_SELECTED:
            return End.GOOD
        if unit.state is TaskState.FAILED:
            return End.GOOD if self._tasks[unit.id[0]].allow_failure else End.BAD
        if unit.state is TaskState.CANCELLED:
            return End.CANCELLED
        return End.BAD if unit.reason == Reason.UPSTREAM_FAILED else End.SKIPPED

    def _end_task(self, unit: Unit, at: datetime | None = None) -> None:
        """A whole task has ended: tell those below, and see whether the run has."""
        task = unit.id[0]
        self._open_tasks -= 1
        end = self._end_of(unit)
        if unit.state is TaskState.FAILED and end is End.BAD:
            self._any_failed = True
        verdicts = list(self._frontier.finish(unit.id, end))
        if task not in self.groups:  # ended before it was expanded: so did the instances that others name
            for key in dict.fromkeys(self._watched.get(task, ())):
                known = self.units.get((task, key))
                verdicts += self._frontier.finish((task, key), self._end_of(known) if known else end)
        if at is None or not self._started:
            self._held += verdicts
        else:
            self._judge(verdicts, at)
        if at is not None:
            self._finish_run_if_done(at)

    def _judge(self, verdicts: Iterable[Verdict[UnitId]], at: datetime) -> None:
        """Turn the frontier's verdicts into facts to be recorded."""
        if self.cancel_requested:
            return
        ready = []
        for verdict in verdicts:
            unit = self.units[verdict.node]
            if unit.ended:
                continue
            if verdict.met:
                ready.append(verdict.node[0])
            else:
                self._end_later(unit, at, TaskState.SKIPPED, verdict.reason)
        if ready:
            self._due.append(ev.TasksReady(at=at, tasks=tuple(ready)))

    def _cancel_requested(self, event: ev.CancelRequested) -> None:
        if self.cancel_requested:
            raise IllegalEventError("CancelRequested a second time")
        self.cancel_requested = True
        self._due.clear()
        units = tuple(
            unit.id
            for unit in self.units.values()
            if not unit.ended and unit.state is not TaskState.RUNNING and unit.id[0] not in self.groups
        ) + tuple(
            (task, key)
            for task, group in self.groups.items()
            for key in group.instances
            if not self.units[task, key].ended and self.units[task, key].state is not TaskState.RUNNING
        )
        if units:
            self._due.append(ev.TasksCancelled(at=event.at, units=units))
        else:
            self._finish_run_if_done(event.at)

    def _tasks_cancelled(self, event: ev.TasksCancelled) -> None:
        for task, key in event.units:
            if self.units[task, key].state not in EXPECTED_IN[ev.TasksCancelled]:
                raise IllegalEventError(
                    f"TasksCancelled for {task!r}, which is {self.units[task, key].state}"
                )
        for task, key in event.units:
            unit = self.units[task, key]
            self._forget_waiting(unit)
            unit.state, unit.reason = TaskState.CANCELLED, Reason.CANCELLED
            if key is None:
                self._end_task(unit, event.at)
            else:
                self._end_instance(unit, event.at)

    def _finish_run_if_done(self, at: datetime) -> None:
        if self._open_tasks or not (self._started or self.cancel_requested):
            return
        if self.cancel_requested:
            state = RunState.CANCELLED
        else:
            state = RunState.FAILED if self._any_failed else RunState.SUCCEEDED
        self._due.append(ev.RunFinished(at=at, state=state))

    def _run_finished(self, event: ev.RunFinished) -> None:
        if self._open_tasks and event.state is not RunState.SKIPPED:
            raise IllegalEventError(f"RunFinished while {self._open_tasks} tasks are open")
        self.state, self.reason = event.state, event.reason

    # -- wishes --------------------------------------------------------------------------------------------

    def next_actions(self, now: datetime, slots: int = NO_LIMIT) -> tuple[Action, ...]:
        """What is to be done now; at most `slots` attempts are to be started.

        Starts come by priority, then in the order in which tasks became ready. With nothing to do and no attempt
        running there is a `WakeAt`, or the run has finished.
        """
        if self.finished or not self._started:
            return ()
        if self.cancel_requested:
            return tuple(KillAttempt(*unit.id, unit.attempt) for unit in self.running_units())
        actions: list[Action] = [EvaluateTask(*unit, question) for unit, question in self._questions.items()]
        actions += self._slot_requests(now)
        limit = self.spec.max_parallel
        room = min(slots, NO_LIMIT if limit is None else limit - self.live_attempts)
        for unit_id in self._ready_to_start(now):
            if room <= 0:
                break
            room -= 1
            actions.append(StartAttempt(*unit_id, self.units[unit_id].attempt + 1))
        if wake := next((at for at, *_ in self._backing_off if at > now), None):
            actions.append(WakeAt(wake))
        return tuple(actions)

    def _due_again(self, now: datetime) -> Iterator[Unit]:
        for not_before, task, key in self._backing_off:
            if not_before > now:
                return
            yield self.units[task, key or None]

    def _slot_requests(self, now: datetime) -> Iterator[RequestSlot]:
        waiting = [self.units[unit_id] for unit_id in self._wants_slot]
        again = [
            u for u in self._due_again(now) if self._tasks[u.id[0]].pool is not None and not u.slot_granted
        ]
        for unit in (*waiting, *again):
            spec = self._tasks[unit.id[0]]
            assert spec.pool is not None
            yield RequestSlot(*unit.id, unit.attempt + 1, spec.pool, spec.pool_slots, spec.priority)

    def _ready_to_start(self, now: datetime) -> Iterator[UnitId]:
        again: dict[int, list[UnitId]] = {}
        for unit in self._due_again(now):
            spec = self._tasks[unit.id[0]]
            if spec.pool is None or unit.slot_granted:
                again.setdefault(spec.priority, []).append(unit.id)
        for priority in sorted({*self._startable, *again}, reverse=True):
            yield from again.get(priority, ())
            yield from self._startable.get(priority, ())


_APPLY: Mapping[type[Any], Callable[[RunMachine, Any], None]] = {
    ev.RunQueued: RunMachine._run_queued,
    ev.TaskCarriedOver: RunMachine._task_carried_over,
    ev.TasksExcluded: RunMachine._tasks_excluded,
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
    ev.TaskFinished: RunMachine._task_finished,
    ev.TasksCancelled: RunMachine._tasks_cancelled,
    ev.CancelRequested: RunMachine._cancel_requested,
    ev.RunFinished: RunMachine._run_finished,
}
