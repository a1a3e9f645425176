"""What can be wrong with a repository, each said with its place and its remedy.

Rules: no exception of pygit2 leaves this package; `message` names what and where, `remedy` what to do next.
"""

# ruff: noqa: N818 - named after what is there; all of them end as `GitError`
from __future__ import annotations

import shlex
from pathlib import Path
from typing import Self

from cronicle.errors import CronicleError


class GitError(CronicleError):
    """Something about a git repository that a user can understand and mend."""


class NotARepository(GitError):
    """There is no git repository with a working directory here."""

    @classmethod
    def at(cls, path: Path) -> Self:
        """No repository in `path` or above it."""
        return cls(
            f"{path} is not inside a git repository",
            "Run the command inside one, or make one with `cronicle init`.",
        )

    @classmethod
    def other(cls, path: Path) -> Self:
        """No repository in the folder `path`, from which code was to be taken."""
        return cls(
            f"there is no git repository in {path}",
            "Name the folder of a clone, or of a bare repository; a path that is not absolute is seen from the "
            "project's folder.",
        )

    @classmethod
    def bare(cls, path: Path) -> Self:
        """A repository without a working directory."""
        return cls(
            f"{path} is a bare git repository: it has no working directory",
            "Run the command in a clone or a worktree of it.",
        )


class ForeignOwner(GitError):
    """The repository belongs to another user, who could have planted configuration in it (CVE-2022-24765)."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """The folder `path` of a repository has another owner."""
        command = f"git config --global --add safe.directory {shlex.quote(str(path))}"
        return cls(
            f"detected dubious ownership in repository at {path}: it is owned by somebody else",
            f"If you trust its owner, add it to git's safe.directory:\n\n    {command}",
        )


class EmptyRepository(GitError):
    """The repository has no commit yet."""

    @classmethod
    def at(cls, path: Path) -> Self:
        """The branch that is checked out in `path` has no commit."""
        return cls(
            f"{path} has no commit yet, so there is no revision to read",
            "Make the first one:\n\n    git add --all && git commit --message 'First commit'",
        )


class UnknownRevision(GitError):
    """A text does not name one commit of the repository."""

    @classmethod
    def named(cls, text: str, path: Path, why: str = "names no commit") -> Self:
        """`text`, asked of the repository in `path`, is not a revision."""
        return cls(
            f"{text!r} {why} in {path}",
            "Give a branch, a tag, a commit id or a prefix of one, or HEAD, each also with ~N.",
        )


class ShallowClone(GitError):
    """The history that is needed was left out of this clone."""

    @classmethod
    def at(cls, path: Path, what: str) -> Self:
        """`what` lies beyond the cut of the clone in `path`."""
        return cls(
            f"{path} is a shallow clone, and {what} is not in it",
            "Fetch the whole history:\n\n    git fetch --unshallow",
        )


class UnsafeTree(GitError):
    """A revision has a path that could reach outside of its own files, or that no file system can hold."""

    @classmethod
    def entry(cls, path: str, why: str, revision: str = "") -> Self:
        """The entry `path` is refused."""
        where = f" of revision {revision}" if revision else ""
        return cls(
            f"the path {path!r}{where} is unsafe: {why}",
            "Rename or remove it in the repository, commit, and use that revision.",
        )


class BadRepository(GitError):
    """A repository is damaged, or made in a way that is not supported."""

    @classmethod
    def at(cls, path: Path, why: str) -> Self:
        """The repository in `path` cannot be read, and `why`."""
        return cls(
            f"the git repository {path} cannot be read: {why}",
            "Check it with `git fsck`; in a partial clone, fetch what is missing with `git fetch --refetch`.",
        )
