"""Making the plan that `plan` shows and `apply` deploys, with the warnings that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cronicle.cli.diagnosing import tell_diagnostics
from cronicle.cli.output import paint, tell, visible_line
from cronicle.cli.session import Session
from cronicle.operations.absent import check_content
from cronicle.operations.labels import LabelsOfServing, named
from cronicle.operations.plan import PlannedDeployment, plan_deployment
from cronicle.operations.propose import Proposal, propose, working_changes

if TYPE_CHECKING:
    from cronicle.store.interface import Store

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
) -> PlannedDeployment:
    """The plan for a revision, or for the working directory; warnings go to stderr."""
    sources = session.sources(store, var or (), var_file or ())
    proposal = propose(sources, revision=revision, working_tree=working_tree)
    tell_diagnostics(proposal.diagnostics, len(proposal.files))
    for warning in check_content(proposal):
        tell(f"{paint('warning:', 'yellow')} {warning}\n")
    changed = (
        () if working_tree or revision is not None else working_changes(proposal.repository, proposal.folder)
    )
    if changed:
        tell(
            f"{paint('warning:', 'yellow')} files in the working directory differ from HEAD, "
            f"and this plan leaves that out: {names_of(changed)}\n"
        )
    for name, held in proposal.held.items():
        if held.problem is not None:
            tell(
                f"{paint('warning:', 'yellow')} source.{name} cannot be asked, so this plan goes by "
                f"what is deployed, {held.pin.revision[:7]}: {held.problem}\n"
            )
    if store is not None:
        _warn_of_labels(store, proposal)
    planned = plan_deployment(sources, store, proposal, accept)
    for problem in planned.problems:
        tell(f"{paint('warning:', 'yellow')} {visible_line(problem)}\n")
    return planned


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
