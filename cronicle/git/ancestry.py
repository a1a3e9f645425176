"""Which commits lie between two others, and where their histories meet."""

from __future__ import annotations

from pygit2.enums import SortMode

from cronicle.git.errors import ShallowClone
from cronicle.git.history import History


def commits_since(history: History, good: str, bad: str) -> dict[str, tuple[str, ...]]:
    """The commits in the history of `bad` that are not in that of `good`, with their parents.

    Raises:
        UnknownRevision: There is no such commit.
        BadRepository: One between them is missing.
    """
    start, end = history.commit(good).id, history.commit(bad).id
    found: dict[str, tuple[str, ...]] = {}
    with history.reading():
        walker = history.git.walk(end, SortMode.NONE)
        walker.hide(start)
        for commit in walker:
            found[str(commit.id)] = tuple(str(parent) for parent in commit.parent_ids)
    return found


def merge_base(history: History, one: str, other: str) -> str | None:
    """The best common ancestor of two commits; None if their histories never meet.

    Raises:
        UnknownRevision: There is no such commit.
        ShallowClone: They may meet where the history was cut off.
    """
    first, second = history.commit(one).id, history.commit(other).id
    with history.reading():
        found: object = history.git.merge_base(first, second)
    if found is None and history.shallow_cut():
        raise ShallowClone.at(history.where, f"where the histories of {one[:7]} and {other[:7]} meet")
    return None if found is None else str(found)
