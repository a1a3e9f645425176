"""Evaluating the expressions of a run's tasks, with what is known when a task is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import evolve, frozen

from cronicle.engine.attempts import PreparedAttempt
from cronicle.execute.places import Places
from cronicle.execute.prepared import prepared_path
from cronicle.operations.previous import previous_view
from cronicle.operations.run_view import view_of_run
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import (
    BadReference,
    Evaluated,
    InstanceView,
    RunView,
    TaskView,
    evaluate_attempt,
    evaluate_condition,
    evaluate_lock,
    evaluate_open,
    for_each_instances,
)
from cronicle.runs.spec import TaskSpec
from cronicle.runs.states import Reason, TaskState
from cronicle.runs.units import Unit
from cronicle.store.records import RunRecord

NOTHING = "/dev/null"
"""The stdout of a task that has none: it was skipped."""


@frozen(eq=False, repr=False)
class _Instances(Mapping[str, TaskView]):
    """What others see of the instances of a task, each made when it is asked for: there may be thousands."""

    keyed: Mapping[str, Any]
    see: Callable[[str], TaskView]

    def __getitem__(self, key: str) -> TaskView:
        if key not in self.keyed:
            raise KeyError(key)
        return self.see(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keyed)

    def __len__(self) -> int:
        return len(self.keyed)


class Evaluator:
    """The expressions of one run."""

    def __init__(self, run: RunRecord, machine: RunMachine, places: Places) -> None:
        self._machine = machine
        self._places = places
        self._run = run
        self.view = RunView(
            run=view_of_run(run),
            params=run.params,
            project=run.project,
            environment=run.environment,
            task=self._task,
            task_names=tuple(task.name for task in machine.spec.tasks),
            previous=previous_view(machine.previous),
            prepared={
                name: str(prepared_path(places.files, run.project, one.key))
                for name, one in machine.spec.prepares.items()
            },
        )

    def instances(self, task: TaskSpec) -> Mapping[str, Any]:
        """The `for_each` of a task: key to value.

        Raises:
            BadReference: It refers to what is not there, or is not a set of strings or a map.
        """
        assert task.for_each is not None
        with self._telling_what_was_left_out(task):
            return for_each_instances(evaluate_open(task.for_each, self.view, InstanceView(), "for_each"))

    def condition(self, task: TaskSpec, key: str | None) -> bool:
        """The `when` of a task instance.

        Raises:
            BadReference: It refers to what is not there.
        """
        assert task.when is not None
        with self._telling_what_was_left_out(task):
            return evaluate_condition(task.when, self.view, self._instance(task, key, None))

    def lock(self, task: TaskSpec, key: str | None, attempt: int) -> str:
        """The key of the lock that an attempt needs.

        Raises:
            BadReference: It refers to what is not there.
        """
        assert task.lock is not None
        with self._telling_what_was_left_out(task):
            return evaluate_lock(task.lock, self.view, self._instance(task, key, attempt))

    def prepare(self, task: TaskSpec, key: str | None, attempt: int, token: str) -> PreparedAttempt:
        """An attempt with its expressions evaluated.

        Raises:
            BadReference: One of them refers to what is not there.
        """
        try:  # not the context manager below: this is on the hot path
            evaluated = evaluate_attempt(task, self.view, self._instance(task, key, attempt))
        except BadReference as error:
            raise self._with_what_was_left_out(task, error) from error
        return PreparedAttempt(
            task=task,
            key=key,
            attempt=attempt,
            token=token,
            argv=evaluated.argv,
            env=evaluated.env,
            stdin=evaluated.stdin,
            produces=evaluated.produces,
            reveal=partial(self._revealed, task, key, attempt) if task.secrets or task.sensitive else None,
        )

    def _revealed(
        self, task: TaskSpec, key: str | None, attempt: int, secrets: Mapping[str, str]
    ) -> Evaluated:
        """The expressions of an attempt, evaluated with the values of secrets."""
        return evaluate_attempt(task, evolve(self.view, secrets=secrets), self._instance(task, key, attempt))

    @contextmanager
    def _telling_what_was_left_out(self, task: TaskSpec) -> Iterator[None]:
        try:
            yield
        except BadReference as error:
            raise self._with_what_was_left_out(task, error) from error

    def _with_what_was_left_out(self, task: TaskSpec, error: BadReference) -> BadReference:
        """Add to what is wrong with a reference that the run has left out a task that it may have meant."""
        units = self._machine.units
        left_out = [up.task for up in task.upstreams if _is_left_out(units[up.task, None])]
        if not left_out:
            return error
        return BadReference(
            f"{error.detail} The run left out {', '.join(left_out)} (--only, --except), "
            "and no earlier result stands for it."
        )

    def _instance(self, task: TaskSpec, key: str | None, attempt: int | None) -> InstanceView:
        value = None
        if key is not None:
            value = self._machine.groups[task.name].instances[key]
            if task.sensitive and task.for_each is not None and "known" in task.for_each:
                value = task.for_each["known"].get(key, value)  # the event has nothing that is sensitive
        return InstanceView(key=key, value=value, attempt=attempt)

    def _task(self, name: str) -> TaskView | Mapping[str, TaskView] | None:
        units = self._machine.units
        if (name, None) not in units:
            return None
        group = self._machine.groups.get(name)
        if group is not None:
            return _Instances(group.instances, lambda key: self._seen(units[name, key]))
        if self._machine.task_spec(name).for_each is None:
            return self._seen(units[name, None])
        carried = {
            key: self._seen(unit) for (task, key), unit in units.items() if task == name and key is not None
        }
        return carried or self._seen(units[name, None])

    def _seen(self, unit: Unit) -> TaskView:
        task, key = unit.id
        stdout: str | None = None
        if self._machine.task_spec(task).stdout_is_data:
            stdout = NOTHING
            if _is_left_out(unit):
                stdout = None  # there might have been some: an empty one would be a wrong one
            elif unit.state in (TaskState.SUCCEEDED, TaskState.FAILED):
                from_run = unit.carried_from or self._run.id
                attempt = unit.carried_attempt if unit.carried_from else unit.attempt
                stdout = str(self._places.stdout_path(from_run, task, key, attempt)) if attempt else NOTHING
        return TaskView(output=unit.output, stdout=stdout, state=unit.state)


def _is_left_out(unit: Unit) -> bool:
    return unit.reason == Reason.NOT_SELECTED
