"""What a plan consists of: frozen values, rich enough to be shown as text, as JSON and on a page.

A change *matters* if the task then does something else than before: its fingerprint differs, or one above it. All
else (retry, time-outs, descriptions) changes how it is run or shown, and makes no result stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from attrs import frozen

from cronicle.plan.history import HistoryChange

Json = Any


class Action(StrEnum):
    """What happens to a thing when the plan is applied."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NO_OP = "no_op"


@frozen(kw_only=True)
class AttributeChange:
    """An attribute that has another value than before."""

    name: str
    """As it is written in the file: `retry.attempts`, `env.MODE`."""
    old: Json
    """As JSON; an expression that is known later only is `{"expression": its text}`, what is not there is null."""
    new: Json
    matters: bool
    """True if it is part of the fingerprint."""


@frozen(kw_only=True)
class FileChange:
    """A file among a task's inputs that is not what it was."""

    path: str
    """In the project's folder."""
    action: Action
    """`update`: other content or mode; `create` and `delete`: it was or is no input."""
    old_id: str | None = None
    """Git's id of its content before; None if it was no input."""
    new_id: str | None = None
    lines: int | None = None
    """How many lines are added or removed; None if that was not counted (a binary file)."""


@frozen(kw_only=True)
class TaskChange:
    """What happens to one task."""

    name: str
    action: Action
    moved_from: str | None = None
    """What it was called before, if it was renamed."""
    keys: tuple[str, ...] | None = None
    """Of a `for_each` task that is known already the keys of its instances; else None."""
    attributes: tuple[AttributeChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    parts: tuple[str, ...] = ()
    """The named parts of its fingerprint that differ."""
    changed_above: tuple[str, ...] = ()
    """The tasks directly above it that are, or depend on, one that does something else than before."""
    inputs_declared: bool = False
    """True if its inputs were declared, False if they were inferred."""
    source: str | None = None
    """The source that it takes its code from."""
    old_fingerprint: str | None = None
    new_fingerprint: str | None = None
    old_deep_fingerprint: str | None = None
    new_deep_fingerprint: str | None = None

    @property
    def does_differ(self) -> bool:
        """True if the task itself does something else than before."""
        return self.old_fingerprint != self.new_fingerprint

    @property
    def turns_stale(self) -> bool:
        """True if results of it, made before, are stale: it or something above it does something else."""
        return self.action is Action.UPDATE and self.old_deep_fingerprint != self.new_deep_fingerprint


@frozen(kw_only=True)
class ScheduleChange:
    """What happens to one schedule of a workflow; schedules as `cronicle.config.deployed` writes them."""

    name: str | None
    """Its label."""
    action: Action
    old: Mapping[str, Json] | None = None
    new: Mapping[str, Json] | None = None
    attributes: tuple[AttributeChange, ...] = ()
    """What differs, of an update."""


@frozen(kw_only=True)
class WorkflowChange:
    """What happens to one workflow."""

    name: str
    action: Action
    moved_from: str | None = None
    """What it was called before, if it was renamed."""
    place: str | None = None
    """Where it is declared: `workflows.hcl:14`; None if it is not any more."""
    description: str = ""
    attributes: tuple[AttributeChange, ...] = ()
    """Of the workflow itself: `description`, `max_parallel`, `param.NAME.default`, …"""
    tasks: tuple[TaskChange, ...] = ()
    """Every task in order of the graph, also those that stay as they are; removed ones last."""
    schedules: tuple[ScheduleChange, ...] = ()
    """Every schedule, also those that stay as they are."""

    @property
    def changed_tasks(self) -> tuple[TaskChange, ...]:
        """The tasks to which something happens."""
        return tuple(task for task in self.tasks if task.action is not Action.NO_OP or task.changed_above)

    @property
    def stale_tasks(self) -> tuple[str, ...]:
        """The tasks whose earlier results are stale once this is applied."""
        return tuple(task.name for task in self.tasks if task.turns_stale)


@frozen(kw_only=True)
class PrepareChange:
    """What happens to a preparation that tasks use, or used."""

    name: str
    action: Action
    used_by: tuple[str, ...] = ()
    """The tasks, as `daily/report`; none of one that is removed."""
    attributes: tuple[AttributeChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    """Among its inputs."""
    inputs_declared: bool = False
    old_key: str | None = None
    """What the deployed revision has; None if it had none."""
    new_key: str | None = None

    @property
    def is_made_anew(self) -> bool:
        """True if the next task that needs it finds another one, or has it made."""
        return self.new_key is not None and self.new_key != self.old_key


@frozen(kw_only=True)
class SourceChange:
    """What happens to a source: a repository that tasks take their code from."""

    name: str
    action: Action
    git: str
    """Where it comes from."""
    ref: str | None = None
    """What is pinned, as it is named; None: its HEAD."""
    old_revision: str | None = None
    """What it was pinned to; None if there was no such source."""
    new_revision: str | None = None
    """What it is pinned to from then on; None if there is no such source any more."""
    subject: str | None = None
    """The first line of the new commit's message."""
    added: int | None = None
    """How many commits the new one has in its history that the old one has not; None if that is not known."""
    removed: int | None = None
    """The same the other way round: not 0 where history was rewritten, or it is another branch."""
    problem: str | None = None
    """Why it could not be asked, and stays therefore what it was pinned to."""
    tasks: tuple[str, ...] = ()
    """The tasks that use it and do something else from then on, as `workflow.task`."""


@frozen(kw_only=True)
class Plan:
    """What would change if a candidate were deployed."""

    changes: tuple[WorkflowChange, ...]
    """One for every workflow of either side, those that stay as they are included; removed ones last."""
    prepares: tuple[PrepareChange, ...] = ()
    """The preparations that differ, among those that tasks use."""
    variables: tuple[AttributeChange, ...] = ()
    """Variables whose values differ."""
    settings: tuple[AttributeChange, ...] = ()
    """What the scheduler needs of the project and differs: `heartbeat.every`, `retention.logs`, …"""
    sources: tuple[SourceChange, ...] = ()
    """One for every source of either side, those that stay as they are included."""
    history: tuple[HistoryChange, ...] = ()
    """What becomes of the results that there are, of each workflow to whose results something does."""
    notes: tuple[str, ...] = ()
    """What else is to be known before it is applied, in sentences."""

    @property
    def has_changes(self) -> bool:
        """True if applying would change anything but the revision."""
        actions = {*(change.action for change in self.changes), *(change.action for change in self.sources)}
        return bool(self.variables or self.settings or self.prepares) or not actions <= {Action.NO_OP}

    def count(self, action: Action) -> int:
        """How many workflows are to be created, updated, or deleted."""
        return sum(change.action is action for change in self.changes)

    def to_json(self) -> dict[str, Json]:
        """The plan as JSON holds it."""
        builtins: dict[str, Json] = msgspec.to_builtins(self)
        return builtins


def plan_from_json(stored: Mapping[str, Json]) -> Plan:
    """The plan that `Plan.to_json` wrote.

    Raises:
        msgspec.ValidationError: It is no plan.
    """
    return msgspec.convert(stored, Plan)
