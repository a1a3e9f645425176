"""Whether a run may start: pure decisions about the policy of a workflow and the runs of it that are live.

Three questions, asked at three moments:

1. When a tick is to make a run (`on_insertion`, in the transaction that inserts it): is it queued or skipped, and
   what does that mean for those that are there already? `overlap` knows the runs of ticks only (`TICK_CAUSES`);
   what people ask for neither stands in a tick's way nor gives way to one.
2. Before a queued run is admitted (`gates`, outside of a transaction): is it its time, has its past succeeded, have
   the required workflows? What has opened stays open, so nothing is lost by asking early.
3. When it is admitted (`may_start`, in the transaction that notes it): do the limits allow it beside what is live?

Runs are *older* by their logical time, then by the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import APART_CAUSES, UNASKED_CAUSES, Cause, RunState, class_of
from cronicle.values import Value

TICK_CAUSES = frozenset({Cause.SCHEDULE, Cause.CATCHUP})
"""Causes of runs that ticks have made: those that `overlap` and `queue_limit` know."""


class PolicyReason(StrEnum):
    """Why a policy has ended a run; recorded beside its state."""

    OVERLAP = "overlap"
    """Skipped: a run of an earlier tick was live, or another run of this logical time."""
    QUEUE_LIMIT = "queue_limit"
    """Skipped: more were queued than `queue_limit` allows, and newer ones stay."""
    TOO_LATE = "too_late"
    """Skipped: it could not start within `start_within`."""
    SUPERSEDED = "superseded"
    """Cancelled: the run of a newer tick has taken its place."""


@frozen(kw_only=True, eq=False, repr=False)
class LiveRun(Value):
    """A run that has not ended, as far as policies look at it."""

    id: str
    sequence: int
    """Order of creation."""
    cause: Cause
    series: str | None = None
    state: RunState = RunState.QUEUED
    admitted: bool = False
    logical_time: datetime

    @property
    def age(self) -> tuple[datetime, int]:
        """What sorts the older before the newer."""
        return self.logical_time, self.sequence

    @property
    def is_active(self) -> bool:
        """True if it has been let start."""
        return self.admitted or self.state is RunState.RUNNING


@frozen(kw_only=True, eq=False, repr=False)
class Insertion(Value):
    """What becomes of the run of a tick, and of those before it."""

    skipped: PolicyReason | None = None
    """Why it ends at once; None: it is queued."""
    supersedes: tuple[str, ...] = ()
    """Live runs that are to be cancelled."""
    drops: tuple[str, ...] = ()
    """Queued runs that end as skipped (`queue_limit`)."""


def on_insertion(policy: Policy, new: LiveRun, live: Sequence[LiveRun]) -> Insertion:
    """What becomes of a new run, given all that is live of its workflow (without itself)."""
    if new.cause not in TICK_CAUSES:
        return Insertion()
    others = sorted((run for run in live if run.cause in TICK_CAUSES), key=_age)
    if not others:
        return Insertion()  # whatever the policy: the store need not even look it up
    if policy.overlap is Overlap.SKIP:
        return Insertion(skipped=PolicyReason.OVERLAP)
    if policy.overlap is Overlap.CANCEL:
        if any(run.age > new.age for run in others):  # a tick made up late: a newer one has its place already
            return Insertion(skipped=PolicyReason.OVERLAP)
        return Insertion(supersedes=tuple(run.id for run in others))
    if policy.queue_limit is None:
        return Insertion()
    queued = sorted([new, *(run for run in others if not run.is_active)], key=_age)
    dropped = queued[_free_places(policy, live) : max(len(queued) - policy.queue_limit, 0)]
    return Insertion(
        skipped=PolicyReason.QUEUE_LIMIT if new in dropped else None,
        drops=tuple(run.id for run in dropped if run.id != new.id),
    )


def _free_places(policy: Policy, live: Sequence[LiveRun]) -> int:
    """How many of the queued runs do not wait for limits but only to be admitted: the oldest ones."""
    active = [run for run in live if run.is_active]
    places = []
    if policy.overlap is Overlap.QUEUE:
        places.append(1 - sum(run.cause in TICK_CAUSES for run in active))
    if policy.max_active_runs is not None:
        places.append(policy.max_active_runs - len(active))
    return max(min(places, default=0), 0)


def may_start(
    policy: Policy, run: LiveRun, live: Sequence[LiveRun], lock: str | None = None, holder: str | None = None
) -> tuple[str, ...]:
    """Why a queued run may not be admitted beside all that is live of its workflow; nothing if it may.

    `lock` is the key that it needs, `holder` the run that has it, of whatever workflow.
    """
    others = [other for other in live if other.id != run.id]
    reasons = []
    if run.cause in TICK_CAUSES and (blocker := _in_the_way(policy.overlap, run, others)) is not None:
        reasons.append(f'waiting for run {blocker.id}, since overlap is "{policy.overlap}"')
    active = sum(other.is_active for other in others)
    if policy.max_active_runs is not None and active >= policy.max_active_runs:
        reasons.append(f"waiting: {active} of max_active_runs = {policy.max_active_runs} are active")
    if holder is not None:
        reasons.append(f"waiting for the lock {lock!r}, which run {holder} holds")
    return tuple(reasons)


def _in_the_way(overlap: Overlap, run: LiveRun, others: Sequence[LiveRun]) -> LiveRun | None:
    """The first of those that `overlap` makes a run of a tick wait for."""
    if overlap is Overlap.ALLOW:
        return None
    for other in sorted(others, key=_age):
        if other.cause in TICK_CAUSES and (
            other.is_active or (overlap is not Overlap.SKIP and other.age < run.age)
        ):
            return other
    return None


def _age(run: LiveRun) -> tuple[datetime, int]:
    return run.age


# Gates


@frozen(kw_only=True, eq=False, repr=False)
class Past(Value):
    """The tick before that of a run, and what became of it."""

    logical_time: datetime
    succeeded: bool = False
    """It has a counting run that succeeded."""
    marked: bool = False
    """Somebody has said that it is done (`mark`)."""
    outside: bool = False
    """Nobody owes it: it lies at or before the beginning of the cursor, and outside of the run's backfill."""

    @property
    def is_settled(self) -> bool:
        """True if the next one may start."""
        return self.succeeded or self.marked or self.outside


@frozen(kw_only=True, eq=False, repr=False)
class Required(Value):
    """A workflow that a run requires: how many of its ticks in the run's interval have succeeded."""

    workflow: str
    succeeded: int
    ticks: int


@frozen(kw_only=True, eq=False, repr=False)
class Waiting(Value):
    """A queued run, as far as its gates look at it."""

    cause: Cause
    logical_time: datetime
    not_before: datetime | None = None
    past: Past | None = None
    """None: there is no tick before its own."""
    required: tuple[Required, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Gates(Value):
    """What stands between a queued run and its admission."""

    reasons: tuple[str, ...] = ()
    """Why it has to wait: sentences for people. None: it may be admitted."""
    too_late: bool = False
    """It is to end as skipped (`too_late`)."""
    ask_at: datetime | None = None
    """When the answer changes by time alone; None: never."""

    @property
    def are_open(self) -> bool:
        """True if nothing but limits can keep it from starting."""
        return not self.reasons and not self.too_late


def gates(policy: Policy, run: Waiting, now: datetime) -> Gates:
    """What a queued run waits for, apart from limits."""
    deadline = start_deadline(policy, run)
    if deadline is not None and now > deadline:
        return Gates(too_late=True)
    reasons = []
    ask_at = None if deadline is None else deadline + timedelta.resolution  # at the deadline it is in time
    if run.not_before is not None and now < run.not_before:
        reasons.append(f"it does not start before {run.not_before.isoformat()}")
        ask_at = run.not_before
    if run.cause not in APART_CAUSES:  # these wait neither for their past nor for other workflows
        if policy.depends_on_past and run.past is not None and not run.past.is_settled:
            reasons.append(f"waiting for the tick before, {run.past.logical_time.isoformat()}, to succeed")
        if policy.requires:
            reasons += [
                f"waiting: {required.succeeded} of {required.ticks} of {required.workflow}"
                for required in run.required
                if required.succeeded < required.ticks
            ]
    return Gates(reasons=tuple(reasons), ask_at=ask_at)


def start_deadline(policy: Policy, run: Waiting) -> datetime | None:
    """The instant after which a run is too late; None: it never is."""
    if policy.start_within is None or run.cause not in UNASKED_CAUSES:
        return None  # who asks for a run by hand may want the past
    due = run.logical_time if run.not_before is None else max(run.logical_time, run.not_before)
    return due + timedelta(seconds=policy.start_within)


# Order


@frozen(kw_only=True, eq=False, repr=False)
class Queued(Value):
    """A run that could start, among others."""

    id: str
    priority: int = 0
    cause: Cause
    logical_time: datetime
    sequence: int = field(default=0)

    @property
    def rank(self) -> tuple[int, int, datetime, int]:
        """What sorts those that start earlier before the others: priority, class, logical time, age."""
        return -self.priority, class_of(self.cause), self.logical_time, self.sequence
