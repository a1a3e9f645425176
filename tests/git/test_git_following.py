"""Fetching what a branch names that is followed: into the mirror, over every transport, and what is out of reach."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest
from git_clones import Clone
from git_servers import SshServer, http_server, ssh_server
from pygit2.enums import ConfigLevel

from cronicle.clock import SystemClock
from cronicle.execute.places import mirror_path
from cronicle.git.mirror import Mirror
from cronicle.git.repository import init_repository
from cronicle.git.source_mirror import SourceMirror
from cronicle.operations.follow import Following, fetch_tip, look_for_upstream
from cronicle.operations.followed import OutOfReachError
from cronicle.operations.locate import Surroundings
from cronicle.operations.sources import Sources
from cronicle.store.following import FollowTrouble

pytestmark = pytest.mark.usefixtures("own_home")

Follow = Callable[..., Following]


@pytest.fixture
def follow(tmp_path: Path) -> Follow:
    """Makes another clone, which has nothing yet, with a remote at an address."""
    mine = init_repository(tmp_path / "mine")

    def made(url: str, branch: str = "main", key_file: Path | None = None) -> Following:
        mine.git.remotes.create("origin", url)
        where = Surroundings(mine.workdir, mine.workdir, "", None, tmp_path / "files", False)
        sources = Sources(
            where=where,
            store=None,
            files=tmp_path / "files",
            clock=SystemClock(),
            environment=None,
            environ=os.environ,
            user="ana",
            host="here",
            command="cronicle serve --follow origin/main",
            cwd=tmp_path,
        )
        key = None if key_file is None else str(key_file)
        return Following(
            upstream=look_for_upstream(sources, f"origin/{branch}", key),
            sources=sources,
            key_file=key,
        )

    return made


def refused(following: Following) -> OutOfReachError:
    with pytest.raises(OutOfReachError) as raised:
        fetch_tip(following, "shop")
    return raised.value


@pytest.mark.parametrize("how", ["absolute", "relative", "file"])
def test_a_branch_is_fetched_into_the_mirror_and_the_clone_stays_as_it_is(
    follow: Follow, clone: Clone, commits: tuple[str, str, str], tmp_path: Path, how: str
) -> None:
    url = {"absolute": str(clone.path), "relative": "../clone", "file": f"file://{clone.path}"}[how]
    following = follow(url)

    tip = fetch_tip(following, "shop")

    assert (tip.revision, tip.mirror) == (commits[2], mirror_path(tmp_path / "files", "shop"))
    assert Mirror.open_or_create(tip.mirror).pinned() == (commits[2],)
    mine = pygit2.Repository(str(tmp_path / "mine"))
    assert mine.listall_references() == []
    assert commits[2] not in mine.odb


def test_a_project_that_the_store_does_not_know_has_a_mirror_by_its_address(
    follow: Follow, clone: Clone, commits: tuple[str, str, str]
) -> None:
    tip = fetch_tip(follow(str(clone.path)), None)

    assert tip.revision == commits[2]
    assert tip.mirror.parent.name == "sources"


def test_a_branch_is_not_taken_for_a_tag_of_that_name(
    follow: Follow, clone: Clone, commits: tuple[str, str, str]
) -> None:
    clone.git.create_reference("refs/tags/main", commits[0])

    assert fetch_tip(follow(str(clone.path)), "shop").revision == commits[2]


def test_a_branch_that_is_gone_is_told_from_a_repository_that_is(
    follow: Follow, clone: Clone, commits: tuple[str, str, str]
) -> None:
    following = follow(str(clone.path), "old")
    assert fetch_tip(following, "shop").revision == commits[0]

    clone.git.references.delete("refs/heads/old")
    gone = refused(following)
    assert (gone.kind, gone.message) == (FollowTrouble.DELETED, "origin has no branch 'old' (any more)")

    clone.path.rename(clone.path.with_name("elsewhere"))
    away = refused(following)
    assert (away.kind, "there is no git repository in" in away.message) == (FollowTrouble.UNREACHABLE, True)


def test_a_clone_that_is_gone_is_told(follow: Follow, clone: Clone, tmp_path: Path) -> None:
    following = follow(str(clone.path))
    (tmp_path / "mine").rename(tmp_path / "moved")

    assert "is not inside a git repository" in refused(following).message


def test_what_was_left_by_a_process_that_was_killed_while_fetching_is_in_nobodys_way(
    follow: Follow, clone: Clone, commits: tuple[str, str, str], tmp_path: Path
) -> None:
    with http_server({"shop": clone.path}) as server:
        following = follow(server.url("shop"))
        mirror = SourceMirror.open_or_create(mirror_path(tmp_path / "files", "shop"))
        for left in ("FETCH_HEAD.lock", "refs/cronicle/fetched/tip.lock"):
            path = mirror.where / left
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

        assert fetch_tip(following, "shop").revision == commits[2]


# Passwords


@pytest.fixture
def password(tmp_path: Path) -> Callable[[str], None]:
    """Has git's credential helper give a password."""

    def configure(text: str) -> None:
        home = tmp_path / "configured"
        home.mkdir(exist_ok=True)
        line = f"!f() {{ echo username=ana; echo password={text}; }}; f"
        (home / ".gitconfig").write_text(f'[credential]\n helper = "{line}"\n')
        pygit2.settings.search_path[ConfigLevel.GLOBAL] = str(home)

    return configure


def test_over_http_the_credential_helper_is_asked_and_a_wrong_password_is_out_of_reach(
    follow: Follow,
    clone: Clone,
    commits: tuple[str, str, str],
    password: Callable[[str], None],
) -> None:
    with http_server({"shop": clone.path}, password="ana:right") as server:
        following = follow(server.url("shop"))
        password("wrong")
        wrong = refused(following)
        password("right")

        assert fetch_tip(following, "shop").revision == commits[2]
    assert (wrong.kind, "does not take the password" in wrong.message) == (FollowTrouble.UNREACHABLE, True)


# SSH


@pytest.fixture
def ssh(clone: Clone, commits: tuple[str, str, str]) -> Iterator[SshServer]:
    with ssh_server() as server:
        yield server


def test_over_ssh_the_named_key_logs_in_to_a_known_host(
    follow: Follow, ssh: SshServer, clone: Clone, commits: tuple[str, str, str], tmp_path: Path
) -> None:
    key = tmp_path / "deploy_key"
    ssh.user_key.write_private_key(str(key))
    (tmp_path / "home/.ssh/known_hosts").write_text(ssh.known_hosts_line)
    following = follow(ssh.url(clone.path), key_file=key)

    assert fetch_tip(following, "shop").revision == commits[2]
    newer = clone.commit({"a.py": "newer"})
    assert fetch_tip(following, "shop").revision == newer


def test_over_ssh_a_key_that_is_not_taken_and_a_host_that_has_another_are_out_of_reach(
    follow: Follow, ssh: SshServer, clone: Clone, tmp_path: Path
) -> None:
    key = tmp_path / "deploy_key"
    ssh.host_key.write_private_key(str(key))
    hosts = tmp_path / "home/.ssh/known_hosts"
    hosts.write_text(ssh.known_hosts_line)
    following = follow(ssh.url(clone.path), key_file=key)

    not_taken = refused(following)
    other = ssh.user_key.export_public_key().decode().split()[1]
    hosts.write_text(f"[127.0.0.1]:{ssh.port} ssh-ed25519 {other}\n")
    changed = refused(following)

    assert "does not take the key" in not_taken.message
    assert "is not the one that known_hosts has" in changed.message
    assert {not_taken.kind, changed.kind} == {FollowTrouble.UNREACHABLE}
