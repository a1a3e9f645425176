"""Deployments as git shows them: a chain of commits on `refs/cronicle/deployments/<project>/<environment>`.

Each has the tree of the revision that was deployed, the previous deployment as its first parent and the
revision as its second; `git log --first-parent REF` is the list of deployments. The store's row is the truth:
a failure here is a `GitError` for the caller to show as a warning, and a missing ref is written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from cronicle.git.errors import GitError
from cronicle.git.history import reason
from cronicle.git.repository import Identity, Repository, signature

DEPLOYMENTS: Final = "refs/cronicle/deployments/"


def deployment_ref(project: str, environment: str) -> str:
    """The name of the ref of an environment."""
    return f"{DEPLOYMENTS}{project}/{environment}"


def read_deployment_ref(repository: Repository, project: str, environment: str) -> str | None:
    """The commit of the last deployment that is shown, or None.

    Raises:
        GitError: The ref is there and cannot be read.
    """
    name = deployment_ref(project, environment)
    try:
        reference = repository.git.references.get(name)
        return None if reference is None else str(reference.peel(ObjectType.COMMIT).id)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"{name} in {repository.where} cannot be read: {reason(error)}",
            f"Delete it, and it will be written again: git update-ref -d {name}",
        ) from error


def read_trailers(repository: Repository, commit: str) -> dict[str, str]:
    """The trailers of a commit of a deployment: the lines of its last paragraph that are `Key: value`.

    Raises:
        GitError: It cannot be read.
    """
    message = repository.commit(commit).raw_message.decode("utf-8", "replace")
    lines = message.strip().rpartition("\n\n")[2].splitlines()
    pairs = (line.partition(": ") for line in lines)
    return {key: value for key, colon, value in pairs if colon}


def write_deployment_ref(
    repository: Repository,
    project: str,
    environment: str,
    revision: str,
    previous_ref_commit: str | None,
    identity: Identity,
    when: datetime,
    message: str,
    trailers: Mapping[str, str],
) -> str:
    """Adds a deployment to the chain of an environment, if the chain still ends where the caller saw it end.

    Args:
        repository: The user's repository.
        project: The project's name.
        environment: The environment's name.
        revision: What was deployed.
        previous_ref_commit: What `read_deployment_ref` gave.
        identity: Author and committer.
        when: The moment of the deployment, aware.
        message: Subject and body.
        trailers: Written below them as `Key: value`; line breaks in values become spaces.

    Returns:
        The id of the new commit.

    Raises:
        GitError: The ref has moved, the revision is not in this clone, or the repository cannot be written.
    """
    name = deployment_ref(project, environment)
    who = signature(identity, when)
    lines = [f"{key}: {' '.join(value.split())}" for key, value in trailers.items()]
    text = message.strip() + "\n" + ("\n" + "\n".join(lines) + "\n" if lines else "")
    commit = repository.commit(revision)
    git = repository.git
    try:
        parents = [previous_ref_commit, revision] if previous_ref_commit is not None else [revision]
        new = git.create_commit(None, who, who, text, commit.tree_id, parents)
        if previous_ref_commit is None:
            git.create_reference(name, new, force=False)
        else:
            reference = git.references[name]
            if str(reference.target) != previous_ref_commit:
                raise GitError(
                    f"{name} in {repository.where} has moved to {reference.target}",
                    "Somebody else deployed meanwhile.",
                )
            reference.set_target(new)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"the deployment could not be shown as {name} in {repository.where}: {reason(error)}",
            "The deployment itself stands. The next `cronicle apply` writes the ref again.",
        ) from error
    return str(new)
