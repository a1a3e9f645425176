"""From a reference to what it refers to; renaming a task everywhere in its workflow."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from cronicle.config.chains import references_in
from cronicle.editor.found import Found
from cronicle.editor.index import Declared, Index
from cronicle.names import is_name
from grammar.source import Span
from grammar.syntax import Block


@frozen
class Replacement:
    """A text in the place of a span."""

    span: Span
    text: str


class NotRenamedError(ValueError):
    """Nothing can be renamed there, or not so; the message is a sentence."""


def declaration_of(found: Found, index: Index) -> Declared | None:
    """What a reference refers to."""
    reference = found.reference
    if reference is None:
        return None
    name = reference.name(0)
    workflow = found.workflow
    label = workflow.labels[0] if workflow is not None and workflow.labels else None
    return None if name is None else index.members(reference.root, label).get(name)


def task_at(found: Found, offset: int) -> tuple[Block, str, Span] | None:
    """The task whose name is at an offset, declared there or referred to: its workflow, its name, the place."""
    workflow = found.workflow
    if workflow is None:
        return None
    block = found.blocks[-1]
    if block.type == "task" and block.labels:
        span = block.label_spans[0]
        if span.start <= offset <= span.end:
            return workflow, block.labels[0], span
    reference = found.reference
    if reference is not None and reference.root == "task" and found.step == 1:
        name, step = reference.name(0), reference.steps[0]
        if name is not None and step.span is not None:
            return workflow, name, step.span
    return None


def rename_task(found: Found, offset: int, name: str) -> tuple[Replacement, ...]:
    """What is to be replaced so that the task at an offset has another name.

    Raises:
        NotRenamedError: There is no task's name there, or the new one cannot be its name.
    """
    task = task_at(found, offset)
    if task is None:
        raise NotRenamedError("Only tasks can be renamed: put the cursor on the name of one.")
    workflow, old, _ = task
    if not is_name(name):
        raise NotRenamedError(
            f'"{name}" is no name: it is made of letters, digits, _ and -, and begins with a letter or _.'
        )
    taken = {one.labels[0] for one in workflow.body.blocks if one.type == "task" and one.labels}
    if name in taken and name != old:
        raise NotRenamedError(f'The workflow has a task "{name}" already.')
    return tuple(_replacements(workflow, old, name))


def _replacements(workflow: Block, old: str, new: str) -> Iterator[Replacement]:
    for block in workflow.body.blocks:
        if block.type == "task" and block.labels[:1] == (old,):
            yield Replacement(block.label_spans[0], f'"{new}"')
    for reference in references_in(workflow):
        if reference.root == "task" and reference.name(0) == old:
            step = reference.steps[0]
            if step.span is not None:
                yield Replacement(step.span, f'"{new}"' if step.is_index else new)
