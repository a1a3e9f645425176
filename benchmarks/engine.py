"""Running tasks that do nothing, everything durable: `cronicle run` against make, ninja and xargs.

Both a wide workflow (all tasks independent) and a chain are timed from the command line to the exit of the process,
the start of Python included, with as many tasks at once on each side.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.rounds import Comparison, compare
from cronicle.clock import SystemClock
from cronicle.git.repository import init_repository

WIDE_BOUND, CHAIN_BOUND = 3.0, 4.0
"""Times what make takes."""

COMMAND = "/bin/true"


@frozen
class Tasks:
    """Tasks that run the same command, and what each waits for."""

    name: str
    upstreams: tuple[tuple[str, str | None], ...]
    """Name of each task and of its upstream."""

    def hcl(self) -> str:
        """As a workflow."""
        tasks = []
        for name, upstream in self.upstreams:
            waits = f"    depends_on = [task.{upstream}]\n" if upstream else ""
            tasks.append(f'  task "{name}" {{\n{waits}    command = ["{COMMAND}"]\n  }}\n')
        return f'workflow "{self.name}" {{\n{"".join(tasks)}}}\n'

    def makefile(self) -> str:
        """For make; no target is ever there, so that all are made each time."""
        names = " ".join(name for name, _ in self.upstreams)
        rules = "".join(f"{name}: {upstream or ''}\n\t@{COMMAND}\n" for name, upstream in self.upstreams)
        return f"all: {names}\n{rules}.PHONY: all {names}\n"

    def ninja(self) -> str:
        """For ninja."""
        builds = "".join(f"build {name}: run {upstream or ''}\n" for name, upstream in self.upstreams)
        return f"rule run\n  command = {COMMAND}\n{builds}"


def wide(number: int) -> Tasks:
    """Tasks that wait for nothing."""
    return Tasks("wide", tuple((f"t{i}", None) for i in range(number)))


def chain(number: int) -> Tasks:
    """Tasks of which each waits for the one before."""
    return Tasks("chain", tuple((f"c{i}", f"c{i - 1}" if i else None) for i in range(number)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument(
        "--tasks", type=int, default=2000, metavar="N", help="of the wide one (default: 2000)"
    )
    parser.add_argument("--chain", type=int, default=200, metavar="N", help="in the chain (default: 200)")
    parser.add_argument("--slots", type=int, default=2, metavar="N", help="tasks at once (default: 2)")


def run(arguments: argparse.Namespace) -> bool:
    """Measure and print; True if all ratios are within their bounds."""
    with tempfile.TemporaryDirectory(prefix="cronicle-benchmark-") as name:
        folder = Path(name)
        cases = (wide(arguments.tasks), chain(arguments.chain))
        prepare(folder, cases)
        results = [
            measure(folder, case, bound, arguments.slots, arguments.rounds)
            for case, bound in zip(cases, (WIDE_BOUND, CHAIN_BOUND), strict=True)
        ]
    print("\n\n".join(result.table() for result in results))
    return all(result.is_within_bound for result in results)


def prepare(folder: Path, cases: Sequence[Tasks]) -> None:
    """Make a project with the workflows and deploy it, and the same for the other tools."""
    repository = init_repository(folder)
    (folder / ".gitignore").write_text("/bytecode\n")
    (folder / "cronicle.hcl").write_text('project "benchmark" {\n}\n')
    for case in cases:
        (folder / f"{case.name}.hcl").write_text(case.hcl())
        (folder / f"{case.name}.mk").write_text(case.makefile())
        (folder / f"{case.name}.ninja").write_text(case.ninja())
    files = [".gitignore", "cronicle.hcl", *(f"{case.name}.hcl" for case in cases)]
    who = repository.identity(os.environ, "benchmark", "localhost")
    repository.commit_files(files, "Tasks that do nothing", who, SystemClock().now())
    _command(folder, [sys.executable, "-m", "cronicle", "apply", "--auto-approve"])()


def measure(folder: Path, case: Tasks, bound: float, slots: int, rounds: int) -> Comparison:
    """Let all run the tasks of a case."""
    name, at_once = case.name, str(slots)
    contestants = {
        "cronicle": _command(folder, [sys.executable, "-m", "cronicle", "run", name, "--slots", at_once]),
        "make": _command(folder, ["make", f"-j{at_once}", "-f", f"{name}.mk"]),
    }
    if shutil.which("ninja"):
        contestants["ninja"] = _command(folder, ["ninja", f"-j{at_once}", "-f", f"{name}.ninja"])
    if shutil.which("xargs") and all(upstream is None for _, upstream in case.upstreams):
        words = "".join(f"{task}\n" for task, _ in case.upstreams)
        contestants["xargs"] = _command(folder, ["xargs", "-P", at_once, "-n", "1", COMMAND], words)
    title = f"{name}: {len(case.upstreams)} tasks, {slots} at once"
    return compare(title, contestants, rounds=rounds, bound=bound)


def _command(folder: Path, argv: Sequence[str], text: str = "") -> Callable[[], object]:
    """A contestant that is a command; one that fails ends the benchmark with what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # An installed program has its bytecode beside it; so has this one, after the round that does not count.
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}

    def execute() -> None:
        ended = subprocess.run(
            argv, cwd=folder, input=text, capture_output=True, text=True, check=False, env=environment
        )
        if ended.returncode:
            sys.exit(f"{' '.join(argv)} failed with {ended.returncode}:\n{ended.stderr[-2000:]}")

    return execute
