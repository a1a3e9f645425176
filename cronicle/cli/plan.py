"""`cronicle plan`: what `apply` would change."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption

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
    from cronicle.cli.output import print_json, say
    from cronicle.cli.plan_text import plan_text
    from cronicle.cli.planning import look_at_plan, warn_of_signature
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode, UsageError
    from cronicle.operations.propose import open_project
    from cronicle.views.plan import plan_document

    if dirty and revision is not None:
        raise UsageError("--dirty and --revision exclude each other")
    session = open_session(store, environment, files)
    open_project(session.where)  # before a store is looked for
    with session.store_if_there() as opened:
        planned = look_at_plan(session, opened, revision, working_tree=dirty, var=var, var_file=var_file)
        if planned.has_changes and not dirty:
            warn_of_signature(session, opened, planned)
        if json:
            print_json(plan_document(planned))
        else:
            say(plan_text(planned, session.clock.now(), show_inputs=inputs))
            if planned.has_changes and not dirty:
                say(f"\nTo deploy it: cronicle apply{_same_options(revision, environment)}")
    return ExitCode.CHANGES if detailed_exitcode and planned.has_changes else ExitCode.GOOD


def _same_options(revision: str | None, environment: str | None) -> str:
    given = (("--revision", revision), ("--environment", environment))
    return "".join(f" {option} {shlex.quote(value)}" for option, value in given if value is not None)
