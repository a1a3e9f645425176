"""`cronicle wait`: until runs and backfills have ended."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, ProjectOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def wait(
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="RUN|BACKFILL...", help="Runs or backfills; `-` reads a list from stdin."),
    ],
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="DURATION", help="Give up after so long (exit code 124): `5m`."),
    ] = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """Wait until all have ended. The exit code is 0 if all succeeded, 1 if not, 124 if the time was over before."""
    from cronicle.cli.session import open_session
    from cronicle.cli.waiting import wait_for_all
    from cronicle.operations.asked_times import asked_seconds

    patience = None if timeout is None else asked_seconds("--timeout", timeout)
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        return wait_for_all(session, reader, addresses, patience, json=json)
