"""What follows from the end of a task: for those that wait for it, for its `for_each`, for the run.

Consequences are facts that are yet to be recorded (`_due`); nothing here changes a task other than the one that
has ended. `RunMachine` applies them one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from cronicle.runs import events as ev
from cronicle.runs.ends import end_of, end_of_instances, end_of_run
from cronicle.runs.situation import Situation
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Reason, RunState, TaskState
from cronicle.runs.units import Unit, UnitId
from dag.frontier import End, Verdict


class Consequences(Situation):
    """A situation in which tasks end."""

    def __init__(self, spec: RunSpec) -> None:
        super().__init__(spec)
        self._any_failed = False
        self._any_cancelled = False
        self._cancel_reason: str | None = None
        self._carried_instances: dict[str, dict[str, None]] = {}  # of tasks that are not expanded yet
        self._held: list[Verdict[UnitId]] = []  # what carried-over tasks decided before the start
        self._due: deque[ev.RunEvent] = deque()  # consequences of the fact that is being applied

    def _end_later(self, unit: Unit, at: datetime, state: TaskState, reason: str | None) -> None:
        task, key = unit.id
        self._due.append(ev.TaskFinished(at=at, task=task, key=key, state=state, reason=reason))

    def _end(self, unit: Unit, state: TaskState, reason: str | None, at: datetime) -> None:
        """A unit has ended: tell those that wait for it, its task, and the run."""
        self._agenda.drop(unit.id)
        unit.state, unit.reason, unit.slot_granted, unit.not_before = state, reason, False, None
        task, key = unit.id
        if key is not None:
            self._tell_watchers(unit, at)
            group = self.groups[task]
            group.open -= 1
            if not group.open:
                self._finish_group(task, at)
            return
        end = self._end_of(unit)
        self._open_tasks -= 1
        self._any_failed |= state is TaskState.FAILED and end is End.BAD
        self._any_cancelled |= state is TaskState.CANCELLED
        verdicts = list(self._frontier.finish(unit.id, end))
        for watched in self._watched.get(task, ()):
            if not self._frontier.is_finished((task, watched)):
                verdicts += self._frontier.finish((task, watched), self._end_of_unexpanded(unit, watched))
        self._judge(verdicts, at)
        self._finish_run_if_done(at)

    def _end_of(self, unit: Unit) -> End:
        return end_of(unit.state, unit.reason, self._tasks[unit.id[0]].allow_failure)

    def _end_of_unexpanded(self, whole: Unit, key: str) -> End:
        """How an instance looks to those that wait for it, if its task ended without being expanded here."""
        task = whole.id[0]
        if instance := self.units.get((task, key)):  # carried over
            return self._end_of(instance)
        return End.BAD if task in self.groups else self._end_of(whole)

    def _tell_watchers(self, unit: Unit, at: datetime) -> None:
        """An instance has ended: tell those that wait for it by name."""
        task, key = unit.id
        if key in self._watched.get(task, ()):
            self._judge(self._frontier.finish(unit.id, self._end_of(unit)), at)

    def _finish_group(self, task: str, at: datetime) -> None:
        instances = [self.units[task, key] for key in self.groups[task].instances]
        state, reason = end_of_instances(instances, self._tasks[task].allow_failure)
        self._end_later(self.units[task, None], at, state, reason)

    def _judge(self, verdicts: Iterable[Verdict[UnitId]], at: datetime) -> None:
        """Turn the frontier's verdicts into facts; before the run has started, keep them for that moment."""
        if self.stopping:
            return
        if self.state is RunState.QUEUED:
            self._held += verdicts
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

    def _finish_run_if_done(self, at: datetime) -> None:
        if self._open_tasks or not (self.state is RunState.RUNNING or self.cancel_requested):
            return
        reason: str | None = None
        if self.timed_out:
            state, reason = RunState.FAILED, Reason.TIMED_OUT
        else:
            state = end_of_run(self.cancel_requested or self._any_cancelled, self._any_failed)
            reason = self._cancel_reason if state is RunState.CANCELLED else None
        self._due.append(ev.RunFinished(at=at, state=state, reason=reason))
