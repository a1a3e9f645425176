"""`cronicle pause`: pause the schedules of workflows, or backfills."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, ProjectOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def pause(
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORKFLOW|BACKFILL]...", help="What to pause; `-` reads a list from stdin."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All schedules of the environment.")] = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Let schedules go on at this time.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> int:
    """Make no more runs of a workflow's ticks, or of a backfill; those in progress finish.

    `cronicle unpause` lets a workflow go on, `cronicle resume` a backfill.
    """
    from cronicle.cli.pausing import pause_each
    from cronicle.cli.session import open_session

    session = open_session(store, environment, files, project)
    with session.store() as opened:
        return pause_each(
            session, opened, tuple(addresses or ()), everything=everything, until=until, reason=reason
        )
