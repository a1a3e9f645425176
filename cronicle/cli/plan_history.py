"""The part of a plan that says what becomes of the results that there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cronicle.cli.output import duration, plural, visible
from cronicle.cli.slots import default_slots
from cronicle.names import split_instance
from cronicle.operations.plan import PlannedDeployment
from cronicle.plan.history import HistoryChange
from cronicle.views.plan import accept_commands, remake_commands
from cronicle.views.staleness import acceptable, some_of

MOST_INSTANCES = 3
"""Of the instances of a workflow to which the same happens so many have their commands shown."""


def history_lines(planned: PlannedDeployment) -> list[str]:
    """How many results turn stale and because of which tasks, and what to do about it."""
    alike: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[HistoryChange]] = {}
    for change in planned.plan.history:
        name, key = split_instance(change.workflow)
        tasks = tuple(task.task for task in change.tasks)
        of = name if key is not None else change.workflow
        alike.setdefault((of, tasks, change.accepted_tasks), []).append(change)
    lines = [line for changes in alike.values() for line in _of_workflow(planned, changes)]
    return [f"{'History' if not number else '':10}{line}" for number, line in enumerate(lines)]


def _of_workflow(planned: PlannedDeployment, changes: Sequence[HistoryChange]) -> Iterator[str]:
    """What becomes of the results of a workflow, or of instances of one alike."""
    first = changes[0]
    name = visible(first.workflow)
    if len(changes) > 1:
        name = f"{split_instance(name)[0]} ({plural(len(changes), 'instance')})"
    if turn := sum(change.turn_stale for change in changes):
        verb = "turns" if turn == 1 else "turn"
        stays = f"; {some_of(first.current)} {_stay(first.current)}" if first.current else ""
        tasks = some_of(tuple(task.task for task in first.tasks))
        yield f"{plural(turn, 'result')} of {name} {verb} stale ({visible(tasks + stays)})."
        yield from _commands(planned, changes)
    if accepted := sum(change.accepted for change in changes):
        verb = "stays" if accepted == 1 else "stay"
        tasks = visible(some_of(first.accepted_tasks))
        yield f"{plural(accepted, 'result')} of {name} {verb} current: what changes in {tasks} is accepted."
    if current := sum(change.turn_current for change in changes):
        verb = "is" if current == 1 else "are"
        yield f"{plural(current, 'stale result')} of {name} {verb} current again."


def _stay(tasks: Sequence[str]) -> str:
    return "stays" if len(tasks) == 1 else "stay"


def _commands(planned: PlannedDeployment, changes: Sequence[HistoryChange]) -> Iterator[str]:
    slots = default_slots()
    for change in changes[:MOST_INSTANCES]:
        about = ""
        if change.seconds_per_run is not None:
            seconds = change.seconds_per_run * change.turn_stale / min(slots, change.turn_stale)
            about = f"     about {duration(seconds)}, from the last {plural(change.measured_runs, 'run')}"
        for command in remake_commands(planned, change):
            yield f"To remake them, once applied:  {command}{about}"
            about = ""
    if len(changes) > MOST_INSTANCES:
        yield f"and likewise for {plural(len(changes) - MOST_INSTANCES, 'more instance')}"
    change = changes[0]
    for command in accept_commands(planned, change):
        yield f"If it makes no difference to them, then:  {command}"
    if acceptable(change.tasks):
        yield 'or, for all of them:  cronicle apply --accept "…"'
