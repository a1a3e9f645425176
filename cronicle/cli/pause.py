"""`cronicle pause`: pause backfills."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def pause(
    addresses: Annotated[list[str], typer.Argument(help="Backfills; `-` reads a list from stdin.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    store: StoreOption = None,
    environment: EnvironmentOption = None,
) -> int:
    """Start no more runs of a backfill; those in progress finish. `cronicle resume` goes on with it."""
    from cronicle.cli.requesting import request_each
    from cronicle.cli.session import open_session

    session = open_session(store, environment)
    with session.store() as opened:
        return request_each(session, opened, addresses, "pause", reason)
