"""The mirror of a source: a repository of others, of which it has the commits that were pinned.

Rules, beside those of `cronicle.git.mirror`:

1. What a ref names is found out and fetched in one go: the commit that is pinned is the one that came.
2. What is here is not fetched again: a full commit id needs no connection once it was pinned.
3. Of the other repository nothing but its refs and objects is used: no configuration, no hook.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pygit2
from attrs import frozen
from pygit2.enums import ObjectType

from cronicle.config.locations import PATH, Location
from cronicle.git.errors import BadRepository, GitError
from cronicle.git.history import History
from cronicle.git.mirror import Mirror
from cronicle.git.repository import open_other
from cronicle.git.transport import Remote, RemoteRef

_FETCHED: Final = "refs/cronicle/fetched/"
_TIP: Final = f"{_FETCHED}tip"
_ALL: Final = [f"+refs/heads/*:{_FETCHED}heads/*", f"+refs/tags/*:{_FETCHED}tags/*"]
_FULL_ID: Final = re.compile(r"[0-9a-f]{40}")
_PART_OF_ID: Final = re.compile(r"[0-9a-f]{4,39}")
_PEELED: Final = "^{}"


class NoSuchRefError(GitError):
    """The other repository was asked, and does not have what is wanted of it."""


@frozen
class Origin:
    """Where a source comes from."""

    location: Location
    """If it is a path, an absolute one."""
    key_file: Path | None = None


class SourceMirror(Mirror):
    """An opened mirror of a source."""

    def resolve(self, origin: Origin, ref: str | None) -> str:
        """The commit that a ref names now, which is fetched and pinned.

        Args:
            origin: Where it comes from.
            ref: A branch, a tag or a commit id; None: what `HEAD` is there.

        Raises:
            NoSuchRefError: There is no such ref, or several things have that name.
            UnreachableError: The other repository cannot be asked.
            GitError: It cannot be read, or the mirror not written.
        """
        if ref is not None and _FULL_ID.fullmatch(ref):
            self.restore(origin, ref)
            return ref
        if origin.location.kind == PATH:
            return self._copied(origin, ref)
        remote = Remote(self.git, origin.location, origin.key_file)
        refs = remote.refs()
        name = _chosen(refs, ref, origin.location.text)
        if name is None:
            assert ref is not None
            return self._of_part(remote, ref)
        target = {each.name: each.id for each in refs}
        commit = target.get(f"{name}{_PEELED}", target[name])
        if self.has(commit):
            return commit
        with self._fetching():
            remote.fetch([f"+{name}:{_TIP}"])
            return self._keep_fetched(origin.location.text, _TIP)

    def restore(self, origin: Origin, revision: str) -> None:
        """See to it that a commit is here, by its full id.

        Raises:
            NoSuchRefError: The other repository has no such commit, or gives it away no more.
            UnreachableError: It cannot be asked.
            GitError: It cannot be read, or the mirror not written.
        """
        if self.has(revision):
            return
        where = origin.location.text
        if origin.location.kind == PATH:
            other = open_other(Path(where))
            if revision not in other.git.odb:
                raise _gone(where, revision)
            self.pin(other, revision)
            return
        remote = Remote(self.git, origin.location, origin.key_file)
        with self._fetching():
            if remote.fetch([f"+{revision}:{_TIP}"]) and self._keep_fetched(where, _TIP) == revision:
                return
            remote.fetch(_ALL)
            self._forget_fetched()
            if not isinstance(self.git.get(revision), pygit2.Commit):
                raise _gone(where, revision)
            self._keep(revision)

    def _copied(self, origin: Origin, ref: str | None) -> str:
        """As `resolve`, of a repository on this machine."""
        where = origin.location.text
        other = open_other(Path(where))
        name = _chosen(_refs_of(other), ref, where)
        with other.reading():
            if name is None:
                assert ref is not None
                commit = _commit_of_part(other.git, ref, where)
            else:
                commit = _peeled(other.git, name, where)
        self.pin(other, commit)
        return commit

    def _of_part(self, remote: Remote, part: str) -> str:
        """The commit of which only the beginning of its id is given."""
        with self._fetching():
            remote.fetch(_ALL)
            self._forget_fetched()
            commit = _commit_of_part(self.git, part, remote.location.text)
            self._keep(commit)
        return commit

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        """Holds the mirror's lock, with nothing in the way that a process left which was killed while it fetched."""
        with self._writing():
            for left in (self.where / "FETCH_HEAD.lock", *(self.where / _FETCHED).rglob("*.lock")):
                left.unlink(missing_ok=True)
            yield

    def _keep_fetched(self, where: str, name: str) -> str:
        """Pins the commit that was fetched as the ref `name`. The lock is held."""
        try:
            commit = _peeled(self.git, name, where)
        finally:
            self._forget_fetched()
        self._must_be_whole(where, commit)
        self._keep(commit)
        return commit

    def _must_be_whole(self, where: str, commit: str) -> None:
        """See to it that all files of a commit came with it: the server may be broken, or mean no good."""
        for path, entry in self.tree(commit).reader.walk():
            if entry.id not in self.git.odb and entry.mode != 0o160000:
                raise BadRepository.at(Path(where), f"object {entry.id} ({path}) is missing")

    def _forget_fetched(self) -> None:
        for name in self.git.listall_references():
            if name.startswith(_FETCHED):
                with suppress(pygit2.GitError, KeyError):
                    self.git.references.delete(name)


def _refs_of(other: History) -> tuple[RemoteRef, ...]:
    with other.reading():
        names = other.git.listall_references()
        has_head = not other.git.head_is_unborn
    return tuple(RemoteRef(name, "") for name in (*names, *(("HEAD",) if has_head else ())))


def _chosen(refs: Iterable[RemoteRef], wanted: str | None, where: str) -> str | None:
    """The name of the ref that is wanted; None if it looks like a part of a commit id and no ref has that name.

    Raises:
        NoSuchRefError: There is none, or there are several.
    """
    names = {ref.name for ref in refs if not ref.name.endswith(_PEELED)}
    if wanted is None:
        if "HEAD" in names:
            return "HEAD"
        raise NoSuchRefError(f"{where} has no commit, or no HEAD", 'Name a branch of it: ref = "main".')
    if wanted in names and wanted.startswith("refs/"):
        return wanted
    found = [name for name in (f"refs/heads/{wanted}", f"refs/tags/{wanted}") if name in names]
    if len(found) > 1:
        raise NoSuchRefError(
            f"{where} has a branch and a tag called {wanted!r}",
            f'Say which one: ref = "{found[0]}" or "{found[1]}".',
        )
    if found:
        return found[0]
    if _PART_OF_ID.fullmatch(wanted):
        return None
    from grammar.suggest import nearest

    short = sorted(name.split("/", 2)[2] for name in names if name.startswith(("refs/heads/", "refs/tags/")))
    close = nearest(wanted, short)
    said = f'Did you mean "{close}"?' if close else f"It has: {', '.join(short[:10]) or 'none'}."
    raise NoSuchRefError(f"{where} has no branch or tag {wanted!r}", said)


def _peeled(git: pygit2.Repository, name: str, where: str) -> str:
    """The commit that a ref names, be it by a tag that is an object of its own."""
    try:
        return str(git.lookup_reference(name).peel(ObjectType.COMMIT).id)
    except pygit2.InvalidSpecError:
        raise NoSuchRefError(
            f"what {where} has under that name is not a commit", "Name a branch, or a tag of a commit."
        ) from None


def _commit_of_part(git: pygit2.Repository, part: str, where: str) -> str:
    try:
        found = git[part]
    except ValueError:
        raise NoSuchRefError(
            f"several objects of {where} begin with {part}", "Give the full commit id."
        ) from None
    except (KeyError, pygit2.GitError):
        raise NoSuchRefError(
            f"{where} has no branch, tag or commit {part!r}", "Give a branch, a tag, or the full commit id."
        ) from None
    if found.type != ObjectType.COMMIT:
        raise NoSuchRefError(f"{part} of {where} is not a commit", "Give the id of a commit.")
    return str(found.id)


def _gone(where: str, revision: str) -> NoSuchRefError:
    return NoSuchRefError(
        f"{where} has no commit {revision}",
        "It may have been removed there, or nothing leads to it any more. Push it again, under a branch or tag, or "
        "pin another one: cronicle apply",
    )
