"""`cronicle resume`: go on with a run or a backfill that no process drives."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonOption,
    LabelOption,
    ProjectOption,
    StoreOption,
)

app = typer.Typer(add_completion=False)


@app.command()
def resume(
    address: Annotated[str, typer.Argument(metavar="RUN|BACKFILL", help="A run or a backfill.")],
    slots: Annotated[
        int | None, typer.Option("--slots", min=1, help="Attempts at once (default: the cores).")
    ] = None,
    labels: LabelOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """Continue a run that lost its process, or a backfill that was paused or lost its process."""
    from cronicle.cli.resuming import resume_one
    from cronicle.cli.session import open_session

    session = open_session(store, environment, files, project, labels=labels)
    with session.store() as opened:
        return resume_one(session, opened, address, slots=slots, json=json)
