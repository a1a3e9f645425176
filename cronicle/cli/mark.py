"""`cronicle mark`: set the outcome of a logical time by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonOption,
    ProjectOption,
    SeriesOption,
    StoreOption,
)

app = typer.Typer(add_completion=False)


@app.command()
def mark(
    addresses: Annotated[
        list[str], typer.Argument(metavar="RUN|WORKFLOW@TIME…", help="`-` reads a list from stdin.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")],
    succeeded: Annotated[bool, typer.Option("--succeeded", help="What was to be done is done.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="What was done is not good.")] = False,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """Set outcomes by hand: a run that executes nothing records who did it and why, and counts from then on."""
    from cronicle.cli.marking import mark_each
    from cronicle.cli.session import open_session
    from cronicle.errors import UsageError
    from cronicle.runs.states import RunState

    if succeeded is failed:
        raise UsageError("say which outcome: --succeeded or --failed")
    if not reason.strip():
        raise UsageError("a mark needs a reason", 'Say why: --reason "made by hand on the old machine"')
    state = RunState.SUCCEEDED if succeeded else RunState.FAILED
    session = open_session(store, environment, files, project)
    with session.store() as opened:
        return mark_each(session, opened, addresses, state, reason.strip(), series=series, json=json)
