"""Labels: what a process must have to execute the tasks of a run. Pure.

A run is executed by one process, so it needs all labels that the tasks name which it executes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cronicle.runs.spec import RunSpec, TaskSpec


def labels_of(tasks: Iterable[TaskSpec]) -> tuple[str, ...]:
    """All labels that tasks name, sorted."""
    return tuple(sorted({label for task in tasks for label in task.runs_on}))


def labels_needed(spec: RunSpec, chosen: Collection[str] | None) -> tuple[str, ...]:
    """The labels that a run of some of its tasks needs; None: of all tasks."""
    if chosen is None or not spec.runs_on:
        return spec.runs_on
    return labels_of(task for task in spec.tasks if task.name in chosen)


def missing_labels(runs_on: Iterable[str], labels: Collection[str]) -> tuple[str, ...]:
    """The labels that are needed and not there."""
    return tuple(label for label in runs_on if label not in labels)
