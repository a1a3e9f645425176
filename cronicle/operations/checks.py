"""Checking an installation: each check says what it found, and of what is wrong how to mend it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from cronicle.clock import Clock
from cronicle.errors import CronicleError
from cronicle.operations.files_folder import check_files
from cronicle.operations.findings import Check, Grade
from cronicle.operations.labels import process_labels
from cronicle.operations.locate import Settings, Surroundings
from cronicle.operations.server_checks import check_server, check_settings
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter
from cronicle.store.url import is_url

if TYPE_CHECKING:
    from cronicle.metrics import Metrics
    from cronicle.store.sqlite.health import StoreHealth

OLDEST_PYTHON = (3, 11)

LIBRARIES = (
    "apsw",
    "attrs",
    "croniter",
    "cryptography",
    "msgspec",
    "networkx",
    "psycopg",
    "pygit2",
    "python-hcl2",
    "structlog",
    "trio",
    "typer",
)

LEAST_SPACE = 200 * 1024 * 1024
"""Bytes free below which a store is in danger: a log may take 100 MiB before it is cut."""

OLDEST_NOW = datetime(2024, 1, 1, tzinfo=UTC)
"""A clock that shows less was never set: this program is younger."""

IN_MEMORY = frozenset({"tmpfs", "ramfs"})

CLOCK_TOLERANCE = timedelta(minutes=1)


def check_installation(
    where: Surroundings, environment_problem: CronicleError | None, clock: Clock
) -> Iterator[Check]:
    """All checks, in the order in which one would look.

    Args:
        where: Where the command runs.
        environment_problem: Why no store is known, if none is.
        clock: The clock of this machine.
    """
    yield _python()
    yield _libraries()
    yield _sqlite()
    yield _parser_cache()
    yield _processes()
    yield _labels(where.settings)
    yield from check_settings(where.settings)
    yield from _repository(where)
    if environment_problem is not None or where.store is None:
        message = environment_problem.message if environment_problem else "no store is known"
        yield Check("store", Grade.NOTE, message, environment_problem.remedy if environment_problem else "")
        yield _clock(clock.now(), None)
        return
    yield from _store(where.store, where.files, clock)


def _python() -> Check:
    text = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", Grade.BAD, text, "Install Python 3.11 or newer.")
    return Check("python", Grade.GOOD, text)


def _libraries() -> Check:
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check(
            "libraries",
            Grade.BAD,
            f"missing: {', '.join(missing)}",
            "Install cronicle again: pip install cronicle",
        )
    return Check("libraries", Grade.GOOD, ", ".join(found))


def _sqlite() -> Check:
    from cronicle.store.sqlite.health import OLDEST_SQLITE, sqlite_version

    found = sqlite_version()
    text = ".".join(map(str, found))
    if found < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        return Check(
            "sqlite",
            Grade.BAD,
            f"{text} can damage a store that several processes use (WAL-reset bug)",
            f"Install a newer apsw, which brings SQLite {wanted} or newer: pip install -U apsw",
        )
    return Check("sqlite", Grade.GOOD, text)


def _parser_cache() -> Check:
    spec = importlib.util.find_spec("hcl2")
    if spec is None or spec.origin is None:
        return Check(
            "parser", Grade.BAD, "python-hcl2 is missing", "Install cronicle again: pip install cronicle"
        )
    folder = Path(spec.origin).parent
    if (folder / ".lark_cache.bin").exists():
        return Check("parser", Grade.GOOD, "its tables are cached")
    if os.access(folder, os.W_OK):
        return Check("parser", Grade.GOOD, "its tables are cached at the first use")
    return Check(
        "parser",
        Grade.NOTE,
        f"its tables cannot be cached in {folder}, which costs a second in every command that reads HCL",
        "Run `cronicle validate` once as the user who may write there.",
    )


def _processes() -> Check:
    if not sys.platform.startswith("linux"):
        return Check(
            "processes", Grade.NOTE, "without /proc a task's own session (setsid) is not found at its end"
        )
    try:
        Path("/proc/self/environ").read_bytes()
    except OSError as error:
        return Check(
            "processes",
            Grade.BAD,
            f"/proc cannot be read ({error.strerror}), so what a crashed task leaves behind is not found",
            "Mount it: mount -t proc proc /proc",
        )
    return Check("processes", Grade.GOOD, "/proc is there: what belongs to an attempt is found")


def _labels(settings: Settings) -> Check:
    """What a process of this machine can execute, as `runs_on` names it."""
    return Check("labels", Grade.GOOD, ", ".join(process_labels(settings.labels)))


def _repository(where: Surroundings) -> Iterator[Check]:
    if where.repository is None:
        yield Check(
            "repository", Grade.NOTE, "this folder is in no git repository", "Make one with: cronicle init"
        )
        return
    from cronicle.git.repository import open_repository

    try:
        repository = open_repository(where.repository)
        head, changes = repository.head(), repository.project_changes(where.prefix)
    except CronicleError as error:
        yield Check("repository", Grade.BAD, error.message, error.remedy)
        return
    text = f"{where.repository} at {head[:7]}"
    if changes:
        count = len(changes.tracked) + len(changes.untracked)
        noun = "file is" if count == 1 else "files are"
        yield Check(
            "repository", Grade.NOTE, f"{text}; {count} {noun} not as committed", "See them: git status"
        )
    else:
        yield Check("repository", Grade.GOOD, f"{text}, clean")
    if where.folder is None:
        yield Check("project", Grade.NOTE, "this folder is in no project", "Make one with: cronicle init")
    else:
        yield Check("project", Grade.GOOD, str(where.folder))


def store_metrics(location: str, files: Path | None, clock: Clock) -> Metrics:
    """The metrics that the store at a location tells by itself.

    Raises:
        UnknownError: There is no store.
        StoreError: It cannot be read.
    """
    from cronicle.operations.store_metrics import metrics_of_store
    from cronicle.store.location import examine_server, open_reader
    from cronicle.store.sqlite import FILE_NAME
    from cronicle.store.sqlite.health import last_backup_of, size_of

    reader = open_reader(location)
    try:
        if is_url(location):
            return metrics_of_store(reader, files, size=examine_server(location, clock.now).size)
        path = Path(location) / FILE_NAME
        return metrics_of_store(reader, files, size=size_of(path), last_backup=last_backup_of(path))
    finally:
        reader.close()


def _store(location: str, files: Path | None, clock: Clock) -> Iterator[Check]:
    from cronicle.operations.scheduler_checks import check_backup, check_scheduler, figures
    from cronicle.operations.store_metrics import metrics_of_store
    from cronicle.store.interface import UnknownError
    from cronicle.store.location import examine_server, open_reader

    now = clock.now()
    try:
        reader = open_reader(location)
    except UnknownError as error:
        yield Check("store", Grade.NOTE, error.message, error.remedy)
        yield _clock(now, None)
        return
    except CronicleError as error:
        yield Check("store", Grade.BAD, error.message, error.remedy)
        yield _clock(now, None)
        return
    try:
        size, last_backup = 0, None
        if is_url(location):
            server = examine_server(location, clock.now)
            size = server.size
            yield from check_server(server)
        else:
            found, health = _file(Path(location))
            size, last_backup = health.size, health.last_backup
            yield found
        yield _files(reader, files, location)
        yield _owners(reader)
        yield from check_scheduler(reader, files)
        if not is_url(location):
            yield check_backup(last_backup, now)
        yield figures(metrics_of_store(reader, files, size=size, last_backup=last_backup))
        newest = reader.list_runs(RunFilter(limit=1))
        yield _clock(now, newest[0].created_at if newest else None)
    except CronicleError as error:
        yield Check("store", Grade.BAD, error.message, error.remedy)
    finally:
        reader.close()


def _file(folder: Path) -> tuple[Check, StoreHealth]:
    """The check of the file of a SQLite store, and what was found."""
    from cronicle.store.sqlite import FILE_NAME
    from cronicle.store.sqlite.health import examine, file_system_of

    health = examine(folder / FILE_NAME)
    kind = file_system_of(folder)
    size = f"{health.size / 1_000_000:,.1f} MB"
    text = f"{folder}, schema {health.schema_version}, {size}" + (f", on {kind}" if kind else "")
    if health.problems:
        said = f"{folder} is damaged: {'; '.join(health.problems)}"
        remedy = "Move the folder aside, and put a backup of it in its place."
        return Check("store", Grade.BAD, said, remedy), health
    if kind in IN_MEMORY:
        said = f"{text}, intact, and gone after a restart"
        return Check("store", Grade.NOTE, said, "Choose a disk: --store PATH"), health
    return Check("store", Grade.GOOD, f"{text}, intact"), health


def _files(reader: StoreReader, files: Path | None, location: str) -> Check:
    if files is None:
        return Check(
            "files",
            Grade.NOTE,
            "it is not known where the files of the store are: this folder is in no project",
            "Change into a project's folder, or name the files folder with --files",
        )
    try:
        check_files(files, reader, location)
    except CronicleError as error:
        return Check("files", Grade.BAD, error.message, error.remedy)
    if not files.exists():
        return Check(
            "files",
            Grade.NOTE,
            f"{files} is not there",
            "It is made by the first command that writes here. If the store has a history from another machine or "
            "folder, name that folder with --files.",
        )
    try:
        with tempfile.TemporaryFile(dir=files):
            pass
        free = shutil.disk_usage(files).free
    except OSError as error:
        return Check(
            "files",
            Grade.BAD,
            f"{files} cannot be written: {error.strerror}",
            "Give yourself write permission on the folder and the files in it, or make room on its disk.",
        )
    text = f"{files} can be written, {free / 1_000_000_000:,.1f} GB free"
    if free < LEAST_SPACE:
        return Check("files", Grade.BAD, text, "Make room on that disk: a run that cannot be recorded ends.")
    return Check("files", Grade.GOOD, text)


def _owners(reader: StoreReader) -> Check:
    owners = reader.list_owners()
    alive = [owner for owner in owners if reader.is_alive(owner.id)]
    dead = [owner for owner in owners if owner not in alive]
    text = f"{len(alive)} at work" + (
        f": {', '.join(f'{one.pid} on {one.host}' for one in alive)}" if alive else ""
    )
    if dead:
        runs = sum(len(reader.list_owned_runs(one.id)) for one in dead)
        return Check(
            "processes of runs",
            Grade.NOTE,
            f"{text}; {len(dead)} died and left {runs} {'run' if runs == 1 else 'runs'} unfinished",
            "A `serve`, or the next `run`, `backfill`, `resume` or `cancel`, settles that; then: cronicle status",
        )
    return Check("processes of runs", Grade.GOOD, text)


def _clock(now: datetime, newest: datetime | None) -> Check:
    text = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    mend = "Set the clock of this machine: timedatectl set-ntp true"
    if now < OLDEST_NOW:
        return Check("clock", Grade.BAD, f"it shows {text}, which is past", mend)
    if newest is not None and newest > now + CLOCK_TOLERANCE:
        ahead = newest.isoformat(timespec="seconds").replace("+00:00", "Z")
        return Check("clock", Grade.BAD, f"it shows {text}, but the newest run was made at {ahead}", mend)
    return Check("clock", Grade.GOOD, text)
