"""Notes on commits, as `git notes` keeps them: a ref whose tree has a file for each commit, named by its id.

Files may lie in folders that are named by the first digits; what is written here lies flat. Each write is one commit,
however many notes it changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pygit2
from pygit2.enums import FileMode, ObjectType

from cronicle.git.errors import GitError
from cronicle.git.history import reason
from cronicle.git.repository import Identity, Repository, signature
from cronicle.git.tree import FOLDER

NOTES: Final = "refs/notes/cronicle"
"""`git log --notes=cronicle` shows them."""

_ID: Final = re.compile(r"[0-9a-f]{40}")
_PART: Final = re.compile(r"[0-9a-f]{2}")


def notes_tip(repository: Repository) -> str | None:
    """The commit that the ref of the notes points to; None if there are none.

    Raises:
        GitError: The ref cannot be read.
    """
    try:
        reference = repository.git.references.get(NOTES)
        return None if reference is None else str(reference.peel(ObjectType.COMMIT).id)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"{NOTES} in {repository.where} cannot be read: {reason(error)}",
            f"Delete it, and it will be written again: git update-ref -d {NOTES}",
        ) from error


def read_notes(repository: Repository, tip: str | None) -> dict[str, str]:
    """The notes of a commit of the ref, by the ids of the commits that they are about.

    Raises:
        GitError: They cannot be read.
    """
    if tip is None:
        return {}
    return {
        commit: repository.read_object(blob).decode("utf-8", "replace")
        for commit, blob in _blobs(repository, tip).items()
    }


def _blobs(repository: Repository, tip: str) -> dict[str, str]:
    reader = repository.reader(tip)
    found: dict[str, str] = {}
    pending = [("", reader.root)]
    while pending:
        digits, tree = pending.pop()
        for entry in reader.entries(tree).values():
            name = digits + entry.name
            if entry.mode == FOLDER and _PART.fullmatch(entry.name) and len(name) < 40:
                pending.append((name, entry.id))
            elif entry.mode != FOLDER and _ID.fullmatch(name):
                found[name] = entry.id
    return found


def write_notes(
    repository: Repository,
    notes: Mapping[str, str],
    parents: tuple[str, ...],
    identity: Identity,
    when: datetime,
) -> str:
    """Have the ref hold these notes and no others, in a commit that follows others.

    Args:
        repository: Where they are about commits.
        notes: All of them, by the ids of the commits.
        parents: The commits that it follows; the first one is where the ref is now.
        identity: Author and committer.
        when: The moment, aware.

    Returns:
        The id of the commit.

    Raises:
        GitError: The ref has moved, or the repository cannot be written.
    """
    git, who = repository.git, signature(identity, when)
    try:
        builder = git.TreeBuilder()
        for commit, text in notes.items():
            builder.insert(commit, git.create_blob(text.encode()), FileMode.BLOB)
        made = git.create_commit(
            None, who, who, "Notes of Cronicle\n", builder.write(), [pygit2.Oid(hex=one) for one in parents]
        )
        before = git.references.get(NOTES)
        if (None if before is None else str(before.target)) != (parents[0] if parents else None):
            raise GitError(f"{NOTES} has moved meanwhile", "Write them again: cronicle notes")
        git.references.create(NOTES, made, force=True)
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise GitError(
            f"the notes could not be written as {NOTES} in {repository.where}: {reason(error)}",
            "Check the repository's owner and its free space.",
        ) from error
    return str(made)
