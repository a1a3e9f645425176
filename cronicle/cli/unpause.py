"""`cronicle unpause`: let paused schedules make runs again."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, ProjectOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def unpause(
    workflows: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORKFLOW]...", help="Workflows; `-` reads a list from stdin."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="What was paused with `pause --all`.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> int:
    """End a pause: from now on ticks make runs; those that passed meanwhile make none."""
    from cronicle.cli.pausing import unpause_each
    from cronicle.cli.session import open_session

    session = open_session(store, environment, files, project)
    with session.store() as opened:
        return unpause_each(session, opened, tuple(workflows or ()), everything=everything)
