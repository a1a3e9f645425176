"""A user's clone to read from, kept apart from the git configuration of the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest
from git_clones import Clone
from pygit2.enums import ConfigLevel

from cronicle.git.mirror import Mirror
from cronicle.git.repository import init_repository, open_repository


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
