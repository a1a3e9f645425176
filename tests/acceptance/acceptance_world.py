"""A project in a git repository of its own, and the `cronicle` program used on it as a new user would."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pygit2

ROOT = Path(__file__).resolve().parents[2]
ANA = pygit2.Signature("Ana", "ana@example.org", 1_700_000_000, 0)
PATIENCE = 60
"""Seconds after which something that should have happened long ago is given up."""


@attrs.frozen
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def run(self) -> str:
        """The id of the run that a command named first on stderr."""
        return self._named("run")

    @property
    def backfill(self) -> str:
        return self._named("backfill")

    def _named(self, noun: str) -> str:
        words = self.err.split()
        return next(
            words[at + 1]
            for at, word in enumerate(words)
            if word == noun and len(words[at + 1]) == 10 and words[at + 1].isupper()
        )

    def is_clear_error(self, *parts: str, code: int = 1) -> None:
        """One message on stderr that holds these parts, a remedy, no traceback, nothing on stdout."""
        assert self.code == code, self
        assert self.out == "", self
        assert "Traceback" not in self.err, self.err
        assert "internal error" not in self.err, self.err
        assert self.err.count("error: ") == 1, self.err
        for part in parts:
            assert part in self.err, f"{part!r} is not in:\n{self.err}"
        assert len(self.err.strip().split("\n\n")) >= 2, f"no remedy in:\n{self.err}"


def program() -> list[str]:
    """The installed program beside this interpreter, else the module."""
    installed = Path(sys.executable).with_name("cronicle")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "cronicle"]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has configured nothing."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    } | more


class Shop:
    """A clone of a project, and commands given in it."""

    def __init__(self, folder: Path, home: Path, *, store: Path | str | None = None) -> None:
        self.folder = folder
        self.home = home
        self.store = store
        self.environ: dict[str, str] = surroundings(home)
        self.repository: pygit2.Repository | None = None

    # -- the repository ------------------------------------------------------------------------------------

    def init(self) -> Shop:
        self.repository = pygit2.init_repository(str(self.folder), initial_head="main")
        return self

    def write(self, files: Mapping[str, str]) -> Shop:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def commit(self, files: Mapping[str, str] | None = None, message: str = "A change") -> str:
        """Write files and commit all that differs; the id of the commit."""
        assert self.repository is not None
        self.write(files or {})
        index = self.repository.index
        index.read()
        index.add_all()
        for entry in list(index):
            if not (self.folder / entry.path).exists():
                index.remove(entry.path)
        index.write()
        parents = [] if self.repository.head_is_unborn else [self.repository.head.target]
        return str(self.repository.create_commit("HEAD", ANA, ANA, message, index.write_tree(), parents))

    # -- the program ---------------------------------------------------------------------------------------

    def words(self, *words: str) -> list[str]:
        where = ["--store", str(self.store)] if self.store else []
        return [*program(), *where, *words]

    def cronicle(
        self,
        *words: str,
        stdin: str | None = None,
        cwd: Path | None = None,
        patience: float = PATIENCE,
        **environ: str,
    ) -> Said:
        done = subprocess.run(
            self.words(*words),
            cwd=cwd or self.folder,
            env=self.environ | environ,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def good(self, *words: str, **rest: Any) -> Said:
        """A command that is expected to succeed."""
        said = self.cronicle(*words, **rest)
        assert said.code == 0, f"{words}: {said}"
        return said

    def json(self, *words: str) -> Any:
        return self.good(*words, "--json").json

    def show(self, address: str) -> Any:
        return self.json("show", address)

    def deploy(self, files: Mapping[str, str] | None = None, message: str = "A change") -> str:
        """Commit and apply; the revision."""
        revision = self.commit(files, message)
        self.good("apply", "--auto-approve")
        return revision

    def deployed_at(self, *moments: str) -> None:
        """Have the first deployments been made at these instants: they get theirs from the clock."""
        with closing(sqlite3.connect(self.folder / ".cronicle" / "store.sqlite3")) as file:
            triggers = file.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'deployment'"
            ).fetchall()
            for name, _ in triggers:  # a deployment is never edited
                file.execute(f'DROP TRIGGER "{name}"')
            for number, moment in enumerate(moments, 1):
                at = datetime.fromisoformat(moment).astimezone(UTC)
                file.execute(
                    "UPDATE deployment SET created_at = ? WHERE number = ?",
                    (int(at.timestamp()) * 1_000_000, number),
                )
            for _, sql in triggers:
                file.execute(sql)
            file.commit()

    def start(self, *words: str, **environ: str) -> Started:
        return Started(
            subprocess.Popen(
                self.words(*words),
                cwd=self.folder,
                env=self.environ | environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )


class Started:
    """A command that is under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[str] = []

    def until(self, text: str) -> str:
        """Read stderr up to the line that holds `text`."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.seen.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} never came:\n{''.join(self.seen)}")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> Said:
        out, err = self.process.communicate(timeout=PATIENCE)
        return Said(self.process.returncode, out, "".join(self.seen) + err)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self.process.wait()


class Bell:
    """A named pipe that a task writes to, so that a test knows how far it is."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._read = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # also for writing: it never ends

    def wait(self) -> str:
        """The next that was written."""
        ready, _, _ = select.select([self._read], [], [], PATIENCE)
        assert ready, f"nobody wrote to {self.path}"
        return os.read(self._read, 4096).decode()

    def close(self) -> None:
        os.close(self._read)


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, shop: Shop, *words: str) -> None:
        self._fd, theirs = pty.openpty()
        self.process = subprocess.Popen(
            shop.words(*words),
            cwd=shop.folder,
            env=shop.environ | {"TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, pattern: str) -> None:
        """Read on until what was seen holds the pattern."""
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self._fd], [], [], PATIENCE)
            assert ready, f"{pattern!r} never came:\n{self.seen}"
            self.seen += os.read(self._fd, 65536).decode()

    def end(self) -> int:
        """Read to the end; the exit code."""
        while True:
            try:
                piece = os.read(self._fd, 65536)
            except OSError:  # nobody has the other end open
                break
            if not piece:
                break
            self.seen += piece.decode()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._fd)
