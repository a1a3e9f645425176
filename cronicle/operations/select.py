"""Selectors of tasks (`--only`, `--except`) against the tasks of a run spec."""

from __future__ import annotations

from collections.abc import Iterable

from cronicle.errors import UsageError
from cronicle.runs.spec import RunSpec


def select_tasks(spec: RunSpec, selectors: Iterable[str]) -> frozenset[str]:
    """The tasks that any of the selectors names.

    Raises:
        UsageError: A selector matches nothing, or is malformed.
    """
    from dag.graph import Graph
    from dag.select import SelectionError, select

    tasks = {task.name: task for task in spec.tasks}
    graph = Graph(tasks, [(up.task, task.name) for task in spec.tasks for up in task.upstreams])

    def matches(name: str, method: str, value: str) -> bool:
        task = tasks[name]
        return value in task.tags if method == "tag" else method == "group" and task.group == value

    try:
        return frozenset(select(graph, selectors, matches))
    except SelectionError as error:
        raise UsageError(f"workflow {spec.workflow!r}: {error}") from error
