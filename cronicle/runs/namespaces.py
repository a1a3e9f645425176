"""The names that an expression sees at a run, as a scope of the evaluator. Imported only where one is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from cronicle.runs.scope import InstanceView, RunView, TaskView
from cronicle.runs.spec import Json
from grammar.functions import FUNCTIONS
from grammar.kinds import HclMap, Value
from grammar.number import normalise
from grammar.scope import Members, Namespace, Scope, ScopeValue


def scope_of(view: RunView, instance: InstanceView) -> Scope:
    """What an expression sees of a run, for one attempt of it."""
    variables: dict[str, ScopeValue] = {
        "run": Members("the run", "attribute", _values(view.run)),
        "param": Members("the workflow", "parameter", _values(view.params)),
        "project": from_plain({"name": view.project}),
        "environment": view.environment,
        "task": _Tasks(view),
    }
    if instance.key is not None:
        variables["each"] = from_plain({"key": instance.key, "value": instance.value})
    if instance.attempt is not None:
        variables["attempt"] = from_plain({"number": instance.attempt})
    return Scope(variables, FUNCTIONS)


@frozen
class _Tasks(Namespace):
    """The namespace `task`."""

    view: RunView

    @property
    def title(self) -> str:
        """What messages call it."""
        return "the workflow"

    @property
    def noun(self) -> str:
        """What messages call a member."""
        return "task"

    def get(self, name: str) -> ScopeValue:
        """The members of a task, or of its instances."""
        task = self.view.task(name)
        if task is None:
            raise KeyError(name)
        if isinstance(task, TaskView):
            return _members(f"task {name}", task)
        return HclMap({key: from_plain(_plain(one)) for key, one in task.items()})

    def names(self) -> tuple[str, ...]:
        """The tasks of the workflow."""
        return self.view.task_names


def _members(title: str, task: TaskView) -> Members:
    members: dict[str, ScopeValue] = {
        "output": Members(title, "output", _values(task.output)),
        "state": task.state,
    }
    if task.stdout is not None:
        members["stdout"] = task.stdout
    return Members(title, "attribute", members)


def _plain(task: TaskView) -> dict[str, Json]:
    members: dict[str, Json] = {"output": task.output, "state": task.state}
    if task.stdout is not None:
        members["stdout"] = task.stdout
    return members


def _values(values: Mapping[str, Json]) -> dict[str, ScopeValue]:
    return {name: from_plain(value) for name, value in values.items()}


def from_plain(value: Json) -> Value:
    """JSON as others write it (floats, no tags) as a value of the language."""
    if isinstance(value, float):
        return normalise(Decimal(repr(value)))
    if isinstance(value, list | tuple):
        return tuple(from_plain(element) for element in value)
    if isinstance(value, Mapping):
        return HclMap({str(key): from_plain(element) for key, element in value.items()})
    plain: Value = value
    return plain
