"""Pushing refs of the user's repository, and having them from there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest
from git_clones import ADA, WHEN, Clone
from git_servers import HttpServer, SshServer, http_server, ssh_server

from cronicle.git.errors import GitError
from cronicle.git.refs import deployment_ref, write_deployment_ref
from cronicle.git.remotes import (
    NotPushedError,
    UnknownRemoteError,
    fetch_ref,
    find_remote,
    push_ref,
)
from cronicle.git.transport import NOT_IN_OURS, UnreachableError

REF = deployment_ref("shop", "production")


def deploy(clone: Clone, previous: str | None = None, message: str = "Deploy") -> str:
    head = clone.repository.head()
    return write_deployment_ref(
        clone.repository,
        "shop",
        "production",
        head,
        previous,
        ADA,
        WHEN,
        message,
        {"Cronicle-Deployment": "1"},
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An empty repository to push to."""
    path = tmp_path / "there.git"
    pygit2.init_repository(str(path), bare=True)
    return path


@pytest.fixture
def filled(clone: Clone) -> Clone:
    clone.commit({"a": "1"})
    deploy(clone)
    return clone


def ref_of(bare: Path) -> str:
    return str(pygit2.Repository(str(bare)).references[REF].target)


def push(clone: Clone, where: object) -> None:
    push_ref(clone.repository, find_remote(clone.repository, str(where), clone.path), REF)


def test_a_ref_goes_to_a_path_with_all_that_it_needs(filled: Clone, bare: Path) -> None:
    push(filled, bare)

    assert ref_of(bare) == str(filled.git.references[REF].target)
    there = pygit2.Repository(str(bare))
    assert there[there.references[REF].peel(pygit2.Commit).tree["a"].id].data == b"1"
    assert list(there.branches) == []


def test_a_remote_of_the_clone_is_known_by_its_name(filled: Clone, bare: Path) -> None:
    filled.git.remotes.create("origin", str(bare))

    push(filled, "origin")

    assert ref_of(bare) == str(filled.git.references[REF].target)


def test_the_path_of_a_remote_is_seen_from_the_repository_and_another_from_here(
    filled: Clone, bare: Path, tmp_path: Path
) -> None:
    filled.git.remotes.create("origin", "../there.git")
    (tmp_path / "elsewhere").mkdir()

    assert find_remote(filled.repository, "origin", tmp_path / "elsewhere").location.text == str(bare)
    assert find_remote(filled.repository, "there.git", tmp_path).location.text == str(bare)


def test_a_remote_has_an_address_of_its_own_to_push_to(filled: Clone, bare: Path) -> None:
    filled.git.remotes.create("origin", "https://read.example.org/x")
    filled.git.remotes.set_push_url("origin", str(bare))

    push(filled, "origin")

    assert ref_of(bare)


def test_pushing_twice_changes_nothing(filled: Clone, bare: Path) -> None:
    push(filled, bare)
    push(filled, bare)


def test_what_others_have_pushed_is_never_overwritten(filled: Clone, bare: Path, tmp_path: Path) -> None:
    push(filled, bare)
    first = ref_of(bare)
    filled.git.references.delete(REF)
    deploy(filled, message="Another first one")

    with pytest.raises(NotPushedError) as caught:
        push(filled, bare)

    assert NOT_IN_OURS in caught.value.message
    assert ref_of(bare) == first


def test_what_the_other_has_beyond_ours_is_not_taken_back(filled: Clone, bare: Path) -> None:
    first = str(filled.git.references[REF].target)
    second = deploy(filled, first)
    push(filled, bare)
    filled.git.references.create(REF, first, force=True)

    with pytest.raises(NotPushedError):
        push(filled, bare)

    assert ref_of(bare) == second


def test_a_ref_is_had_from_there(filled: Clone, bare: Path) -> None:
    remote = find_remote(filled.repository, str(bare), filled.path)
    assert fetch_ref(filled.repository, remote, REF) is None
    push(filled, bare)
    commit = ref_of(bare)
    filled.git.references.delete(REF)

    assert fetch_ref(filled.repository, remote, REF) == commit
    assert [name for name in filled.git.references if "fetched" in name] == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("orign", ("no remote 'orign'", "Did you mean origin?")),
        ("/nowhere/at/all", ("no remote '/nowhere/at/all'",)),
        ("ext::sh -c id", ("is no address of a repository",)),
        ("git://example.org/x", ("git://",)),
        ("http://example.org/x", ("is not encrypted",)),
        ("https://ana:secret@example.org/x", ("holds a user or a password",)),
        ("--upload-pack=id", ("is no address",)),
        ("example.org:x", ("does not say as whom to log in",)),
    ],
)
def test_what_names_no_remote_is_told_what_would(
    filled: Clone, bare: Path, text: str, parts: tuple[str, ...]
) -> None:
    filled.git.remotes.create("origin", str(bare))

    with pytest.raises(GitError) as caught:
        find_remote(filled.repository, text, filled.path)

    said = f"{caught.value.message}\n{caught.value.remedy}"
    assert all(part in said for part in parts), said
    assert "secret" not in said


def test_a_remote_whose_address_executes_something_is_refused(filled: Clone) -> None:
    filled.git.config["remote.origin.url"] = "ext::sh -c touch% pwned"

    with pytest.raises(UnknownRemoteError, match="origin: "):
        find_remote(filled.repository, "origin", filled.path)


def test_a_path_that_configuration_turns_into_a_host_is_refused(filled: Clone, bare: Path) -> None:
    filled.git.config["url.https://evil.example.org/.insteadOf"] = str(bare)

    with pytest.raises(UnreachableError, match="insteadOf"):
        push(filled, bare)


def test_hooks_of_the_clone_are_not_executed(filled: Clone, bare: Path, tmp_path: Path) -> None:
    for name in ("pre-push", "reference-transaction"):
        hook = filled.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\nexit 1\n")
        hook.chmod(0o755)
    filled.git.config["core.sshCommand"] = f"touch {tmp_path}/pwned"

    push(filled, bare)

    assert not (tmp_path / "pwned").exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_git_fetches_what_was_pushed(filled: Clone, bare: Path, tmp_path: Path) -> None:
    push(filled, bare)

    def git(*words: str) -> str:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *words], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout

    git("clone", "-q", str(bare), "other")
    git("-C", "other", "fetch", "-q", "origin", f"{REF}:{REF}")

    assert git("-C", "other", "log", "--first-parent", "--format=%s", REF).splitlines()[0] == "Deploy"


# Over the network


@pytest.fixture
def over_http(bare: Path) -> Iterator[HttpServer]:
    with http_server({"there": bare}) as server:
        yield server


@pytest.mark.usefixtures("own_home")
def test_a_ref_goes_over_http_with_what_a_helper_knows(
    filled: Clone, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "helper"
    helper.write_text("#!/bin/sh\necho username=ana\necho password=secret\n")
    helper.chmod(0o755)
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / ".gitconfig").write_text(f"[credential]\n\thelper = {helper}\n")
    pygit2.settings.search_path[pygit2.enums.ConfigLevel.GLOBAL] = str(folder)

    with http_server({"there": bare}, password="ana:secret") as server:
        push(filled, server.url("there"))
        remote = find_remote(filled.repository, server.url("there"), filled.path)
        assert fetch_ref(filled.repository, remote, REF) == ref_of(bare)

    assert ref_of(bare) == str(filled.git.references[REF].target)


@pytest.mark.usefixtures("own_home")
def test_a_server_that_wants_a_password_nobody_knows_is_told_of(filled: Clone, bare: Path) -> None:
    with (
        http_server({"there": bare}, password="ana:secret") as server,
        pytest.raises(UnreachableError, match="asks for a password"),
    ):
        push(filled, server.url("there"))


def test_a_server_that_is_not_there_is_told_of(filled: Clone) -> None:
    with pytest.raises(UnreachableError, match="cannot be pushed to"):
        push(filled, "http://127.0.0.1:1/x")


@pytest.fixture(scope="module")
def ssh() -> Iterator[SshServer]:
    with ssh_server() as server:
        yield server


@pytest.mark.usefixtures("own_home")
def test_a_ref_goes_over_ssh_with_a_key_file_to_a_known_host_only(
    filled: Clone, bare: Path, ssh: SshServer, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    ssh.user_key.write_private_key(str(key))
    key.chmod(0o600)
    remote = find_remote(filled.repository, ssh.url(bare), filled.path, key)

    with pytest.raises(UnreachableError, match="is not known"):
        push_ref(filled.repository, remote, REF)
    (tmp_path / "home/.ssh/known_hosts").write_text(ssh.known_hosts_line)
    push_ref(filled.repository, remote, REF)

    assert ref_of(bare) == str(filled.git.references[REF].target)
