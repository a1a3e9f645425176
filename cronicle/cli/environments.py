"""`cronicle environments`: where something is deployed, and ending one of them."""

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
from cronicle.cli.session import Session, open_session

if TYPE_CHECKING:
    from datetime import datetime

    from cronicle.store.records import DeploymentRecord
    from cronicle.views.environments import EnvironmentShape

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
    help="List the environments: what each runs, since when, by whom. Outside any project: of the whole store.",
)


@app.callback()
def environments(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List the environments: what each runs, since when, by whom. Outside any project: of the whole store."""
    if context.invoked_subcommand is not None:
        return
    from cronicle.cli.output import print_json, print_json_lines, say, table, tell
    from cronicle.views.environments import environment_shapes
    from cronicle.views.shapes import to_builtins

    session = open_session(store, None, files, project)
    with session.reader() as reader:
        now = session.clock.now()
        scope, _ = session.scope(reader)
        found = [
            one
            for one in environment_shapes(reader, scope, now)
            if (everything or one.state != "ended") and environment in (None, one.environment)
        ]
    if json or jsonl:
        shapes = to_builtins(found)
        print_json_lines(shapes) if jsonl else print_json(shapes)
        return
    if not found:
        tell("nothing is deployed: cronicle apply")
        return
    rows = [["ENVIRONMENT", "STATE", "REVISION", "SINCE", "BY", "WORKFLOWS", "RUNS", "ENDS", ""]]
    rows += [_row(one, now, is_named=scope is None) for one in found]
    say(table(rows))


def _row(one: EnvironmentShape, now: datetime, *, is_named: bool) -> list[str]:
    from cronicle.cli.output import mark, plural, visible_line
    from cronicle.views.words import relative, short

    name = f"{one.project}/{one.environment}" if is_named else one.environment
    paused = len(one.paused_workflows)
    notes = [
        "the default" if one.is_default else "",
        f"from {one.promoted_from}" if one.promoted_from else "",
        f"{plural(paused, 'workflow')} paused" if paused else "",
    ]
    shown = {"active": "succeeded", "expired": "failed", "ended": "skipped"}.get(one.state, one.state)
    cells = [short(one.revision), relative(one.since, now), one.by, str(len(one.workflows))]
    cells += [f"{one.live_runs} live" if one.live_runs else "", relative(one.expires_at, now)]
    cells += [", ".join(filter(None, notes))]
    return [visible_line(name), mark(shown, one.state), *(visible_line(cell) for cell in cells)]


@app.command()
def end(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The environment.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = "",
    push: Annotated[
        str | None,
        typer.Option(
            "--push", metavar="REMOTE", help="Push what git shows of it (default: as the project says)."
        ),
    ] = None,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="End it without asking.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """End an environment: no tick makes a run there any more. What was run stays, with its results and data.

    Runs and backfills that are in progress go on to their end. A new `apply` begins anew, `rollback` brings back
    what was there.
    """
    from cronicle.cli import deploying
    from cronicle.cli.approval import approve
    from cronicle.cli.output import paint, print_json, say
    from cronicle.errors import ExitCode
    from cronicle.operations.deployed import get_deployment
    from cronicle.operations.end_environment import end_environment
    from cronicle.operations.repository_of import repository_of
    from cronicle.views.plan import deployment_document

    session = open_session(store, name, files, project)
    with session.store() as opened:
        target = session.target(opened)
        current = get_deployment(opened, target)
        where = f"{current.project}/{current.environment}"
        question = f"End {where}, {_running(session, current)}?"
        if not auto_approve and not approve(
            question,
            undone="it goes on",
            remedy=f"To end it without asking: cronicle environments end {name} --auto-approve",
        ):
            return ExitCode.FAILED
        sources = session.sources(opened)
        repository = repository_of(session.where, target.project)
        remote = deploying.pushes_to(push, current.settings)
        made = end_environment(sources, repository, current, session.actor(), reason)
        session.wake_owners(opened)
        pushed = None if repository is None else deploying.push(sources, repository, made.deployment, remote)
        if json:
            shown = {"pushed": deploying.pushed_document(pushed)}
            print_json(deployment_document(made.deployment) | shown)
        else:
            say(f"{paint('✓', 'green')} ended {where}; its history and data stay")
            say(f"  begin anew:  cronicle apply -e {name}      bring it back:  cronicle rollback -e {name}")
            deploying.say_pushed(pushed)
        if made.ref_problem is not None:
            deploying.warn(made.ref_problem)
    return deploying.code_of(pushed)


def _running(session: Session, current: DeploymentRecord) -> str:
    """What ending takes away, and what goes on."""
    from cronicle.cli.output import plural
    from cronicle.runs.states import LIVE
    from cronicle.store.records import RunFilter
    from cronicle.views.words import short

    with session.reader() as reader:
        wanted = RunFilter(project=current.project, environment=current.environment, states=tuple(LIVE))
        live = reader.count_runs(wanted)
        backfills = len(reader.list_backfills(current.project, current.environment, unfinished=True))
    said = f"which runs {plural(len(current.workflows), 'workflow')} at {short(current.revision)}"
    going = [plural(live, "run") if live else "", plural(backfills, "backfill") if backfills else ""]
    on = " and ".join(filter(None, going))
    return said + (f" ({on} in progress will finish)" if on else "")
