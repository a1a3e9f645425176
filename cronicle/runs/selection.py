"""Which tasks of a new run execute, and which are carried over from an earlier one.

Questions, answered with the facts that follow `RunQueued`:

- `plan_retry`: what had succeeded is carried over, what failed executes, and so does all below what executes.
- `plan_selection` (`--only`, `--except`): the chosen tasks execute and no others; these are carried over from the
  result of that logical time, or left out where there is none.
- `plan_remake` (`backfill --stale`): the stale tasks execute and all below them; the others are carried over from the
  result of that logical time.

The instances of a `for_each` task are carried over one by one. A result that should not be relied on (its
spooled stdout is gone, say) is simply not handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, field, frozen

from cronicle.errors import UsageError
from cronicle.runs.events import TaskCarriedOver, TasksExcluded
from cronicle.runs.spec import RunSpec, TaskSpec, UpstreamSpec
from cronicle.runs.states import ENDED_TASK, Reason, TaskState
from cronicle.runs.units import UnitId
from cronicle.values import Value


@frozen(kw_only=True, eq=False, repr=False)
class TaskResult(Value):
    """How a task, or an instance of it, stands in an earlier run."""

    task: str
    key: str | None = None
    state: TaskState
    reason: str | None = None
    output: Mapping[str, Any] = field(factory=dict)
    carried_from: str | None = None
    """The run in which it was executed, if not `run_id`."""
    run_id: str
    attempt: int = 0
    """Its last attempt in the run that executed it, where its stdout is data."""
    has_acted: bool = False
    """A process of it has existed that may have done something; known where `rerun` makes it matter."""
    fingerprint: str = ""
    deep_fingerprint: str = ""
    """As the spec of its run has it, whether or not an attempt was made; of one that was carried over as recorded,
    and of one that was executed on top of such a one as it follows from that.
    """


@frozen(eq=False, repr=False)
class Selection(Value):
    """What a new run does with its tasks."""

    carried: tuple[TaskResult, ...]
    """Of a `for_each` task its instances, then the whole, unless it is to be expanded anew."""
    excluded: tuple[str, ...]
    executed: tuple[str, ...]
    """The others, which the run decides about: in the order of the spec."""
    kept: tuple[TaskResult, ...] = ()
    """Of what is carried over that which would execute, did it not say `rerun = "never"`."""

    def events(self, at: datetime) -> tuple[TaskCarriedOver | TasksExcluded, ...]:
        """The facts to append after `RunQueued`."""
        carried = tuple(
            TaskCarriedOver(
                at=at,
                task=result.task,
                key=result.key,
                from_run=result.carried_from or result.run_id,
                attempt=result.attempt,
                state=result.state,
                reason=result.reason,
                output=result.output,
                fingerprint=result.fingerprint,
                deep_fingerprint=result.deep_fingerprint,
            )
            for result in self.carried
        )
        return (*carried, TasksExcluded(at=at, tasks=self.excluded)) if self.excluded else carried


def is_mixed(spec: RunSpec, selection: Selection | None) -> bool:
    """True if a run of a selection does not consist of what its spec says.

    It carries over what does something else there, or was made of something else, or leaves tasks out.
    """
    if selection is None:
        return False
    deep = {task.name: task.deep_fingerprint for task in spec.tasks}
    return bool(selection.excluded) or any(
        result.deep_fingerprint != deep[result.task] for result in selection.carried
    )


def as_of_spec(spec: RunSpec, results: Iterable[TaskResult]) -> tuple[TaskResult, ...]:
    """Results of a run of a spec with the fingerprints of that: what it had carried over stands again, as it did."""
    tasks = {task.name: task for task in spec.tasks}
    return tuple(
        evolve(
            result,
            fingerprint=tasks[result.task].fingerprint,
            deep_fingerprint=tasks[result.task].deep_fingerprint,
        )
        for result in results
    )


def with_recorded(selection: Selection, results: Iterable[TaskResult]) -> Selection:
    """A selection of results that were looked at `as_of_spec`, with what was recorded of those it carries over."""
    recorded = {(result.task, result.key): result for result in results}
    return evolve(selection, carried=tuple(recorded[one.task, one.key] for one in selection.carried))


def plan_retry(spec: RunSpec, results: Iterable[TaskResult], from_task: str | None = None) -> Selection:
    """What a retry executes and what it carries over.

    Carried over is what succeeded, what was skipped by its own condition or exit code, and what was skipped since
    its upstreams were, as long as nothing above it executes and its deep fingerprint is that of `spec` (the
    retried run's own, or that of another revision). What the retried run had left out is left out again.

    Args:
        spec: The spec of the new run.
        results: The tasks of the retried run, as they ended.
        from_task: This one executes in any case.

    Raises:
        UsageError: There is no such task.
    """
    _check_names(spec, () if from_task is None else (from_task,))
    of_task = results_by_task(results)
    carried: dict[UnitId, TaskResult] = {}
    kept: set[str] = set()  # carried over as a whole, or left out
    excluded: list[str] = []
    executed: list[str] = []
    for task in spec.tasks:
        whole, instances = of_task.get(task.name, (None, ()))
        if whole is not None and whole.reason == Reason.NOT_SELECTED and task.name != from_task:
            excluded.append(task.name)
            kept.add(task.name)
            continue
        found: tuple[TaskResult, ...] = ()
        stands = task.name != from_task and all(_stands(up, kept, carried) for up in task.upstreams)
        if stands and _is_of_kind(task, whole, instances):
            found = tuple(result for result in instances if stands_in_retry(result, task))
            if whole is not None and stands_in_retry(whole, task) and len(found) == len(instances):
                found = (*found, whole)
                kept.add(task.name)
        carried |= {(result.task, result.key): result for result in found}
        if task.name not in kept:
            executed.append(task.name)
    return Selection(tuple(carried.values()), tuple(excluded), tuple(executed))


def plan_selection(spec: RunSpec, results: Iterable[TaskResult], chosen: Collection[str]) -> Selection:
    """What a run of chosen tasks executes: these and no others.

    Args:
        spec: The spec of the new run.
        results: The tasks of the result of that logical time; empty if there is none.
        chosen: Names of the tasks to execute.

    Raises:
        UsageError: There is no such task.
    """
    _check_names(spec, chosen)
    of_task = results_by_task(results)
    carried: list[TaskResult] = []
    excluded: list[str] = []
    for task in spec.tasks:
        if task.name in chosen:
            continue
        whole, instances = of_task.get(task.name, (None, ()))
        usable = whole is not None and _is_of_kind(task, whole, instances) and _has_result(whole)
        if whole is None or not usable or not all(map(_has_result, instances)):
            excluded.append(task.name)
        else:
            carried += (*instances, whole)
    executed = tuple(task.name for task in spec.tasks if task.name in chosen)
    return Selection(tuple(carried), tuple(excluded), executed)


def plan_remake(
    spec: RunSpec,
    results: Iterable[TaskResult],
    stale: Collection[str],
    chosen: Collection[str] | None = None,
) -> Selection:
    """What a run executes that makes stale tasks of a result anew: these, what the result has not, and all below.

    Everything else is carried over as it ended, whatever that was; what the result had left out is left out again,
    unless it is stale.

    Args:
        spec: The spec of the new run.
        results: The tasks of the result, under present names.
        stale: Names of the tasks to make anew.
        chosen: No others are executed; None: any.
    """
    of_task = results_by_task(results)
    carried: list[TaskResult] = []
    excluded: list[str] = []
    executed: dict[str, None] = {}
    for task in spec.tasks:
        whole, instances = of_task.get(task.name, (None, ()))
        was_left_out = whole is not None and whole.reason == Reason.NOT_SELECTED
        is_there = (
            whole is not None
            and not was_left_out
            and _is_of_kind(task, whole, instances)
            and all(map(_has_result, (whole, *instances)))
        )
        is_due = task.name in stale or not is_there or any(up.task in executed for up in task.upstreams)
        if was_left_out:
            is_due = task.name in stale
        if is_due and (chosen is None or task.name in chosen):
            executed[task.name] = None
        elif is_there:
            carried += (*instances, *([whole] if whole is not None else []))
        else:
            excluded.append(task.name)
    return Selection(tuple(carried), tuple(excluded), tuple(executed))


def below(spec: RunSpec, names: Collection[str]) -> frozenset[str]:
    """Tasks, and all that depend on them."""
    found = set(names)
    for task in spec.tasks:  # upstreams come first
        if any(upstream.task in found for upstream in task.upstreams):
            found.add(task.name)
    return frozenset(found)


def changed_tasks(spec: RunSpec, results: Iterable[TaskResult]) -> tuple[str, ...]:
    """The tasks of `spec` that would not do the same as they did in the run with these results.

    Tasks whose own fingerprint is another, or that had none: not those that merely stand below one.
    """
    fingerprints = {result.task: result.fingerprint for result in results if result.key is None}
    return tuple(task.name for task in spec.tasks if fingerprints.get(task.name) != task.fingerprint)


def _check_names(spec: RunSpec, names: Iterable[str]) -> None:
    known = [task.name for task in spec.tasks]
    for name in names:
        if name not in known:
            raise UsageError(
                f"workflow {spec.workflow!r} has no task {name!r}", f"Its tasks are: {', '.join(known)}."
            )


def results_by_task(
    results: Iterable[TaskResult],
) -> dict[str, tuple[TaskResult | None, tuple[TaskResult, ...]]]:
    """Task -> its result as a whole, and those of its instances."""
    found: dict[str, tuple[TaskResult | None, tuple[TaskResult, ...]]] = {}
    for result in results:
        whole, instances = found.get(result.task, (None, ()))
        if result.key is None:
            found[result.task] = (result, instances)
        else:
            found[result.task] = (whole, (*instances, result))
    return found


def _is_of_kind(task: TaskSpec, whole: TaskResult | None, instances: tuple[TaskResult, ...]) -> bool:
    """False if there are instances and the task has no `for_each`, or outputs of a whole that has one."""
    if task.for_each is None:
        return not instances
    return whole is None or not whole.output


def _stands(upstream: UpstreamSpec, kept: set[str], carried: Mapping[UnitId, TaskResult]) -> bool:
    """True if nothing about an upstream will be other than it was."""
    return upstream.task in kept or (upstream.task, upstream.key) in carried


_SKIPS_THAT_STAND = frozenset(
    {Reason.CONDITION_FALSE, Reason.EXIT_CODE, Reason.UPSTREAM_SKIPPED, Reason.NOTHING_FAILED, None}
)
"""None: a `for_each` task whose instances were skipped for different ones of these."""


def stands_in_retry(result: TaskResult, task: TaskSpec) -> bool:
    """True if a result is good, and that of a task which does the same with the same above it."""
    if result.deep_fingerprint != task.deep_fingerprint:
        return False
    if result.state is TaskState.SKIPPED:
        return result.reason in _SKIPS_THAT_STAND
    return result.state is TaskState.SUCCEEDED


def _has_result(result: TaskResult) -> bool:
    if result.state is TaskState.CANCELLED or result.reason == Reason.NOT_SELECTED:
        return False
    return result.state in ENDED_TASK
