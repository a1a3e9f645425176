"""From a reference to what it refers to."""

from __future__ import annotations

from cronicle.editor.found import Found
from cronicle.editor.index import Declared, Index


def declaration_of(found: Found, index: Index) -> Declared | None:
    """What a reference refers to: a task also as `workflow.w.task.x`, which `moved` writes."""
    reference = found.reference
    if reference is None:
        return None
    if reference.root == "workflow" and found.step == 3 and reference.name(1) == "task":
        return index.members("task", reference.name(0)).get(reference.name(2) or "")
    name = reference.name(0)
    workflow = found.workflow
    label = workflow.labels[0] if workflow is not None and workflow.labels else None
    return None if name is None else index.members(reference.root, label).get(name)
