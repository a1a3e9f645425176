"""A plan in a few plain lines, for where nobody looks on who would want to read all of it."""

from __future__ import annotations

from collections.abc import Iterator

from cronicle.plan.changes import Action, Plan, TaskChange, WorkflowChange

_MARKS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}


def summary_lines(plan: Plan) -> Iterator[str]:
    """A line for each source, workflow and preparation that changes, below a workflow its tasks, and the rest."""
    for source in plan.sources:
        if source.action is not Action.NO_OP:
            to = f" at {source.new_revision[:12]}" if source.new_revision else ""
            yield f"{_MARKS[source.action]} source {source.name}{to}"
    for workflow in plan.changes:
        if workflow.action is not Action.NO_OP:
            yield from _workflow(workflow)
    for prepare in plan.prepares:
        yield f"{_MARKS[prepare.action]} prepare {prepare.name}"
    names = [change.name for change in plan.variables]
    if names:
        yield f"~ variables: {', '.join(names)}"
    settings = [change.name for change in plan.settings]
    if settings:
        yield f"~ project: {', '.join(settings)}"


def _workflow(change: WorkflowChange) -> Iterator[str]:
    former = f" (was {change.moved_from})" if change.moved_from else ""
    yield f"{_MARKS[change.action]} workflow {change.name}{former}"
    if change.action is Action.UPDATE:
        for task in change.changed_tasks:
            yield f"    {_task(task)}"
        for schedule in change.schedules:
            if schedule.action is not Action.NO_OP:
                yield f"    {_MARKS[schedule.action]} schedule{f' {schedule.name}' if schedule.name else ''}"


def _task(task: TaskChange) -> str:
    if task.action is Action.NO_OP:
        return f"~ task {task.name}: {', '.join(task.changed_above)} changed, above it"
    why = [file.path for file in task.files] + [attribute.name for attribute in task.attributes]
    shown = why if task.action is Action.UPDATE else []
    return f"{_MARKS[task.action]} task {task.name}" + (f": {', '.join(shown)}" if shown else "")
