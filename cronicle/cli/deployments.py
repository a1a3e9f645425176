"""`cronicle deployments`: what was deployed, when and by whom."""

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
from cronicle.cli.output import paint, print_json, print_json_lines, say, table, tell, visible_line
from cronicle.cli.session import open_session

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def deployments(
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.")] = 50,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List what was deployed, newest first: of the project, or outside any of the whole store."""
    from cronicle.operations.subjects import Subjects
    from cronicle.views.following import follow_lines, followed_in
    from cronicle.views.plan import deployment_document
    from cronicle.views.words import relative, short

    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        scope, _ = session.scope(reader)
        names = [scope] if scope else [one.name for one in reader.list_projects()]
        found = [one for name in names for one in reader.list_deployments(name, environment, limit=limit)]
        found.sort(key=lambda one: one.created_at, reverse=True)
        found = found[:limit]
        current = {
            (one.project, one.environment): latest.number
            for one in found
            if (latest := reader.find_deployment(one.project, one.environment))
        }
        projects = {one.name: one for one in reader.list_projects()}
        followed = followed_in(reader, scope, environment)
        follows = follow_lines(reader, followed, session.naming(reader), session.clock.now())
    subjects = Subjects(session.where)
    if json or jsonl:
        shapes = [
            {**deployment_document(one), "subject": subjects.of(projects.get(one.project), one.revision)}
            for one in found
        ]
        print_json_lines(shapes) if jsonl else print_json(shapes)
        return
    if not found:
        tell("nothing has been deployed yet: cronicle apply")
        return
    now = session.clock.now()
    rows = [["", "ENVIRONMENT", "REVISION", "DEPLOYED", "BY", "WORKFLOWS", "SUBJECT"]]
    for one in found:
        in_force = current.get((one.project, one.environment)) == one.number
        target = one.environment if scope else f"{one.project}/{one.environment}"
        subject = subjects.of(projects.get(one.project), one.revision) or ""
        note = f"repeats {one.rolled_back_to}: " if one.rolled_back_to else ""
        cells = [target, short(one.revision), relative(one.created_at, now), one.actor.user]
        cells += [str(len(one.workflows)), note + subject]
        number = f"{one.number}" + (paint(" in force", "green") if in_force else "")
        rows.append([number, *(visible_line(cell) for cell in cells)])
    say(table(rows))
    for line in follows:
        say(visible_line(line))
