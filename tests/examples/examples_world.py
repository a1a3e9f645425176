"""A project made from an example, and the installed command in it: as a user has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import msgspec

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = (sys.executable, "-m", "cronicle")


def environment(store: str | None = None) -> dict[str, str]:
    """That of the tests, with their Python first, and nothing that would lead to another store than this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRONICLE_", "GIT_"))}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept if store is None else kept | {"CRONICLE_STORE": store}


@attrs.frozen
class Project:
    """A folder with a project in it."""

    folder: Path
    store: str | None = None
    """The URL of a PostgreSQL store; None: `.cronicle/` in the folder."""

    @property
    def data(self) -> Path:
        """Its lasting data in the environment `local`."""
        (found,) = self.folder.glob(".cronicle/data/*/local")
        return found

    def cronicle(self, *words: str, code: int = 0) -> str:
        """Give a command; what it said on stdout."""
        return give(*words, folder=self.folder, code=code, store=self.store)

    def json(self, *words: str, code: int = 0) -> Any:
        """Give a command with `--json`; what it said."""
        return msgspec.json.decode(self.cronicle(*words, "--json", code=code))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, to read what it says on stderr while it works."""
        return subprocess.Popen(
            (*COMMAND, *words),
            cwd=self.folder,
            env=environment(self.store),
            text=True,
            stderr=subprocess.PIPE,
        )


def give(*words: str, folder: Path, code: int = 0, store: str | None = None) -> str:
    """Give a command in a folder; what it said on stdout."""
    done = subprocess.run(
        (*COMMAND, *words),
        cwd=folder,
        env=environment(store),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def new_project(parent: Path, example: str, store: str | None = None) -> Project:
    """A project of an example in a repository of its own, not deployed yet."""
    give("init", "project", "--example", example, folder=parent)
    return Project(parent / "project", store)
