"""The rows of the store that tell who serves, and what nobody drives yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from cronicle.runs.states import Cause, RunState
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class ServingRecord(Value):
    """A process that serves, and how much it has to do."""

    owner: str
    slots: int
    """Attempts that it executes at once."""
    live: int
    """Runs that it owns and that may start or have begun, and those that it is to take up."""
    queued: int
    """Those of them that it owns and has not begun, without those of backfills."""
    labels: tuple[str, ...] = ()
    """What it can execute: runs that need no other labels."""
    needing: Mapping[tuple[str, ...], int] = field(factory=dict)
    """How many of the queued ones need labels, by which."""


@frozen(kw_only=True, eq=False, repr=False)
class RunEnd(Value):
    """That a run has ended, as far as those that wait in a queue look at it."""

    project: str
    environment: str
    workflow: str
    held_lock: bool


@frozen(kw_only=True, eq=False, repr=False)
class UnownedRecord(Value):
    """A live run or an unfinished backfill that nobody owns."""

    id: str
    project: str
    environment: str
    is_backfill: bool
    assigned_to: str | None
    """Of a run: the process that is to take it up."""
    runs_on: tuple[str, ...] = ()
    """The labels that whoever takes it up must have."""


@frozen(kw_only=True, eq=False, repr=False)
class EndedRun(Value):
    """A run that has ended: what those look at who wait for it."""

    id: str
    ended_event: int
    project: str
    environment: str
    workflow: str
    series: str | None
    logical_time: datetime
    state: RunState
    cause: Cause
