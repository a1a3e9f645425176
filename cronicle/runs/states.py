"""The words for where a run, a task and an attempt are. The same lower-case words stand in SQL and JSON."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class TaskState(StrEnum):
    """Where a task of a run, or one instance of it, is."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_YET = "not_yet"
    """Of a task with `wait`: what it waits for is not there yet."""
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"


class Cause(StrEnum):
    """Why a run exists."""

    SCHEDULE = "schedule"
    CATCHUP = "catchup"
    BACKFILL = "backfill"
    MANUAL = "manual"
    RETRY = "retry"
    WORKFLOW = "workflow"
    DEPLOY = "deploy"
    BISECT = "bisect"
    REPRODUCE = "reproduce"
    TRIAL = "trial"


UNASKED_CAUSES = frozenset({Cause.SCHEDULE, Cause.CATCHUP, Cause.WORKFLOW, Cause.DEPLOY})
"""Causes of runs that nobody asked for by hand. Each makes one run for a logical time, whatever becomes of it."""

APART_CAUSES = frozenset({Cause.BISECT, Cause.REPRODUCE, Cause.TRIAL})
"""Causes of runs that look into history: they are asked for to be looked at, and no result is meant by them."""

ORDINARY_CAUSES = tuple(cause for cause in Cause if cause not in APART_CAUSES)
"""All others."""

DUE, MISSED, HISTORY = range(3)
"""Classes of causes, in the order in which their runs are served: what is due now or asked for by somebody who waits,
what makes up for missed ticks, what fills or examines history."""

_CLASSES = {
    Cause.CATCHUP: MISSED,
    **dict.fromkeys((Cause.BACKFILL, Cause.BISECT, Cause.REPRODUCE, Cause.TRIAL), HISTORY),
}


def class_of(cause: Cause) -> int:
    """The class of a run's cause: `DUE`, `MISSED` or `HISTORY`."""
    return _CLASSES.get(cause, DUE)


class BackfillState(StrEnum):
    """Where a backfill is."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
"""States of a run that has not ended."""

ENDED_TASK = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELLED})
"""States that a task never leaves."""


class Reason(StrEnum):
    """Why a state is what it is, where the machine decided it; recorded beside the state.

    Attempts have more reasons (`exit_code`, `signal`, `start_error`, ...); a failed task repeats its last
    attempt's.
    """

    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SKIPPED = "upstream_skipped"
    NOTHING_FAILED = "nothing_failed"
    CONDITION_FALSE = "condition_false"
    EXIT_CODE = "exit_code"
    NOT_SELECTED = "not_selected"
    BAD_REFERENCE = "bad_reference"
    PREPARE_FAILED = "prepare_failed"
    """Of an attempt: what it needs (`prepare`) could not be made, so that it never began."""
    LOST = "lost"
    CANCELLED = "cancelled"
    WAIT_TIMED_OUT = "wait_timed_out"
    """What a task with `wait` waits for was not there in time."""
    TIMED_OUT = "timed_out"
    """Of a run: it took longer than its workflow's `timeout`."""
    MARKED = "marked"
    """Of a run: somebody has set its outcome by hand."""
    RERUN_NEVER = "rerun_never"
    """Of a task that was carried over since it has been done, and is never executed again."""
    REUSED = "reused"
    """Of a task that was carried over since an earlier run had done the same (`reuse`)."""
    SAME_INPUTS = "same_inputs"
    """Of a task that was carried over in its turn: what was executed above it has come to the same as before."""
    RUN_TIMED_OUT = "run_timed_out"
    """Of a task of such a run, which had not ended by then."""
