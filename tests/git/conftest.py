"""A user's clone to read from, kept apart from the git configuration of the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest
from git_clones import ADA, WHEN, Clone
from pygit2.enums import ConfigLevel, ObjectType

from cronicle.git import transport
from cronicle.git.mirror import Mirror
from cronicle.git.repository import init_repository, open_repository, signature
from cronicle.git.source_mirror import SourceMirror


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    levels = (ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.SYSTEM)
    paths = pygit2.settings.search_path
    before = {level: paths[level] for level in levels}
    empty = str(tmp_path_factory.mktemp("no-configuration"))
    for level in levels:
        paths[level] = empty
    yield
    for level, path in before.items():
        paths[level] = path


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Stands in for libgit2's switch for syncing, as thousands of syncs test nothing; records its use."""
    calls: list[bool] = []
    pygit2.settings.enable_fsync_gitdir(False)
    monkeypatch.setattr(
        type(pygit2.settings), "enable_fsync_gitdir", lambda _self, value: calls.append(value)
    )
    return calls


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """An empty repository in `tmp_path/clone`."""
    return Clone(init_repository(tmp_path / "clone"))


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror.open_or_create(tmp_path / "mirror")


@pytest.fixture
def open_clone() -> Callable[[Path], Clone]:
    return lambda path: Clone(open_repository(path))


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    tmp_path.joinpath("home", ".ssh").mkdir(parents=True)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(transport, "SYSTEM_KNOWN_HOSTS", (tmp_path / "ssh_known_hosts",))


@pytest.fixture
def source_mirror(tmp_path: Path) -> SourceMirror:
    return SourceMirror.open_or_create(tmp_path / "sources" / "lib.git")


@pytest.fixture
def commits(clone: Clone) -> tuple[str, str, str]:
    """Three commits; the branch `old` and the tags `v0`, `v1` (an object of its own) name the first two."""
    first, second, third = (clone.commit({"a.py": f"{n}", "sub/b": "b"}, f"Commit {n}") for n in range(3))
    clone.git.create_reference("refs/heads/old", first)
    clone.git.create_reference("refs/tags/v0", first)
    clone.git.create_tag("v1", second, ObjectType.COMMIT, signature(ADA, WHEN), "Release")
    return first, second, third
