"""Making the plan that `plan` shows and `apply` deploys, with the warnings that belong to it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cronicle.cli.diagnosing import tell_diagnostics
from cronicle.cli.output import paint, tell, visible_line
from cronicle.cli.session import Session
from cronicle.errors import CronicleError
from cronicle.operations.absent import check_content
from cronicle.operations.deploy import deployable
from cronicle.operations.labels import LabelsOfServing, named
from cronicle.operations.plan import PlannedDeployment, plan_deployment
from cronicle.operations.propose import Proposal, propose, working_changes
from cronicle.operations.signed import check_signed, is_required, signers_for
from cronicle.operations.sources import Sources

if TYPE_CHECKING:
    from cronicle.store.interface import Store
    from cronicle.store.records import DeploymentRecord

SHOWN_PATHS = 5


def look_at_plan(
    session: Session,
    store: Store | None,
    revision: str | None,
    *,
    working_tree: bool,
    var: list[str] | None,
    var_file: list[str] | None,
    accept: str | None = None,
    promoted: DeploymentRecord | None = None,
) -> PlannedDeployment:
    """The plan for a revision, for what another environment has, or for the working directory; warnings to stderr."""
    sources = session.sources(store, var or (), var_file or ())
    if promoted is not None:
        proposal = propose(sources, revision=promoted.revision, pins=promoted.pins)
    else:
        proposal = propose(sources, revision=revision, working_tree=working_tree)
    tell_of_proposal(proposal)
    _warn_of_changes(proposal, is_head=not working_tree and revision is None and promoted is None)
    if store is not None:
        _warn_of_labels(store, proposal)
    planned = plan_deployment(sources, store, proposal, accept)
    tell_of_problems(planned)
    if not working_tree:
        _tell_whose_list(sources, planned)
    return planned


def look_at_difference(
    session: Session,
    base: str,
    revision: str | None,
    *,
    working_tree: bool,
    var: list[str] | None,
    var_file: list[str] | None,
) -> PlannedDeployment:
    """What a revision, or the working directory, changes compared with another; warnings go to stderr."""
    from cronicle.operations.plan_offline import plan_offline, propose_both

    sources = session.sources(None, var or (), var_file or ())
    before, proposal = propose_both(sources, base, revision, working_tree=working_tree)
    tell_of_proposal(proposal)
    _warn_of_changes(proposal, is_head=not working_tree and revision is None)
    return plan_offline(sources, before, proposal)


def tell_of_proposal(proposal: Proposal) -> None:
    """Warn of what is odd in what is proposed."""
    tell_diagnostics(proposal.diagnostics, len(proposal.files))
    for warning in check_content(proposal):
        tell(f"{paint('warning:', 'yellow')} {warning}\n")
    for name, held in proposal.held.items():
        if held.problem is not None:
            tell(
                f"{paint('warning:', 'yellow')} source.{name} cannot be asked, so this plan goes by "
                f"what is deployed, {held.pin.revision[:7]}: {held.problem}\n"
            )


def tell_of_problems(planned: PlannedDeployment) -> None:
    """Warn of what messages of commits say and cannot be followed."""
    for problem in planned.problems:
        tell(f"{paint('warning:', 'yellow')} {visible_line(problem)}\n")


def _warn_of_changes(proposal: Proposal, *, is_head: bool) -> None:
    """Say what in the working directory is left out where it is `HEAD` that is planned."""
    if is_head and (changed := working_changes(proposal.repository, proposal.folder)):
        tell(
            f"{paint('warning:', 'yellow')} files in the working directory differ from HEAD, "
            f"and this plan leaves that out: {names_of(changed)}\n"
        )


def _tell_whose_list(sources: Sources, planned: PlannedDeployment) -> None:
    """Say that a revision itself says who may sign, the first time that it does."""
    candidate = deployable(planned.proposal)
    if not is_required(sources, candidate, planned.deployment):
        return
    with suppress(CronicleError):
        signers = signers_for(sources, candidate, planned.deployment)
        if signers.is_its_own:
            tell(
                f"{paint('note:', 'yellow')} who may sign is read from this revision itself, since nothing deployed "
                f"has a list: look at it. From then on it is that of the deployed revision: {signers.where}\n"
            )


def warn_of_signature(session: Session, store: Store | None, planned: PlannedDeployment) -> None:
    """Say that `apply` would refuse a revision, for want of a good signature."""
    if planned.proposal.revision is None:
        return
    try:
        check_signed(session.sources(store), deployable(planned.proposal), planned.deployment)
    except CronicleError as error:
        tell(f"{paint('warning:', 'yellow')} apply will refuse this: {error.message}\n{error.remedy}\n")


def _warn_of_labels(store: Store, proposal: Proposal) -> None:
    """Say of which workflows runs would wait, since nobody serves who has the labels that they need."""
    project = proposal.project
    labels = LabelsOfServing(store)
    for name, spec in proposal.specs.items():
        lacking = labels.lacking(project.name, project.environment, spec.runs_on)
        if lacking is None:
            continue
        tell(
            f"{paint('warning:', 'yellow')} runs of {name} will wait, since no process that serves has "
            f"{named(lacking.runs_on)}: {'; '.join(map(visible_line, lacking.served_by))}\n"
        )


def names_of(paths: tuple[str, ...]) -> str:
    """The first few paths, and how many more there are."""
    more = f" and {len(paths) - SHOWN_PATHS} more" if len(paths) > SHOWN_PATHS else ""
    return ", ".join(paths[:SHOWN_PATHS]) + more
