"""Accepting that a change makes no difference to the results that there are, and taking that back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import evolve, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.names import as_workflow, is_name, split_instance, typed
from cronicle.operations.asked_times import asked_instant
from cronicle.operations.deployed import Target, get_workflows
from cronicle.operations.judge import Measure, measure_of
from cronicle.operations.stale import StaleCount, StaleResults, count_stale
from cronicle.plan.staleness import own_of
from cronicle.runs.spec import RunSpec
from cronicle.store.interface import Store, UnknownError
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, DeploymentRecord
from cronicle.store.results import AcceptanceRecord


@frozen(kw_only=True)
class Selector:
    """What is accepted: all changes of a workflow, or those of one task."""

    workflow: str
    task: str | None = None

    @classmethod
    def of(cls, text: str) -> Selector:
        """From `WORKFLOW` or `WORKFLOW/TASK`.

        Raises:
            UsageError: It is neither.
        """
        workflow, slash, task = text.rpartition("/") if "/" in text else (text, "", "")
        if not workflow or (slash and not is_name(task)):
            raise UsageError(
                f"{text!r} names neither a workflow nor a task of one",
                "Write WORKFLOW for all that is stale of it, or WORKFLOW/TASK.",
            )
        return cls(workflow=as_workflow(workflow), task=task or None)

    def means(self, workflow: str, task: str) -> bool:
        """True of a task that it names, be it of an instance of its workflow."""
        return self.workflow in (workflow, split_instance(workflow)[0]) and self.task in (None, task)

    @property
    def text(self) -> str:
        """As it is typed."""
        return self.workflow if self.task is None else f"{self.workflow}/{self.task}"


@frozen(kw_only=True)
class Change:
    """A change of what a task does by itself, that makes results stale."""

    task: str
    old: tuple[str, ...]
    """What it did (`own_of`) in these results."""
    new: str
    """What it does."""


@frozen(kw_only=True)
class Acceptable:
    """What can be accepted of a workflow, and what of its results is stale without it."""

    measure: Measure
    stale: StaleCount
    """In the range that it is about."""
    changes: tuple[Change, ...]
    before: datetime | None = None
    """Of results for logical times before it; None: of all."""

    def with_more(self, other: Acceptable) -> Acceptable:
        """The same with what another selector accepts of the workflow."""
        return evolve(self, changes=tuple(dict.fromkeys((*self.changes, *other.changes))))


@frozen(kw_only=True)
class Accepted:
    """What was accepted of a workflow."""

    workflow: str
    acceptances: tuple[AcceptanceRecord, ...]
    current: int
    """How many results are as they would be today, because of it."""
    left: StaleCount
    """What is still stale in the range."""


def plan_acceptance(
    store: StoreReader, deployment: DeploymentRecord, selector: Selector, before: str | None = None
) -> tuple[Acceptable, ...]:
    """What a selector accepts, workflow by workflow (of one with `for_each` for all its instances).

    Args:
        store: Where history is.
        deployment: The one in force.
        selector: What names it.
        before: Only of results for logical times before this instant, or before this day of the workflow's zone.

    Raises:
        CronicleError: There is no such workflow or task, or nothing of it is stale by itself.
        UsageError: `before` is no time.
    """
    meant = [one.name for one in get_workflows(deployment, selector.workflow)]
    measures = [measure for name in meant if (measure := measure_of(store, deployment, name)) is not None]
    if selector.task is not None:
        _check_task(selector, measures)
    found = [_acceptable(store, measure, selector.task, before) for measure in measures]
    wanted = tuple(one for one in found if one.changes)
    if not wanted:
        raise _nothing(selector, found, before)
    return wanted


def accept(
    store: Store,
    wanted: Sequence[Acceptable],
    *,
    revision: str,
    actor: Actor,
    reason: str,
    now: datetime,
) -> tuple[Accepted, ...]:
    """Record what is accepted, all of it or nothing, and see what is current by it.

    Args:
        store: Where it is recorded.
        wanted: As `plan_acceptance` has found it.
        revision: That is deployed.
        actor: Who accepts.
        reason: Why it makes no difference.
        now: The present moment.
    """
    made = store.add_acceptances(
        [
            acceptance_of(one.measure, change, revision, one.before, actor, reason, now)
            for one in wanted
            for change in one.changes
        ]
    )
    done = []
    for one in wanted:
        of_it = tuple(acceptance for acceptance in made if acceptance.workflow == one.measure.workflow)
        with_it = evolve(one.measure, acceptances=(*one.measure.acceptances, *of_it))
        left = count_stale(store, with_it, end=one.before)
        current = one.stale.stale - left.stale
        done.append(Accepted(workflow=one.measure.workflow, acceptances=of_it, current=current, left=left))
    return tuple(done)


def acceptance_of(
    measure: Measure,
    change: Change,
    revision: str,
    before: datetime | None,
    actor: Actor,
    reason: str,
    now: datetime,
) -> AcceptanceRecord:
    """The record that a change is accepted."""
    return AcceptanceRecord(
        project=measure.project,
        environment=measure.environment,
        workflow=measure.spec.workflow,
        task=change.task,
        old=change.old,
        new=change.new,
        before=before,
        revision=revision,
        actor=actor,
        reason=reason,
        accepted_at=now,
    )


def changes_in(spec: RunSpec, groups: Iterable[StaleResults]) -> tuple[Change, ...]:
    """The changes of what tasks do by themselves that make results stale; `spec` is what they do."""
    did: dict[str, dict[str, None]] = {}
    for group in groups:
        for one in group.tasks:
            if one.does_differ:
                did.setdefault(one.task, {}).update(dict.fromkeys(one.did))
    return tuple(
        Change(task=name, old=tuple(owns), new=own_of(spec.task(name))) for name, owns in did.items()
    )


def revoke(
    store: Store,
    deployed: Target,
    numbers: Sequence[int],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
) -> tuple[AcceptanceRecord, ...]:
    """Take back what was accepted in an environment.

    Raises:
        UnknownError: One of the acceptances is not there, or was revoked before; then all of them hold as before.
    """
    there = {one.id for one in store.list_acceptances(deployed.project.name, deployed.environment)}
    for number in numbers:
        if number not in there:
            where = f"{deployed.project.name}/{deployed.environment}"
            raise UnknownError(
                f"{where} has no acceptance {number} that holds",
                "See those that do: cronicle accept --list",
            )
    revoked = []
    for number in dict.fromkeys(numbers):
        found = store.revoke_acceptance(number, actor, now, reason)
        if found is not None:
            revoked.append(found)
    return tuple(revoked)


def _acceptable(store: StoreReader, measure: Measure, task: str | None, before: str | None) -> Acceptable:
    until = None if before is None else asked_instant("--before", before, measure.spec.timezone)
    stale = count_stale(store, measure, end=until)
    changes = tuple(
        change for change in changes_in(measure.spec, stale.groups) if task in (None, change.task)
    )
    return Acceptable(measure=measure, stale=stale, changes=changes, before=until)


def _check_task(selector: Selector, measures: Sequence[Measure]) -> None:
    tasks = list(dict.fromkeys(task.name for measure in measures for task in measure.spec.tasks))
    if selector.task in tasks:
        return
    from grammar.suggest import did_you_mean

    raise CronicleError(
        f"workflow {selector.workflow!r} has no task {selector.task!r}",
        did_you_mean(str(selector.task), tasks, f"Its tasks are: {', '.join(tasks)}."),
    )


def _nothing(selector: Selector, found: Sequence[Acceptable], before: str | None) -> CronicleError:
    """Why there is nothing to accept."""
    tasks = [task for one in found for group in one.stale.groups for task in group.tasks]
    name = typed(selector.workflow)
    range_ = f" for logical times before {before}" if before is not None else ""
    if selector.task is None or not tasks:
        return CronicleError(
            f"nothing of {selector.workflow} is stale{range_}, so there is nothing to accept",
            "What is stale of all workflows: cronicle stale   What was accepted: cronicle accept --list",
        )
    of_task = [task for task in tasks if task.task == selector.task]
    differing = list(dict.fromkeys(task.task for task in tasks if task.does_differ))
    commands = "   ".join(f"cronicle accept {name}/{task} --reason …" for task in differing)
    if of_task:
        above = ", ".join(dict.fromkeys(up for task in of_task for up in task.above))
        return CronicleError(
            f"{selector.text} does what it did; it is stale{range_} because of what is above it: {above}",
            f"Accept what changed: {commands}",
        )
    return CronicleError(
        f"{selector.text} is not stale{range_}, so there is nothing to accept",
        f"What changed is: {commands}",
    )
