"""`cronicle backfills`: list backfills, newest first."""

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
    WorkflowsArgument,
)
from cronicle.cli.output import mark, print_json, print_json_lines, say, table, tell, visible_line
from cronicle.cli.session import open_session

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def backfills(
    workflow: WorkflowsArgument = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Only those that run or are paused.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.")] = 50,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List backfills, newest first. Outside any project: those of the whole store."""
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        found = reader.list_backfills(
            *session.scope(reader), workflow, with_instances=True, unfinished=unfinished, limit=limit
        )
        if json or jsonl:
            from cronicle.views.shapes import backfill_shape, to_builtins

            shapes = to_builtins([backfill_shape(one, reader.list_tick_revisions(one.id)) for one in found])
            print_json_lines(shapes) if jsonl else print_json(shapes)
            return
        if not found:
            tell("no backfills")
            return
        from cronicle.views.backfills import backfill_line

        now, naming = session.clock.now(), session.naming(reader)
        rows = [["BACKFILL", "WORKFLOW", "FROM", "TO", "STATE", "DONE", "FAILED", "REVISION", "MADE", ""]]
        for one in found:
            line = backfill_line(reader, one, now)
            cells = [
                one.id,
                naming.of(one.project, one.environment, one.workflow),
                one.from_text,
                one.to_text,
                line.done,
                line.failed,
                line.revision,
                line.made,
            ]
            cells = [visible_line(cell) for cell in cells]
            rows.append([*cells[:4], mark(line.state), *cells[4:], visible_line(line.note)])
        say(table(rows))
