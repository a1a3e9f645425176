"""A project that is served by real processes, and what tests wait for: lines of a log, rows of the store, effects.

What tasks do to the world is the evidence here, not what the store says: an attempt of the scripts below writes a
line when it begins and one when it has done its work, into a file that only grows.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
from acceptance_world import PATIENCE, Said, Shop

from cronicle.store.location import open_reader
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter, RunRecord

PROJECT = 'project "shop" { }\n'

WHO = "$CRONICLE_WORKFLOW $CRONICLE_TIME $CRONICLE_RUN_ID $CRONICLE_ATTEMPT $CRONICLE_CAUSE"
BEGIN = f'echo "begin {WHO}" >> "$CRONICLE_DATA/effects"'
END = f'echo "end {WHO}" >> "$CRONICLE_DATA/effects"'

GATE = 'while [ ! -e "$CRONICLE_DATA/{name}" ]; do sleep 0.02; done'
"""Waits for a file that the test makes."""


def workflow(
    name: str = "w",
    *body: str,
    schedule: str | None = 'every = "1s"',
    rest: str = "",
    task: str = "",
) -> str:
    """A workflow of one task `a` whose script is `body` between its two lines."""
    lines = "\n".join((BEGIN, *body, END))
    ticks = f"  schedule {{\n    {schedule}\n  }}\n" if schedule else ""
    work = f'  task "a" {{\n    script = <<-EOT\n{lines}\n    EOT\n{task}\n  }}\n'
    return f'workflow "{name}" {{\n{ticks}{rest}\n{work}}}\n'


def gated(name: str, **options: str) -> str:
    """A workflow whose task waits until the test opens its gate."""
    return workflow(name, GATE.format(name=f"open-{name}"), **options)


@attrs.frozen
class Effect:
    """A line that an attempt wrote."""

    what: str
    workflow: str
    time: str
    run: str
    attempt: int
    cause: str


class Scheduler:
    """A `cronicle serve` that is under way; its log is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._read = 0
        self._over = False
        self._reader = threading.Thread(target=self._copy, daemon=True)
        self._reader.start()

    def _copy(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()
        with self._more:
            self._over = True
            self._more.notify_all()

    @property
    def log(self) -> str:
        """All that it has said."""
        return "".join(self.lines)

    def says(self, text: str, *, patience: float = PATIENCE) -> str:
        """The next line with `text`, from where the last call has come to."""
        deadline = time.monotonic() + patience
        with self._more:
            while True:
                while self._read < len(self.lines):
                    self._read += 1
                    if text in self.lines[self._read - 1]:
                        return self.lines[self._read - 1]
                left = deadline - time.monotonic()
                if self._over or left <= 0:
                    raise AssertionError(f"{text!r} never came:\n{self.log}")
                self._more.wait(left)

    def count(self, text: str) -> int:
        """How many lines so far hold `text`."""
        return sum(text in line for line in self.lines)

    def term(self) -> None:
        """Ask it to drain; again: to end."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self.process.wait()

    def end(self, patience: float = PATIENCE) -> int:
        """Wait for its end; its exit code."""
        code = self.process.wait(patience)
        self._reader.join(patience)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


class Served(Shop):
    """A project, and the schedulers that serve it."""

    def __init__(self, folder: Path, home: Path, *, store: Path | None = None) -> None:
        super().__init__(folder, home, store=store)
        self.schedulers: list[Scheduler] = []
        self.environ["CRONICLE_SERVE_TEST"] = str(folder)

    # -- schedulers ----------------------------------------------------------------------------------------

    def serve(
        self,
        *words: str,
        ready: str | None = "Leads the ticking",
        cwd: Path | None = None,
        **environ: str,
    ) -> Scheduler:
        """Start `cronicle serve`, and wait until it leads."""
        process = subprocess.Popen(
            self.words("serve", *words),
            cwd=cwd or self.folder,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.schedulers.append(Scheduler(process))
        if ready is not None:
            self.schedulers[-1].says(ready)
        return self.schedulers[-1]

    def close(self) -> None:
        for scheduler in self.schedulers:
            scheduler.close()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    # -- deploying -----------------------------------------------------------------------------------------

    def deploy_workflows(self, *texts: str) -> str:
        """Deploy just these workflows; the revision."""
        return self.deploy({"cronicle.hcl": PROJECT, "w.hcl": "\n".join(texts)})

    # -- evidence ------------------------------------------------------------------------------------------

    @property
    def store_folder(self) -> Path:
        return self.store or self.folder / ".cronicle"

    @property
    def data(self) -> Path:
        """The lasting data of the project."""
        return self.store_folder / "data" / "shop" / "local"

    def open_gate(self, name: str) -> None:
        """Let the tasks of a gated workflow end."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / f"open-{name}").touch()

    def effects(self, what: str | None = None, workflow: str | None = None) -> list[Effect]:
        """What the tasks did, in order."""
        path = self.data / "effects"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [
            Effect(kind, of, at, run, int(attempt), cause)
            for kind, of, at, run, attempt, cause in map(str.split, lines)
        ]
        return [one for one in found if what in (None, one.what) and workflow in (None, one.workflow)]

    def reading(self, read: Callable[[StoreReader], Any]) -> Any:
        """What is read in the store now."""
        reader = open_reader(str(self.store_folder))
        try:
            return read(reader)
        finally:
            reader.close()

    def runs(self, workflow: str | None = None, **wanted: Any) -> tuple[RunRecord, ...]:
        """Runs, newest first."""
        found: tuple[RunRecord, ...] = self.reading(
            lambda store: store.list_runs(RunFilter(workflow=workflow, limit=10_000, **wanted))
        )
        return found

    def until(self, met: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Wait until something holds; what it gave."""
        deadline = time.monotonic() + patience
        while not (found := met()):
            if time.monotonic() > deadline:
                logs = "\n".join(one.log for one in self.schedulers)
                raise AssertionError(f"never came: {what}\n{logs}")
            time.sleep(0.02)
        return found

    def processes(self) -> list[int]:
        """Living processes of attempts: they have a token, and the store in their environment."""
        wanted = os.fsencode(self.store_folder)
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                environ = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
                if b"CRONICLE_ATTEMPT_TOKEN=" in environ and wanted in environ:
                    found.append(int(entry.name))
        return found


def json_of(line: str) -> Any:
    """A line of the log."""
    return json.loads(line)


__all__ = ["END", "GATE", "PATIENCE", "Effect", "Said", "Scheduler", "Served", "gated", "json_of", "workflow"]
