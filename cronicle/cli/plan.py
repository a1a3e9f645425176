"""`cronicle plan`: what `apply` would change."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from cronicle.cli.session import Session
    from cronicle.operations.plan import PlannedDeployment

app = typer.Typer(add_completion=False)


@app.command()
def plan(
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Plan this revision (default: HEAD).")
    ] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="Plan the working directory as it is.")] = False,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable.")] = None,
    var_file: Annotated[
        list[str] | None, typer.Option("--var-file", metavar="FILE", help="Variables.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Write the plan to a file, for: cronicle apply FILE"),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="REV", help="With --offline: compare with this revision."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Compare with --base, and ask no store: for a pipeline.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Markdown, for a comment on a change that is proposed.")
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit code 2 if there are changes.")
    ] = False,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="List the files that define each task, and why they do.")
    ] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Show what `apply` would change, task by task; changes nothing."""
    from cronicle.cli.plan_options import check_plan_options
    from cronicle.cli.planning import (
        look_at_difference,
        look_at_plan,
        warn_of_signature,
    )
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode
    from cronicle.operations.propose import open_project

    check_plan_options(
        revision=revision, dirty=dirty, out=out, base=base, offline=offline, markdown=markdown, json=json
    )
    session = open_session(store, environment, files)
    open_project(session.where)  # before a store is looked for
    if base is not None:
        planned = look_at_difference(session, base, revision, working_tree=dirty, var=var, var_file=var_file)
        _show(session, planned, None, json=json, markdown=markdown, inputs=inputs)
    else:
        command = f"cronicle apply{_same_options(revision, environment)}"
        with session.store_if_there() as opened:
            planned = look_at_plan(session, opened, revision, working_tree=dirty, var=var, var_file=var_file)
            if planned.has_changes and not dirty:
                warn_of_signature(session, opened, planned)
            if out is not None:
                from cronicle.cli.plan_file import write_out

                command = write_out(session, opened, planned, revision, out, var or (), var_file or ())
            shown = command if planned.has_changes and not dirty else None
            _show(session, planned, shown, json=json, markdown=markdown, inputs=inputs)
    return ExitCode.CHANGES if detailed_exitcode and planned.has_changes else ExitCode.GOOD


def _show(
    session: Session,
    planned: PlannedDeployment,
    command: str | None,
    *,
    json: bool,
    markdown: bool,
    inputs: bool,
) -> None:
    """Show a plan; `command` is what applies it, where there is something to apply."""
    from cronicle.cli.output import print_json, say

    if json:
        from cronicle.views.plan import plan_document

        print_json(plan_document(planned))
    elif markdown:
        from cronicle.views.plan_markdown import plan_markdown

        say(plan_markdown(planned, command))
    else:
        from cronicle.cli.plan_text import plan_text

        say(plan_text(planned, session.clock.now(), show_inputs=inputs))
        if command is not None:
            say(f"\nTo deploy it: {command}")


def _same_options(revision: str | None, environment: str | None) -> str:
    given = (("--revision", revision), ("--environment", environment))
    return "".join(f" {option} {shlex.quote(value)}" for option, value in given if value is not None)
