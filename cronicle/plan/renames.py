"""Renames: what was deployed, under the names that it has now, so that both can be compared and results stay good.

A fingerprint covers the names of the tasks that it refers to. So the spec that was deployed is written anew with the
present names, and its fingerprints are made anew: a task that does the same under another name has the same one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from cronicle.config.fingerprint import ALGORITHM, deep_fingerprint, fingerprint, fingerprint_parts
from cronicle.names import split_move
from cronicle.runs.policy import Policy
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import Lazy, RunSpec, TaskSpec

Json = Any

_LOOPS = frozenset({"for", "forobject", "templatefor"})
"""Nodes of an expression that give names to what they walk over."""


@frozen(kw_only=True)
class Renames:
    """What is called otherwise now."""

    workflows: Mapping[str, str] = field(factory=dict)
    """From the former name to the present one."""
    tasks: Mapping[str, Mapping[str, str]] = field(factory=dict)
    """By the present name of their workflow."""

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Renames:
        """Those that a deployment or project declares: `workflow.a`, `workflow.a.task.x`."""
        workflows: dict[str, str] = {}
        tasks: dict[str, dict[str, str]] = {}
        for old, new in pairs:
            (before, old_task), (after, new_task) = split_move(old), split_move(new)
            if old_task is None or new_task is None:
                workflows[before] = after
            else:
                tasks.setdefault(after, {})[old_task] = new_task
        return cls(workflows=workflows, tasks=tasks)

    def workflow(self, name: str, present: Collection[str]) -> str:
        """What a workflow is called now, if nothing else was called so."""
        new = self.workflows.get(name, name)
        return name if new in present else new

    def policy(self, policy: Policy) -> Policy:
        """A policy that calls other workflows by their present names."""
        return evolve(
            policy,
            after=tuple(self.workflows.get(name, name) for name in policy.after),
            requires=tuple(self.workflows.get(name, name) for name in policy.requires),
        )

    def tasks_of(self, workflow: str, spec: RunSpec) -> dict[str, str]:
        """The renames that tasks of a spec have before them; one whose new name is taken already has had its."""
        present = {task.name for task in spec.tasks}
        return {
            old: new
            for old, new in self.tasks.get(workflow, {}).items()
            if old in present and new not in present
        }


def with_renamed_tasks(spec: RunSpec, names: Mapping[str, str]) -> RunSpec:
    """A spec in which tasks have other names, with the fingerprints that it has then.

    Args:
        spec: As it was compiled.
        names: From former names of tasks to present ones.
    """
    if not names:
        return spec
    renamed: dict[str, TaskSpec] = {}
    for task in spec.tasks:  # upstreams come first
        new = _renamed(task, names, spec.salt)
        if new.fingerprint.startswith(f"{ALGORITHM}:"):
            above = [(edge.task, edge.key, renamed[edge.task].deep_fingerprint) for edge in new.upstreams]
            new = evolve(new, deep_fingerprint=deep_fingerprint(new.fingerprint, above))
        renamed[new.name] = new
    return evolve(spec, tasks=tuple(renamed.values()))


def with_renamed_results(
    results: Iterable[TaskResult], spec: RunSpec, names: Mapping[str, str]
) -> tuple[TaskResult, ...]:
    """Results of a run as those of tasks with other names.

    Args:
        results: Of its tasks, by their former names.
        spec: Of that run.
        names: From former names to present ones.
    """
    if not names:
        return tuple(results)
    renamed = {
        old.name: new for old, new in zip(spec.tasks, with_renamed_tasks(spec, names).tasks, strict=True)
    }
    return tuple(_renamed_result(result, spec.task(result.task), renamed[result.task]) for result in results)


def _renamed_result(result: TaskResult, old: TaskSpec, new: TaskSpec) -> TaskResult:
    """A result under a present name; what did something else than its run's spec says keeps its fingerprint."""
    is_own, is_deep = (
        result.fingerprint == old.fingerprint,
        result.deep_fingerprint == old.deep_fingerprint,
    )
    return evolve(
        result,
        task=new.name,
        fingerprint=new.fingerprint if is_own else result.fingerprint,
        deep_fingerprint=new.deep_fingerprint if is_deep else result.deep_fingerprint,
    )


def _renamed(task: TaskSpec, names: Mapping[str, str], salt: str) -> TaskSpec:
    new = evolve(
        task,
        name=names.get(task.name, task.name),
        upstreams=tuple(evolve(edge, task=names.get(edge.task, edge.task)) for edge in task.upstreams),
        command=_lazy(task.command, names),
        script=_lazy(task.script, names),
        for_each=_lazy(task.for_each, names),
        when=_lazy(task.when, names),
        lock=_lazy(task.lock, names),
        produces=_lazy(task.produces, names),
        env={name: _some(lazy, names) for name, lazy in task.env.items()},
        stdin=tuple(_some(lazy, names) for lazy in task.stdin),
    )
    if not task.fingerprint.startswith(f"{ALGORITHM}:"):
        return new  # of another algorithm, and so compared with nothing
    parts = fingerprint_parts(new, salt)
    return evolve(new, fingerprint=fingerprint(parts), fingerprint_parts=parts)


def _lazy(lazy: Lazy | None, names: Mapping[str, str]) -> Lazy | None:
    return None if lazy is None else _some(lazy, names)


def _some(lazy: Lazy, names: Mapping[str, str]) -> Lazy:
    return {"expression": _expression(lazy["expression"], names)} if "expression" in lazy else lazy


def _expression(tree: Json, names: Mapping[str, str]) -> Json:
    """An expression, as `grammar.serial` writes it, that refers to tasks by other names."""
    match tree:
        case ["attr", ["var", "task"], str() as name]:
            return ["attr", ["var", "task"], names.get(name, name)]
        case ["index", ["var", "task"], ["template", [str() as name]]]:
            return ["index", ["var", "task"], ["template", [names.get(name, name)]]]
        case [str() as tag, key, value, collection, *rest] if tag in _LOOPS and "task" in (key, value):
            return [tag, key, value, _expression(collection, names), *rest]  # there task is another
        case list():
            return [_expression(inner, names) for inner in tree]
    return tree
