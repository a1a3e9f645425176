"""A project of many workflows in a store of its own, and the scheduler that serves it, for benchmarks of serving."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from cronicle.clock import SystemClock
from cronicle.git.repository import init_repository
from cronicle.store.interface import StoreReader
from cronicle.store.location import open_reader

T = TypeVar("T")

FILES_OF = 500
"""Workflows in a file."""

PATIENCE = 600.0
"""Seconds until what should have happened long ago is given up."""


class World:
    """The folder of a benchmark: a repository with the project `many`, its store, its schedulers.

    The store is a SQLite one in the project's folder, or a database at a URL; then the folder has only the files.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder / "many"
        self.folder.mkdir()
        self._home = folder / "home"
        self._home.mkdir()
        self._repository = init_repository(self.folder)
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8"}
        if "PYTHONPATH" in os.environ:
            self.environ["PYTHONPATH"] = os.environ["PYTHONPATH"]
        if url is not None:
            self.environ |= {"CRONICLE_STORE": url, "CRONICLE_FILES": str(self.store)}
        self.location = url or str(self.store)

    @property
    def store(self) -> Path:
        """Its folder, or that of its files."""
        return self.folder / ".cronicle"

    @property
    def data(self) -> Path:
        """The lasting data of the project."""
        return self.store / "data" / "many" / "local"

    def deploy(self, workflows: Iterable[str]) -> None:
        """Commit and apply exactly these workflows."""
        for old in self.folder.glob("*.hcl"):
            old.unlink()
        (self.folder / "cronicle.hcl").write_text('project "many" { }\n')
        texts = list(workflows)
        for number in range(0, len(texts), FILES_OF):
            (self.folder / f"part{number}.hcl").write_text("\n".join(texts[number : number + FILES_OF]))
        files = sorted(path.name for path in self.folder.glob("*.hcl"))
        who = self._repository.identity({}, "benchmark", "localhost")
        self._repository.commit_files(files, "A change", who, SystemClock().now())
        self.cronicle("apply", "--auto-approve")

    def cronicle(self, *words: str) -> str:
        """A command that succeeds; its stdout."""
        done = subprocess.run(
            self.words(*words), cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"cronicle {' '.join(words)}: {done.stderr}")
        return done.stdout

    def words(self, *words: str) -> list[str]:
        """A command line."""
        return [sys.executable, "-m", "cronicle", *words]

    def serve(self, *words: str) -> Scheduler:
        """Start a scheduler, and wait until it leads."""
        process = subprocess.Popen(
            self.words("serve", *words),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        scheduler = Scheduler(process)
        scheduler.leads.wait(PATIENCE)
        return scheduler

    def reading(self, read: Callable[[StoreReader], T]) -> T:
        """What is read in the store now."""
        reader = open_reader(self.location)
        try:
            return read(reader)
        finally:
            reader.close()

    def processes(self) -> list[int]:
        """Living processes of attempts."""
        wanted, found = os.fsencode(self.store), []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                environ = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
                if b"CRONICLE_ATTEMPT_TOKEN=" in environ and wanted in environ:
                    found.append(int(entry.name))
        return found


class Scheduler:
    """A `cronicle serve` that is under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.leads = threading.Event()
        self._reader = threading.Thread(target=self._copy, daemon=True)
        self._reader.start()

    def _copy(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if "Leads the ticking" in line:
                self.leads.set()
        self.leads.set()  # it never will

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self._close()

    def end(self) -> int:
        """Have it drain; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        self.process.wait(PATIENCE)
        self._close()
        return self.process.returncode

    def _close(self) -> None:
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def cpu_seconds(self) -> float:
        """Processor time that it has used, its children not included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """The most memory that it has had."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("this system does not tell")


@contextmanager
def serving(world: World, *words: str) -> Iterator[Scheduler]:
    """A scheduler for as long as the block takes; killed if it has not ended by then."""
    scheduler = world.serve(*words)
    try:
        yield scheduler
    finally:
        if scheduler.process.poll() is None:
            scheduler.kill()


def until(met: Callable[[], T], pause: float = 0.02) -> T:
    """Wait until something holds; what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (found := met()):
        if time.monotonic() > deadline:
            raise RuntimeError("what was waited for never came")
        time.sleep(pause)
    return found
