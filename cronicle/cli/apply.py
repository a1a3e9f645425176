"""`cronicle apply`: deploy a revision."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def apply(
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Deploy this revision (default: HEAD).")
    ] = None,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable.")] = None,
    var_file: Annotated[
        list[str] | None, typer.Option("--var-file", metavar="FILE", help="Variables.")
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="REASON",
            help="What changes makes no difference to the results that there are: they stay current.",
        ),
    ] = None,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Deploy without asking.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Show what would change and, if that is approved, deploy it."""
    from cronicle.cli.deploying import approve_deployment, say_deployed
    from cronicle.cli.output import print_json, say
    from cronicle.cli.plan_text import plan_text
    from cronicle.cli.planning import look_at_plan, names_of
    from cronicle.cli.session import open_session
    from cronicle.errors import CronicleError, ExitCode, UsageError
    from cronicle.operations.deploy import deploy
    from cronicle.operations.propose import open_project, working_changes
    from cronicle.views.plan import deployment_document, effects_document

    if accept is not None and not accept.strip():
        raise UsageError(
            "accepting needs a reason", 'Say why: --accept "only the wording of the log changed"'
        )
    session = open_session(store, environment, files)
    repository, _ = open_project(session.where)
    repository.head()
    changed = working_changes(repository, session.where.prefix) if revision is None else ()
    if changed:
        raise CronicleError(
            f"files in the working directory differ from HEAD: {names_of(changed)}",
            "Commit them first, or deploy a commit as it is: cronicle apply --revision HEAD",
        )
    with session.store_if_there() as existing:
        planned = look_at_plan(
            session, existing, revision, working_tree=False, var=var, var_file=var_file, accept=accept
        )
        if not json:
            say(plan_text(planned, session.clock.now()))
        if not planned.has_changes:
            if json:
                assert planned.deployment is not None
                print_json(deployment_document(planned.deployment))
            return ExitCode.GOOD
        target = f"{planned.proposal.project.name}/{planned.environment}"
        title = f"Deploy {str(planned.proposal.revision)[:7]} to {target}?"
        if not auto_approve and not approve_deployment(title, "cronicle apply --auto-approve"):
            return ExitCode.FAILED
    with session.store(create=True) as opened:
        made = deploy(session.sources(opened, var or (), var_file or ()), planned, session.actor())
        session.wake_owners(opened)
        say_deployed(made, json=json, effects=effects_document(planned))
    return ExitCode.GOOD
