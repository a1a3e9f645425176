"""What the state machine of a run asks for: wishes in the imperative, performed by whoever drives the run.

Asking changes nothing, so an action is asked for again until the fact that answers it has been applied; the
driver keys them by (task, key, attempt) and performs each once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from cronicle.values import Value


class Question(StrEnum):
    """Which expression of a task is to be evaluated."""

    INSTANCES = "instances"
    """Its `for_each`; answered by `InstancesExpanded`."""
    CONDITION = "condition"
    """Its `when`, for one instance; answered by `ConditionEvaluated`."""


@frozen(eq=False, repr=False)
class EvaluateTask(Value):
    """Evaluate an expression that must be known before the task can go on; `EvaluationFailed` answers, too."""

    task: str
    key: str | None
    question: Question


@frozen(eq=False, repr=False)
class RequestSlot(Value):
    """Ask the store for a task's lock, for slots of its pool, or for both; answered by `SlotGranted` once it has all.

    The key of the lock is for the performer to evaluate; `EvaluationFailed` answers, too.
    """

    task: str
    key: str | None
    attempt: int
    pool: str | None
    slots: int
    priority: int
    has_lock: bool = False


@frozen(eq=False, repr=False)
class StartAttempt(Value):
    """Start an attempt as soon as this process has a slot; answered by `AttemptStarted`."""

    task: str
    key: str | None
    attempt: int


@frozen(eq=False, repr=False)
class GiveUpWaiting(Value):
    """Ask no more for what a task with `wait` waits for, since its time is over; answered by `WaitTimedOut`."""

    task: str
    key: str | None


@frozen(eq=False, repr=False)
class TimeOutRun(Value):
    """End the run, since its time is over; answered by `RunTimedOut`."""


@frozen(eq=False, repr=False)
class KillAttempt(Value):
    """End a running attempt because the run was cancelled or has timed out; answered by `AttemptFinished`."""

    task: str
    key: str | None
    attempt: int


@frozen(eq=False, repr=False)
class WakeAt(Value):
    """Ask again at this instant, even if nothing happens before."""

    at: datetime


Action = EvaluateTask | RequestSlot | StartAttempt | GiveUpWaiting | TimeOutRun | KillAttempt | WakeAt
