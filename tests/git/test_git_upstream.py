"""The remotes of a clone, also of a bare one, and commits that a mirror gives to a clone."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from git_clones import Clone

from cronicle.errors import UsageError
from cronicle.git.errors import NotARepository
from cronicle.git.mirror import Mirror
from cronicle.git.repository import open_clone
from cronicle.git.upstream import Upstream, find_upstream


def test_a_branch_is_named_by_a_remote_of_the_clone(clone: Clone) -> None:
    clone.git.remotes.create("origin", "git@example.org:shop.git")
    clone.git.remotes.create("team/west", "../west.git")
    clone.git.remotes.create("team", "https://example.org/team")

    found = [
        find_upstream(clone.repository, text) for text in ("origin/main", "team/west/release/1", "team/main")
    ]

    assert found == [
        Upstream("origin", "main", "git@example.org:shop.git"),
        Upstream("team/west", "release/1", "../west.git"),
        Upstream("team", "main", "https://example.org/team"),
    ]


@pytest.mark.parametrize("text", ["main", "upstream/main", "origin", "origin/", "origin/a..b", "origin/-^x"])
def test_what_names_no_branch_of_a_remote_is_told(clone: Clone, text: str) -> None:
    clone.git.remotes.create("origin", "git@example.org:shop.git")

    with pytest.raises(UsageError, match="origin"):
        find_upstream(clone.repository, text)


def test_a_clone_without_remotes_is_told_how_to_get_one(clone: Clone) -> None:
    with pytest.raises(UsageError, match="git remote add origin"):
        find_upstream(clone.repository, "origin/main")


def test_a_bare_clone_will_do(clone: Clone, tmp_path: Path) -> None:
    clone.commit({"a": "1"})
    bare = pygit2.clone_repository(str(clone.path), str(tmp_path / "bare.git"), bare=True)

    opened = open_clone(tmp_path / "bare.git")

    assert opened.head() == str(bare.head.target)
    assert find_upstream(opened, "origin/main").url == str(clone.path)
    with pytest.raises(NotARepository):
        open_clone(tmp_path)


def test_a_commit_that_a_clone_lacks_is_given_to_it_and_nothing_else_of_it_changes(
    clone: Clone, mirror: Mirror, tmp_path: Path
) -> None:
    first = clone.commit({"a": "1", "sub/b": "b"})
    pygit2.clone_repository(str(clone.path), str(tmp_path / "other"))
    other = open_clone(tmp_path / "other")
    second = clone.commit({"a": "2", "c": "c"})
    mirror.pin(clone.repository, second)
    refs = other.git.listall_references()

    mirror.lend(other, second)
    mirror.lend(other, second)

    again = open_clone(tmp_path / "other")
    assert again.is_ancestor(first, second)
    assert again.tree(second).read("c") == b"c"
    assert (again.git.listall_references(), again.head(), again.status()) == (refs, first, {})
    assert not (tmp_path / "other" / "c").exists()


def test_a_mirror_is_opened_while_somebody_fetches_into_it(clone: Clone, mirror: Mirror) -> None:
    revision = clone.commit({"a": "1"})
    mirror.pin(clone.repository, revision)

    with mirror._writing():
        assert Mirror.open_or_create(mirror.where).has(revision)
