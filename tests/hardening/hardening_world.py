"""A project in a repository of its own, and the real program used on it under odd circumstances."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pygit2

ROOT = Path(__file__).resolve().parents[2]
ANA = pygit2.Signature("Ana", "ana@example.org", 1_700_000_000, 0)
PATIENCE = 60
PROGRAM = (sys.executable, "-m", "cronicle")


@attrs.frozen
class Said:
    """What a command said, in bytes as it said it, and its exit code."""

    code: int
    raw_out: bytes
    raw_err: bytes

    @property
    def out(self) -> str:
        return self.raw_out.decode()

    @property
    def err(self) -> str:
        return self.raw_err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.raw_out)

    def is_good(self) -> Said:
        assert self.code == 0, self
        return self

    def is_clear_error(self, *parts: str, code: int = 1) -> Said:
        """One message on stderr with these parts and a remedy, and nothing of a program that broke."""
        assert self.code == code, self
        assert "Traceback" not in self.err, self.err
        assert "internal error" not in self.err, self.err
        assert self.err.count("error: ") == 1, self.err
        for part in parts:
            assert part in self.err, f"{part!r} is not in:\n{self.err}"
        assert len(self.err.strip().split("\n\n")) >= 2, f"no remedy in:\n{self.err}"
        return self


@attrs.define
class Site:
    """A folder with a project, its repository and a user without any configuration."""

    folder: Path
    home: Path
    repository: pygit2.Repository
    environ: dict[str, str]

    @classmethod
    def make(cls, root: Path) -> Site:
        folder, home = root / "weather", root / "home"
        folder.mkdir()
        home.mkdir()
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return cls(folder, home, pygit2.init_repository(str(folder), initial_head="main"), environ)

    @property
    def store(self) -> Path:
        return self.folder / ".cronicle"

    def commit(self, hcl: str, files: Mapping[str, bytes] | None = None) -> str:
        """Commit the text as `cronicle.hcl`, and files beside it; the id of the commit."""
        for name, content in {"cronicle.hcl": hcl.encode(), **(files or {})}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        index = self.repository.index
        index.add_all()
        index.write()
        parents = [] if self.repository.head_is_unborn else [self.repository.head.target]
        return str(self.repository.create_commit("HEAD", ANA, ANA, "A change", index.write_tree(), parents))

    def deploy(self, hcl: str, files: Mapping[str, bytes] | None = None) -> str:
        revision = self.commit(hcl, files)
        self.good("apply", "--auto-approve")
        return revision

    def cronicle(self, *words: str, **options: Any) -> Said:
        """Give a command; options as for `subprocess.run`."""
        given: dict[str, Any] = {"cwd": self.folder, "env": self.environ, "stdin": subprocess.DEVNULL}
        given |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": PATIENCE}
        done = subprocess.run([*PROGRAM, *words], check=False, **{**given, **options})
        return Said(done.returncode, done.stdout or b"", done.stderr or b"")

    def good(self, *words: str, **options: Any) -> Said:
        said = self.cronicle(*words, **options)
        assert said.code == 0, f"{words}: {said}"
        return said

    def through_shell(self, script: str) -> Said:
        """Execute a line of sh in which `$CRONICLE` is the program."""
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            cwd=self.folder,
            env=self.environ | {"CRONICLE": " ".join(PROGRAM)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.good("runs", "--json").json
        return found

    def on_terminal(self, words: Sequence[str], *, columns: int = 80, rows: int = 24) -> tuple[int, bytes]:
        """Give a command on a terminal of that size; its exit code and all that the terminal received."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (rows, columns))
        environ = self.environ | {"TERM": "xterm-256color"}
        process = subprocess.Popen(
            [*PROGRAM, *words], cwd=self.folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        received = bytearray()
        try:
            while piece := os.read(ours, 65536):
                received += piece
        except OSError:  # how Linux says that the other side has closed
            pass
        finally:
            os.close(ours)
        return process.wait(timeout=PATIENCE), bytes(received)
