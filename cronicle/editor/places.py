"""What an expression may refer to where it stands, for proposals; the rules are those of `config/references.py`."""

from __future__ import annotations

from collections.abc import Mapping

from cronicle.config.hooks import places_of
from cronicle.config.references import (
    AT_PLAN,
    IN_COMMAND,
    IN_ENV,
    IN_FOR_EACH,
    IN_LOCAL,
    IN_LOCK_OF_RUN,
    IN_LOCK_OF_TASK,
    IN_PREPARE,
    IN_PRODUCES,
    IN_STDIN,
    IN_TASK,
    IN_WHEN,
    Place,
)
from cronicle.config.schema import HOOKS, ON_DEPLOY_FAILED
from cronicle.editor.context import Context

_OF_TASK: Mapping[str, Place] = {
    "command": IN_COMMAND,
    "script": IN_TASK,
    "env": IN_ENV,
    "stdin": IN_STDIN,
    "for_each": IN_FOR_EACH,
    "when": IN_WHEN,
    "lock": IN_LOCK_OF_TASK,
    "produces": IN_PRODUCES,
}
"""Attributes of a task that may become known later; all others are known at plan."""

_HOOKS = frozenset(one.type for one in (*HOOKS, ON_DEPLOY_FAILED))


def roots_at(context: Context, *, has_each: bool, in_instance: bool = False) -> frozenset[str]:
    """The first words of all references that may stand at a place.

    Args:
        context: The place.
        has_each: True in a task with `for_each`.
        in_instance: True in a workflow with `for_each`.
    """
    roots = _roots_at(context, has_each=has_each)
    is_own = (
        bool(context.blocks) and context.blocks[-1].type == "workflow" and context.attribute == "for_each"
    )
    is_hidden = has_each and context.blocks[-1].type == "task" and context.attribute != "for_each"
    return roots | {"each"} if in_instance and not is_own and not is_hidden else roots


def _roots_at(context: Context, *, has_each: bool) -> frozenset[str]:
    if not context.blocks:
        return AT_PLAN.roots
    inner, attribute = context.blocks[-1].type, context.attribute or ""
    if inner == "validation":
        return frozenset({"param" if context.workflow is not None else "var"})
    if inner == "task":
        roots = _OF_TASK.get(attribute, AT_PLAN).roots
        return roots if has_each else roots - {"each"}
    return _place(inner, attribute).roots


def _place(block: str, attribute: str) -> Place:
    """Of the attribute of a block that is not a task."""
    if block == "locals":
        return IN_LOCAL
    if block == "prepare":
        return IN_PREPARE
    if block == "defaults":
        return _OF_TASK.get(attribute, AT_PLAN)
    if block == "workflow" and attribute == "lock":
        return IN_LOCK_OF_RUN
    if block in _HOOKS:
        place, in_env = places_of(block)
        return in_env if attribute == "env" else place
    return AT_PLAN
