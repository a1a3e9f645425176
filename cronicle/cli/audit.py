"""`cronicle audit`: who did what, from where, and why."""

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

app = typer.Typer(add_completion=False)


@app.command()
def audit(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[SUBJECT]", help="Only what was done to this: a workflow, a run, a backfill, …"
        ),
    ] = None,
    act: Annotated[
        str | None, typer.Option(metavar="ACT", help="Only such acts: deploy, run, cancel, pause, …")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="USER[@HOST]", help="Only what this user did.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Not before: a date or an instant.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Not after; a date is the whole day.")
    ] = None,
    before: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Only what came before the act of this number.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many at most; with --jsonl 0 are all.")
    ] = 50,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List what people did, newest first: who, from where, what, why, and with which command.

    Covers the project with all its environments, and what was done to the store as a whole; outside any project all
    of the store. Everything there is, as JSON lines: cronicle audit --jsonl --limit 0
    """
    from cronicle.cli.auditing import list_acts
    from cronicle.cli.session import open_session

    session = open_session(store, environment, files, project)
    list_acts(
        session,
        subject=subject,
        act=act,
        user=user,
        first=from_,
        last=to,
        before=before,
        limit=limit,
        json=json,
        jsonl=jsonl,
    )
