"""Renaming a task wherever it is named: in its workflow, in the locals that this uses, and in what has moved to it.

A local that another workflow uses as well names a task of each. It is not changed, since the other workflow may have
one of that name, too: then nothing is renamed, and the reason is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from cronicle.config.chains import Reference, references_in
from cronicle.editor.found import Found
from cronicle.names import is_name
from grammar.source import Span
from grammar.syntax import Attribute, Block, Body, Node


@frozen
class Replacement:
    """A text in the place of a span."""

    span: Span
    text: str


@frozen
class NamedTask:
    """A task whose name is at a place."""

    workflow: str
    name: str
    span: Span
    """Of the name, in quotes if it has some."""

    @property
    def word(self) -> Span:
        """The name without its quotes."""
        is_quoted = self.span.text.startswith('"')
        return Span(self.span.file, self.span.start + is_quoted, self.span.end - is_quoted)


class NotRenamedError(ValueError):
    """Nothing can be renamed there, or not so; the message is a sentence."""


def task_at(found: Found, offset: int) -> NamedTask | None:
    """The task whose name is at an offset, declared there or referred to."""
    reference = found.reference
    if reference is not None and reference.root == "workflow" and found.step == 3:
        workflow, name, span = reference.name(0), reference.name(2), reference.steps[2].span
        is_task = reference.name(1) == "task"
        return NamedTask(workflow, name, span) if is_task and workflow and name and span is not None else None
    around = found.workflow
    if around is None or not around.labels:
        return None
    block = found.blocks[-1]
    if block.type == "task" and block.labels:
        span = block.label_spans[0]
        if span.start <= offset <= span.end:
            return NamedTask(around.labels[0], block.labels[0], span)
    at = None if reference is None else _task_step(reference)
    if reference is not None and at is not None and found.step == at + 1:
        name, span = reference.name(at), reference.steps[at].span
        if name is not None and span is not None:
            return NamedTask(around.labels[0], name, span)
    return None


def rename_task(found: Found, offset: int, name: str, bodies: Iterable[Body]) -> tuple[Replacement, ...]:
    """What is to be replaced in the files of a project so that the task at an offset has another name.

    Raises:
        NotRenamedError: There is no task's name there, or the new one cannot be its name.
    """
    task = task_at(found, offset)
    if task is None:
        raise NotRenamedError("Only tasks can be renamed: put the cursor on the name of one.")
    if not is_name(name):
        raise NotRenamedError(
            f'"{name}" is no name: it is made of letters, digits, _ and -, and begins with a letter or _.'
        )
    blocks = [block for body in bodies for block in body.blocks]
    workflows = [one for one in blocks if one.type == "workflow" and one.labels]
    inside = [one for one in workflows if one.labels[0] == task.workflow]
    taken = {
        one.labels[0] for block in inside for one in block.body.blocks if one.type == "task" and one.labels
    }
    if name in taken and name != task.name:
        raise NotRenamedError(f'The workflow has a task "{name}" already.')
    locals_ = {one.name: one for block in blocks if block.type == "locals" for one in block.body.attributes}
    used = _locals_of(inside, locals_)
    others = _locals_of([one for one in workflows if one.labels[0] != task.workflow], locals_)
    concerned = [locals_[one] for one in used if task.name in _tasks_in(locals_[one])]
    for local in concerned:
        if local.name in others:
            raise NotRenamedError(
                f"local.{local.name} refers to task.{task.name}, and other workflows use it as well. "
                "Give each workflow a local of its own first."
            )
    moved = [one for one in blocks if one.type == "moved"]
    return (*_declarations(inside, task.name, name), *_references([*inside, *concerned], moved, task, name))


def _declarations(workflows: Iterable[Block], old: str, new: str) -> Iterator[Replacement]:
    for workflow in workflows:
        for block in workflow.body.blocks:
            if block.type == "task" and block.labels[:1] == (old,):
                yield Replacement(block.label_spans[0], f'"{new}"')


def _references(
    nodes: Iterable[Node], moved: Iterable[Block], task: NamedTask, new: str
) -> Iterator[Replacement]:
    for node in nodes:
        for reference in references_in(node):
            at = _task_step(reference)
            if at is not None and reference.name(at) == task.name:
                yield from _step(reference, at, new)
    for block in moved:
        for attribute in block.body.attributes:
            if attribute.name != "to":
                continue  # `from` is a name of the past
            for reference in references_in(attribute.expr):
                names = [step.name for step in reference.steps[:3]]
                if reference.root == "workflow" and names == [task.workflow, "task", task.name]:
                    yield from _step(reference, 2, new)


def _step(reference: Reference, at: int, new: str) -> Iterator[Replacement]:
    step = reference.steps[at]
    if step.span is not None:
        yield Replacement(step.span, f'"{new}"' if step.is_index else new)


def _tasks_in(node: Node) -> set[str]:
    found = ((reference, _task_step(reference)) for reference in references_in(node))
    return {reference.name(at) or "" for reference, at in found if at is not None}


def _task_step(reference: Reference) -> int | None:
    """Which step is the name of a task of the same workflow: of `task.x`, and of `previous.task.x`."""
    if reference.root == "previous" and reference.name(0) == "task":
        return 1 if len(reference.steps) > 1 else None
    return 0 if reference.root == "task" and reference.steps else None


def _locals_of(nodes: Sequence[Node], locals_: dict[str, Attribute]) -> set[str]:
    """The locals that blocks use, also by way of others."""
    found: set[str] = set()
    pending: list[Node] = [*nodes]
    while pending:
        for reference in references_in(pending.pop()):
            name = reference.name(0)
            if reference.root == "local" and name in locals_ and name not in found:
                found.add(name)
                pending.append(locals_[name])
    return found
