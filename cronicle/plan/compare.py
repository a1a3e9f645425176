"""The comparison of the specs that are deployed with those that are proposed. Nothing here reads a file or a store.

Specs are compared, not texts: formatting, comments and the order of blocks make no difference. Every reason is named
from the parts of the fingerprints where a task does something else, and from its other attributes where it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from attrs import evolve, field, frozen

from cronicle.plan.changes import (
    Action,
    AttributeChange,
    Plan,
    ScheduleChange,
    TaskChange,
    WorkflowChange,
)
from cronicle.plan.differences import CountLines, attribute_changes, compared, file_changes, plain, shown
from cronicle.plan.prepares import prepare_changes
from cronicle.plan.renames import Renames, with_renamed_tasks
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.schedule.dialect import has_hash

Json = Any

MATTERS: Mapping[str, bool] = {
    "command": True,
    "script": True,
    "interpreter": True,
    "upstreams": True,
    "trigger_rule": True,
    "for_each": True,
    "when": True,
    "env": True,
    "workdir": True,
    "stdin": True,
    "prepares": True,
    "merge_output": True,
    "skip_exit_code": True,
    "allow_failure": True,
    "produces": True,
    "reuse": False,
    "stdout_is_data": False,
    "retry": False,
    "wait": False,
    "wait.not_yet": True,
    "timeout": False,
    "grace_period": False,
    "on_lost": False,
    "rerun": False,
    "pool": False,
    "pool_slots": False,
    "lock": False,
    "priority": False,
    "runs_on": False,
    "memory": False,
    "cpu_time": False,
    "open_files": False,
    "log_size": False,
    "stdout_size": False,
    "group": False,
    "tags": False,
    "description": False,
    "inputs_declared": False,
    "source": True,
    "source.name": False,
    "sensitive": False,
}
"""Every field of a task's spec that a user sets, and whether it is part of the (deep) fingerprint.

A name with a dot stands for one key of a field that is otherwise on the other side.
"""

_WRITTEN: Mapping[str, str] = {
    "upstreams": "depends_on",
    "prepares": "prepare",
    "memory": "limits.memory",
    "cpu_time": "limits.cpu_time",
    "open_files": "limits.open_files",
    "log_size": "limits.log_size",
    "stdout_size": "limits.stdout_size",
}
_BY_KEY = frozenset({"env", "retry", "wait", "prepares", "source"})
_NOT_SHOWN = frozenset(
    {"stdout_is_data", "inputs_declared", "sensitive"}
)  # consequences of what another task or `inputs` says


@frozen(kw_only=True)
class Side:
    """One side of a comparison: a workflow as it is deployed, or as it is proposed."""

    spec: RunSpec
    schedules: Sequence[Mapping[str, Json]] = ()
    """As `cronicle.config.deployed.schedules_to_json` writes them."""
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    place: str | None = None
    """Where it is declared, of the proposed side: `workflows.hcl:14`."""
    former_name: str | None = None
    """Of the deployed side: what it is called there, if that is another name than now."""
    former_tasks: Mapping[str, str] = field(factory=dict)
    """Of the deployed side: by the present name of a task what it is called there, if that is another."""


def plan_changes(
    old: Mapping[str, Side] | None,
    new: Mapping[str, Side],
    *,
    old_values: Mapping[str, Json] | None = None,
    new_values: Mapping[str, Json] | None = None,
    old_settings: Mapping[str, Mapping[str, Json]] | None = None,
    new_settings: Mapping[str, Mapping[str, Json]] | None = None,
    moved: Renames | None = None,
    count_lines: CountLines | None = None,
) -> Plan:
    """What would change if `new` were deployed in place of `old`.

    Args:
        old: The deployed workflows by name; None if nothing was deployed yet.
        new: The proposed ones, in the order in which they are to be shown.
        old_values: The deployed values of variables.
        new_values: The proposed ones.
        old_settings: What the deployment keeps of the project (`cronicle.config.project.Settings`).
        new_settings: What is proposed of that.
        moved: The renames that the proposal declares; those that were deployed before change nothing.
        count_lines: Counts the lines that differ between two blobs; without it they are not counted.
    """
    before = as_called_now(old or {}, moved or Renames())
    count = count_lines or (lambda _old, _new: None)
    changes = [_workflow_change(name, before.get(name), side, count) for name, side in new.items()]
    changes += [_deleted(name, side) for name, side in before.items() if name not in new]
    values = (
        attribute_changes("", old_values or {}, new_values or {}, matters=True) if old is not None else ()
    )
    settings = _settings(old_settings or {}, new_settings or {}) if old is not None else ()
    specs = [[side.spec for side in sides.values()] for sides in (before, new)]
    return Plan(
        changes=tuple(changes),
        prepares=tuple(prepare_changes(specs[0], specs[1], count)),
        variables=tuple(values),
        settings=tuple(settings),
    )


def _settings(
    old: Mapping[str, Mapping[str, Json]], new: Mapping[str, Mapping[str, Json]]
) -> Iterator[AttributeChange]:
    for name in dict.fromkeys([*old, *new]):
        prefix = "" if name == "project" else f"{name}."
        yield from attribute_changes(prefix, old.get(name) or {}, new.get(name) or {}, matters=False)


def as_called_now(old: Mapping[str, Side], moved: Renames) -> dict[str, Side]:
    """The deployed workflows by their present names, with the present names of their tasks."""
    now: dict[str, Side] = {}
    for name, side in old.items():
        new = moved.workflow(name, old)
        names = moved.tasks_of(new, side.spec)
        spec = with_renamed_tasks(side.spec, names)
        now[new] = evolve(
            side,
            spec=evolve(spec, policy=moved.policy(spec.policy)),
            former_name=name if new != name else None,
            former_tasks={after: before for before, after in names.items()},
        )
    return now


def _workflow_change(name: str, old: Side | None, new: Side, count: CountLines) -> WorkflowChange:
    tasks = tuple(_task_changes(old, new.spec.tasks, count))
    schedules = tuple(_schedule_changes(_comparable(old, new) if old else (), new.schedules))
    attributes = tuple(_workflow_attributes(old, new)) if old else ()
    if old is None:
        action = Action.CREATE
    else:
        actions = {*(task.action for task in tasks), *(schedule.action for schedule in schedules)}
        is_same = not attributes and actions <= {Action.NO_OP} and old.former_name is None
        action = Action.NO_OP if is_same else Action.UPDATE
    return WorkflowChange(
        name=name,
        action=action,
        moved_from=old.former_name if old else None,
        place=new.place,
        description=new.description,
        attributes=attributes,
        tasks=tasks,
        schedules=schedules,
    )


def _deleted(name: str, old: Side) -> WorkflowChange:
    return WorkflowChange(
        name=name,
        action=Action.DELETE,
        description=old.description,
        tasks=tuple(_removed_task(task) for task in old.spec.tasks),
        schedules=tuple(_schedule_changes(old.schedules, ())),
    )


def _workflow_attributes(old: Side, new: Side) -> Iterator[AttributeChange]:
    for name in ("description", "owner", "tags"):
        yield from compared(name, plain(getattr(old, name)), plain(getattr(new, name)), matters=False)
    for name in ("project", "folder", "timezone"):
        yield from compared(name, getattr(old.spec, name), getattr(new.spec, name), matters=True)
    for name in ("max_parallel", "timeout", "rerun", "runbook"):
        yield from compared(name, getattr(old.spec, name), getattr(new.spec, name), matters=False)
    yield from attribute_changes("", plain(old.spec.policy), plain(new.spec.policy), matters=False)
    for name, written in (
        ("params", "param"),
        ("pools", "pool"),
        ("secrets", "secret"),
        ("sources", "source"),
    ):
        before, after = plain(getattr(old.spec, name)), plain(getattr(new.spec, name))
        yield from attribute_changes(f"{written}.", before, after, matters=False)
    for event in dict.fromkeys(hook.event for spec in (old.spec, new.spec) for hook in spec.hooks):
        hooks = [[plain(hook) for hook in spec.hooks if hook.event == event] for spec in (old.spec, new.spec)]
        yield from compared(event, *(shown(each) for each in hooks), matters=False)


# Tasks


def _task_changes(old: Side | None, new: Sequence[TaskSpec], count: CountLines) -> Iterator[TaskChange]:
    before = {task.name: task for task in old.spec.tasks} if old else {}
    former = old.former_tasks if old else {}
    differs: set[str] = set()  # what does something else than before, or lies below such a task
    for task in new:  # upstreams come first
        change = task_change(before.get(task.name), task, former.get(task.name), count)
        above = tuple(dict.fromkeys(edge.task for edge in task.upstreams if edge.task in differs))
        if change.action is not Action.CREATE:
            change = evolve(change, changed_above=above)
            if change.turns_stale:
                differs.add(task.name)
        else:
            differs.add(task.name)
        yield change
    names = {task.name for task in new}
    yield from (_removed_task(task) for task in before.values() if task.name not in names)


def task_change(
    old: TaskSpec | None,
    new: TaskSpec,
    former_name: str | None = None,
    count: CountLines = lambda _old, _new: None,
) -> TaskChange:
    """What happens to one task, as far as it does not lie in what is above it; None: there was none."""
    change = TaskChange(
        name=new.name,
        action=Action.CREATE,
        moved_from=former_name,
        keys=_keys(new),
        inputs_declared=new.inputs_declared,
        source=new.source.name if new.source else None,
        new_fingerprint=new.fingerprint,
        new_deep_fingerprint=new.deep_fingerprint,
    )
    if old is None:
        return change
    attributes = tuple(_task_attributes(old, new))
    files = tuple(file_changes(old.inputs, new.inputs, count))
    names = dict.fromkeys([*old.fingerprint_parts, *new.fingerprint_parts])
    parts = tuple(
        name for name in names if old.fingerprint_parts.get(name) != new.fingerprint_parts.get(name)
    )
    is_same = not attributes and not files and old.deep_fingerprint == new.deep_fingerprint
    is_same = is_same and former_name is None
    return evolve(
        change,
        action=Action.NO_OP if is_same else Action.UPDATE,
        attributes=attributes,
        files=files,
        parts=parts,
        old_fingerprint=old.fingerprint,
        old_deep_fingerprint=old.deep_fingerprint,
    )


def _removed_task(old: TaskSpec) -> TaskChange:
    return TaskChange(
        name=old.name,
        action=Action.DELETE,
        keys=_keys(old),
        inputs_declared=old.inputs_declared,
        old_fingerprint=old.fingerprint,
        old_deep_fingerprint=old.deep_fingerprint,
    )


def _keys(task: TaskSpec) -> tuple[str, ...] | None:
    if task.for_each is None or "known" not in task.for_each:
        return None
    return tuple(task.for_each["known"])


def _task_attributes(old: TaskSpec, new: TaskSpec) -> Iterator[AttributeChange]:
    for name, matters in MATTERS.items():
        if name in _NOT_SHOWN or "." in name:
            continue
        before, after = plain(getattr(old, name)), plain(getattr(new, name))
        if name in _BY_KEY:
            for change in attribute_changes(
                f"{_WRITTEN.get(name, name)}.", before or {}, after or {}, matters=matters
            ):
                yield evolve(
                    change, matters=MATTERS.get(change.name, matters and not _is_declared(name, old, new))
                )
        else:
            if name == "upstreams":
                before, after = _edges(before), _edges(after)
            yield from compared(_WRITTEN.get(name, name), before, after, matters=matters)


def _is_declared(name: str, old: TaskSpec, new: TaskSpec) -> bool:
    """True where a commit of a source does not matter: the files that do are named, on both sides."""
    return name == "source" and old.inputs_declared and new.inputs_declared


def _edges(upstreams: Iterable[Mapping[str, Json]]) -> list[str]:
    """Edges as they are written: `task.a`, `task.a["key"]`, sorted, since their order means nothing."""
    return sorted(
        f"task.{edge['task']}"
        + (f"[{msgspec.json.encode(edge['key']).decode()}]" if edge["key"] is not None else "")
        for edge in upstreams
    )


# Schedules


def _comparable(old: Side, new: Side) -> list[Mapping[str, Json]]:
    """The old schedules; of a renamed workflow those without an `H` (which hashes the name) with its new seed."""
    seed = next((one.get("seed") for one in new.schedules), None)
    if old.former_name is None or seed is None:
        return list(old.schedules)
    return [
        one if any(map(has_hash, one.get("cron") or ())) else {**one, "seed": seed} for one in old.schedules
    ]


def _schedule_changes(
    old: Sequence[Mapping[str, Json]], new: Sequence[Mapping[str, Json]]
) -> Iterator[ScheduleChange]:
    """Labelled schedules are paired by their labels, the others in their order, equal ones first."""
    left = list(old)
    pairs: list[tuple[Mapping[str, Json] | None, Mapping[str, Json]]] = []
    for one in new:
        partner = next((other for other in left if other == one), None)
        if partner is not None:
            left.remove(partner)
        pairs.append((partner, one))
    for at, (partner, one) in enumerate(pairs):
        if partner is None:
            partner = next((other for other in left if other.get("name") == one.get("name")), None)
            if partner is not None:
                left.remove(partner)
                pairs[at] = (partner, one)
    for before, after in pairs:
        yield _schedule_change(before, after)
    yield from (ScheduleChange(name=one.get("name"), action=Action.DELETE, old=one) for one in left)


def _schedule_change(old: Mapping[str, Json] | None, new: Mapping[str, Json]) -> ScheduleChange:
    name = new.get("name")
    if old is None:
        return ScheduleChange(name=name, action=Action.CREATE, new=new)
    attributes = tuple(attribute_changes("", old, new, matters=False))
    action = Action.UPDATE if attributes else Action.NO_OP
    return ScheduleChange(name=name, action=action, old=old, new=new, attributes=attributes)
