"""What becomes of the results that there are when a plan is applied, and which of it is accepted with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from attrs import evolve, frozen

from cronicle.errors import UsageError
from cronicle.git.errors import GitError
from cronicle.git.trailers import trailers_since
from cronicle.names import split_instance
from cronicle.operations.accept import Change, Selector, acceptance_of, changes_in
from cronicle.operations.judge import Measure, held_against
from cronicle.operations.propose import Proposal
from cronicle.operations.stale import (
    Alike,
    StaleResults,
    groups_of,
    is_unknown,
    recent_duration,
    results_alike,
)
from cronicle.plan.changes import Action, WorkflowChange
from cronicle.plan.compare import Side
from cronicle.plan.history import HistoryChange, StaleTask
from cronicle.plan.renames import Renames
from cronicle.plan.staleness import State, merged, names_in, stale_of
from cronicle.store.reading import StoreReader
from cronicle.store.records import Actor, DeploymentRecord
from cronicle.store.results import AcceptanceRecord

TRAILER = "Cronicle-Accept"
"""`Cronicle-Accept: WORKFLOW[/TASK] REASON` in the message of a commit accepts what it changes."""


@frozen(kw_only=True)
class AcceptedWith:
    """A change that is accepted with a plan."""

    measure: Measure
    change: Change
    reason: str

    def record(self, revision: str, actor: Actor, now: datetime) -> AcceptanceRecord:
        """As it is stored."""
        return acceptance_of(self.measure, self.change, revision, None, actor, self.reason, now)


@frozen(kw_only=True)
class History:
    """What becomes of the results that there are."""

    changes: tuple[HistoryChange, ...] = ()
    accepted: tuple[AcceptedWith, ...] = ()
    problems: tuple[str, ...] = ()
    """Trailers that mean nothing, in words."""


@frozen(kw_only=True)
class _Word:
    """That somebody accepts changes of a workflow, or of one of its tasks."""

    selector: Selector | None
    """None: all that the plan makes stale."""
    reason: str


def history_of(
    store: StoreReader,
    deployment: DeploymentRecord,
    proposal: Proposal,
    changes: Iterable[WorkflowChange],
    old: Mapping[str, Side],
    accept: str | None,
) -> History:
    """What becomes of the results that there are when a proposal is applied.

    Args:
        store: Where they are.
        deployment: The one in force.
        proposal: What is proposed.
        changes: What happens to each workflow.
        old: What is deployed, under its present names.
        accept: Why all that would turn stale makes no difference; None: nobody has said so.
    """
    words, problems = _from_commits(deployment, proposal)
    if accept is not None:
        words.append(_Word(selector=None, reason=accept))
    renames = Renames.of(proposal.moved)
    acceptances = store.list_acceptances(deployment.project, deployment.environment)
    found: list[HistoryChange] = []
    accepted: list[AcceptedWith] = []
    for change in changes:
        if change.action is Action.DELETE or not (change.stale_tasks or change.action is Action.CREATE):
            continue
        side = old.get(change.name)
        called = side.former_name if side is not None and side.former_name is not None else change.name
        after = held_against(store, deployment, called, proposal.specs[change.name], renames, acceptances)
        before = None if side is None else evolve(after, spec=evolve(side.spec, workflow=change.name))
        of_it, more = _of_workflow(store, before, after, words)
        found += [of_it] if not of_it.is_empty else []
        accepted += more
    return History(changes=tuple(found), accepted=tuple(accepted), problems=tuple(problems))


def _of_workflow(
    store: StoreReader, before: Measure | None, after: Measure, words: Sequence[_Word]
) -> tuple[HistoryChange, list[AcceptedWith]]:
    every = _turning(store, before, after)
    accepted = [
        AcceptedWith(measure=after, change=change, reason=word.reason)
        for change in changes_in(after.spec, groups_of(every))
        if (word := _word_for(words, after.spec.workflow, change.task)) is not None
    ]
    would_turn = _count(every)
    if accepted:
        same = tuple((one.change.task, one.change.old, one.change.new) for one in accepted)
        every = _turning(store, before, evolve(after, same=(*after.same, *same)))
    groups = groups_of(every)
    turn_stale = _count(every)
    mean, runs = None, 0
    if turn_stale:
        mean, runs = recent_duration(store, after.project, after.environment, after.workflow)
    return (
        HistoryChange(
            workflow=after.spec.workflow,
            turn_stale=turn_stale,
            first=min((group.first for group in groups), default=None),
            last=max((group.last for group in groups), default=None),
            tasks=_merged(after, groups),
            current=_current_in_all(after, groups),
            series=tuple(dict.fromkeys(group.series for group in groups)),
            stay_stale=sum(one.count for one, tasks in every if not tasks and stale_of(one.standings[0])),
            turn_current=sum(one.count for one, _ in every if before is not None and _turns_current(one)),
            accepted=would_turn - turn_stale,
            accepted_tasks=tuple(one.change.task for one in accepted),
            unknown=sum(one.count for one, _ in every if is_unknown(one.standings[0])),
            seconds_per_run=mean,
            measured_runs=runs,
        ),
        accepted,
    )


_Turning = list[tuple[Alike, tuple[StaleTask, ...]]]
"""Results, and their tasks that turn stale."""


def _turning(store: StoreReader, before: Measure | None, after: Measure) -> _Turning:
    every = results_alike(store, (after, before or after))
    return [(one, _newly_stale(one, has_before=before is not None)) for one in every]


def _newly_stale(one: Alike, *, has_before: bool) -> tuple[StaleTask, ...]:
    after, before = one.standings
    stale_before = names_in(before, State.STALE) if has_before else ()
    return tuple(task for task in stale_of(after) if task.task not in stale_before)


def _turns_current(one: Alike) -> bool:
    after, before = one.standings
    return bool(stale_of(before)) and not stale_of(after)


def _count(every: _Turning) -> int:
    return sum(one.count for one, tasks in every if tasks)


def _merged(measure: Measure, groups: Sequence[StaleResults]) -> tuple[StaleTask, ...]:
    """The tasks of all groups, each once, upstreams first."""
    by_name: dict[str, list[StaleTask]] = {}
    for group in groups:
        for task in group.tasks:
            by_name.setdefault(task.task, []).append(task)
    return tuple(merged(by_name[task.name]) for task in measure.spec.tasks if task.name in by_name)


def _current_in_all(measure: Measure, groups: Sequence[StaleResults]) -> tuple[str, ...]:
    return tuple(
        task.name for task in measure.spec.tasks if groups and all(task.name in one.current for one in groups)
    )


def _word_for(words: Sequence[_Word], workflow: str, task: str) -> _Word | None:
    return next(
        (word for word in words if word.selector is None or word.selector.means(workflow, task)), None
    )


def _from_commits(deployment: DeploymentRecord, proposal: Proposal) -> tuple[list[_Word], list[str]]:
    """What the messages of the commits since the deployed one accept, the newest first, and what is wrong there."""
    if proposal.revision is None or proposal.dirty or proposal.revision == deployment.revision:
        return [], []
    try:
        trailers = trailers_since(proposal.history, deployment.revision, proposal.revision, TRAILER)
    except GitError as error:
        return [], [f"the messages of the commits since the deployed one cannot be read: {error.message}"]
    words: list[_Word] = []
    problems: list[str] = []
    for trailer in reversed(trailers):
        where = f"the trailer {TRAILER} of commit {trailer.revision[:7]}"
        named, _, reason = trailer.value.partition(" ")
        try:
            selector = Selector.of(named)
        except UsageError as error:
            problems.append(f"{where} is passed over: {error.message}")
            continue
        if problem := _problem(proposal, selector, reason.strip()):
            problems.append(f"{where} is passed over: {problem}")
        else:
            by = f"{trailer.revision[:7]}, {trailer.author_name}"
            words.append(_Word(selector=selector, reason=f"{reason.strip()} ({by})"))
    return words, problems


def _problem(proposal: Proposal, selector: Selector, reason: str) -> str | None:
    specs = [
        spec for name, spec in proposal.specs.items() if selector.workflow in (name, split_instance(name)[0])
    ]
    if not specs:
        return f"there is no workflow {selector.workflow}"
    if selector.task is not None and all(selector.task != task.name for spec in specs for task in spec.tasks):
        return f"workflow {selector.workflow} has no task {selector.task}"
    return None if reason else f"it gives no reason. Write: {TRAILER}: {selector.text} WHY"
