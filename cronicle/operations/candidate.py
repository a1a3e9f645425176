"""The workflow that a run is made of: as it is deployed, as another revision has it, or as it lies there."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cronicle.errors import CronicleError, UsageError
from cronicle.operations.ask import Candidate
from cronicle.operations.deployed import Target, find_target, get_deployment, get_workflow
from cronicle.operations.sources import Sources
from cronicle.runs.spec import spec_from_bytes
from cronicle.store.records import DeploymentRecord

DEPLOYED = "deployed"
"""What `--revision` calls the revision in force."""


def find_candidate(
    sources: Sources, workflow: str, *, revision: str | None, dirty: bool, var: Sequence[str] = ()
) -> Candidate:
    """The workflow at the deployed revision, unless `revision` or `dirty` says otherwise.

    Raises:
        CronicleError: There is no such workflow, revision or deployment.
        UsageError: Options exclude each other.
    """
    if dirty and revision is not None:
        raise UsageError("--dirty and --revision exclude each other")
    if (revision is None and not dirty) or revision == DEPLOYED:
        if var:
            raise UsageError(
                "--var has no effect on what is deployed: `apply` fixed the values of all variables",
                "Deploy other values: cronicle apply --var …   or run another revision: --revision HEAD --var …",
            )
        return deployed_candidate(
            sources,
            find_target(sources.opened, sources.where, sources.environment, sources.project),
            workflow,
        )
    from cronicle.operations.undeployed import undeployed_candidate

    return undeployed_candidate(attrs.evolve(sources, var=tuple(var)), workflow, revision)


def deployed_candidate(sources: Sources, target: Target, workflow: str) -> Candidate:
    """The workflow as it is deployed.

    Raises:
        CronicleError: It is not.
    """
    deployment = get_deployment(sources.opened, target)
    return candidate_of(sources, target, deployment, workflow)


def candidate_of(sources: Sources, target: Target, deployment: DeploymentRecord, workflow: str) -> Candidate:
    """The workflow as a deployment has it."""
    deployed = get_workflow(deployment, workflow)
    return Candidate(
        target=target,
        workflow=workflow,
        spec=spec_from_bytes(sources.opened.get_spec(deployed.spec_hash)),
        spec_hash=deployed.spec_hash,
        deployed=deployed,
        revision=deployment.revision,
        deployment=deployment.number,
        counts=True,
    )


def find_deployed(sources: Sources, target: Target, workflow: str) -> Candidate | None:
    """The workflow as it is deployed now, or None."""
    try:
        return deployed_candidate(sources, target, workflow)
    except CronicleError:
        return None
