"""The rows of the store about series of ticks: how far they are settled, what they owe, and what made no run.

A *series* is the unlabelled schedules of a workflow, or one labelled schedule. Instants are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from cronicle.schedule.dropped import Dropped
from cronicle.store.records import Actor, NewRun
from cronicle.values import Value

__all__ = [
    "CursorRecord",
    "Dropped",
    "OwedRecord",
    "PauseRecord",
    "SeriesKey",
    "Settled",
    "Settlement",
    "TickSpan",
]


@frozen(kw_only=True, cache_hash=True)
class SeriesKey:
    """Which series. The key of most tables in memory, so that attrs is to make the fastest equality there is."""

    project: str
    environment: str
    workflow: str
    """An instance of a workflow with `for_each` by its name and key: `sync[eu]`."""
    series: str | None = None
    """Label of its schedule; None for the unlabelled ones."""


@frozen(kw_only=True, eq=False, repr=False)
class CursorRecord(Value):
    """How far a series is settled: each tick up to `position` has its run, is owed, or is on record as dropped."""

    key: SeriesKey
    since: datetime
    """Where the cursor began; ticks at or before it are owed by nobody."""
    position: datetime
    """Inclusive."""
    deployment: int
    """Number of the deployment whose schedule holds from `position` on."""


@frozen(kw_only=True, eq=False, repr=False)
class OwedRecord(Value):
    """Missed ticks that are still to be made up, of the schedule of one deployment: those in `(after, until]`."""

    sequence: int = 0
    """Assigned by the store; the oldest comes first."""
    key: SeriesKey
    deployment: int
    """Whose schedule names the ticks. Runs take the deployment in force when they are made."""
    after: datetime
    until: datetime
    left: int
    """Ticks that are left."""


@frozen(kw_only=True, eq=False, repr=False)
class TickSpan(Value):
    """Ticks that made no run, from the first to the last."""

    key: SeriesKey
    first: datetime
    last: datetime
    """Inclusive; equal to `first` for a single one."""
    count: int
    reason: Dropped
    detail: str = ""
    """For people: who paused it, and why."""
    recorded_at: datetime


@frozen(kw_only=True, eq=False, repr=False)
class PauseRecord(Value):
    """That schedules make no runs from a moment on; live runs go on, and so does what people ask for."""

    sequence: int = 0
    project: str
    environment: str
    workflow: str | None
    """None: all of the environment."""
    actor: Actor
    reason: str = ""
    paused_at: datetime
    until: datetime | None = None
    """When it ends by itself."""
    ended_at: datetime | None = None
    """When somebody ended it."""


@frozen(kw_only=True, eq=False, repr=False)
class Settlement(Value):
    """What becomes of the due ticks of one series: stored as a whole, or not at all."""

    key: SeriesKey
    expected: datetime | None
    """The cursor's position that this was decided from; None: there is no cursor yet. If it is another by now
    nothing is stored."""
    cursor: CursorRecord | None
    """The new cursor; None if only owed ticks are made up. Without `expected` as well, nothing is compared: such are
    runs that no tick makes (`after`, `on_deploy`), which their unique key keeps single."""
    runs: tuple[NewRun, ...] = ()
    """In order. A tick that has had its run is left out; the workflow's `overlap` decides about each of the others in
    the same transaction (`cronicle.schedule.admission`)."""
    owed: tuple[OwedRecord, ...] = ()
    """Those without a sequence are new; with one they replace what was there, and are gone with nothing `left`."""
    dropped: tuple[TickSpan, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Settled(Value):
    """What came of a settlement."""

    made: Mapping[str, int] = field(factory=dict)
    """The runs that are live now: the sequence of each by its id, in order."""
    skipped: tuple[str, ...] = ()
    """Ids of those that were made in state `skipped`, or are so now, since a newer one stays."""
    superseded: tuple[str, ...] = ()
    """Ids of live runs that a newer one takes the place of (`overlap = "cancel"`). The request to cancel them was
    left for their owners in the same transaction."""
    is_stale: bool = False
    """True if the cursor had moved: nothing was stored."""
