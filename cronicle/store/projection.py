"""What follows from events for the rows that hold the present state of runs, tasks and attempts. No I/O.

The events are the truth and the rows a cache of them, written in the same transaction. A `Projection` gathers
what a batch of events changes, each row once however many events touch it, and a backend writes it down.

Rules: events are taken as they come, and one that does not fit (the end of an attempt that is no longer the
live one) is kept as evidence and changes no row. A task run has a row from the moment it leaves `waiting`;
being ready is not written down for tasks without instances, since it changes with the next event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import define, field

from cronicle.runs import events as ev
from cronicle.runs.states import LIVE, Outcome, Reason, RunState, TaskState
from cronicle.store.cells import EPOCH, MICROSECOND, Row, to_json, to_key

TaskId = tuple[int, str, str]
"""Sequence of the run, task, key as stored."""


@define(eq=False, repr=False)
class RunChange:
    """A run's row in the course of a batch."""

    sequence: int
    owner: str | None
    state: RunState
    started_at: int | None
    backfill: str = ""
    position: int | None = None
    """Of its tick in that backfill."""
    reason: str | None = None
    ended_at: int | None = None
    ended_event: int | None = None
    cancel_requested: bool = False
    packed_tasks: str | None = None
    changed: bool = False
    ended: bool = False
    """True if it ended in this batch."""
    hooks_open: int = 0
    """Hooks that are owed and have not ended."""
    last: ev.RunEvent | None = None

    @property
    def row(self) -> Row:
        """What of its row may change: the columns from state to hooks_open, then its sequence."""
        return (
            self.state,
            self.reason,
            self.started_at,
            self.ended_at,
            self.ended_event,
            int(self.cancel_requested),
            self.packed_tasks,
            self.hooks_open,
            self.sequence,
        )


@define(eq=False, repr=False)
class TaskChange:
    """What a batch changes in a task run's row; None leaves a column as it is."""

    state: TaskState
    reason: str | None = None
    fingerprint: str | None = None
    deep_fingerprint: str | None = None
    carried_from: str | None = None
    output: str | None = None


@define(eq=False, repr=False)
class Projection:
    """What a batch of events changes."""

    runs: dict[str, RunChange] = field(factory=dict)
    """By id; the backend puts each run of the batch here before its events."""
    tasks: dict[TaskId, TaskChange] = field(factory=dict)
    new_tasks: list[tuple[int, str, str]] = field(factory=list)
    """Instances that came to be; a row that exists is left alone."""
    started: list[tuple[Any, ...]] = field(factory=list)
    """Columns of attempts that started: run, task, key, attempt, token, fence, host, argv, started_at."""
    finished: list[tuple[Any, ...]] = field(factory=list)
    """Ends of attempts: the columns from ended_at to stdout_size, then run, task, key, attempt."""
    products: list[Row] = field(factory=list)
    """Columns of files that were made: run, task, key, path, size, sha256, event."""
    released: list[tuple[int, str, str, int]] = field(factory=list)
    """Attempts whose slots are free: all up to this number."""

    def task_rows(self) -> Iterator[Row]:
        """Columns of task runs that change: run, task, key, and those from state to output."""
        for identity, task in self.tasks.items():
            yield (
                *identity,
                task.state,
                task.reason,
                task.fingerprint,
                task.deep_fingerprint,
                task.carried_from,
                task.output,
            )

    def apply(self, run: RunChange, sequence: int, event: ev.RunEvent) -> int:
        """Take in an event, stored under `sequence`; its instant in microseconds."""
        at: int = (event.at - EPOCH) // MICROSECOND
        handle = _APPLY.get(type(event))
        if handle is not None:
            handle(self, run, sequence, at, event)
        run.last = event
        return at

    def _task(self, run: RunChange, task: str, key: str | None, state: TaskState) -> TaskChange:
        identity = (run.sequence, task, to_key(key))
        change = self.tasks.get(identity)
        if change is None:
            change = self.tasks[identity] = TaskChange(state)
        else:
            change.state, change.reason = state, None
        return change

    def _carried_over(self, run: RunChange, _: int, __: int, event: ev.TaskCarriedOver) -> None:
        change = self._task(run, event.task, event.key, event.state)
        change.reason, change.carried_from, change.output = (
            event.reason,
            event.from_run,
            to_json(event.output),
        )
        change.fingerprint, change.deep_fingerprint = event.fingerprint, event.deep_fingerprint
        if run.state is RunState.RUNNING:  # its turn had come, and so it may have asked for slots
            self.released.append((run.sequence, event.task, to_key(event.key), EVERY_ATTEMPT))

    def _excluded(self, run: RunChange, _: int, __: int, event: ev.TasksExcluded) -> None:
        for task in event.tasks:
            self._task(run, task, None, TaskState.SKIPPED).reason = Reason.NOT_SELECTED

    def _run_started(self, run: RunChange, _: int, __: int, ___: ev.RunStarted) -> None:
        if run.state in LIVE:
            run.state, run.changed = RunState.RUNNING, True

    def _expanded(self, run: RunChange, _: int, __: int, event: ev.InstancesExpanded) -> None:
        self._task(run, event.task, None, TaskState.READY)
        self.new_tasks += [(run.sequence, event.task, to_key(key)) for key in event.instances]

    def _attempt_started(self, run: RunChange, sequence: int, at: int, event: ev.AttemptStarted) -> None:
        change = self._task(run, event.task, event.key, TaskState.RUNNING)
        change.fingerprint, change.deep_fingerprint = event.fingerprint, event.deep_fingerprint
        self.started.append(
            (
                run.sequence,
                event.task,
                to_key(event.key),
                event.attempt,
                event.token,
                sequence,
                event.host,
                to_json(event.argv),
                at,
            )
        )
        if run.started_at is None:
            run.started_at, run.changed = at, True

    def _attempt_finished(self, run: RunChange, _: int, at: int, event: ev.AttemptFinished) -> None:
        key = to_key(event.key)
        self.finished.append(
            (
                at,
                event.outcome,
                event.reason,
                event.detail,
                event.exit_code,
                event.signal,
                event.pid,
                event.cpu_time,
                event.peak_memory,
                event.log_bytes,
                event.stdout_size,
                run.sequence,
                event.task,
                key,
                event.attempt,
            )
        )
        self.released.append((run.sequence, event.task, key, event.attempt))

    def _attempt_lost(self, run: RunChange, _: int, at: int, event: ev.AttemptLost) -> None:
        key = to_key(event.key)
        self.finished.append(
            (
                at,
                Outcome.LOST,
                Reason.LOST,
                None,
                None,
                None,
                None,
                None,
                None,
                0,
                None,
                run.sequence,
                event.task,
                key,
                event.attempt,
            )
        )
        self.released.append((run.sequence, event.task, key, event.attempt))

    def _retry_scheduled(self, run: RunChange, _: int, __: int, event: ev.RetryScheduled) -> None:
        self._task(run, event.task, event.key, TaskState.BACKING_OFF)

    def _wait_timed_out(self, run: RunChange, _: int, __: int, event: ev.WaitTimedOut) -> None:
        self.released.append((run.sequence, event.task, to_key(event.key), EVERY_ATTEMPT))

    def _task_finished(self, run: RunChange, sequence: int, _: int, event: ev.TaskFinished) -> None:
        change = self._task(run, event.task, event.key, event.state)
        change.reason = event.reason
        cause = (
            run.last
        )  # an end that counted is followed by what it led to; one that came too late by nothing
        if (
            event.state is TaskState.SUCCEEDED
            and isinstance(cause, ev.AttemptFinished)
            and cause.task == event.task
            and cause.key == event.key
        ):
            change.output = to_json(cause.output)
            unit = (run.sequence, event.task, to_key(event.key))
            self.products += [(*unit, one.path, one.size, one.sha256, sequence - 1) for one in cause.products]

    def _cancelled(self, run: RunChange, _: int, __: int, event: ev.TasksCancelled) -> None:
        for task, key in event.units:
            self._task(run, task, key, TaskState.CANCELLED).reason = event.reason
            self.released.append((run.sequence, task, to_key(key), EVERY_ATTEMPT))

    def _cancel_requested(self, run: RunChange, _: int, __: int, ___: ev.CancelRequested) -> None:
        run.cancel_requested = run.changed = True

    def _run_finished(self, run: RunChange, sequence: int, at: int, event: ev.RunFinished) -> None:
        if run.state not in LIVE:
            return  # a finished state never changes
        run.state, run.reason, run.ended_at, run.ended_event = event.state, event.reason, at, sequence
        run.changed = run.ended = True

    def _hooks_owed(self, run: RunChange, _: int, __: int, event: ev.HooksOwed) -> None:
        run.hooks_open, run.changed = run.hooks_open + len(event.hooks), True

    def _hook_finished(self, run: RunChange, _: int, __: int, ___: ev.HookFinished) -> None:
        run.hooks_open, run.changed = max(run.hooks_open - 1, 0), True


EVERY_ATTEMPT = 1 << 31

_APPLY: Mapping[type[Any], Callable[[Projection, RunChange, int, int, Any], None]] = {
    ev.TaskCarriedOver: Projection._carried_over,
    ev.TasksExcluded: Projection._excluded,
    ev.RunStarted: Projection._run_started,
    ev.InstancesExpanded: Projection._expanded,
    ev.AttemptStarted: Projection._attempt_started,
    ev.AttemptFinished: Projection._attempt_finished,
    ev.AttemptLost: Projection._attempt_lost,
    ev.RetryScheduled: Projection._retry_scheduled,
    ev.WaitTimedOut: Projection._wait_timed_out,
    ev.TaskFinished: Projection._task_finished,
    ev.TasksCancelled: Projection._cancelled,
    ev.CancelRequested: Projection._cancel_requested,
    ev.RunFinished: Projection._run_finished,
    ev.HooksOwed: Projection._hooks_owed,
    ev.HookFinished: Projection._hook_finished,
}
"""The events that change rows; the others are only stored."""
