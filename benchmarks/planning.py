"""Planning in a project as it is after years: what `cronicle plan` takes when all is warm, and what of that for what.

The project has 5,000 commits, 5,000 files and 1,000,000 task runs of history; the commit to be planned changes a
module that many tasks import, the attempts of some tasks and the cron of a workflow. Beside it the same command in
the same repository with the same deployments, but without a history, and in a project with two files: the difference
is what files and history cost.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from benchmarks.history import Size, commit, make_history, make_repository, workflow

BOUND = 1.0
"""Seconds of the whole command, from its start to its end."""

MARK = "complete"
"""The file that says that a world which is kept was made to its end."""


@frozen
class Took:
    """What a command has taken."""

    seconds: float
    processor: float
    """Seconds of a processor: what it would take if nothing else was done."""


@frozen
class Place:
    """Where a command is given."""

    folder: Path
    environ: dict[str, str]

    def cronicle(self, *words: str) -> str:
        """A command that succeeds; its stdout."""
        done = subprocess.run(
            [sys.executable, "-m", "cronicle", *words],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"cronicle {' '.join(words)}: {done.stderr}")
        return done.stdout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--runs", type=int, default=250_000, metavar="N", help="of history (default: 250000)")
    parser.add_argument("--commits", type=int, default=5_000, metavar="N", help="default: 5000")
    parser.add_argument("--files", type=int, default=5_000, metavar="N", help="default: 5000")
    parser.add_argument(
        "--folder", type=Path, metavar="PATH", help="keep what is made there, or use what was (some GB)"
    )
    parser.add_argument(
        "--profile", action="store_true", help="print where the time goes, function by function"
    )


def run(arguments: argparse.Namespace) -> bool:
    """Measure and print; True if the command takes less than its bound."""
    size = Size(commits=arguments.commits, files=arguments.files, runs=arguments.runs)
    with _parent(arguments.folder) as parent:
        years, young, small = worlds(parent, size)
        if arguments.profile:
            print(_profile(years))
            return True
        rounds = 3 * arguments.rounds
        measured = {
            "cronicle --version": _seconds(years, rounds, "--version"),
            "plan, a project of two files": _seconds(small, rounds, "plan"),
            f"plan, {size.files:,} files, {size.commits:,} commits": _seconds(young, rounds, "plan"),
            f"plan, and {size.task_runs:,} task runs": _seconds(years, rounds, "plan"),
        }
    print(table(measured), flush=True)
    last = measured[next(reversed(measured))]
    seconds, processor = (statistics.median(of) for of in _columns(last))
    print(
        f"{seconds:.2f} s ({processor:.2f} s of a processor), "
        f"{'within' if seconds <= BOUND else 'OVER'} the bound of {BOUND:g} s"
    )
    return seconds <= BOUND


def _columns(measured: Sequence[Took]) -> tuple[list[float], list[float]]:
    return [one.seconds for one in measured], [one.processor for one in measured]


def worlds(parent: Path, size: Size) -> tuple[Place, Place, Place]:
    """The project with its history, the same without, and a small one."""
    if not (parent / MARK).exists():
        _make(parent, size)
    home = parent / "home"
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    if "PYTHONPATH" in os.environ:
        environ["PYTHONPATH"] = os.environ["PYTHONPATH"]
    years = parent / "years"
    return (
        Place(years, environ),
        Place(years, environ | {"CRONICLE_STORE": str(parent / "young")}),
        Place(parent / "small", environ),
    )


def _make(parent: Path, size: Size) -> None:
    begun = time.monotonic()
    (parent / "home").mkdir()
    clone = make_repository(parent, size)
    environ = {**os.environ, "HOME": str(parent / "home")}
    years = Place(clone, environ)
    for number in range(size.deployments):
        change = {f"jobs/w{one:03}/extract.py": f"print({number})\n" for one in range(0, size.workflows, 2)}
        commit(clone, change, f"Before deployment {number}")
        years.cronicle("apply", "--auto-approve")
    shutil.copytree(clone / ".cronicle", parent / "young")
    make_history(clone / ".cronicle", size)
    changed = workflow(1, attempts=5).replace("1 * * * *", "30 * * * *")
    commit(clone, {"lib/m03.py": 'NAME = "another"\n', "workflows/w001.hcl": changed}, "What is planned")
    _make_small(parent / "small", environ)
    (parent / MARK).touch()
    print(f"made in {time.monotonic() - begun:.0f} s\n", flush=True)


def _make_small(folder: Path, environ: dict[str, str]) -> None:
    import pygit2

    folder.mkdir()
    git = pygit2.init_repository(str(folder), initial_head="main")
    for attempts in (3, 5):
        (folder / "cronicle.hcl").write_text('project "small" { }\n')
        (folder / "w.hcl").write_text(workflow(0, attempts))
        git.index.add_all()
        git.index.write()
        who = pygit2.Signature("Ana", "ana@example.org", 1_700_000_000, 0)
        parents = [] if git.head_is_unborn else [git.head.target]
        git.create_commit("HEAD", who, who, "A change", git.index.write_tree(), parents)
        if attempts == 3:
            Place(folder, environ).cronicle("apply", "--auto-approve")


def _seconds(place: Place, rounds: int, *words: str) -> Sequence[Took]:
    """What a command takes; the first two times do not count."""
    return [_timed(lambda: place.cronicle(*words)) for _ in range(rounds + 2)][2:]


def _timed(do: Callable[[], object]) -> Took:
    begun, used = time.perf_counter(), processor_time()
    do()
    return Took(time.perf_counter() - begun, processor_time() - used)


def processor_time() -> float:
    """Seconds of a processor that commands have taken which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _profile(place: Place) -> str:
    place.cronicle("plan")
    done = subprocess.run(
        [sys.executable, "-m", "cProfile", "-s", "cumulative", "-m", "cronicle", "plan"],
        cwd=place.folder,
        env=place.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(done.stdout.splitlines()[:120])


def table(measured: dict[str, Sequence[Took]]) -> str:
    """Medians and extremes for people, and what each line has more than the one before."""
    lines = [f"  {'':44}{'median':>9}{'fastest':>9}{'slowest':>9}{'processor':>11}{'more':>9}"]
    before = 0.0
    for name, took in measured.items():
        seconds, processors = _columns(took)
        median, processor = statistics.median(seconds), statistics.median(processors)
        more = f"{(processor - before) * 1000:7.0f}ms" if before else ""
        lines.append(
            f"  {name:44}{median * 1000:7.0f}ms{min(seconds) * 1000:7.0f}ms{max(seconds) * 1000:7.0f}ms"
            f"{processor * 1000:9.0f}ms{more:>9}"
        )
        before = processor
    return "\n".join(lines) + "\n"


@contextmanager
def _parent(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="cronicle-benchmark-") as folder:
        yield Path(folder).resolve()
