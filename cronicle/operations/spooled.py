"""Whether the stdout of tasks that are to be carried over is still there for the tasks that read it.

Spooled stdout is kept for a time only (`retention.run_data`). A result whose stdout is gone, and that a task which
executes reads, is not relied on: its task executes again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cronicle.execute.places import stdout_path
from cronicle.runs.selection import Selection, TaskResult
from cronicle.runs.spec import Lazy, RunSpec, TaskSpec
from cronicle.runs.states import TaskState


def with_kept_stdout(
    files: Path,
    spec: RunSpec,
    results: Sequence[TaskResult],
    plan: Callable[[Sequence[TaskResult]], Selection],
) -> Selection:
    """What `plan` makes of the results that can be relied on: without those whose stdout is needed and gone."""
    spooled = frozenset(task.name for task in spec.tasks if task.stdout_is_data)
    while True:
        selection = plan(results)
        read = _read_by(spec, frozenset(selection.executed), spooled)
        gone = {
            (result.task, result.key)
            for result in selection.carried
            if result.task in read and not is_kept(files, result)
        }
        if not gone:
            return selection
        results = [result for result in results if (result.task, result.key) not in gone]


def is_kept(files: Path, result: TaskResult) -> bool:
    """True if the stdout of a task run is there, or it has none."""
    if result.state not in (TaskState.SUCCEEDED, TaskState.FAILED) or not result.attempt:
        return True  # it has none
    run_id = result.carried_from or result.run_id
    return stdout_path(files, run_id, result.task, result.key, result.attempt).is_file()


def _read_by(spec: RunSpec, readers: frozenset[str], spooled: frozenset[str]) -> frozenset[str]:
    """Of the tasks whose stdout is data, those of which one of the readers uses it."""
    if not spooled:
        return frozenset()
    tasks = [task for task in spec.tasks if task.name in readers]
    return frozenset(
        name for task in tasks for lazy in _expressions(task) for name in _read_in(lazy, spooled)
    )


def _expressions(task: TaskSpec) -> Iterator[Lazy]:
    lazies = (task.command, task.script, task.for_each, task.when, *task.stdin, *task.env.values())
    return (lazy for lazy in lazies if lazy is not None and "expression" in lazy)


def _read_in(lazy: Lazy, spooled: frozenset[str]) -> Iterator[str]:
    """The tasks whose stdout an expression uses, or may use where that is computed."""
    from grammar.serial import expression_from_json
    from grammar.traverse import references

    for reference in references(expression_from_json(lazy["expression"])):
        if reference.root != "task" or not reference.path:
            continue
        name, *steps = reference.path
        if name in spooled and ("stdout" in steps or not {"output", "state"}.intersection(steps)):
            yield str(name)
