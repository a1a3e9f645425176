"""From a reference to what it refers to."""

from __future__ import annotations

from cronicle.editor.found import Found
from cronicle.editor.index import Declared, Index


def declaration_of(found: Found, index: Index) -> Declared | None:
    """What a reference refers to: a task also as `workflow.w.task.x`, as in `moved`, and `previous.task.x`."""
    reference = found.reference
    if reference is None:
        return None
    if reference.root == "workflow" and found.step == 3 and reference.name(1) == "task":
        return index.members("task", reference.name(0)).get(reference.name(2) or "")
    if reference.root == "previous":
        root, name = reference.name(0), reference.name(1)
    else:
        root, name = reference.root, reference.name(0)
    workflow = found.workflow
    label = workflow.labels[0] if workflow is not None and workflow.labels else None
    return None if root is None or name is None else index.members(root, label).get(name)
