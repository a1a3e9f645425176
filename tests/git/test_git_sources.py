"""Mirrors of sources: what the refs of others name, over every transport."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2
import pytest
from git_clones import Clone, origin
from git_servers import http_server
from pygit2.enums import ConfigLevel

from cronicle.git.errors import NotARepository
from cronicle.git.history import Distance
from cronicle.git.source_mirror import NoSuchRefError, SourceMirror
from cronicle.git.transport import UnreachableError


@contextmanager
def served(kind: str, clone: Clone) -> Iterator[str]:
    if kind == "http":
        with http_server({"lib": clone.path}) as server:
            yield server.url("lib")
    else:
        yield {"path": str(clone.path), "file": f"file://{clone.path}", "bare": f"{clone.path}/.git"}[kind]


@pytest.fixture(params=["path", "file", "bare", "http"])
def where(request: pytest.FixtureRequest, clone: Clone, commits: tuple[str, str, str]) -> Iterator[str]:
    """Where the clone can be had from."""
    with served(request.param, clone) as location:
        yield location


@pytest.mark.parametrize(
    ("ref", "at"),
    [
        (None, 2),
        ("main", 2),
        ("refs/heads/main", 2),
        ("old", 0),
        ("v0", 0),
        ("v1", 1),
        ("refs/tags/v1", 1),
        ("ID", 1),
        ("PART OF ID", 1),
    ],
)
def test_a_ref_names_a_commit(
    source_mirror: SourceMirror, commits: tuple[str, str, str], where: str, ref: str | None, at: int
) -> None:
    wanted = {"ID": commits[1], "PART OF ID": commits[1][:10]}.get(ref or "", ref)

    assert source_mirror.resolve(origin(where), wanted) == commits[at]
    assert source_mirror.pinned() == (commits[at],)
    assert source_mirror.git.listall_references() == [f"refs/cronicle/keep/{commits[at]}"]
    assert source_mirror.tree(commits[at]).read("a.py") == str(at).encode()


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("mian", "has no branch or tag 'mian'\n\nDid you mean \"main\"?"),
        ("nothing-like-it", "It has: main, old, v0, v1."),
        ("a" * 40, "has no commit a"),
        ("abcdef", "has no branch, tag or commit 'abcdef'"),
        ("refs/heads/v1", "has no branch or tag 'refs/heads/v1'"),
    ],
)
def test_what_is_not_there_is_told(source_mirror: SourceMirror, where: str, ref: str, said: str) -> None:
    with pytest.raises(NoSuchRefError) as raised:
        source_mirror.resolve(origin(where), ref)

    assert said in str(raised.value)
    assert source_mirror.pinned() == ()


def test_a_name_of_a_branch_and_a_tag_is_not_guessed_at(
    source_mirror: SourceMirror, clone: Clone, where: str
) -> None:
    clone.git.create_reference("refs/tags/main", clone.git.references["refs/heads/old"].target)

    with pytest.raises(NoSuchRefError, match=r"has a branch and a tag called 'main'"):
        source_mirror.resolve(origin(where), "main")


def test_a_tag_of_something_else_than_a_commit_is_refused(
    source_mirror: SourceMirror, clone: Clone, where: str
) -> None:
    clone.git.create_reference("refs/tags/blob", clone.blob(b"x"))

    with pytest.raises(NoSuchRefError, match="under that name is not a commit"):
        source_mirror.resolve(origin(where), "blob")
    assert source_mirror.git.listall_references() == []


def test_a_ref_that_moved_on_names_another_commit_and_the_pinned_one_stays(
    source_mirror: SourceMirror, clone: Clone, commits: tuple[str, str, str], where: str
) -> None:
    source_mirror.resolve(origin(where), "main")
    fourth = clone.commit({"a.py": "3"})

    assert source_mirror.resolve(origin(where), "main") == fourth
    assert source_mirror.pinned() == tuple(sorted((commits[2], fourth)))
    assert source_mirror.distance(commits[0], fourth) == Distance(3, 0)


def test_history_that_was_rewritten_is_counted_both_ways(
    source_mirror: SourceMirror, clone: Clone, commits: tuple[str, str, str], where: str
) -> None:
    source_mirror.resolve(origin(where), "main")
    clone.git.references["refs/heads/main"].set_target(commits[0])
    rewritten = clone.commit({"a.py": "other"}, "Another second one")

    assert source_mirror.resolve(origin(where), "main") == rewritten
    assert source_mirror.distance(commits[2], rewritten) == Distance(1, 2)
    assert source_mirror.tree(commits[2]).read("a.py") == b"2"


def test_a_commit_that_is_here_is_not_asked_for(
    source_mirror: SourceMirror, clone: Clone, commits: tuple[str, str, str]
) -> None:
    with http_server({"lib": clone.path}) as server:
        source_mirror.resolve(origin(server.url("lib")), commits[1])
    there = len(server.asked)

    assert source_mirror.resolve(origin(server.url("lib")), commits[1]) == commits[1]
    source_mirror.restore(origin(server.url("lib")), commits[1])
    assert there == len(server.asked)


def test_a_lost_commit_is_fetched_again_by_its_id(
    tmp_path: Path, commits: tuple[str, str, str], where: str
) -> None:
    other = SourceMirror.open_or_create(tmp_path / "another")
    other.restore(origin(where), commits[1])

    assert other.pinned() == (commits[1],)
    assert other.tree(commits[1]).read("sub/b") == b"b"


def test_a_commit_that_nothing_leads_to_any_more_is_gone(
    tmp_path: Path, clone: Clone, commits: tuple[str, str, str]
) -> None:
    clone.git.references["refs/heads/main"].set_target(commits[1])
    source_mirror = SourceMirror.open_or_create(tmp_path / "another")

    with http_server({"lib": clone.path}) as server, pytest.raises(NoSuchRefError, match="has no commit"):
        source_mirror.restore(origin(server.url("lib")), commits[2])


def test_a_path_without_a_repository_is_told(source_mirror: SourceMirror, tmp_path: Path) -> None:
    (tmp_path / "clone" / "folder").mkdir(parents=True)
    for path in (tmp_path / "nowhere", tmp_path / "clone" / "folder"):
        with pytest.raises(NotARepository, match="there is no git repository in"):
            source_mirror.resolve(origin(path), None)


def test_an_empty_repository_has_no_commit(source_mirror: SourceMirror, clone: Clone) -> None:
    with pytest.raises(NoSuchRefError, match="has no commit, or no HEAD"):
        source_mirror.resolve(origin(clone.path), None)


def test_a_rewritten_address_is_not_followed_for_a_path(
    source_mirror: SourceMirror, clone: Clone, commits: tuple[str, str, str], tmp_path: Path
) -> None:
    """`url.*.insteadOf` could turn a path into a host, or an address into a path."""
    config = tmp_path / "config"
    config.mkdir()
    text = f'[url "http://127.0.0.1:1/"]\n insteadOf = {clone.path}\n[url "{clone.path}"]\n insteadOf = https://h/lib\n'
    (config / ".gitconfig").write_text(text)
    pygit2.settings.search_path[ConfigLevel.GLOBAL] = str(config)
    source_mirror = SourceMirror.open_or_create(tmp_path / "configured")

    assert source_mirror.resolve(origin(clone.path), None) == commits[2]
    with pytest.raises(UnreachableError, match="insteadOf"):
        source_mirror.resolve(origin("https://h/lib"), None)
