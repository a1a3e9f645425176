"""Deploying what was planned, once somebody has agreed to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from cronicle.cli import deploying
from cronicle.cli.output import print_json, say
from cronicle.cli.plan_text import plan_text
from cronicle.cli.session import Session
from cronicle.errors import ExitCode
from cronicle.git.repository import Repository
from cronicle.operations.deploy import Terms, Until, deploy, deployable
from cronicle.operations.plan import PlannedDeployment
from cronicle.operations.signed import check_signed
from cronicle.store.records import DeploymentRecord, Promotion
from cronicle.views.plan import deployment_document, effects_document

if TYPE_CHECKING:
    from cronicle.store.interface import Store


@frozen(kw_only=True)
class Asked:
    """How something is to be deployed."""

    var: Sequence[str] = ()
    var_files: Sequence[str] = ()
    push: str | None = None
    """The remote to push to."""
    until: Until | None = None
    promoted: DeploymentRecord | None = None
    """What another environment has, and this one is to have."""
    auto_approve: bool
    command: str
    """What does it without asking."""
    json: bool

    def remote(self, planned: PlannedDeployment) -> str | None:
        """Where it is pushed to, if it is."""
        return deploying.pushes_to(self.push, planned.proposal.project.settings.to_json())


def settle(
    session: Session,
    existing: Store | None,
    repository: Repository,
    planned: PlannedDeployment,
    asked: Asked,
) -> int | None:
    """Show a plan, and ask; the exit code where nothing is to be deployed, None if it is to be.

    Raises:
        CronicleError: It has to be signed, and is not; or nobody is there to be asked.
    """
    sources = session.sources(existing, asked.var, asked.var_files)
    if not asked.json:
        say(plan_text(planned, session.clock.now()))
    if not planned.has_changes and asked.until is None:
        assert planned.deployment is not None
        assert existing is not None
        pushed = deploying.push(sources, repository, planned.deployment, asked.remote(planned))
        if asked.json:
            shown = {"pushed": deploying.pushed_document(pushed)}
            print_json(deployment_document(planned.deployment) | shown)
        else:
            deploying.say_pushed(pushed)
        return deploying.code_of(pushed)
    check_signed(sources, deployable(planned.proposal), planned.deployment)
    target = f"{planned.proposal.project.name}/{planned.environment}"
    title = f"Deploy {str(planned.proposal.revision)[:7]} to {target}?"
    if not asked.auto_approve and not deploying.approve_deployment(title, asked.command):
        return ExitCode.FAILED
    return None


def deploy_planned(session: Session, repository: Repository, planned: PlannedDeployment, asked: Asked) -> int:
    """Deploy what somebody has agreed to, show it in git, and push that where it is wanted; the exit code."""
    remote, other = asked.remote(planned), asked.promoted
    with session.store(create=True) as opened:
        sources = session.sources(opened, asked.var, asked.var_files)
        deploying.prepare_push(sources, repository, planned.deployment, remote)
        promotion = None if other is None else Promotion(environment=other.environment, number=other.number)
        text = deploying.for_git(plan_text(planned, session.clock.now()))
        terms = Terms(until=asked.until, promoted_from=promotion, text=text)
        made = deploy(sources, planned, session.actor(), terms)
        session.wake_owners(opened)
        pushed = deploying.push(sources, repository, made.deployment, remote)
        deploying.say_deployed(made, pushed, json=asked.json, effects=effects_document(planned))
        deploying.note(sources, repository, made.deployment)
    return deploying.code_of(pushed)
