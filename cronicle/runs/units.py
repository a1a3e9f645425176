"""The states of one task instance, and the table of what may happen in each.

A *unit* is what is executed: a task without `for_each` (key None) or one instance of a task with it. A task
with `for_each` has a unit of its own as well (key None), the *whole*, which ends when its instances have. The
table `TRANSITIONS` is the whole truth about which fact may meet a unit in which state, and what it leads to;
`RunMachine` refuses everything else, and `docs/reference/states.md` shows it as a diagram.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field

from cronicle.runs import events as ev
from cronicle.runs.products import Product
from cronicle.runs.spec import RetrySpec
from cronicle.runs.states import ENDED_TASK, Outcome, Reason, TaskState

UnitId = tuple[str, str | None]
"""Task and key."""

MOST_LOST_IN_A_ROW = 3
"""Attempts lost one after the other before a task with `on_lost = "retry"` is given up."""

LONGEST_DELAY = 10 * 365 * 86400.0
"""Seconds; no back-off is longer, so that no instant leaves the calendar."""

_WAITING, _READY = frozenset({TaskState.WAITING}), frozenset({TaskState.READY})
_RUNNING, _BACKING_OFF = frozenset({TaskState.RUNNING}), frozenset({TaskState.BACKING_OFF})
_CANCELLED = frozenset({TaskState.CANCELLED})

TRANSITIONS: Mapping[type[Any], Mapping[TaskState, frozenset[TaskState]]] = {
    ev.TaskCarriedOver: {
        TaskState.WAITING: ENDED_TASK - _CANCELLED,
        TaskState.READY: frozenset({TaskState.SUCCEEDED}),
    },
    ev.TasksExcluded: {TaskState.WAITING: frozenset({TaskState.SKIPPED})},
    ev.TasksReady: {TaskState.WAITING: _READY},
    ev.InstancesExpanded: {TaskState.READY: _READY},
    ev.ConditionEvaluated: {TaskState.READY: _READY},
    ev.EvaluationFailed: {TaskState.READY: _READY, TaskState.BACKING_OFF: _BACKING_OFF},
    ev.SlotGranted: {TaskState.READY: _READY, TaskState.BACKING_OFF: _BACKING_OFF},
    ev.AttemptStarted: {TaskState.READY: _RUNNING, TaskState.BACKING_OFF: _RUNNING},
    ev.AttemptFinished: {TaskState.RUNNING: _RUNNING},
    ev.AttemptLost: {TaskState.RUNNING: _RUNNING},
    ev.RetryScheduled: {TaskState.RUNNING: _BACKING_OFF},
    ev.WaitTimedOut: {TaskState.BACKING_OFF: _BACKING_OFF},
    ev.TaskFinished: {
        TaskState.WAITING: frozenset({TaskState.SKIPPED}),
        TaskState.READY: ENDED_TASK,
        TaskState.RUNNING: ENDED_TASK,
        TaskState.BACKING_OFF: frozenset({TaskState.FAILED, TaskState.SKIPPED}),
    },
    ev.TasksCancelled: {
        TaskState.WAITING: _CANCELLED,
        TaskState.READY: _CANCELLED,
        TaskState.BACKING_OFF: _CANCELLED,
    },
}
"""Event -> the states in which it may meet a unit -> the states in which it may leave it."""

EXPECTED_IN: Mapping[type[Any], frozenset[TaskState]] = {
    event: frozenset(moves) for event, moves in TRANSITIONS.items()
}
"""The states of a unit in which an event may meet it."""


@define(eq=False, repr=False)
class Unit:
    """Where one task instance is, and what its attempts have come to."""

    id: UnitId
    state: TaskState = TaskState.WAITING
    reason: str | None = None
    attempt: int = 0
    """Number of the last attempt; 0 before the first."""
    live: bool = False
    """True while that attempt is executed."""
    used: int = 0
    """Attempts that count towards `retry.attempts`: lost ones do not, nor those that said `not_yet`."""
    lost_in_a_row: int = 0
    slot_granted: bool = False
    """True from the grant of the lock and the pool's slots for the next attempt until that attempt starts."""
    not_before: datetime | None = None
    """When backing off ends."""
    asks_again: bool = False
    """True if it backs off since what it waits for is not there yet."""
    asks_until: datetime | None = None
    """When `wait.timeout` is over, counted from the start of its first attempt."""
    carried_from: str | None = None
    carried_attempt: int = 0
    """Number of the attempt of that run that stands for this unit; 0 where it does not matter."""
    output: Mapping[str, Any] = field(factory=dict)
    products: tuple[Product, ...] = ()
    """What it has made, if it succeeded in this run."""

    @property
    def ended(self) -> bool:
        """True if it has reached a state that it never leaves."""
        return self.state in ENDED_TASK


def may_retry(retry: RetrySpec, unit: Unit, end: ev.AttemptFinished) -> bool:
    """True if a failed attempt is followed by another; `unit` counts the failed one already."""
    if end.outcome not in (Outcome.FAILED, Outcome.TIMED_OUT) or unit.used >= retry.attempts:
        return False
    if end.reason == Reason.BAD_REFERENCE:  # the same expression would fail the same way
        return False
    return retry.on_exit_codes is None or end.exit_code in retry.on_exit_codes


def retry_delay(retry: RetrySpec, run_id: str, unit: UnitId, used: int) -> timedelta:
    """How long to back off after the attempt that was the `used`-th to count.

    `min(delay · backoff^(used−1), max_delay)`, plus a share of `jitter` that is hashed from run, task and attempt,
    so that a replay comes to the same instant.
    """
    try:
        delay = min(retry.delay * retry.backoff ** (used - 1), retry.max_delay)
    except OverflowError:
        delay = retry.max_delay if retry.delay else 0.0
    if retry.jitter:
        digest = hashlib.sha256(f"{run_id}/{unit[0]}/{unit[1]}#{used}".encode()).digest()
        delay += retry.jitter * (int.from_bytes(digest[:8]) / 2**64)
    return seconds(delay)


def seconds(number: float) -> timedelta:
    """A duration of so many seconds, `LONGEST_DELAY` at most."""
    return timedelta(seconds=min(number, LONGEST_DELAY))
