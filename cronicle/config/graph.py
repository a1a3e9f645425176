"""The graph of a workflow's tasks: edges of `depends_on`, and of every reference from one task to another.

The circles that may be in it, and in the `after` of workflows, are told of here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from cronicle.config.project import Task, Upstream, Workflow
from cronicle.config.reading import place_text
from grammar.diagnostics import Diagnostic, error, register
from grammar.source import Span

if TYPE_CHECKING:
    from dag.graph import Graph

register(
    {
        "task-cycle": "Tasks wait for each other in a circle.",
        "workflow-cycle": "Workflows wait for each other in a circle.",
    }
)


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
        told = _circle(
            "task",
            [str(name) for name in circle.path],
            lambda name, above: next(
                (edge.span for edge in workflow.tasks[name].upstreams if edge.task == above), None
            ),
        )
        return told.inside(workflow.title)
    return None


def check_after(workflows: Mapping[str, Workflow]) -> Diagnostic | None:
    """The circle in which workflows run after each other, with every one on the way round; or None."""
    from dag.errors import CycleError
    from dag.graph import Graph

    if not any(workflow.rules.after for workflow in workflows.values()):
        return None
    try:
        Graph.from_upstreams(
            {
                name: tuple(each.name for each in workflow.rules.after if each.name in workflows)
                for name, workflow in workflows.items()
            }
        )
    except CycleError as circle:
        return _circle(
            "workflow",
            [str(name) for name in circle.path],
            lambda name, above: next(
                (each.span for each in workflows[name].rules.after if each.name == above), None
            ),
        )
    return None


def _circle(kind: str, path: list[str], place: Callable[[str, str], Span | None]) -> Diagnostic:
    """What is said of a circle of tasks or workflows; `place` is where one says that it waits for another."""
    way = path[::-1]  # from one that waits to what it waits for
    steps, first = [], None
    for name, above in pairwise(way):
        span = place(name, above)
        first = first or span
        where = f" ({place_text(span)})" if span is not None else ""
        steps.append(f"{kind}.{name} waits for {kind}.{above}{where}")
    if len(steps) == 1:
        summary, remedy = f'{kind} "{way[0]}" waits for itself', "Leave that out."
    else:
        summary = f"{kind}s wait for each other in a circle: {' → '.join(way)}"
        remedy = "Take one of these edges out."
    return error(f"{kind}-cycle", summary, f"The way round: {'; '.join(steps)}. {remedy}", first)
