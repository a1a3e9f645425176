"""What a deployment would change in the preparations that tasks use: which are made anew, why, and for whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cronicle.plan.changes import Action, AttributeChange, PrepareChange
from cronicle.plan.differences import CountLines, attribute_changes, compared, file_changes, plain
from cronicle.runs.spec import PrepareSpec, RunSpec


def prepare_changes(
    old: Collection[RunSpec], new: Collection[RunSpec], count: CountLines
) -> Iterator[PrepareChange]:
    """The preparations that differ, and those that only one side has; removed ones last.

    Args:
        old: All deployed specs.
        new: All proposed ones.
        count: Counts the lines that differ between two blobs.
    """
    before, after = _used(old), _used(new)
    for name, prepare in after.items():
        was = before.get(name)
        if was != prepare:
            yield PrepareChange(
                name=name,
                action=Action.CREATE if was is None else Action.UPDATE,
                used_by=_users(name, new),
                attributes=() if was is None else tuple(_attributes(was, prepare)),
                files=() if was is None else tuple(file_changes(was.inputs, prepare.inputs, count)),
                inputs_declared=prepare.inputs_declared,
                old_key=was.key if was else None,
                new_key=prepare.key,
            )
    for name, prepare in before.items():
        if name not in after:
            yield PrepareChange(name=name, action=Action.DELETE, old_key=prepare.key)


def _used(specs: Collection[RunSpec]) -> dict[str, PrepareSpec]:
    """By name; what several workflows use is the same, as they are of one revision."""
    return dict(sorted({name: one for spec in specs for name, one in spec.prepares.items()}.items()))


def _users(name: str, specs: Collection[RunSpec]) -> tuple[str, ...]:
    return tuple(
        f"{spec.workflow}/{task.name}" for spec in specs for task in spec.tasks if name in task.prepares
    )


def _attributes(old: PrepareSpec, new: PrepareSpec) -> Iterator[AttributeChange]:
    for name in ("command", "script", "interpreter"):
        yield from compared(name, plain(getattr(old, name)), plain(getattr(new, name)), matters=True)
    yield from attribute_changes("env.", old.env, new.env, matters=True)
    yield from compared("timeout", old.timeout, new.timeout, matters=False)
