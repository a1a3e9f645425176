"""A workflow as a revision that need not be deployed, or the working directory, has it."""

from __future__ import annotations

from cronicle.errors import CronicleError
from cronicle.operations.ask import Candidate
from cronicle.operations.binding import bind_project, check_name
from cronicle.operations.deployed import Target
from cronicle.operations.hold_sources import keep_sources
from cronicle.operations.propose import Proposal, as_commit, propose
from cronicle.operations.sources import Sources


def undeployed_candidate(sources: Sources, workflow: str, revision: str | None) -> Candidate:
    """The workflow at `revision`, or in the working directory if that is None; pinned in the mirror.

    Values of variables are those of the deployment in force, unless `--var` says otherwise.

    Raises:
        CronicleError: There is no such workflow or revision, its files have errors, or they are of another project
            than the one that was asked for.
    """
    proposal = propose(sources, revision=revision, working_tree=revision is None, deployed_values=True)
    _must_be_meant(sources, proposal)
    if revision is None:
        proposal = as_commit(sources, proposal)
    project = bind_project(sources, proposal)
    keep_sources(sources, proposal.held)
    if workflow not in proposal.specs:
        from cronicle.operations.named_workflows import not_one

        unknown = f"there is no workflow {workflow!r} at {_named(proposal)}"
        raise CronicleError(*not_one(workflow, proposal.specs, unknown, "Its workflows are"))
    deployed = proposal.deployed_workflow(workflow)
    sources.opened.put_spec(proposal.spec_bytes(workflow))
    assert proposal.revision is not None
    environment = proposal.project.environment
    return Candidate(
        target=Target(project, environment),
        workflow=workflow,
        spec=proposal.specs[workflow],
        spec_hash=deployed.spec_hash,
        deployed=deployed,
        revision=proposal.revision,
        deployment=None,
        counts=not proposal.dirty
        and sources.opened.has_been_deployed(project.name, environment, proposal.revision),
        dirty=proposal.dirty,
    )


def _must_be_meant(sources: Sources, proposal: Proposal) -> None:
    """See to it that the files here are of the project that is meant, before anything of them goes to its mirror."""
    check_name(sources, sources.opened, proposal)
    name = proposal.project.name
    if sources.project in (None, name):
        return
    meant = sources.opened.find_project(sources.project)
    raise CronicleError(
        f"the files of this folder are of project {name}, not of {sources.project}",
        f"Change into the folder of that project: {meant.path}"
        if meant
        else "Change into that project's folder.",
    )


def _named(proposal: Proposal) -> str:
    return "the working directory" if proposal.dirty else f"revision {str(proposal.revision)[:7]}"
