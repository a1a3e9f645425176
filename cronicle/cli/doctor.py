"""`cronicle doctor`: check the installation, the store and the repository."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption
from cronicle.cli.output import is_terminal, paint, print_json, say, visible, visible_line
from cronicle.cli.session import open_session
from cronicle.errors import CronicleError, ExitCode
from cronicle.operations.checks import check_installation, store_metrics
from cronicle.operations.findings import Check, Grade

app = typer.Typer(add_completion=False, rich_markup_mode=None)

MARKS = {
    Grade.GOOD: ("✓", "green", "ok"),
    Grade.NOTE: ("·", "yellow", "note"),
    Grade.BAD: ("✗", "red", "WRONG"),
}


@app.command()
def doctor(
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Only print what the store tells, as text for Prometheus.")
    ] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Check the installation, the store, the scheduler and the repository. Exit code 1 if something is wrong."""
    session = open_session(store, environment, files)
    if metrics:
        sys.stdout.write(store_metrics(session.location, session.where.files, session.clock).render())
        return ExitCode.GOOD
    problem: CronicleError | None = None
    try:
        _ = session.location
    except CronicleError as error:
        problem = error
    checks = []
    for check in check_installation(session.where, problem, session.clock):
        checks.append(check)
        if not json:
            _say(check)
    wrong = [check for check in checks if check.grade is Grade.BAD]
    if json:
        print_json(checks)
    elif wrong:
        say()
        say(f"{len(wrong)} of {len(checks)} checks found something wrong")
    return ExitCode.FAILED if wrong else ExitCode.GOOD


def _say(check: Check) -> None:
    symbol, colour, word = MARKS[check.grade]
    first = paint(symbol, colour) if is_terminal() else word.ljust(5)
    say(f"{first} {check.name.ljust(18)} {visible_line(check.said)}")
    if check.remedy and check.grade is not Grade.GOOD:
        for line in visible(check.remedy).splitlines():
            say(f"{' ' * 8}{line}")
