"""Deploying: the record in the store, and then the visible commit in the user's repository."""

from __future__ import annotations

from datetime import datetime

import msgspec
from attrs import evolve, frozen

from cronicle.config.fingerprint import with_salt
from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.errors import GitError
from cronicle.git.mirror import Mirror
from cronicle.git.repository import Repository
from cronicle.operations.between import plan_between
from cronicle.operations.binding import bind_project
from cronicle.operations.deployed import in_force
from cronicle.operations.hold_sources import keep_sources
from cronicle.operations.own_hooks import with_own_hooks
from cronicle.operations.plan import PlannedDeployment, plan_deployment
from cronicle.operations.propose import Proposal
from cronicle.operations.shown import show_in_git
from cronicle.operations.signed import Deployable, check_signed
from cronicle.operations.sources import Sources
from cronicle.plan.changes import Plan
from cronicle.store.records import Actor, DeploymentRecord, Promotion
from cronicle.store.results import AcceptanceRecord


class MovedOnError(CronicleError):
    """Something else was deployed since the plan was made."""


@frozen(kw_only=True)
class Deployed:
    """A deployment that was made."""

    deployment: DeploymentRecord
    options: str = ""
    """What a command that is proposed has to say of its environment: ` -e staging`, or nothing."""
    ref_problem: GitError | None = None
    """Why the visible commit could not be written; the deployment stands all the same."""


@frozen(kw_only=True)
class Until:
    """Until when an environment is to last."""

    at: datetime | None
    """None: until somebody ends it."""


@frozen(kw_only=True)
class Terms:
    """On which terms something is deployed."""

    until: Until | None = None
    """None: as long as the deployment before it."""
    promoted_from: Promotion | None = None
    text: str | None = None
    """Its plan as it was shown, for git; None: as short as can be."""


def deploy(
    sources: Sources, planned: PlannedDeployment, actor: Actor, terms: Terms | None = None
) -> Deployed:
    """Deploy what was planned, if what it was compared with is still in force.

    Raises:
        UnsignedError: It has to be signed, and is not.
        CronicleError: Something else was deployed meanwhile, or the project's name is taken.
    """
    terms = terms or Terms()
    planned = _salted(sources, planned)
    proposal = planned.proposal
    assert proposal.revision is not None
    signer = check_signed(sources, deployable(proposal), planned.deployment)
    project = bind_project(sources, proposal)
    keep_sources(sources, proposal.held)
    for name in proposal.specs:
        sources.opened.put_spec(proposal.spec_bytes(name))
    record = DeploymentRecord(
        project=project.name,
        environment=planned.environment,
        number=0,
        revision=proposal.revision,
        created_at=sources.now(),
        actor=actor,
        values=proposal.project.values,
        workflows=tuple(proposal.deployed_workflow(name) for name in proposal.specs),
        moved=proposal.moved,
        settings=with_own_hooks(proposal.project.settings.to_json(), proposal.own_hooks, sources.opened),
        pins=tuple(held.pin for held in proposal.held.values()),
        plan=_encoded(planned.plan),
        expires_at=_end_of(terms.until, planned.in_force, sources.now()),
        promoted_from=terms.promoted_from,
        signer=signer,
    )
    accepted = tuple(one.record(record.revision, actor, record.created_at) for one in planned.accepted)
    return _record(sources, proposal.repository, record, planned.deployment, terms.text, accepted)


def deployable(proposal: Proposal) -> Deployable:
    """What is proposed, to be looked at by who signed it."""
    assert proposal.revision is not None
    return Deployable(
        project=proposal.project.name,
        folder=proposal.folder,
        revision=proposal.revision,
        history=proposal.history,
        settings=proposal.project.settings.to_json(),
    )


def _encoded(plan: Plan) -> str:
    return msgspec.json.encode(plan.to_json()).decode()


def _end_of(until: Until | None, before: DeploymentRecord | None, now: datetime) -> datetime | None:
    """When the environment ends: as somebody wishes, else when it was to end before, if that is yet to come."""
    if until is not None:
        return until.at
    kept = before.expires_at if before is not None else None
    return kept if kept is not None and kept > now else None


def _salted(sources: Sources, planned: PlannedDeployment) -> PlannedDeployment:
    """The same with fingerprints of this store: when the plan was made there may have been none."""
    proposal, salt = planned.proposal, sources.opened.get_salt()
    specs = {name: with_salt(spec, salt) for name, spec in proposal.specs.items()}
    hooks = with_salt(proposal.own_hooks, salt) if proposal.own_hooks else None
    if (specs, hooks) == (proposal.specs, proposal.own_hooks):
        return planned
    proposal = evolve(proposal, specs=specs, own_hooks=hooks)
    plan = plan_deployment(sources, sources.opened, proposal).plan
    return evolve(planned, proposal=proposal, plan=evolve(plan, notes=planned.plan.notes))


@frozen(kw_only=True)
class GoingBack:
    """What a rollback would do."""

    current: DeploymentRecord
    """The last deployment; it may have ended its environment."""
    target: DeploymentRecord
    """The one that is repeated."""
    plan: Plan
    """What going back changes."""


def plan_rollback(sources: Sources, current: DeploymentRecord) -> GoingBack:
    """What going back from a deployment would change.

    Raises:
        CronicleError: There is none before it.
    """
    target = previous_deployment(sources, current)
    plan = plan_between(sources.opened, sources.files, in_force(current), target, is_back=True)
    return GoingBack(current=current, target=target, plan=plan)


def roll_back(
    sources: Sources,
    repository: Repository,
    going: GoingBack,
    actor: Actor,
    text: str | None = None,
) -> Deployed:
    """Deploy an earlier deployment again, values and pins included.

    Raises:
        UnsignedError: It has to be signed, and is not.
        CronicleError: Something else was deployed meanwhile.
    """
    current, target = going.current, going.target
    project = sources.opened.find_project(target.project)
    mirror = Mirror.open_or_create(mirror_path(sources.files, target.project))
    back = Deployable(
        project=target.project,
        folder=project.folder if project else "",
        revision=target.revision,
        history=mirror,
        settings=target.settings or {},
    )
    now = sources.now()
    record = DeploymentRecord(
        project=target.project,
        environment=target.environment,
        number=0,
        revision=target.revision,
        created_at=now,
        actor=actor,
        values=target.values,
        workflows=target.workflows,
        rolled_back_to=target.rolled_back_to or target.number,
        moved=moved_back(current, target),
        settings=target.settings,
        pins=target.pins,
        plan=_encoded(going.plan),
        expires_at=_end_of(None, target if current.ended else current, now),
        promoted_from=target.promoted_from,
        signer=check_signed(sources, back, current),
    )
    return _record(sources, repository, record, current, text)


def moved_back(current: DeploymentRecord, target: DeploymentRecord) -> tuple[tuple[str, str], ...]:
    """The renames of workflows that going back to an earlier deployment takes back, so that history follows them."""
    now, then = ({f"workflow.{each.name}" for each in one.workflows} for one in (current, target))
    back = ((new, old) for old, new in current.moved if new in now - then and old in then - now)
    return tuple({new: (new, old) for new, old in back}.values())


def previous_deployment(sources: Sources, current: DeploymentRecord) -> DeploymentRecord:
    """The deployment before the present one; repeated rollbacks go further back. None that ended is gone back to.

    Raises:
        CronicleError: There is none.
    """
    effective = current.rolled_back_to or current.number
    for number in range(effective - 1, 0, -1):
        found = sources.opened.find_deployment(current.project, current.environment, number)
        if found is not None and not found.ended:
            return found
    raise CronicleError(
        f"there is no deployment before number {effective} of {current.project}/{current.environment}",
        "See them all: cronicle deployments",
    )


def _record(
    sources: Sources,
    repository: Repository,
    record: DeploymentRecord,
    base: DeploymentRecord | None,
    text: str | None,
    accepted: tuple[AcceptanceRecord, ...] = (),
) -> Deployed:
    made = sources.opened.add_deployment(record, based_on=base.number if base else None, acceptances=accepted)
    if made is None:
        raise MovedOnError(
            "something else was deployed since this plan was made",
            "Look at the new plan and apply again: cronicle plan",
        )
    project = sources.opened.find_project(made.project)
    is_default = project is not None and project.default_environment == made.environment
    options = "" if is_default else f" -e {made.environment}"
    try:
        show_in_git(sources, repository, made, text)
    except GitError as error:
        return Deployed(deployment=made, options=options, ref_problem=error)
    return Deployed(deployment=made, options=options)
