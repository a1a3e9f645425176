"""Reading a large file: the front-end `grammar` (exact positions, diagnostics) against python-hcl2 alone.

Then the whole command `cronicle validate`, its start and all checks included, for the first time and once more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import hcl2

from benchmarks.rounds import compare
from grammar.parse import parse
from grammar.source import SourceFile

BOUND = 1.0
"""Times what python-hcl2 takes: going through it for shapes only must not cost more than using it for all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--tasks", type=int, default=1000, metavar="N", help="in the file (default: 1000)")


def text_of(number: int) -> str:
    """A workflow as people write them: some attributes a task, a reference, a template."""
    tasks = [
        f"""
  task "extract_{i}" {{
    description = "Part {i} of the data"
    command     = ["python3", "extract.py", "--part", "{i}", "--date", run.date]
    depends_on  = [task.extract_{i - 1}]
    timeout     = "10m"
    env = {{
      SOURCE = "https://example.org/${{var.region}}/{i}"
    }}
    retry {{
      attempts = 3
      delay    = "10s"
    }}
  }}
"""
        for i in range(1, number + 1)
    ]
    return f'workflow "large" {{{"".join(tasks)}}}\n'


def run(arguments: argparse.Namespace) -> bool:
    """Measure and print; True if the ratio is within its bound."""
    text = text_of(arguments.tasks)

    def front_end() -> None:
        _, diagnostics = parse(SourceFile("large.hcl", text))
        assert not list(diagnostics), "the file is meant to be good"

    result = compare(
        f"parse: a file of {arguments.tasks} tasks, {len(text):,} characters",
        {"grammar": front_end, "python-hcl2": lambda: hcl2.loads(text)},
        rounds=arguments.rounds,
        bound=BOUND,
    )
    print(result.table())
    with tempfile.TemporaryDirectory(prefix="cronicle-benchmark-") as folder:
        project = Path(folder) / "large"
        project.mkdir()
        (project / "cronicle.hcl").write_text(
            'project "large" {}\n\nvariable "region" {\n  default = "eu"\n}\n'
        )
        (project / "large.hcl").write_text(text.replace("depends_on  = [task.extract_0]", ""))

        def validate(cache: Path) -> None:
            subprocess.run(
                [sys.executable, "-m", "cronicle", "validate"],
                cwd=project,
                env={
                    **os.environ,
                    "XDG_CACHE_HOME": str(cache),
                    "PYTHONPATH": str(Path(__file__).parents[1]),
                },
                stdout=subprocess.DEVNULL,
                check=True,
            )

        validated = compare(
            "cronicle validate: the same file, as a command",
            {
                "first time": lambda: validate(Path(tempfile.mkdtemp(dir=folder))),
                "python-hcl2": lambda: hcl2.loads(text),
                "once more": lambda: validate(Path(folder) / "cache"),
            },
            rounds=arguments.rounds,
            bound=BOUND,
        )
    print(validated.table())
    return result.is_within_bound and validated.is_within_bound
