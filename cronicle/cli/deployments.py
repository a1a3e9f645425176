"""`cronicle deployments`: what was deployed, when and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
from cronicle.cli.session import Session, open_session
from cronicle.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from cronicle.store.records import DeploymentRecord

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SHOW = "show"


@app.command()
def deployments(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DEPLOYMENT",
            help="All about one (`show 7`), or what differs between two (`6 7`). A deployment is its number, an "
            "environment for the last one of it (`staging`), or both (`staging/7`).",
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            "--push",
            metavar="REMOTE",
            help="Push what git shows of the deployments, which is brought up to date before.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.")] = 50,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> int:
    """List what was deployed, newest first: of the project, or outside any of the whole store."""
    from cronicle.cli.one_deployment import compare, push_all, show

    session = open_session(store, environment, files, project)
    words = list(which or ())
    if push is not None:
        if words:
            raise UsageError(
                "--push is about all deployments of an environment, not about single ones",
                f"Leave out {' '.join(words)}.",
            )
        return push_all(session, push, json=json or jsonl)
    if len(words) == 2 and words[0] == SHOW:
        show(session, words[1], json=json or jsonl)
    elif len(words) == 1 and words[0] != SHOW:
        show(session, words[0], json=json or jsonl)
    elif len(words) == 2:
        compare(session, words[0], words[1], json=json or jsonl)
    elif words:
        raise UsageError(
            "one deployment is shown, or two are compared",
            "Write: cronicle deployments show 7   or: cronicle deployments 6 7",
        )
    else:
        _list(session, limit, json=json, jsonl=jsonl)
    return ExitCode.GOOD


def _list(session: Session, limit: int, *, json: bool, jsonl: bool) -> None:
    from cronicle.operations.subjects import Subjects
    from cronicle.views.following import follow_lines, followed_in
    from cronicle.views.plan import deployment_document

    with session.reader() as reader:
        scope, _ = session.scope(reader)
        names = [scope] if scope else [one.name for one in reader.list_projects()]
        found = [
            one for name in names for one in reader.list_deployments(name, session.environment, limit=limit)
        ]
        found.sort(key=lambda one: one.created_at, reverse=True)
        found = found[:limit]
        current = {
            (one.project, one.environment): latest.number
            for one in found
            if (latest := reader.find_deployment(one.project, one.environment))
        }
        projects = {one.name: one for one in reader.list_projects()}
        followed = followed_in(reader, scope, session.environment)
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
        is_last = current.get((one.project, one.environment)) == one.number
        subject = subjects.of(projects.get(one.project), one.revision) or ""
        rows.append(_row(one, subject, now, is_last=is_last, named=not scope))
    say(table(rows))
    for line in follows:
        say(visible_line(line))


def _row(one: DeploymentRecord, subject: str, now: datetime, *, is_last: bool, named: bool) -> list[str]:
    from cronicle.views.words import relative, short

    target = f"{one.project}/{one.environment}" if named else one.environment
    note = f"repeats {one.rolled_back_to}: " if one.rolled_back_to else ""
    if one.promoted_from is not None and not note:
        note = f"from {one.promoted_from.environment}/{one.promoted_from.number}: "
    cells = [target, short(one.revision), relative(one.created_at, now), one.actor.user]
    cells += [str(len(one.workflows)), "ended the environment" if one.ended else note + subject]
    number = f"{one.number}"
    if is_last:
        number += paint(" ended", "yellow") if one.ended else paint(" in force", "green")
    return [number, *(visible_line(cell) for cell in cells)]
