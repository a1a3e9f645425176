"""Deploying: the record in the store, and then the visible commit in the user's repository."""

from __future__ import annotations

import hashlib

import msgspec
from attrs import evolve, frozen

from cronicle.config.fingerprint import with_salt
from cronicle.errors import CronicleError
from cronicle.execute.places import mirror_path
from cronicle.git.errors import GitError
from cronicle.git.mirror import Mirror
from cronicle.git.refs import read_deployment_ref, write_deployment_ref
from cronicle.git.repository import Repository
from cronicle.operations.binding import bind_project
from cronicle.operations.hold_sources import keep_sources
from cronicle.operations.own_hooks import with_own_hooks
from cronicle.operations.plan import PlannedDeployment, plan_deployment
from cronicle.operations.sources import Sources
from cronicle.plan.changes import plan_from_json
from cronicle.runs.sensitive import sealed_values
from cronicle.store.records import Actor, DeploymentRecord
from cronicle.store.results import AcceptanceRecord


class MovedOnError(CronicleError):
    """Something else was deployed since the plan was made."""


@frozen(kw_only=True)
class Deployed:
    """A deployment that was made."""

    deployment: DeploymentRecord
    ref_problem: GitError | None = None
    """Why the visible commit could not be written; the deployment stands all the same."""


def deploy(sources: Sources, planned: PlannedDeployment, actor: Actor) -> Deployed:
    """Deploy what was planned, if what it was compared with is still in force.

    Raises:
        CronicleError: Something else was deployed meanwhile, or the project's name is taken.
    """
    planned = _salted(sources, planned)
    proposal = planned.proposal
    assert proposal.revision is not None
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
        plan=msgspec.json.encode(planned.plan.to_json()).decode(),
    )
    accepted = tuple(one.record(record.revision, actor, record.created_at) for one in planned.accepted)
    return _record(sources, proposal.repository, record, planned.deployment, accepted)


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


def roll_back(
    sources: Sources,
    repository: Repository,
    current: DeploymentRecord,
    target: DeploymentRecord,
    actor: Actor,
) -> Deployed:
    """Deploy an earlier deployment again, values included.

    Raises:
        CronicleError: Something else was deployed meanwhile.
    """
    record = DeploymentRecord(
        project=target.project,
        environment=target.environment,
        number=0,
        revision=target.revision,
        created_at=sources.now(),
        actor=actor,
        values=target.values,
        workflows=target.workflows,
        rolled_back_to=target.rolled_back_to or target.number,
        moved=moved_back(current, target),
        settings=target.settings,
        pins=target.pins,
    )
    return _record(sources, repository, record, current)


def moved_back(current: DeploymentRecord, target: DeploymentRecord) -> tuple[tuple[str, str], ...]:
    """The renames of workflows that going back to an earlier deployment takes back, so that history follows them."""
    now, then = ({f"workflow.{each.name}" for each in one.workflows} for one in (current, target))
    back = ((new, old) for old, new in current.moved if new in now - then and old in then - now)
    return tuple({new: (new, old) for new, old in back}.values())


def previous_deployment(sources: Sources, current: DeploymentRecord) -> DeploymentRecord:
    """The deployment before the present one; repeated rollbacks go further back.

    Raises:
        CronicleError: There is none.
    """
    effective = current.rolled_back_to or current.number
    if effective > 1:
        found = sources.opened.find_deployment(current.project, current.environment, effective - 1)
        if found is not None:
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
    accepted: tuple[AcceptanceRecord, ...] = (),
) -> Deployed:
    made = sources.opened.add_deployment(record, based_on=base.number if base else None, acceptances=accepted)
    if made is None:
        raise MovedOnError(
            "something else was deployed since this plan was made",
            "Look at the new plan and apply again: cronicle plan",
        )
    try:
        _show_in_git(sources, repository, made)
    except GitError as error:
        return Deployed(deployment=made, ref_problem=error)
    return Deployed(deployment=made)


def _show_in_git(sources: Sources, repository: Repository, made: DeploymentRecord) -> None:
    """Write the deployment's commit on its ref; a revision that the clone lacks is copied there from the mirror."""
    Mirror.open_or_create(mirror_path(sources.files, made.project)).lend(repository, made.revision)
    before = read_deployment_ref(repository, made.project, made.environment)
    pins = " ".join(f"{pin.name}={pin.revision}" for pin in made.pins)
    what = f"Roll back to deployment {made.rolled_back_to}" if made.rolled_back_to else "Deploy"
    subject = f"{what}: {made.project}/{made.environment} at {made.revision[:12]}"
    write_deployment_ref(
        repository,
        made.project,
        made.environment,
        made.revision,
        before,
        repository.identity(sources.environ, sources.user, sources.host),
        made.created_at,
        "\n\n".join((subject, *_notes_of(made))),
        {
            "Cronicle-Deployment": str(made.number),
            "Cronicle-Values": values_hash(made, sources.opened.get_salt()),
            **({"Cronicle-Sources": pins} if pins else {}),
        },
    )


def _notes_of(made: DeploymentRecord) -> tuple[str, ...]:
    """What its plan noted."""
    return () if made.plan is None else plan_from_json(msgspec.json.decode(made.plan)).notes


def values_hash(deployment: DeploymentRecord, salt: str) -> str:
    """A hash of the values of all variables; the values themselves never stand in git.

    Those that are sensitive go into it by a hash that is keyed with the store's salt, so that they cannot be guessed.
    """
    values = sealed_values(deployment.values, salt)
    return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()
