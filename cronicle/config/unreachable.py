"""Tasks that no run can ever execute, whatever the values and outcomes: a warning for each, at the cause.

What follows from the rules of docs/reference/states.md: a condition that refers to nothing and is false; `any_failed`
where none of the tasks above can end bad, since a failure that is allowed counts as good. Tasks that wait for such a
one are named with it, if they can never be executed either.
"""

from __future__ import annotations

from collections.abc import Iterator

from cronicle.config.chains import references_in
from cronicle.config.graph import edges_of, task_graph
from cronicle.config.project import Task, Workflow
from dag.errors import CycleError
from dag.frontier import JoinRule
from grammar.diagnostics import Diagnostic, register, warning

register({"unreachable-task": "A task can never be executed, whatever happens."})


def unreachable_tasks(workflow: Workflow) -> Iterator[Diagnostic]:
    """A warning for each task that can never be executed for a reason of its own."""
    causes = {
        name: why for name, task in workflow.tasks.items() if (why := _why_never(task, workflow)) is not None
    }
    if not causes:
        return
    try:
        order = task_graph(workflow).topological_order()
    except CycleError:  # told already
        return
    never: dict[str, frozenset[str]] = {}  # a task that is never executed, and the causes of that
    for name in order:
        found = frozenset({name}) if name in causes else _inherited(workflow.tasks[name], never)
        if found:
            never[name] = found
    for name, (summary, remedy) in causes.items():
        below = [other for other, whose in never.items() if name in whose and other != name]
        also = f" Nor can what waits for it: {', '.join(below)}." if below else ""
        yield warning("unreachable-task", summary, f"{remedy}{also}", workflow.tasks[name].span).inside(
            workflow.title, f'task "{name}"'
        )


def _why_never(task: Task, workflow: Workflow) -> tuple[str, str] | None:
    """What is said of a task that can never be executed, and what to do; None if it can."""
    if task.when is not None and next(references_in(task.when), None) is None:
        from grammar.evaluate import evaluate
        from grammar.functions import FUNCTIONS
        from grammar.scope import Scope

        value, _ = evaluate(task.when, Scope({}, FUNCTIONS))
        if value is False:
            return (
                f'task "{task.name}" is never executed: its condition is false in every run',
                "Remove the task, or say in `when` on what it depends.",
            )
    above = [workflow.tasks[edge.task] for edge in edges_of(task) if edge.task in workflow.tasks]
    if task.trigger_rule == JoinRule.ANY_FAILED and above and not any(map(_may_end_bad, above)):
        remedy = (
            "A failure that is allowed counts as good. Leave allow_failure out above, or ask for the state in `when` "
            'of a task with trigger_rule = "all_done".'
        )
        return f'task "{task.name}" is never executed: none of the tasks above can fail', remedy
    return None


def _may_end_bad(task: Task) -> bool:
    """True if it may fail, or be skipped because something above it has failed."""
    return not task.allow_failure or bool(edges_of(task) and task.trigger_rule != JoinRule.ALL_DONE)


def _inherited(task: Task, never: dict[str, frozenset[str]]) -> frozenset[str]:
    """The causes for which a task is never executed since those above it are skipped; none if it may be."""
    above = [edge.task for edge in edges_of(task)]
    skipped = [never[name] for name in above if name in never]
    rule = JoinRule(task.trigger_rule)
    hinders = (rule is JoinRule.ALL_SUCCEEDED and skipped) or (
        rule is JoinRule.ANY_SUCCEEDED and above and len(skipped) == len(above)
    )
    return frozenset().union(*skipped) if hinders else frozenset()
