"""What a workflow and its tasks say about being executed again (`rerun`), and what a new run therefore keeps.

It is about what people ask for when something has been executed before: `retry`, `backfill`. Attempts inside a run,
and runs that are asked for as such (`run`), are not held up.

A task with `never` is not executed again for a logical time once a process of it has existed: if it succeeded, its
result stands, whatever has changed above it; if it failed, was lost or was cancelled, nobody knows what it did, so
it stays as it ended, and what needs its success does not run. Whoever knows that it did nothing names it
(`retry --from`). An attempt that never had a process, or that said `not_yet`, has done nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from cronicle.runs.ends import end_of
from cronicle.runs.selection import Selection, TaskResult
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Reason, TaskState
from cronicle.runs.units import UnitId
from cronicle.values import Value
from dag.frontier import End, JoinRule


class Rerun(StrEnum):
    """What may be done with something that has been executed before; the later the stricter."""

    ALLOW = "allow"
    CONFIRM = "confirm"
    """Only when somebody has agreed to it."""
    NEVER = "never"


_STRICTNESS = {rule: place for place, rule in enumerate(Rerun)}


@frozen(kw_only=True, eq=False, repr=False)
class RerunRules(Value):
    """What holds for a new run: of what its own spec says and what is deployed says, the stricter."""

    workflow: Rerun = Rerun.ALLOW
    tasks: Mapping[str, Rerun] = field(factory=dict)
    """Those that may not simply be executed again."""

    @classmethod
    def of(cls, *specs: RunSpec | None) -> RerunRules:
        """The rules of specs of one workflow, those of None being none."""
        there = [spec for spec in specs if spec is not None]
        tasks: dict[str, Rerun] = {}
        for spec in there:
            for task in spec.tasks:
                rule = _stricter((Rerun(task.rerun), tasks.get(task.name, Rerun.ALLOW)))
                if rule is not Rerun.ALLOW:
                    tasks[task.name] = rule
        return cls(workflow=_stricter(Rerun(spec.rerun) for spec in there), tasks=tasks)

    @property
    def never(self) -> frozenset[str]:
        """The tasks that are never executed again."""
        return frozenset(name for name, rule in self.tasks.items() if rule is Rerun.NEVER)

    @property
    def is_silent(self) -> bool:
        """True if everything may be executed again."""
        return self.workflow is Rerun.ALLOW and not self.tasks

    def to_confirm(self, tasks: Iterable[str]) -> tuple[str, ...]:
        """Of tasks that would be executed again, those for which somebody has to agree."""
        everything = self.workflow is Rerun.CONFIRM
        return tuple(name for name in tasks if everything or self.tasks.get(name) is Rerun.CONFIRM)


def _stricter(rules: Iterable[Rerun]) -> Rerun:
    return max(rules, key=_STRICTNESS.__getitem__, default=Rerun.ALLOW)


def is_done(result: TaskResult) -> bool:
    """True if a task that is never executed again has been executed, as far as anybody can know."""
    if result.state is TaskState.SUCCEEDED:
        return True
    return result.has_acted and result.state in (TaskState.FAILED, TaskState.CANCELLED)


def done_of(runs: Iterable[Iterable[TaskResult]], never: Collection[str]) -> tuple[TaskResult, ...]:
    """What stands of tasks that are never executed again: the last success of each, else how it ended last.

    Args:
        runs: The results of the runs of one logical time, of the newest first.
        never: The names of these tasks.
    """
    found: dict[UnitId, TaskResult] = {}
    for results in runs:
        for result in results:
            if result.task not in never or not is_done(result):
                continue
            unit = (result.task, result.key)
            if unit not in found or (
                result.state is TaskState.SUCCEEDED and found[unit].state is not TaskState.SUCCEEDED
            ):
                found[unit] = result
    return tuple(found.values())


def keep_done(
    spec: RunSpec, selection: Selection, done: Iterable[TaskResult], named: str | None = None
) -> Selection:
    """A selection that does not execute again what `done_of` has found; the rest of it stays.

    Args:
        spec: The spec of the new run.
        selection: What it would execute without these rules.
        done: The results that stand.
        named: A task that somebody has named to be executed: where it did not succeed, it is.
    """
    tasks = {task.name: task for task in spec.tasks if task.name in selection.executed}
    there = {(result.task, result.key) for result in selection.carried}
    kept: list[TaskResult] = []
    for result in done:
        task = tasks.get(result.task)
        if task is None or (result.task, result.key) in there:
            continue
        if result.task == named and result.state is not TaskState.SUCCEEDED:
            continue
        if (result.key is None) == (task.for_each is None):  # the whole of a `for_each` follows its instances
            kept.append(_as_carried(result))
    whole = {result.task for result in kept if result.key is None}
    bad: set[UnitId] = set()
    for result in kept:
        if end_of(result.state, result.reason, tasks[result.task].allow_failure) is End.BAD:
            bad |= {(result.task, result.key), (result.task, None)}
    executed = []
    for task in spec.tasks:
        if task.name not in tasks or task.name in whole:
            continue
        if task.trigger_rule in _NEED_SUCCESS and any((up.task, up.key) in bad for up in task.upstreams):
            bad.add((task.name, None))  # nothing can let it run
        else:
            executed.append(task.name)
    return evolve(selection, carried=(*selection.carried, *kept), executed=tuple(executed), kept=tuple(kept))


_NEED_SUCCESS = (JoinRule.ALL_SUCCEEDED, JoinRule.NONE_FAILED)


def _as_carried(result: TaskResult) -> TaskResult:
    """A result with the reason why it stands; what was cancelled counts as failed, since its run is another one."""
    match result.state:
        case TaskState.SUCCEEDED:
            return evolve(result, reason=Reason.RERUN_NEVER)
        case TaskState.CANCELLED:
            return evolve(result, state=TaskState.FAILED)
    return result
