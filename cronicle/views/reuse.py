"""Why a task with `reuse` was executed all the same: which of the conditions no earlier run has met."""

from __future__ import annotations

from cronicle.names import task_label
from cronicle.operations.results import reusable_results
from cronicle.runs.reuse import by_task, is_same_above, origins_of, uses_previous
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import TaskSpec
from cronicle.runs.states import TaskState
from cronicle.runs.units import Unit
from cronicle.views.details import read_spec
from cronicle.views.story import Story


def why_not_reused(story: Story, unit: Unit) -> str | None:
    """A sentence; None for a task that does not say `reuse`, was not executed, or was carried over."""
    name = unit.id[0]
    task = story.machine.task_spec(name)
    if not task.reuse or unit.carried_from or not story.attempts_of(unit.id):
        return None
    label, run = task_label(*unit.id), story.run
    if name in story.machine.named:
        return f"{label} was named to be executed, whatever an earlier run has done"
    if not run.counts:
        return f"{label} reuses nothing: only runs that count do, since the others have a data folder of their own"
    earlier = [
        results
        for results in reusable_results(story.store, run)
        if results and _is_older(story, results[0].run_id)
    ]
    succeeded = [
        (results, one)
        for results in earlier
        for one in results
        if (one.task, one.key) == unit.id and one.state is TaskState.SUCCEEDED
    ]
    if not succeeded:
        which = "no earlier run of this logical time and these parameters has succeeded in it"
        return f"{label} had nothing to reuse: {which}"
    results, newest = succeeded[0]
    where = f"run {newest.run_id}"
    if all(one.deep_fingerprint != task.deep_fingerprint for _, one in succeeded):
        return f"{label} could not reuse what {where} has: {_difference(story, task, newest)}"
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


def _is_older(story: Story, run_id: str) -> bool:
    other = story.store.find_run(run_id)
    return other is not None and other.sequence < story.run.sequence


def _difference(story: Story, task: TaskSpec, earlier: TaskResult) -> str:
    """What makes a task do something else than in an earlier run."""
    if earlier.fingerprint == task.fingerprint:
        return "a task above it did something else there"
    run = story.store.find_run(earlier.run_id)
    spec = None if run is None else read_spec(story.store, run.spec_hash)
    before = next((one for one in spec.tasks if one.name == task.name), None) if spec else None
    if before is None:
        return "it did something else there"
    parts = [
        name
        for name in dict.fromkeys([*before.fingerprint_parts, *task.fingerprint_parts])
        if before.fingerprint_parts.get(name) != task.fingerprint_parts.get(name)
    ]
    files = sorted(
        path for path in {*before.inputs, *task.inputs} if before.inputs.get(path) != task.inputs.get(path)
    )
    shown = [f"inputs ({', '.join(files)})" if part == "inputs" and files else part for part in parts]
    return f"it did something else there: {', '.join(shown)}"
