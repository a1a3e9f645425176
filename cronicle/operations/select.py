"""Selectors of tasks (`--only`, `--except`) against the tasks of a run spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cronicle.errors import UsageError
from cronicle.runs.spec import RunSpec


def select_tasks(spec: RunSpec, selectors: Iterable[str]) -> frozenset[str]:
    """The tasks that any of the selectors names.

    Raises:
        UsageError: A selector matches nothing, or is malformed.
    """
    from dag.graph import Graph
    from dag.select import Vocabulary, select

    tasks = {task.name: task for task in spec.tasks}
    graph = Graph(tasks, [(up.task, task.name) for task in spec.tasks for up in task.upstreams])
    methods: dict[str, Callable[[str, str], bool]] = {
        "tag": lambda name, value: value in tasks[name].tags,
        "group": lambda name, value: tasks[name].group == value,
    }
    found = select(graph, selectors, Vocabulary(name=str, methods=methods))
    for unknown in found.unknown:
        guess = f" Did you mean {unknown.nearest}?" if unknown.nearest else ""
        raise UsageError(
            f"workflow {spec.workflow!r}: {unknown.problem}", f"Its tasks are: {', '.join(tasks)}.{guess}"
        )
    return frozenset(found.nodes)
