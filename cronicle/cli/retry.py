"""`cronicle retry`: run again what failed in a run."""

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
def retry(
    addresses: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Runs; `-` reads a list from stdin.")
    ],
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", metavar="REV", help="Use this revision, or `deployed` (default: the run's own)."
        ),
    ] = None,
    from_task: Annotated[
        str | None,
        typer.Option("--from", metavar="TASK", help="Execute this task and all below it in any case."),
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="With --revision: a variable.")
    ] = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help='Do not ask what `rerun = "confirm"` asks.')
    ] = False,
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
    """Make a new run of the same logical time: what succeeded is carried over, the rest executes."""
    from cronicle.cli.retrying import retry_each
    from cronicle.cli.session import open_session

    session = open_session(store, environment, files, project, labels=labels)
    with session.store() as opened:
        return retry_each(
            session,
            opened,
            addresses,
            revision=revision,
            from_task=from_task,
            var=var or [],
            auto_approve=auto_approve,
            slots=slots,
            json=json,
        )
