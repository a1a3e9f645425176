"""Branches of the remotes of a clone, as its configuration says them: `origin/main`."""

from __future__ import annotations

import pygit2
from attrs import frozen

from cronicle.errors import UsageError
from cronicle.git.errors import GitError
from cronicle.git.history import reason
from cronicle.git.repository import Repository


@frozen
class Upstream:
    """A branch of another repository."""

    remote: str
    """What the clone calls that repository."""
    branch: str
    url: str
    """Where it is: an address, or a path, which may be seen from the clone."""


def find_upstream(repository: Repository, text: str) -> Upstream:
    """The branch that `text` names, in the way of `origin/main`; nobody is asked whether there is one.

    Raises:
        UsageError: It names no remote of the clone, or no branch.
        GitError: The clone's configuration cannot be read.
    """
    try:
        names = sorted(filter(None, repository.git.remotes.names()), key=len, reverse=True)
        remote = next((name for name in names if text.startswith(f"{name}/")), None)
        url = None if remote is None else repository.git.remotes[remote].url
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"the remotes of {repository.where} cannot be read: {reason(error)}",
            "Look at them: git remote -v",
        ) from error
    if remote is None or not url:
        raise UsageError(
            f"{text!r} names no remote of {repository.where} and its branch",
            f"Its remotes are: {', '.join(sorted(names))}. Write: --follow {names[-1]}/main"
            if names
            else "It has none. Add one: git remote add origin URL",
        )
    branch = text.removeprefix(f"{remote}/")
    if not pygit2.reference_is_valid_name(f"refs/heads/{branch}"):
        raise UsageError(f"{branch!r} is not the name of a branch", f"Write: --follow {remote}/main")
    return Upstream(remote, branch, url)
