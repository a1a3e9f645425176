"""The names that an expression sees at a run, as a scope of the evaluator. Imported only where one is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from cronicle.runs.scope import HIDDEN, InstanceView, PreviousView, RunView, TaskView
from cronicle.runs.spec import Json
from grammar.functions import FUNCTIONS
from grammar.kinds import HclMap, Unknown, Value
from grammar.number import normalise
from grammar.scope import Members, Namespace, Scope, ScopeValue
from grammar.values import from_json


def scope_of(view: RunView, instance: InstanceView) -> Scope:
    """What an expression sees of a run, for one attempt of it."""
    variables: dict[str, ScopeValue] = {
        "run": Members("the run", "attribute", _values(view.run)),
        "param": Members(
            "the workflow", "parameter", {name: from_stored(value) for name, value in view.params.items()}
        ),
        "project": from_plain({"name": view.project}),
        "environment": view.environment,
        "task": _Tasks(view),
        "secret": _Hidden() if view.secrets is None else Members("the project", "secret", view.secrets),
    }
    if view.previous is not None:
        variables["previous"] = _previous(view.previous)
    if view.prepared:
        variables["prepare"] = Members(
            "the project",
            "preparation",
            {
                name: Members(f"preparation {name}", "attribute", {"path": path})
                for name, path in view.prepared.items()
            },
        )
    if instance.key is not None:
        each: dict[str, ScopeValue] = {"key": instance.key, "value": from_stored(instance.value)}
        variables["each"] = Members("the instance", "attribute", each)
    if instance.attempt is not None:
        variables["attempt"] = from_plain({"number": instance.attempt})
    return Scope(variables, FUNCTIONS)


class _Hidden(Namespace):
    """The namespace `secret` where no value is to be known."""

    @property
    def title(self) -> str:
        """What messages call it."""
        return "the project"

    @property
    def noun(self) -> str:
        """What messages call a member."""
        return "secret"

    def get(self, name: str) -> ScopeValue:  # noqa: ARG002 - whatever it is called
        """A value that is not known."""
        return Unknown(HIDDEN)

    def names(self) -> tuple[str, ...]:
        """None that could be listed."""
        return ()


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
        return _Instances(name, task)

    def names(self) -> tuple[str, ...]:
        """The tasks of the workflow."""
        return self.view.task_names


@frozen
class _Instances(Namespace):
    """The namespace of a task with `for_each`: an attempt pays for the instances that it refers to, not for all."""

    task: str
    instances: Mapping[str, TaskView]

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"task {self.task}"

    @property
    def noun(self) -> str:
        """What messages call a member."""
        return "instance"

    def get(self, name: str) -> ScopeValue:
        """The members of one instance."""
        return _members(f'task {self.task}["{name}"]', self.instances[name])

    def names(self) -> tuple[str, ...]:
        """The keys of all."""
        return tuple(self.instances)


def _previous(view: PreviousView) -> Members:
    there_is_none = "" if view.run else " (there is none: try(previous.…, VALUE) is VALUE then)"
    title = f"the previous run{there_is_none}"
    tasks: dict[str, ScopeValue] = {}
    for name, seen in view.tasks.items():
        outputs = {
            key: Members(f'task {name}["{key}"] of {title}', "attribute", {"output": _outputs(name, output)})
            for key, output in seen.get("instances", {}).items()
        }
        tasks[name] = (
            Members(f"task {name} of {title}", "instance", outputs)
            if "instances" in seen
            else Members(f"task {name} of {title}", "attribute", {"output": _outputs(name, seen["output"])})
        )
    run = Members(title, "attribute", _values(view.run))
    return Members("previous", "attribute", {"run": run, "task": Members(title, "task", tasks)})


def _outputs(task: str, output: Mapping[str, Json]) -> Members:
    return Members(f"task {task} of the previous run", "output", _values(output))


def _members(title: str, task: TaskView) -> Members:
    members: dict[str, ScopeValue] = {
        "output": Members(title, "output", _values(task.output)),
        "state": task.state,
    }
    if task.stdout is not None:
        members["stdout"] = task.stdout
    return Members(title, "attribute", members)


def _values(values: Mapping[str, Json]) -> dict[str, ScopeValue]:
    return {name: from_plain(value) for name, value in values.items()}


def from_stored(value: Json) -> Value:
    """A value of a parameter or an instance, which specs and events keep in the form of `grammar.values.to_json`."""
    try:
        return from_json(value)
    except ValueError:  # plain JSON after all, with floats or names that begin with $
        return from_plain(value)


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
