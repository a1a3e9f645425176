"""What is read of commits, alike in a user's repository and in a mirror.

Rules: every id that goes in or out is a full one of 40 hex digits; every instant is aware and in UTC; text
that is not UTF-8 is shown with replacement characters, never an error; the history of a shallow clone ends
at its cut, and what needs more says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
import pygit2
from pygit2.enums import SortMode

from cronicle.git.errors import BadRepository, ShallowClone, UnknownRevision
from cronicle.git.tree import FOLDER, GitTree, TreeEntry, TreeReader

_FULL_ID: Final = re.compile(r"[0-9a-f]{40}")


@attrs.frozen
class CommitInfo:
    """What people want to know of a commit."""

    revision: str
    author_name: str
    author_email: str
    committed_at: datetime
    """When it was committed (not authored)."""
    subject: str
    """The first line of its message."""
    parents: tuple[str, ...]


@attrs.frozen
class DiffStat:
    """Lines of one file that differ between two revisions; both 0 for a binary file."""

    added: int
    removed: int


@attrs.frozen
class Distance:
    """How far one commit is from another, counted in commits."""

    added: int
    removed: int
    """Commits in the old one's history and not in the new one's: it was rewritten, or is another branch."""


class History:
    """A repository, as far as commits and trees are read from it.

    Args:
        git: The opened repository.
        where: How it is named in messages.
    """

    def __init__(self, git: pygit2.Repository, where: Path) -> None:
        self.git = git
        self.where = where
        self._roots: dict[str, str] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turns what pygit2 says of damaged or missing objects into `BadRepository`."""
        try:
            yield
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise BadRepository.at(self.where, reason(error)) from error

    def read_object(self, object_id: str) -> bytes:
        """The content of an object; `BadRepository` if it is missing or damaged."""
        try:
            return self.git.read(object_id)[1]
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise BadRepository.at(self.where, f"object {object_id}: {reason(error)}") from error

    def object_size(self, object_id: str) -> int:
        """The size of its content in bytes."""
        try:
            return int(self.git.odb.read_header(object_id)[1])
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise BadRepository.at(self.where, f"object {object_id}: {reason(error)}") from error

    def commit(self, revision: str) -> pygit2.Commit:
        """The commit with a full id; `UnknownRevision` where there is none."""
        if not _FULL_ID.fullmatch(revision):
            raise UnknownRevision.named(revision, self.where, "is not the full id of a commit")
        try:
            found: object = self.git.get(revision)
        except (pygit2.GitError, ValueError, OSError) as error:
            raise BadRepository.at(self.where, f"commit {revision}: {reason(error)}") from error
        if not isinstance(found, pygit2.Commit):
            if self.git.is_shallow:
                raise ShallowClone.at(self.where, f"commit {revision}")
            raise UnknownRevision.named(revision, self.where)
        return found

    def commit_info(self, revision: str) -> CommitInfo:
        """Author, time, subject and parents of a commit."""
        commit = self.commit(revision)
        author = commit.author
        message = commit.raw_message.decode("utf-8", "replace").strip()
        try:
            committed_at = datetime.fromtimestamp(commit.commit_time, UTC)
        except (ValueError, OverflowError, OSError):
            raise BadRepository.at(self.where, f"commit {revision} has no possible time") from None
        return CommitInfo(
            revision=revision,
            author_name=author.raw_name.decode("utf-8", "replace"),
            author_email=author.raw_email.decode("utf-8", "replace"),
            committed_at=committed_at,
            subject=message.partition("\n")[0].strip(),
            parents=tuple(str(parent) for parent in commit.parent_ids),
        )

    def log(self, revision: str, limit: int) -> tuple[CommitInfo, ...]:
        """At most `limit` commits from `revision` on, newest first, merged branches included."""
        start = self.commit(revision).id
        found: list[CommitInfo] = []
        with self.reading():
            for commit in self.git.walk(start, SortMode.TOPOLOGICAL | SortMode.TIME):
                if len(found) >= limit:
                    break
                found.append(self.commit_info(str(commit.id)))
        return tuple(found)

    def root_commit(self, revision: str) -> str:
        """The oldest commit of first-parent history: what makes all clones of a project one.

        Raises:
            ShallowClone: The history was cut off, so that the oldest commit is not known.
        """
        known = self._roots.get(revision)
        if known is not None:
            return known
        commit = self.commit(revision)
        with self.reading():
            walker = self.git.walk(commit.id, SortMode.NONE)
            walker.simplify_first_parent()
            root = str(commit.id)
            for ancestor in walker:
                root = str(ancestor.id)
        if root in self.shallow_cut():
            raise ShallowClone.at(self.where, "its first commit, by which a project is recognised,")
        self._roots[revision] = root
        return root

    def is_ancestor(self, older: str, newer: str) -> bool:
        """True if `older` is `newer`, or in its history."""
        self.commit(older)
        self.commit(newer)
        with self.reading():
            return older == newer or bool(self.git.descendant_of(newer, older))

    def distance(self, old: str, new: str) -> Distance | None:
        """How many commits lie between two; None if one is not here."""
        if old not in self.git.odb or new not in self.git.odb:
            return None
        with self.reading():
            added, removed = self.git.ahead_behind(new, old)
        return Distance(added, removed)

    def tree(self, revision: str, prefix: str = "") -> GitTree:
        """The files of a revision below the folder `prefix`."""
        return GitTree(self.reader(revision), prefix)

    def reader(self, revision: str) -> TreeReader:
        """Reads the whole tree of a revision."""
        return TreeReader(self, str(self.commit(revision).tree_id), revision)

    def changed_paths(self, old: str, new: str, prefix: str = "") -> tuple[str, ...]:
        """Paths below the folder `prefix`, relative to it, whose content or mode differs; sorted."""
        before, after = self.reader(old), self.reader(new)
        changed: list[str] = []
        pending = [("", _folder(before, prefix), _folder(after, prefix))]
        while pending:
            path, left, right = pending.pop()
            if left == right:
                continue
            is_left, is_right = (
                left is not None and left.mode == FOLDER,
                right is not None and right.mode == FOLDER,
            )
            if path and ((left is not None and not is_left) or (right is not None and not is_right)):
                changed.append(path)
            ours = before.entries(left.id) if left is not None and is_left else {}
            theirs = after.entries(right.id) if right is not None and is_right else {}
            pending.extend(
                (f"{path}/{name}" if path else name, ours.get(name), theirs.get(name))
                for name in {*ours, *theirs}
            )
        return tuple(sorted(changed))

    def diff_stat(self, old: str, new: str, path: str) -> DiffStat:
        """Lines added to and removed from the file at `path`, from the root of the repository."""
        left, right = self._blob(old, path), self._blob(new, path)
        with self.reading():
            if left is None:
                added, removed = (0, 0) if right is None else (right.diff().line_stats[2], 0)
            else:
                _, added, removed = (left.diff(right) if right is not None else left.diff()).line_stats
        return DiffStat(added, removed)

    def shallow_cut(self) -> frozenset[str]:
        """The commits whose parents were left out of this repository."""
        try:
            text = self.common_folder.joinpath("shallow").read_text(encoding="ascii", errors="replace")
        except OSError:
            return frozenset()
        return frozenset(text.split())

    @property
    def common_folder(self) -> Path:
        """Where the objects and refs are: the `.git` folder, of the main worktree in a linked one."""
        folder = Path(self.git.path)
        try:
            link = folder.joinpath("commondir").read_text(encoding="utf-8", errors="surrogateescape").strip()
        except OSError:
            return folder
        return (folder / link).resolve()

    def _blob(self, revision: str, path: str) -> pygit2.Blob | None:
        entry = self.reader(revision).lookup(path)
        with self.reading():
            found = self.git.get(entry.id) if entry is not None else None
        return found if isinstance(found, pygit2.Blob) else None


def _folder(reader: TreeReader, prefix: str) -> TreeEntry | None:
    entry = reader.lookup(prefix)
    return attrs.evolve(entry, name="") if entry is not None else None


def reason(error: Exception) -> str:
    """What libgit2 or the system says, without the quotes that a KeyError adds."""
    text = str(error.args[-1]) if error.args else type(error).__name__
    return f"object {text} is missing" if _FULL_ID.fullmatch(text) else text
