"""The states of one task instance, and the table of what may happen in each.

A *unit* is what is executed: a task without `for_each` (key None) or one instance of a task with it. The table
`EXPECTED_IN` is the whole truth about which fact may meet a unit in which state; `RunMachine` refuses
everything else, and `docs/reference/states.md` shows it as a diagram.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import define, field

from cronicle.runs import events as ev
from cronicle.runs.spec import RetrySpec
from cronicle.runs.states import ENDED_TASK, Outcome, TaskState

UnitId = tuple[str, str | None]
"""Task and key."""

MOST_LOST_IN_A_ROW = 3
"""Attempts lost one after the other before a task with `on_lost = "retry"` is given up."""

EXPECTED_IN: Mapping[type[Any], frozenset[TaskState]] = {
    ev.TaskCarriedOver: frozenset({TaskState.WAITING}),
    ev.ConditionEvaluated: frozenset({TaskState.READY}),
    ev.EvaluationFailed: frozenset({TaskState.READY}),
    ev.SlotGranted: frozenset({TaskState.READY, TaskState.BACKING_OFF}),
    ev.AttemptStarted: frozenset({TaskState.READY, TaskState.BACKING_OFF}),
    ev.AttemptFinished: frozenset({TaskState.RUNNING}),
    ev.AttemptLost: frozenset({TaskState.RUNNING}),
    ev.RetryScheduled: frozenset({TaskState.RUNNING}),
    ev.TaskFinished: frozenset(TaskState) - ENDED_TASK,
    ev.TasksCancelled: frozenset(TaskState) - ENDED_TASK - {TaskState.RUNNING},
}
"""The states of a unit in which an event may meet it."""


@define
class Unit:
    """Where one task instance is, and what its attempts have come to."""

    id: UnitId
    state: TaskState = TaskState.WAITING
    reason: str | None = None
    attempt: int = 0
    """Number of the last attempt; 0 before the first."""
    used: int = 0
    """Attempts that count towards `retry.attempts`: lost ones do not."""
    lost_in_a_row: int = 0
    condition_known: bool = False
    slot_granted: bool = False
    not_before: datetime | None = None
    """When backing off ends."""
    carried_from: str | None = None
    output: Mapping[str, Any] = field(factory=dict)

    @property
    def ended(self) -> bool:
        """True if it has reached a state that it never leaves."""
        return self.state in ENDED_TASK


def may_retry(retry: RetrySpec, unit: Unit, end: ev.AttemptFinished) -> bool:
    """True if a failed attempt is followed by another; `unit` counts the failed one already."""
    if end.outcome not in (Outcome.FAILED, Outcome.TIMED_OUT) or unit.used >= retry.attempts:
        return False
    if end.reason == "bad_reference":  # the same expression would fail the same way
        return False
    return retry.on_exit_codes is None or end.exit_code in retry.on_exit_codes


def retry_delay(retry: RetrySpec, run_id: str, unit: UnitId, used: int) -> timedelta:
    """How long to back off after the attempt that was the `used`-th to count.

    `min(delay · backoff^(used−1), max_delay)`, plus a share of `jitter` that is hashed from run, task and attempt,
    so that a replay comes to the same instant.
    """
    try:
        delay = retry.delay * retry.backoff ** (used - 1)
    except OverflowError:
        delay = retry.max_delay
    delay = min(delay, retry.max_delay)
    if retry.jitter:
        digest = hashlib.sha256(f"{run_id}/{unit[0]}/{unit[1]}#{used}".encode()).digest()
        delay += retry.jitter * (int.from_bytes(digest[:8]) / 2**64)
    return timedelta(seconds=delay)


EARLIEST = datetime.min.replace(tzinfo=UTC)
