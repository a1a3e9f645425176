"""Ending an environment on request: in the store, and as git shows it."""

from __future__ import annotations

from cronicle.errors import CronicleError
from cronicle.git.errors import GitError
from cronicle.git.repository import Repository
from cronicle.operations.deploy import Deployed
from cronicle.operations.ended import record_end
from cronicle.operations.shown import show_in_git
from cronicle.operations.sources import Sources
from cronicle.store.records import Actor, DeploymentRecord


def end_environment(
    sources: Sources,
    repository: Repository | None,
    deployment: DeploymentRecord,
    actor: Actor,
    reason: str,
) -> Deployed:
    """End an environment.

    Args:
        sources: The store, and who asks.
        repository: The user's, to show it in; None if the command was not given in it.
        deployment: The one in force.
        actor: Who ends it.
        reason: Why.

    Raises:
        CronicleError: Something else was deployed meanwhile.
    """
    made = record_end(sources.opened, deployment, sources.now(), actor, reason)
    if made is None:
        raise CronicleError(
            f"something else was deployed to {deployment.project}/{deployment.environment} meanwhile",
            "Look at it, and end it then: cronicle deployments",
        )
    if repository is None:
        return Deployed(deployment=made)
    try:
        show_in_git(sources, repository, made, reason)
    except GitError as error:
        return Deployed(deployment=made, ref_problem=error)
    return Deployed(deployment=made)
