"""The graph of a workflow's tasks: edges of `depends_on`, and of every reference from one task to another."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cronicle.config.project import Task, Upstream, Workflow
from cronicle.config.reading import place_text
from grammar.diagnostics import Diagnostic, error, register

if TYPE_CHECKING:
    from dag.graph import Graph

register({"task-cycle": "Tasks wait for each other in a circle."})


def edges_of(task: Task) -> tuple[Upstream, ...]:
    """What a task waits for, each once; waiting for the whole of a task covers its instances."""
    whole = {edge.task for edge in task.upstreams if edge.key is None}
    return tuple(dict.fromkeys(edge for edge in task.upstreams if edge.key is None or edge.task not in whole))


def task_graph(workflow: Workflow) -> Graph[str]:
    """The tasks of a workflow by name, in order of declaration.

    Raises:
        dag.errors.CycleError: Tasks wait for each other in a circle; `check_graph` says so to a user.
    """
    from dag.graph import Graph

    return Graph.from_upstreams(
        {
            name: tuple(dict.fromkeys(edge.task for edge in edges_of(task) if edge.task in workflow.tasks))
            for name, task in workflow.tasks.items()
        }
    )


def check_graph(workflow: Workflow) -> Diagnostic | None:
    """The circle in which tasks of a workflow wait for each other, with every task on the way round; or None."""
    from dag.errors import CycleError

    try:
        task_graph(workflow)
    except CycleError as circle:
        way = [str(name) for name in reversed(circle.path)]  # from one that waits to what it waits for
    else:
        return None
    steps, first = [], None
    for name, above in pairwise(way):
        span = next((edge.span for edge in workflow.tasks[name].upstreams if edge.task == above), None)
        first = first or span
        where = f" ({place_text(span)})" if span is not None else ""
        steps.append(f"task.{name} waits for task.{above}{where}")
    if len(steps) == 1:
        summary, remedy = f'task "{way[0]}" waits for itself', "Leave that out."
    else:
        summary = f"tasks wait for each other in a circle: {' → '.join(way)}"
        remedy = "Take one of these edges out."
    return error("task-cycle", summary, f"The way round: {'; '.join(steps)}. {remedy}", first).inside(
        f'workflow "{workflow.name}"'
    )
