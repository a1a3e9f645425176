"""`cronicle apply`: deploy a revision."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, PushOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def apply(
    plan_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="Deploy exactly the plan in this file: cronicle plan --out FILE"
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Deploy this revision (default: HEAD).")
    ] = None,
    promoted: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ENVIRONMENT",
            help="Deploy exactly what another environment runs: its revision and the pins of its sources.",
        ),
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
    ttl: Annotated[
        str | None,
        typer.Option(
            "--ttl",
            metavar="DURATION",
            help='End the environment after this time, as "7d"; "never" takes such an end away (default: as before).',
        ),
    ] = None,
    push: PushOption = None,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Deploy without asking.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Show what would change and, if that is approved, deploy it."""
    from attrs import evolve

    from cronicle.cli.applying import Asked, deploy_planned, settle
    from cronicle.cli.deploying import asked_until
    from cronicle.cli.planning import look_at_plan, names_of
    from cronicle.cli.session import open_session
    from cronicle.errors import CronicleError, UsageError
    from cronicle.operations.promote import deployment_to_promote
    from cronicle.operations.propose import open_project, working_changes

    if accept is not None and not accept.strip():
        raise UsageError(
            "accepting needs a reason", 'Say why: --accept "only the wording of the log changed"'
        )
    if promoted is not None and revision is not None:
        raise UsageError(
            "--from and --revision exclude each other",
            "With --from the revision is that of the other environment. Leave one of them out.",
        )
    session = open_session(store, environment, files)
    repository, _ = open_project(session.where)
    repository.root_commit(repository.head())  # which a shallow clone does not know
    asked = Asked(
        var=var or (),
        var_files=var_file or (),
        push=push,
        until=asked_until(ttl, session.clock.now()),
        auto_approve=auto_approve,
        command="cronicle apply --auto-approve",
        json=json,
    )
    if plan_file is not None:
        from cronicle.cli.plan_file import apply_file

        if revision is not None or promoted is not None:
            option = "--from" if revision is None else "--revision"
            raise UsageError(
                f"{option} and the plan {plan_file} exclude each other: the plan has a revision",
                "Leave one of them out.",
            )
        return apply_file(session, repository, plan_file, asked, environment=environment, accept=accept)
    is_head = revision is None and promoted is None
    changed = working_changes(repository, session.where.prefix) if is_head else ()
    if changed:
        raise CronicleError(
            f"files in the working directory differ from HEAD: {names_of(changed)}",
            "Commit them first, or deploy a commit as it is: cronicle apply --revision HEAD",
        )
    with session.store_if_there() as existing:
        sources = session.sources(existing, var or (), var_file or ())
        other = None if promoted is None else deployment_to_promote(sources, promoted)
        planned = look_at_plan(
            session,
            existing,
            revision,
            working_tree=False,
            var=var,
            var_file=var_file,
            accept=accept,
            promoted=other,
        )
        asked = evolve(asked, promoted=other)
        code = settle(session, existing, repository, planned, asked)
        if code is not None:
            return code
    return deploy_planned(session, repository, planned, asked)
