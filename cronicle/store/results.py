"""Results in the store: which run stands for a logical time, what it consists of, and what was accepted of it."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from cronicle.store.records import Actor
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class Result(Value):
    """The run that counts for a logical time: of several the last to succeed."""

    run_id: str
    series: str | None = None
    logical_time: datetime
    revision: str
    ended_at: datetime
    spec_hash: str = ""
    """The spec that it was made by."""
    deployment: int | None = None
    mixed: bool = False
    """True if it has carried over what its spec does otherwise: that does not tell what it consists of."""


@frozen(kw_only=True, eq=False, repr=False)
class LastSuccess(Value):
    """That a workflow has had results."""

    workflow: str
    logical_time: datetime
    """The latest that has a result."""
    ended_at: datetime
    """When a run of it last succeeded: of those made last, or of that logical time."""


@frozen(kw_only=True, eq=False, repr=False)
class ResultCount(Value):
    """The results of a series that were made by one spec."""

    series: str | None
    spec_hash: str
    deployment: int | None
    mixed: bool
    """True if these are the mixed ones among them, of which each is to be looked at by itself."""
    count: int
    first: datetime
    last: datetime
    """Of their logical times, the last included."""


@frozen(kw_only=True, eq=False, repr=False)
class TaskOrigin(Value):
    """Where a task of a run, or an instance of it, has its result from."""

    task: str
    carried_from: str | None = None
    """The run in which it was executed; None: in the run itself."""
    is_left_out: bool = False
    """True if it was not to be executed, and nothing was there to be carried over."""
    deep_fingerprint: str = ""
    """Of one that was carried over what was recorded of it."""


@frozen(kw_only=True, eq=False, repr=False)
class Composition(Value):
    """What a run consists of."""

    run_id: str
    spec_hash: str
    mixed: bool
    origins: tuple[TaskOrigin, ...] = ()
    """Of a mixed run where each of its tasks has its result from; of another its spec tells all."""


@frozen(kw_only=True, eq=False, repr=False)
class AcceptanceRecord(Value):
    """That a change of what a task does makes no difference to its results. Only ever revoked, never removed."""

    id: int = 0
    """Assigned by the store."""
    project: str
    environment: str
    workflow: str
    task: str
    old: tuple[str, ...]
    """What it did (`cronicle.plan.staleness.own_of`) in the results that were stale."""
    new: str
    """What it does."""
    before: datetime | None = None
    """Of results for logical times before it; None: of all."""
    revision: str
    """That was deployed then, or with it."""
    actor: Actor
    reason: str
    accepted_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None
