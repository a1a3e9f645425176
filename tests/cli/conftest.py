"""A folder of a project with a store, and a way to give commands in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from cli_world import World

from cronicle.cli.app import run_command_line
from cronicle.clock import SystemClock


@attrs.frozen
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def project_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a project, in memory where there is such a file system; the current one."""
    memory = Path("/dev/shm")
    for name in ("CRONICLE_STORE", "CRONICLE_SETTINGS", "NO_COLOR", "CRONICLE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cronicle-cli-", dir=parent) as made:
        folder = Path(made).resolve() / "weather"
        folder.mkdir()
        (folder / "cronicle.hcl").write_text("")
        monkeypatch.chdir(folder)
        yield folder


@pytest.fixture
def world(project_folder: Path) -> Iterator[World]:
    """The project's store, with a project and an owner, and nothing deployed."""
    made = World(project_folder / ".cronicle", project_folder)
    yield made
    made.store.close()


@pytest.fixture
def cronicle(world: World, capsysbinary: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Gives a command as if typed, at the time that the world has."""
    monkeypatch.setattr(SystemClock, "now", lambda self: world.now)

    def give(*words: str) -> Said:
        code = run_command_line(list(words))
        captured = capsysbinary.readouterr()
        return Said(code, captured.out.decode(), captured.err.decode())

    return give


@pytest.fixture
def executable(project_folder: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs the real program in a process of its own."""

    def execute(*words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "cronicle", *words],
            capture_output=True,
            check=False,
            timeout=60,
            **options,
        )

    return execute
