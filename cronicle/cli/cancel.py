"""`cronicle cancel`: end runs or backfills."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, ProjectOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def cancel(
    addresses: Annotated[
        list[str],
        typer.Argument(metavar="RUN|BACKFILL...", help="Runs or backfills; `-` reads a list from stdin."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> int:
    """End runs or backfills: their attempts get TERM at once, nothing else starts."""
    from cronicle.cli.requesting import request_each
    from cronicle.cli.session import open_session

    session = open_session(store, environment, files, project)
    with session.store() as opened:
        return request_each(session, opened, addresses, "cancel", reason)
