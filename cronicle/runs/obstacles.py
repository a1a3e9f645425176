"""Why a task has not started: what stands in its way, as values for `explain` and the web page to show."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.runs.actions import Question
from cronicle.runs.units import UnitId
from cronicle.values import Value


@frozen(eq=False, repr=False)
class RunNotStarted(Value):
    """The run itself is still queued: admission has not let it start."""


@frozen(eq=False, repr=False)
class UpstreamsOpen(Value):
    """Upstreams have not ended, and the task's trigger rule cannot be decided without them."""

    trigger_rule: str
    upstreams: tuple[UnitId, ...]


@frozen(eq=False, repr=False)
class InstancesOpen(Value):
    """The whole of a `for_each` task ends when these instances have."""

    keys: tuple[str, ...]


@frozen(eq=False, repr=False)
class EvaluationPending(Value):
    """An expression of it is to be evaluated first."""

    question: Question


@frozen(eq=False, repr=False)
class BackingOff(Value):
    """An attempt failed, was lost, or said `not_yet`; the next one may not start before that instant."""

    until: datetime
    attempt: int
    """The number that the next attempt will have."""
    asks_again: bool = False
    """True if what it waits for is not there yet."""
    asks_until: datetime | None = None
    """It gives up then; None: it asks for ever."""


@frozen(eq=False, repr=False)
class PoolSlotsNeeded(Value):
    """It needs slots of a pool and has not been granted them."""

    pool: str
    slots: int


@frozen(eq=False, repr=False)
class LockNeeded(Value):
    """It needs a lock that one attempt may hold at a time, and has not been granted it."""

    lock: str | None
    """Its key; None where that is known at the attempt only."""


@frozen(eq=False, repr=False)
class MaxParallelReached(Value):
    """As many attempts run as the run may have at once."""

    limit: int


@frozen(eq=False, repr=False)
class ProcessSlotNeeded(Value):
    """Nothing of the run stands in its way: it starts when its owner has a free slot."""


@frozen(eq=False, repr=False)
class AttemptRunning(Value):
    """It has started: this attempt is being executed."""

    attempt: int


@frozen(eq=False, repr=False)
class HasEnded(Value):
    """It waits for nothing any more."""

    state: str
    reason: str | None


Obstacle = (
    RunNotStarted
    | UpstreamsOpen
    | InstancesOpen
    | EvaluationPending
    | BackingOff
    | PoolSlotsNeeded
    | LockNeeded
    | MaxParallelReached
    | ProcessSlotNeeded
    | AttemptRunning
    | HasEnded
)
