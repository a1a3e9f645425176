"""`cronicle stale`: the results that would be made otherwise today, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonLinesOption,
    JsonOption,
    ProjectOption,
    StoreOption,
)
from cronicle.names import as_workflow

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def stale(
    workflows: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORKFLOW]…", parser=as_workflow, help="Of these (default: of all that is deployed)."
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First logical time: a date or an instant.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Last logical time, inclusive.")
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", metavar="REV", help="What would be stale at this revision (default: deployed)."
        ),
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Only the ids of the runs, one a line.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many results at most, the latest (default: all)."),
    ] = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """Say which results are stale: what is deployed would make them otherwise. Changes nothing."""
    from cronicle.cli.session import open_session
    from cronicle.cli.staleness import Asked, list_stale, say_stale
    from cronicle.errors import UsageError

    is_list = json or jsonl or ids
    if limit is not None and not is_list:
        raise UsageError("--limit is for lists of runs", "Add --json, --jsonl or --ids.")
    session = open_session(store, environment, files, project)
    asked = Asked(workflows=tuple(workflows or ()), first=first, last=last, revision=revision)
    if is_list:
        list_stale(session, asked, limit, lines=jsonl, ids=ids)
    else:
        say_stale(session, asked)
