"""Two runs side by side, as JSON has them, and what differs in their outcomes, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from cronicle.names import task_label
from cronicle.plan.changes import Action, AttributeChange, PrepareChange
from cronicle.plan.run_differences import OutcomeDifference, ProductChange, RunDifference, TaskDifference
from cronicle.plan.text_differences import FileDifference, LogDifference, RevisionDifference
from cronicle.store.records import RunRecord
from cronicle.views.change_text import change_text
from cronicle.views.details import SHOWN_DIGITS, size_text
from cronicle.views.shapes import RunShape, run_shape


@frozen(kw_only=True, slots=False)
class RunDifferenceShape:
    """Two runs side by side."""

    old: RunShape
    """The first that was named; `old` and `new` mean the first and the second everywhere below."""
    new: RunShape
    outcome: str
    """`same`, `different`, or `unknown`: all that is left is the same, and something is not kept any more. It is of
    states, exit codes, outputs, products and stdouts that are data, of every task and instance."""
    revision: RevisionDifference
    run: tuple[AttributeChange, ...]
    """What differs of the runs themselves: `environment`, `logical_time`, `cause`, `state`, …"""
    params: tuple[AttributeChange, ...]
    variables: tuple[AttributeChange, ...] | None
    """Of the deployments; null where a run is of none, with which they are not recorded. Sensitive values are not
    shown: both sides of such a change are equal."""
    workflow: tuple[AttributeChange, ...]
    """Attributes of the workflow."""
    prepares: tuple[PrepareChange, ...]
    tasks: tuple[TaskDifference, ...]
    """Every task of either run."""
    same: tuple[str, ...]
    """What is the same beside the tasks: names of what is compared of the runs, `params`, `variables`."""
    unknown: tuple[str, ...]
    """What could not be compared, a sentence each."""
    old_duration: float | None
    new_duration: float | None
    files: tuple[FileDifference, ...]
    """The files that the runs used and that differ."""
    logs: tuple[LogDifference, ...] | None
    """With `--logs`: those that differ, of the last attempts."""


def difference_shape(
    old: RunRecord,
    new: RunRecord,
    difference: RunDifference,
    revision: RevisionDifference,
    files: tuple[FileDifference, ...],
    logs: tuple[LogDifference, ...] | None,
) -> RunDifferenceShape:
    """As `diff --json` has it."""
    return RunDifferenceShape(
        old=run_shape(old),
        new=run_shape(new),
        outcome=str(difference.outcome),
        revision=revision,
        run=difference.facts,
        params=difference.params,
        variables=difference.variables,
        workflow=difference.workflow,
        prepares=difference.prepares,
        tasks=difference.tasks,
        same=difference.same,
        unknown=difference.unknown,
        old_duration=difference.old_duration,
        new_duration=difference.new_duration,
        files=files,
        logs=logs,
    )


def outcome_lines(difference: RunDifference) -> Iterator[str]:
    """What differs in what two runs have come to, a line each: `report: output.rows 3 → 4`."""
    for task in difference.tasks:
        for one in task.instances:
            label = task_label(task.task, one.key)
            for line in instance_lines(one, only_outcome=True):
                yield f"{label}: {line}"
    yield from difference.unknown


def instance_lines(one: OutcomeDifference, *, only_outcome: bool = False) -> Iterator[str]:
    """What differs between the outcomes of a task or an instance, a line each."""
    if one.action is Action.CREATE:
        yield f"only in the second run ({_word(one.new_state)})"
    elif one.action is Action.DELETE:
        yield f"only in the first run ({_word(one.old_state)})"
    for change in one.changes:
        if change.matters or not only_outcome:
            yield _renamed(change)
    for change in one.outputs:
        yield f"output.{change_text(change)}"
    for product in one.products:
        yield product_line(product)
    if one.stdout is not None:
        sizes = f"{_size(one.stdout.old_size)} → {_size(one.stdout.new_size)}"
        digests = _digests(one.stdout.old_sha256, one.stdout.new_sha256)
        yield f"stdout {sizes}   {digests}"


def _renamed(change: AttributeChange) -> str:
    text = change_text(change)
    if change.name in ("state", "reason"):
        return f"{change.name} {_word(change.old)} → {_word(change.new)}"
    return text.replace("exit_code", "exit code", 1) if change.name == "exit_code" else text


def _word(state: str | None) -> str:
    return str(state or "(none)").replace("_", " ")


def product_line(product: ProductChange) -> str:
    """What has become of a file that was made."""
    match product.action:
        case Action.CREATE:
            return f"made {product.path}, which the first has not   {_size(product.new_size)}"
        case Action.DELETE:
            return f"has not made {product.path}   {_size(product.old_size)}"
    sizes = f"{_size(product.old_size)} → {_size(product.new_size)}"
    return f"made {product.path} {sizes}   {_digests(product.old_sha256, product.new_sha256)}"


def _size(size: int | None) -> str:
    return "?" if size is None else size_text(size)


def _digests(old: str | None, new: str | None) -> str:
    old, new = (digest[:SHOWN_DIGITS] if digest else "not kept any more" for digest in (old, new))
    return f"sha256 {old} → {new}"


def differing(difference: RunDifference) -> list[TaskDifference]:
    """The tasks of which there is something to tell."""
    return [task for task in difference.tasks if not task.is_same]
