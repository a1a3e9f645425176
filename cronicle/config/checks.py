"""Checks of what was read as a whole, and the warnings: what is legal, and probably not meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

from cronicle.config.chains import Reference, names_referred_to, references_in
from cronicle.config.graph import check_graph, edges_of
from cronicle.config.project import Named, Param, Prepare, Task, Variable, Workflow
from cronicle.errors import CronicleError
from cronicle.schedule.counting import count_ticks
from cronicle.schedule.rule import Schedule
from dag.frontier import JoinRule
from grammar.diagnostics import Diagnostic, error, register, warning
from grammar.suggest import nearest
from grammar.syntax import (
    Body,
    Expression,
    FunctionCall,
    Interpolation,
    Node,
    Template,
    TemplateFor,
    TemplateIf,
)
from grammar.traverse import children

register(
    {
        "rule-without-upstreams": "A trigger rule waits for one of the tasks above, and there are none.",
        "unused-variable": "A variable is declared and nothing refers to it.",
        "unused-prepare": "A prepare block is declared, and no task uses what it makes.",
        "never-meeting": "A workflow is to run after others that never have the same logical time.",
        "unquoted-value": "A script interpolates a value that a shell would take apart.",
    }
)

_SOME_DAY = datetime(2001, 1, 1, tzinfo=UTC)
_CALENDAR_REPEATS = timedelta(days=28 * 365 + 7)
_INSTANT = timedelta.resolution
_MOST_COMPARED = 20
"""Upstreams of a workflow whose schedules are compared with each other."""

_PLAIN_TYPES = frozenset({"number", "bool"})  # their text holds nothing that a shell takes for its own


def check_workflow(workflow: Workflow, variables: Mapping[str, Variable]) -> Iterator[Diagnostic]:
    """What is wrong with the tasks of a workflow together."""
    circle = check_graph(workflow)
    if circle is not None:
        yield circle
    for hook in workflow.hooks:
        for found in _unquoted(hook.script, True, workflow.params, variables):
            yield found.inside(workflow.title, hook.event)
    for task in workflow.tasks.values():
        for found in _check_task(task, workflow, variables):
            yield found.inside(workflow.title, f'task "{task.name}"')


def _check_task(task: Task, workflow: Workflow, variables: Mapping[str, Variable]) -> Iterator[Diagnostic]:
    rule = JoinRule(task.trigger_rule)
    if rule.needs_upstreams and not edges_of(task):
        yield error(
            "rule-without-upstreams",
            f'trigger_rule "{rule}" in a task that waits for none',
            "It could never be met. Add depends_on, or leave the rule out.",
            task.span,
        )
    for edge in task.upstreams:
        keys = workflow.tasks[edge.task].keys if edge.task in workflow.tasks else None
        if edge.key is not None and keys is not None and edge.key not in keys:
            close = nearest(edge.key, keys)
            remedy = f'Did you mean "{close}"?' if close else f"There are: {', '.join(keys) or 'none'}."
            yield error(
                "not-an-instance",
                f'task "{edge.task}" has no instance "{edge.key}"',
                f"Its for_each makes no such key. {remedy}",
                edge.span,
            )
    yield from _unquoted(task.script, task.interpreter[0].endswith("sh"), workflow.params, variables)


def _unquoted(
    script: Expression | None, is_shell: bool, params: Mapping[str, Param], variables: Mapping[str, Variable]
) -> Iterator[Diagnostic]:
    if not isinstance(script, Template):
        return
    for interpolation in _interpolations(script):
        for reference in _outside_of_quoting(interpolation.expr):
            if not _may_hold_anything(reference, params, variables):
                continue
            quoted = f"${{shellquote({reference.text})}}, or " if is_shell else ""
            yield warning(
                "unquoted-value",
                f"{reference.text} stands unquoted in a script",
                "Blanks, quotes or $ in the value would be read as part of the script. "
                f'Write {quoted}put it in env and use "$NAME" there.',
                interpolation.span,
            )
            break


def _interpolations(template: Template) -> Iterator[Interpolation]:
    for part in template.parts:
        match part:
            case Interpolation():
                yield part
            case TemplateIf():
                yield from _interpolations(part.then)
                if part.otherwise is not None:
                    yield from _interpolations(part.otherwise)
            case TemplateFor():
                yield from _interpolations(part.body)


def _outside_of_quoting(node: Node) -> Iterator[Reference]:
    if isinstance(node, FunctionCall):
        if node.name != "shellquote":
            for argument in node.arguments:
                yield from _outside_of_quoting(argument)
    elif any(isinstance(each, FunctionCall) for each in _all_below(node)):
        for child in children(node):
            yield from _outside_of_quoting(child)
    else:
        yield from references_in(node)


def _all_below(node: Node) -> Iterator[Node]:
    for child in children(node):
        yield child
        yield from _all_below(child)


def _may_hold_anything(
    reference: Reference, params: Mapping[str, Param], variables: Mapping[str, Variable]
) -> bool:
    """True for a value of `var`, `param`, `each` or an output of a task, unless it is a number or bool."""
    name = reference.name(0) or ""
    match reference.root:
        case "var":
            return name in variables and variables[name].type not in _PLAIN_TYPES
        case "param":
            return name in params and params[name].type not in _PLAIN_TYPES
        case "each":
            return True
        case "task" | "previous":
            return any(step.name == "output" for step in reference.steps)
    return False


def never_meeting(workflows: Mapping[str, Workflow]) -> Iterator[Diagnostic]:
    """A warning for every workflow after two others whose schedules have no tick in common."""
    for workflow in workflows.values():
        for (schedules, one), (others, other) in combinations(_differing(workflow.rules.after, workflows), 2):
            if not _may_meet(schedules, others):
                yield warning(
                    "never-meeting",
                    f"workflow.{one.name} and workflow.{other.name} never have the same logical time",
                    f'Their schedules have no tick in common, so "{workflow.name}" would never run. Give them a '
                    "common tick, or run after one of them and write requires for the other.",
                    other.span,
                ).inside(workflow.title)


def _differing(
    upstreams: Iterable[Named], workflows: Mapping[str, Workflow]
) -> list[tuple[Sequence[Schedule], Named]]:
    """Of many upstreams those that have schedules, each kind once: instances of a workflow tend to have the same."""
    found: list[tuple[Sequence[Schedule], Named]] = []
    for each in upstreams:
        schedules = workflows[each.name].schedules if each.name in workflows else ()
        if schedules and len(found) < _MOST_COMPARED and all(schedules != other for other, _ in found):
            found.append((schedules, each))
    return found


def _may_meet(one: Sequence[Schedule], other: Sequence[Schedule]) -> bool:
    """False if two workflows certainly have no tick in common: looked at is what the calendar repeats, 28 years."""
    if any(schedule.on_start for schedule in (*one, *other)):
        return True
    begin = max((schedule.start for schedule in (*one, *other) if schedule.start), default=_SOME_DAY)
    until = begin + _CALENDAR_REPEATS
    before = begin - _INSTANT
    try:
        counts = [count_ticks(each, before, until) for each in (one, other, (*one, *other))]
    except CronicleError:
        return True  # told where it was read
    return 0 in counts or counts[0] + counts[1] != counts[2]


def check_prepares(
    bodies: Iterable[Body], prepares: Mapping[str, Prepare], variables: Mapping[str, Variable]
) -> Iterator[Diagnostic]:
    """The warnings of prepare blocks: what no task uses, and what a script interpolates unquoted."""
    used = names_referred_to(bodies, "prepare", declared_by="prepare")
    for name, prepare in prepares.items():
        for found in _unquoted(prepare.script, True, {}, variables):
            yield found.inside(f'prepare "{name}"')
        if name not in used:
            yield warning(
                "unused-prepare",
                f'prepare "{name}" is not used',
                f"It is made for the first task that needs it, and none refers to prepare.{name}.path. Remove it, or "
                "use it.",
                prepare.span,
            )


def unused_variables(bodies: Iterable[Body], variables: Mapping[str, Variable]) -> Iterator[Diagnostic]:
    """A warning for every variable to which nothing but its own validation refers."""
    used = names_referred_to(bodies, "var", declared_by="variable")
    for name, variable in variables.items():
        if name not in used:
            yield warning(
                "unused-variable",
                f'variable "{name}" is not used',
                f"Nothing refers to var.{name}. Remove it, or use it.",
                variable.span,
            )
