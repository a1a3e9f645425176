"""The names that the language itself gives to expressions, each with what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

GIVEN: Mapping[str, str] = {
    "var": "Variables of the project: a value for each deployment.",
    "local": "Names from `locals` blocks.",
    "project": "The project.",
    "project.name": "The name of the project.",
    "environment": "The name of the environment that is deployed to, such as `local`.",
    "run": "The run: its id, times, revision and cause.",
    "run.id": "The run's id, such as `7K2M9QX4TA`.",
    "run.time": "The logical time, as RFC 3339 has it, in the schedule's zone: `2015-12-31T23:55:00-08:00`.",
    "run.date": "The date of the logical time in the schedule's zone: `2015-12-31`.",
    "run.interval": "The span of time that the run computes for: from the tick before to its own.",
    "run.interval.start": "The tick before, as RFC 3339 has it; it belongs to the interval.",
    "run.interval.end": "The run's own tick, as RFC 3339 has it; it does not belong to the interval.",
    "run.interval.date": "The date of the interval's start.",
    "run.revision": "The commit whose files the run uses.",
    "run.cause": "Why the run exists: `schedule`, `catchup`, `backfill`, `manual`, `retry`, `workflow` or `deploy`.",
    "param": "Parameters of the workflow: a value for each run.",
    "task": "Other tasks of the workflow, and what they give. A reference to one is a dependency.",
    "previous": "The last succeeded run of an earlier logical time that counts; null where there is none.",
    "previous.run": "That run: its id, times, revision and cause.",
    "previous.task": "What its tasks have given: `previous.task.NAME.output.KEY`.",
    "each": "The instance at hand of a task or workflow with `for_each`.",
    "each.key": "The key of the instance: of a set the element itself.",
    "each.value": "The value of the instance: of a set the element itself.",
    "attempt": "The attempt at hand.",
    "attempt.number": "The number of the attempt, from 1.",
    "prepare": "What `prepare` blocks make: `prepare.NAME.path`.",
    "source": "Sources of the project, and what they are pinned to.",
    "secret": "Secrets of the project: in `env` and `stdin`, and nowhere else without a warning.",
}
"""By the way they are written. What a user names (`var.NAME`) is not among them."""

OF_TASK: Mapping[str, str] = {
    "output": "What the task has written to `$CRONICLE_OUTPUT`, by name; known after it.",
    "stdout": "The absolute path of a file with what the task has printed; as `stdin` a pipe from it.",
    "state": "How the task has ended: `succeeded`, `failed`, `skipped` or `cancelled`.",
}
"""What follows `task.NAME`, or `task.NAME["KEY"]`."""


OF_NAMED: Mapping[str, Mapping[str, str]] = {
    "task": OF_TASK,
    "prepare": {"path": "The folder with what was made, only to be read."},
    "source": {"revision": "The commit that it is pinned to; known at plan."},
}
"""By root what follows the name of one of the project's own things."""

OF_PREVIOUS_TASK = ("output",)
"""What of that follows `previous.task.NAME`."""


def below(path: str) -> Iterator[tuple[str, str]]:
    """The names right below one of `GIVEN`, each with what it is; the roots below the empty one."""
    prefix = f"{path}." if path else ""
    for name, doc in GIVEN.items():
        rest = name.removeprefix(prefix)
        if name.startswith(prefix) and "." not in rest:
            yield rest, doc
