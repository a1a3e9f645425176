"""`cronicle accept`: say that a change makes no difference to the results that there are."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, ProjectOption, StoreOption

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def accept(
    selectors: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKFLOW[/TASK]…", help="All that is stale of a workflow, or one task; `-` reads a list."
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why it makes no difference.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DATE", help="Only of results for logical times before it."),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List what was accepted, with whom, when and why.")
    ] = False,
    revoke: Annotated[
        list[int] | None,
        typer.Option("--revoke", metavar="ID", help="Take back what was accepted; may be repeated."),
    ] = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Accept that a change makes no difference: results made before it count as current, and stay as they are."""
    from cronicle.cli.accepting import accept_each, list_accepted, revoke_each
    from cronicle.cli.session import open_session
    from cronicle.errors import UsageError

    modes = [bool(selectors), list_, bool(revoke)]
    if sum(modes) != 1:
        raise UsageError(
            "say what to accept, or --list, or --revoke ID",
            'See what is stale: cronicle stale   Accept it: cronicle accept WORKFLOW/TASK --reason "…"',
        )
    if before is not None and not selectors:
        raise UsageError("--before is for what is accepted")
    session = open_session(store, environment, files, project)
    if list_:
        list_accepted(session, json=json)
        return
    if reason is None or not reason.strip():
        raise UsageError(
            "accepting and revoking need a reason", 'Say why: --reason "only the wording of the log changed"'
        )
    if revoke:
        revoke_each(session, revoke, reason.strip(), json=json)
    else:
        accept_each(session, selectors or (), reason.strip(), before, json=json)
