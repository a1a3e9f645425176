"""`cronicle status`: one screen of what fails, runs and comes next."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, ProjectOption, StoreOption
from cronicle.cli.output import is_terminal, mark, print_json, say, table, visible_line
from cronicle.cli.session import open_session
from cronicle.operations.deployed import deployments_in_force, last_deployments
from cronicle.views.environments import lasting_line
from cronicle.views.following import follow_documents, follow_lines, followed_in
from cronicle.views.status import (
    Line,
    backfill_lines,
    live_lines,
    next_line,
    scheduler_line,
    schedulers,
    serving_lines,
    status_document,
    status_of,
)
from cronicle.views.status_workflows import workflow_lines

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """What fails, runs, is unfinished and comes next, on one screen. Outside any project: of the whole store."""
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        scope, naming, now = session.scope(reader), session.naming(reader), session.clock.now()
        deployed = deployments_in_force(reader, *scope)
        leaders = schedulers(reader, scope)
        found = status_of(reader, session.addresses(reader), deployed, scope, now)
        followed = followed_in(reader, *scope)
        if json:
            print_json(status_document(found, leaders, follow_documents(reader, followed)))
            return
        coming = next_line(found, naming, now)
        last = last_deployments(reader, *scope)
        lasting = [line for one in last if (line := lasting_line(one, naming, now)) is not None]
        say(f"{visible_line(scheduler_line(leaders, now))}        {visible_line(coming)}")
        for line in follow_lines(reader, followed, naming, now):
            say(visible_line(line))
        lines = [
            *live_lines(reader, found, naming, now),
            *backfill_lines(reader, found, naming),
            *workflow_lines(found, naming, now),
        ]
    if lines:
        say()
        say(_text(lines))
    if serving := serving_lines(found):
        say()
        for line in serving:
            say(f"  {visible_line(line)}")
    if found.live_count > len(found.live):
        say(
            f"  {found.live_count - len(found.live):,} more runs are not over: cronicle runs --state running,queued"
        )
    if lasting:
        say()
        for line in lasting:
            say(f"  {visible_line(line)}")
    elif not deployed:
        say()
        say("nothing is deployed: cronicle apply")


def _text(lines: Sequence[Line]) -> str:
    """The lines in columns."""
    width = max(len(line.cells) for line in lines)
    rows = []
    for line in lines:
        cells = [*line.cells, *[""] * (width - len(line.cells)), line.command]
        symbol = [mark(line.state, "")] if is_terminal() else []
        rows.append([*symbol, *(visible_line(cell) for cell in cells)])
    return table(rows)
