"""What another environment runs, to be deployed once more."""

from __future__ import annotations

from cronicle.errors import CronicleError, UsageError
from cronicle.operations.deployed import find_target, get_deployment
from cronicle.operations.sources import Sources
from cronicle.store.records import DeploymentRecord


def deployment_to_promote(sources: Sources, environment: str) -> DeploymentRecord:
    """The deployment in force in the environment that is promoted from.

    Raises:
        UsageError: It is the one that is deployed to.
        CronicleError: Nothing is deployed there.
    """
    if sources.store is None:
        raise CronicleError(
            f"nothing has been deployed to {environment} yet",
            f"Deploy it with: cronicle apply -e {environment}",
        )
    target = find_target(sources.store, sources.where, environment)
    to = sources.environment or target.project.default_environment
    if to == environment:
        raise UsageError(
            f"--from {environment} is the environment that is deployed to",
            f"Name another one to deploy to: cronicle apply -e NAME --from {environment}",
        )
    return get_deployment(sources.store, target)
