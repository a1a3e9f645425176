"""Deployments as a user names them: `7`, `staging`, `staging/3`."""

from __future__ import annotations

import re
from typing import Final

from cronicle.errors import CronicleError, UsageError
from cronicle.names import is_name
from cronicle.operations.deployed import Target, get_last_deployment
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

_NUMBERED: Final = re.compile(r"(?:([^/]+)/)?([0-9]{1,18})")


def find_deployment(store: StoreReader, target: Target, text: str) -> DeploymentRecord:
    """The deployment that a text names: its number, an environment for the last one of it, or both.

    Raises:
        UsageError: It is neither.
        CronicleError: There is none.
    """
    found = _NUMBERED.fullmatch(text)
    if found is None:
        if not is_name(text):
            raise UsageError(
                f"{text!r} names no deployment",
                "Give its number, an environment, or both: 7, staging, staging/7",
            )
        return get_last_deployment(store, Target(target.project, text))
    environment, number = found[1] or target.environment, int(found[2])
    deployment = store.find_deployment(target.project.name, environment, number)
    if deployment is None:
        raise CronicleError(
            f"there is no deployment {number} of {target.project.name}/{environment}",
            f"See which there are: cronicle deployments -e {environment}",
        )
    return deployment
