"""Planning: what deploying a revision would change, compared with what is deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import evolve, field, frozen

from cronicle.config.deployed import schedules_from_json
from cronicle.config.project import Settings
from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.history import History as Commits
from cronicle.git.mirror import Mirror
from cronicle.operations.binding import check_name
from cronicle.operations.course import Course, course_of
from cronicle.operations.deployed import in_force
from cronicle.operations.effects import effects_of
from cronicle.operations.history import AcceptedWith, History, history_of
from cronicle.operations.hold_sources import source_changes
from cronicle.operations.own_hooks import ON_DEPLOY_FAILED, compared_hooks, own_hooks_of
from cronicle.operations.propose import Proposal
from cronicle.operations.sources import Sources
from cronicle.plan.changes import Action, Plan
from cronicle.plan.compare import Side, as_called_now, plan_changes
from cronicle.plan.effects import Effects
from cronicle.plan.renames import Renames
from cronicle.runs.spec import spec_from_bytes
from cronicle.schedule.ticks import Tick, ticks_after
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

NEXT_TICKS = 3

LIVE_SHOWN = 50
"""Of the runs in progress."""


@frozen(kw_only=True)
class PlannedDeployment:
    """A plan, and what it is about."""

    proposal: Proposal
    environment: str
    deployment: DeploymentRecord | None
    """The last one, also if it has ended its environment."""
    plan: Plan
    next_ticks: Mapping[str, tuple[Tick, ...]]
    """The coming ticks of each proposed workflow."""
    live_runs: int = 0
    """Runs in progress, which keep what they were made with."""
    effects: Effects = field(factory=Effects)
    """The runs that applying it makes by itself."""
    former_ticks: Mapping[str, tuple[Tick, ...]] = field(factory=dict)
    """The coming ticks as they are now of each workflow whose schedules change, or that goes."""
    live_ids: tuple[str, ...] = ()
    """Of the runs in progress those made last, `LIVE_SHOWN` at most."""
    base: Proposal | None = None
    """What the proposal was compared with instead of a deployment, where no store was asked."""
    accepted: tuple[AcceptedWith, ...] = ()
    """The changes that are accepted with it (`--accept`, and what messages of commits say)."""
    problems: tuple[str, ...] = ()
    """What messages of commits say and cannot be followed."""
    course: Course | None = None
    """How the proposed revision lies to the deployed one, if that is known."""

    @property
    def in_force(self) -> DeploymentRecord | None:
        """The deployment with which the proposal was compared; None if nothing is deployed."""
        return in_force(self.deployment)

    @property
    def has_changes(self) -> bool:
        """True if applying would change anything: also just the revision."""
        if self.base is not None:
            return self.plan.has_changes or self.base.revision != self.proposal.revision
        return (
            self.in_force is None or self.plan.has_changes or self.in_force.revision != self.proposal.revision
        )


def plan_deployment(
    sources: Sources, store: StoreReader | None, proposal: Proposal, accept: str | None = None
) -> PlannedDeployment:
    """Compare a proposal with what is deployed; without a store nothing is.

    `accept` says why what it would make stale makes no difference to the results that there are.

    Raises:
        ProjectTakenError: Another repository holds the project's name.
    """
    if store is not None:
        check_name(sources, store, proposal)
    project, environment = proposal.project.name, proposal.project.environment
    last = store.find_deployment(project, environment) if store else None
    deployment = in_force(last)
    old = deployed_sides(store, deployment) if store and deployment else None
    new = proposed_sides(proposal)
    moved, now = Renames.of(proposal.moved), sources.now()
    plan = plan_changes(
        old,
        new,
        old_values=deployment.values if deployment else None,
        new_values=proposal.project.values,
        old_settings=settings_of(store, deployment) if store else None,
        new_settings=proposed_settings(proposal),
        moved=moved,
        count_lines=line_counter(_places(sources, proposal)),
    )
    former = as_called_now(old or {}, moved)
    history = History()
    if store is not None and deployment is not None:
        history = history_of(store, deployment, proposal, plan.changes, former, accept)
    plan = evolve(
        plan,
        sources=tuple(source_changes(proposal.held, deployment.pins if deployment else (), plan)),
        history=history.changes,
    )
    return PlannedDeployment(
        proposal=proposal,
        environment=environment,
        deployment=last,
        plan=plan,
        next_ticks={name: next_ticks(schedules, now) for name, schedules in proposal.schedules.items()},
        former_ticks=former_ticks(plan, former, now),
        live_runs=_count_live(store, project, environment) if store else 0,
        live_ids=_newest_live(store, project, environment) if store else (),
        effects=effects_of(store, last, proposal, former, now),
        accepted=history.accepted,
        problems=history.problems,
        course=None if deployment is None else course_of(sources, proposal, deployment.revision),
    )


def proposed_sides(proposal: Proposal) -> dict[str, Side]:
    """The workflows that are proposed, to be compared."""
    return {
        name: Side(
            spec=spec,
            schedules=proposal.schedules[name],
            description=proposal.project.workflows[name].description,
            owner=proposal.project.workflows[name].owner,
            tags=proposal.project.workflows[name].tags,
            place=proposal.place_of(name),
        )
        for name, spec in proposal.specs.items()
    }


def proposed_settings(proposal: Proposal) -> dict[str, Any]:
    """What a scheduler needs of the project that is proposed."""
    return {**proposal.project.settings.to_json(), **compared_hooks(proposal.own_hooks)}


def deployed_sides(store: StoreReader, deployment: DeploymentRecord) -> dict[str, Side]:
    """The workflows of a deployment, to be compared."""
    return {
        workflow.name: Side(
            spec=spec_from_bytes(store.get_spec(workflow.spec_hash)),
            schedules=workflow.schedules,
            description=workflow.description,
            owner=workflow.owner,
            tags=workflow.tags,
        )
        for workflow in deployment.workflows
    }


def settings_of(store: StoreReader, deployment: DeploymentRecord | None) -> dict[str, Any]:
    """What a deployment keeps of its project, with the defaults of what it was too old to know."""
    default, kept = Settings().to_json(), dict((deployment.settings if deployment else None) or {})
    kept.pop(ON_DEPLOY_FAILED, None)
    hooks = own_hooks_of(store, deployment) if deployment else None
    known = {name: {**(default.get(name) or {}), **(kept[name] or {})} for name in kept if kept[name]}
    return {**default, **known, **compared_hooks(hooks)}


def former_ticks(plan: Plan, old: Mapping[str, Side], now: datetime) -> dict[str, tuple[Tick, ...]]:
    """The coming ticks as they were, by present name, of each workflow whose schedules a plan changes."""
    return {
        change.name: next_ticks(old[change.name].schedules, now)
        for change in plan.changes
        if change.name in old and any(one.action is not Action.NO_OP for one in change.schedules)
    }


def next_ticks(stored: Any, now: datetime) -> tuple[Tick, ...]:
    """The next few ticks of schedules as a deployment keeps them."""
    schedules = tuple(schedule for schedule in schedules_from_json(stored) if schedule.enabled)
    ticks: list[Tick] = []
    for tick in ticks_after(schedules, now):
        ticks.append(tick)
        if len(ticks) == NEXT_TICKS:
            break
    return tuple(ticks)


def _count_live(store: StoreReader, project: str, environment: str) -> int:
    from cronicle.runs.states import LIVE
    from cronicle.store.records import RunFilter

    return store.count_runs(RunFilter(project=project, environment=environment, states=tuple(LIVE)))


def _newest_live(store: StoreReader, project: str, environment: str) -> tuple[str, ...]:
    from cronicle.runs.states import LIVE
    from cronicle.store.records import RunFilter

    wanted = RunFilter(project=project, environment=environment, states=tuple(LIVE), limit=LIVE_SHOWN)
    return tuple(run.id for run in store.list_runs(wanted))


def _places(sources: Sources, proposal: Proposal) -> tuple[Commits, ...]:
    """Where the files of either side may lie."""
    path = mirror_path(sources.files, proposal.project.name)
    mirror = (Mirror.open_or_create(path),) if path.exists() else ()
    return (proposal.repository, *mirror, *(held.mirror for held in proposal.held.values()))


def line_counter(places: Sequence[Commits]) -> Callable[[str | None, str | None], int | None]:
    """Counts the lines that differ between two blobs, which may lie in any of these places."""

    def read(blob: str | None) -> bytes | None:
        if blob is None:
            return b""
        for place in places:
            try:
                return place.read_object(blob)
            except CronicleError:
                continue
        return None

    def count(old: str | None, new: str | None) -> int | None:
        before, after = read(old), read(new)
        if before is None or after is None or b"\0" in before or b"\0" in after:
            return None
        return changed_lines(before, after)

    return count


LONGEST_COUNTED = 1_000_000
"""Bytes of a file whose changed lines are counted."""


def changed_lines(old: bytes, new: bytes) -> int | None:
    """Lines removed plus lines added, of which a changed line is one of each, counted once; None if too large."""
    import difflib

    if max(len(old), len(new)) > LONGEST_COUNTED:
        return None
    matcher = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    return sum(
        max(to_old - from_old, to_new - from_new)
        for tag, from_old, to_old, from_new, to_new in matcher.get_opcodes()
        if tag != "equal"
    )
