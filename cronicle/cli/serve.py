"""`cronicle serve`: the scheduler, for as long as nobody ends it."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import FilesOption, LabelOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    environments: Annotated[
        list[str] | None,
        typer.Option(
            "--environment",
            "-e",
            metavar="NAME",
            help="Serve this one (default: of each project its default).",
        ),
    ] = None,
    projects: Annotated[
        list[str] | None, typer.Option("--project", metavar="NAME", help="Serve this one (default: all).")
    ] = None,
    slots: Annotated[
        int | None, typer.Option("--slots", min=1, help="Attempts at once (default: the cores).")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--once-until",
            metavar="TIME",
            help="Serve the ticks up to this time, and end when all runs have.",
        ),
    ] = None,
    drain_timeout: Annotated[
        str | None,
        typer.Option(
            "--drain-timeout",
            metavar="DURATION",
            help="How long running attempts have when told to end (default: as long as they need).",
        ),
    ] = None,
    takeover: Annotated[
        bool, typer.Option("--takeover", help="Have the process that serves now drain, and take its place.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made of ticks, and make nothing.")
    ] = False,
    follow: Annotated[
        str | None,
        typer.Option(
            "--follow", metavar="REMOTE/BRANCH", help="Deploy what this branch names, as it moves on."
        ),
    ] = None,
    follow_every: Annotated[
        str | None,
        typer.Option("--follow-every", metavar="DURATION", help="How often to look (default: 30s)."),
    ] = None,
    follow_key: Annotated[
        str | None,
        typer.Option(
            "--follow-key",
            metavar="FILE",
            help="Log in with this private key (default: those of the SSH agent).",
        ),
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=VALUE", help="With --follow: a variable, as for `apply`."),
    ] = None,
    var_file: Annotated[
        list[str] | None,
        typer.Option("--var-file", metavar="FILE", help="With --follow: variables, as for `apply`."),
    ] = None,
    labels: LabelOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
) -> int:
    """Make the runs of all ticks, and drive them, until told to end: TERM drains, a second one ends at once."""
    from cronicle.cli.following import follow_wish
    from cronicle.cli.serving import ServeWish, serve_store
    from cronicle.cli.session import open_session

    session = open_session(store, files=files, labels=labels)
    wish = ServeWish(
        environments=tuple(environments or ()),
        projects=tuple(projects or ()),
        slots=slots,
        until=until,
        drain_timeout=drain_timeout,
        takeover=takeover,
        follow=follow_wish(follow, follow_every, follow_key, var, var_file),
    )
    return serve_store(session, wish, dry_run=dry_run)
