"""Refs of the user's repository that are pushed to another one, and had from there.

Rules:

1. Only what is named is pushed, never by force: a ref that has something else there stays as it is.
2. A remote is named as the clone has it, or by an address; `cronicle.git.transport` says which are accepted and who
   logs in. What the configuration of the clone says beside addresses (`core.sshCommand`, `ext::`) is not executed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pygit2
from attrs import evolve, frozen

from cronicle.config.locations import PATH, Location, RevealingError, location_of
from cronicle.errors import CronicleError
from cronicle.git.errors import GitError
from cronicle.git.history import reason
from cronicle.git.repository import Repository
from cronicle.git.transport import Remote

_FETCHED = "refs/cronicle/fetched/"


class UnknownRemoteError(GitError):
    """A text names no remote of the clone, and no address."""


class NotPushedError(GitError):
    """A ref has not been pushed, since the other repository has something else there, or does not want it."""


@frozen
class NamedRemote:
    """Another repository, as somebody has named it."""

    name: str
    location: Location
    key_file: Path | None = None


def find_remote(repository: Repository, text: str, cwd: Path, key_file: Path | None = None) -> NamedRemote:
    """The repository that a text names: a remote of the clone, an address, or a path that is seen from `cwd`.

    Raises:
        UnknownRemoteError: It names nothing.
        GitError: Its address is none that is accepted.
    """
    names = _names(repository)
    is_known = text in names
    base = repository.workdir if is_known else cwd
    try:
        location = location_of(_address(repository, text) if is_known else text)
    except RevealingError as error:
        where = f"remote {text}: " if is_known else ""
        raise GitError(f"{where}{error.message}", error.remedy) from error
    except CronicleError as error:
        raise UnknownRemoteError(
            f"{text}: {error.message}" if is_known else error.message, error.remedy
        ) from error
    if location.kind == PATH:
        path = os.path.normpath(os.path.join(base, os.path.expanduser(location.text)))
        if not os.path.isdir(path):
            raise _unknown(text, names, path if is_known else None)
        location = evolve(location, text=path)
    return NamedRemote(text, location, key_file)


def _names(repository: Repository) -> tuple[str, ...]:
    with repository.reading():
        return tuple(name for name in repository.git.remotes.names() if name)


def _address(repository: Repository, name: str) -> str:
    with repository.reading():
        remote = repository.git.remotes[name]
        return remote.push_url or remote.url or ""


def _unknown(text: str, names: tuple[str, ...], path: str | None) -> UnknownRemoteError:
    from grammar.suggest import nearest

    if path is not None:
        return UnknownRemoteError(
            f"the remote {text} is the path {path}, and there is nothing",
            f"Correct it: git remote set-url {text} ADDRESS",
        )
    close = nearest(text, list(names))
    known = f"Did you mean {close}?" if close else f"It has: {', '.join(names) or 'none'}."
    return UnknownRemoteError(
        f"this clone has no remote {text!r}", f"{known} An address or a path will do as well."
    )


def push_ref(repository: Repository, remote: NamedRemote, ref: str) -> None:
    """Have the other repository point the same ref to the same commit.

    Raises:
        NotPushedError: It has a commit there that is not in the history of ours, or refuses it.
        UnreachableError: It gives no answer.
    """
    refused = Remote(repository.git, remote.location, remote.key_file).push([f"{ref}:{ref}"])
    if (why := refused.get(ref)) is not None:
        raise NotPushedError(
            f"{remote.name} does not take {ref}: {why}",
            "Look at what it has there, and who may write it.",
        )


def fetch_ref(repository: Repository, remote: NamedRemote, ref: str) -> str | None:
    """The commit that a ref of the other repository points to, which is had from there; None if it has no such ref.

    Raises:
        UnreachableError: It gives no answer.
        GitError: It cannot be read.
    """
    mine = _FETCHED + ref.removeprefix("refs/")
    _forget(repository, mine)
    try:
        Remote(repository.git, remote.location, remote.key_file).fetch([f"+{ref}:{mine}"])
        found = repository.git.references.get(mine)
        return None if found is None else str(found.target)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"{ref} of {remote.name} cannot be read: {reason(error)}",
            "Look at it: git ls-remote " + remote.name,
        ) from error
    finally:
        _forget(repository, mine)


def _forget(repository: Repository, ref: str) -> None:
    with suppress(pygit2.GitError, KeyError, ValueError, OSError):
        repository.git.references.delete(ref)


def move_ref(repository: Repository, ref: str, commit: str) -> None:
    """Point a ref of ours to a commit.

    Raises:
        GitError: The repository cannot be written.
    """
    try:
        repository.git.references.create(ref, commit, force=True)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"{ref} in {repository.where} cannot be written: {reason(error)}",
            "Check the repository's owner and its free space.",
        ) from error
