"""How things end: what the end of a task means below it, of instances for their task, of tasks for the run.

These are the rules of the table "Ends" in the design, each a plain function of states that have been reached.
"""

from __future__ import annotations

from collections.abc import Collection

from cronicle.runs.states import Reason, RunState, TaskState
from cronicle.runs.units import Unit
from dag.frontier import End


def end_of(state: TaskState, reason: str | None, allow_failure: bool) -> End:
    """How a task or instance that ended in `state` looks to those that wait for it.

    One that was not selected has no result to wait for, and counts as good.
    """
    match state:
        case TaskState.SUCCEEDED:
            return End.GOOD
        case TaskState.FAILED:
            return End.GOOD if allow_failure else End.BAD
        case TaskState.SKIPPED if reason == Reason.NOT_SELECTED:
            return End.GOOD
        case TaskState.SKIPPED:
            return End.BAD if reason == Reason.UPSTREAM_FAILED else End.SKIPPED
        case TaskState.CANCELLED:
            return End.CANCELLED
    raise ValueError(f"{state} is no end")


def end_of_instances(instances: Collection[Unit], allow_failure: bool) -> tuple[TaskState, str | None]:
    """State and reason of a `for_each` task all of whose instances have ended.

    It is bad if an instance is, skipped if there are some and all are, else good. A reason that all the skipped
    instances share is that of the task.
    """
    states = {unit.state for unit in instances}
    if TaskState.FAILED in states and not allow_failure:
        return TaskState.FAILED, None
    if TaskState.CANCELLED in states:
        return TaskState.CANCELLED, Reason.CANCELLED
    if TaskState.FAILED in states:
        return TaskState.FAILED, None
    if states == {TaskState.SKIPPED}:
        reasons = {unit.reason for unit in instances}
        return TaskState.SKIPPED, reasons.pop() if len(reasons) == 1 else None
    return TaskState.SUCCEEDED, None


def end_of_run(cancelled: bool, failed: bool) -> RunState:
    """State of a run all of whose tasks have ended.

    Args:
        cancelled: The run was cancelled, or an attempt of it was.
        failed: A task without `allow_failure` failed.
    """
    if cancelled:
        return RunState.CANCELLED
    return RunState.FAILED if failed else RunState.SUCCEEDED
