"""Why a task was executed although an earlier run had done it: what that run did otherwise, by attribute and file.

For a task that says `reuse` it is told which of the conditions no earlier run has met; for one that does not, whether
there was a result that does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cronicle.names import task_label
from cronicle.operations.compare_runs import line_counter
from cronicle.operations.results import renames_since, reusable_results
from cronicle.plan.changes import Action, TaskChange
from cronicle.plan.compare import Side, plan_changes
from cronicle.plan.renames import with_renamed_tasks
from cronicle.runs.reuse import by_task, is_same_above, origins_of, uses_previous
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import TaskState
from cronicle.runs.units import Unit
from cronicle.views.change_text import change_text, file_text
from cronicle.views.details import read_spec
from cronicle.views.story import MOST_NAMED, Story, some_of

Found = tuple[tuple[TaskResult, ...], TaskResult]
"""The results of an earlier run, and among them that of the task."""


def why_executed(story: Story, unit: Unit, files: Path | None) -> str | None:
    """A sentence; None for what was not executed, was carried over, or was done by no earlier run.

    Args:
        story: The run.
        unit: The task, or the instance.
        files: The files folder, whose mirror tells how many lines of a file differ; None: that is not told.
    """
    task = story.machine.task_spec(unit.id[0])
    if unit.carried_from or not story.attempts_of(unit.id):
        return None
    if task.reuse:
        return _why_not_reused(story, unit, task, files)
    if not story.run.counts or not (earlier := _succeeded_before(story, unit)):
        return None
    label = task_label(*unit.id)
    for _, one in earlier:
        if one.deep_fingerprint == task.deep_fingerprint:
            return (
                f"run {one.run_id} had done the same, with an equal fingerprint: {label} does not say "
                "`reuse = true`, and so was executed again"
            )
    newest = earlier[0][1]
    return f"run {newest.run_id} had a result of {label}: {_difference(story, task, newest, files)}"


def _why_not_reused(story: Story, unit: Unit, task: TaskSpec, files: Path | None) -> str:
    label, run = task_label(*unit.id), story.run
    if task.name in story.machine.named:
        return f"{label} was named to be executed, whatever an earlier run has done"
    if not run.counts:
        return f"{label} reuses nothing: only runs that count do, since the others have a data folder of their own"
    succeeded = _succeeded_before(story, unit)
    if not succeeded:
        which = "no earlier run of this logical time and these parameters has succeeded in it"
        return f"{label} had nothing to reuse: {which}"
    results, newest = succeeded[0]
    where = f"run {newest.run_id}"
    if all(one.deep_fingerprint != task.deep_fingerprint for _, one in succeeded):
        return f"{label} could not reuse what {where} has: {_difference(story, task, newest, files)}"
    results, newest = next(
        (some, one) for some, one in succeeded if one.deep_fingerprint == task.deep_fingerprint
    )
    where = f"run {newest.run_id}"
    units = story.machine.units
    here = by_task((unit_id, one.carried_from) for unit_id, one in units.items() if one.carried_from)
    there = origins_of(results)
    above = [task_label(up.task, up.key) for up in task.upstreams if not is_same_above(up, here, there)]
    if above:
        return f"{label} could not reuse what {where} has: {', '.join(above)} above it was executed in another run"
    if uses_previous(task):
        return (
            f"{label} could not reuse what {where} has: the run before it was another one then, or what it had made, "
            "or its stdout, was not there any more"
        )
    return f"{label} could not reuse what {where} has: what it had made there, or its stdout, was not there any more"


def _succeeded_before(story: Story, unit: Unit) -> list[Found]:
    """The earlier runs of the logical time and the parameters that have succeeded in the task, the newest first."""
    return [
        (results, one)
        for results in reusable_results(story.store, story.run)
        if results and _is_older(story, results[0].run_id)
        for one in results
        if (one.task, one.key) == unit.id and one.state is TaskState.SUCCEEDED
    ]


def _is_older(story: Story, run_id: str) -> bool:
    other = story.store.find_run(run_id)
    return other is not None and other.sequence < story.run.sequence


def _difference(story: Story, task: TaskSpec, earlier: TaskResult, files: Path | None) -> str:
    """What makes a task do something else than in an earlier run: of itself, or of what is above it."""
    before = _spec_of(story, earlier.run_id)
    if before is None:
        return "it did something else there"
    changes = _changes(story, before, files)
    own = changes.get(task.name)
    if own is None or own.action is Action.CREATE:
        return "it did something else there"
    if own.does_differ:
        return f"it did something else there: {_told(own)}"
    above = [name for name in _above(story.machine.spec, task.name) if changes[name].does_differ]
    if not above:
        return "what is above it did something else there"
    told = "; ".join(f"{name} above it, {_told(changes[name])}" for name in above[:MOST_NAMED])
    more = f" and {len(above) - MOST_NAMED} more tasks" if len(above) > MOST_NAMED else ""
    return f"a task above it did something else there: {told}{more}"


def _spec_of(story: Story, run_id: str) -> RunSpec | None:
    """The spec of an earlier run, with the names that its tasks have now."""
    run = story.store.find_run(run_id)
    if run is None:
        return None
    spec = read_spec(story.store, run.spec_hash)
    names = renames_since(story.store, story.run, story.run.deployment).tasks_of(story.run.workflow, spec)
    return with_renamed_tasks(spec, names)


def _changes(story: Story, before: RunSpec, files: Path | None) -> dict[str, TaskChange]:
    count = line_counter(files, story.run.project) if files is not None else None
    plan = plan_changes({"": Side(spec=before)}, {"": Side(spec=story.machine.spec)}, count_lines=count)
    return {change.name: change for change in plan.changes[0].tasks}


def _told(change: TaskChange) -> str:
    """What of a task is not what it was: files and attributes, else the names of parts of the fingerprint."""
    if change.action is Action.CREATE:
        return "which is new"
    told = [*map(file_text, change.files), *_attributes(change)]
    return some_of(told or [part for part in change.parts if part != "inputs"] or list(change.parts))


def _attributes(change: TaskChange) -> Iterator[str]:
    for attribute in change.attributes:
        if attribute.matters:
            yield change_text(attribute)


def _above(spec: RunSpec, name: str) -> list[str]:
    """All tasks above one, in the order of the graph."""
    upstreams = {task.name: [edge.task for edge in task.upstreams] for task in spec.tasks}
    found: set[str] = set()
    pending = [*upstreams[name]]
    while pending:
        one = pending.pop()
        if one not in found:
            found.add(one)
            pending += upstreams[one]
    return [task.name for task in spec.tasks if task.name in found]
