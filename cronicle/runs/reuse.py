"""Which tasks of a run need not be executed since an earlier run has done the same (`reuse = true`).

A success is taken for a task if its deep fingerprint is the same, and if all that stands above the task here is what
stood above it there: the same executions, not merely equal ones, since their outputs may differ. So a task below one
that executes is executed, too. What is taken of a `for_each` are its instances, one by one if the whole did not
succeed. Which runs are looked at, and whether what a task has left behind is still there, is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from attrs import evolve

from cronicle.runs.events import TaskCarriedOver
from cronicle.runs.selection import Selection, TaskResult, results_by_task, stands_in_retry
from cronicle.runs.spec import Json, RunSpec, TaskSpec, UpstreamSpec
from cronicle.runs.states import Reason, TaskState
from cronicle.runs.units import UnitId

Origins = Mapping[str, Mapping[str | None, str]]
"""By task and key the task runs that stand: the run in which each was executed."""

IsThere = Callable[[TaskSpec, TaskResult], bool]
"""Whether what a task run has left behind is there for those who need it."""


def plan_reuse(
    spec: RunSpec,
    open_tasks: Collection[str],
    standing: Origins,
    earlier: Sequence[Sequence[TaskResult]],
    is_there: IsThere = lambda _task, _result: True,
) -> tuple[TaskResult, ...]:
    """The results that are taken, in the order in which they are carried over.

    Args:
        spec: The spec of the new run.
        open_tasks: The tasks that it would execute, and for which a result may be taken.
        standing: What it has carried over already.
        earlier: The results of earlier runs of that logical time and those parameters, of the newest first.
        is_there: Asked of each result before it is taken.
    """
    stands: dict[str, Mapping[str | None, str]] = dict(standing)
    taken: list[TaskResult] = []
    by_run = [results_by_task(results) for results in earlier]
    origins = [origins_of(results) for results in earlier]
    for task in spec.tasks:
        if not task.reuse or task.name not in open_tasks:
            continue
        for of_task, there in zip(by_run, origins, strict=True):
            if not all(is_same_above(up, stands, there) for up in task.upstreams):
                continue
            found = tuple(_usable(task, *of_task.get(task.name, (None, ())), is_there))
            if found:
                taken += found
                stands |= origins_of(found)
                break
    return tuple(evolve(one, reason=one.reason or Reason.REUSED) for one in taken)


def origins_of(results: Iterable[TaskResult]) -> dict[str, Mapping[str | None, str]]:
    """Where each of some results was executed."""
    return by_task(((one.task, one.key), one.carried_from or one.run_id) for one in results)


def by_task(executions: Iterable[tuple[UnitId, str]]) -> dict[str, Mapping[str | None, str]]:
    """Origins from pairs of a unit and the run in which it was executed."""
    found: dict[str, dict[str | None, str]] = {}
    for (task, key), run_id in executions:
        found.setdefault(task, {})[key] = run_id
    return dict(found)


def is_same_above(upstream: UpstreamSpec, here: Origins, there: Origins) -> bool:
    """True if an upstream stands here, and its executions are those that it had in an earlier run."""
    stands, stood = here.get(upstream.task, {}), there.get(upstream.task, {})
    if upstream.key is not None or len(stands) == 1:
        return upstream.key in stands and stands[upstream.key] == stood.get(upstream.key)
    instances = [{key: run for key, run in some.items() if key is not None} for some in (stands, stood)]
    return None in stands and instances[0] == instances[1]  # the whole of a `for_each` was executed nowhere


def _usable(
    task: TaskSpec, whole: TaskResult | None, instances: tuple[TaskResult, ...], is_there: IsThere
) -> Iterator[TaskResult]:
    """What can be taken of a task: all of it, or of a `for_each` those instances that have succeeded."""
    if task.for_each is None:
        if whole is not None and not instances and _is_good(task, whole) and is_there(task, whole):
            yield whole
        return
    if whole is not None and whole.output:
        return  # it had no instances then
    good = [one for one in instances if _is_good(task, one) and is_there(task, one)]
    is_whole = whole is not None and _is_good(task, whole)
    if is_whole:
        good += [one for one in instances if one.state is TaskState.SKIPPED and stands_in_retry(one, task)]
    yield from good
    if whole is not None and is_whole and len(good) == len(instances):
        yield whole


def _is_good(task: TaskSpec, result: TaskResult) -> bool:
    return result.state is TaskState.SUCCEEDED and stands_in_retry(result, task)


def uses_previous(task: TaskSpec) -> bool:
    """True if an expression of a task refers to the previous run: then that must be the same one, too."""
    lazies = (
        task.command,
        task.script,
        task.for_each,
        task.when,
        task.produces,
        *task.stdin,
        *task.env.values(),
    )
    return any(_names_previous(lazy["expression"]) for lazy in lazies if lazy and "expression" in lazy)


def _names_previous(tree: Json) -> bool:
    """True if an expression, as `grammar.serial` writes it, refers to `previous`."""
    if not isinstance(tree, list):
        return False
    return tree == ["var", "previous"] or any(map(_names_previous, tree))


def reuse_facts(taken: tuple[TaskResult, ...], at: datetime) -> tuple[TaskCarriedOver, ...]:
    """The facts of what is taken."""
    facts = Selection(taken, (), ()).events(at)
    return tuple(fact for fact in facts if isinstance(fact, TaskCarriedOver))
