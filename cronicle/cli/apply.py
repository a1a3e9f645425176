"""`cronicle apply`: deploy a revision."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, PushOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def apply(
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
    from cronicle.cli import deploying
    from cronicle.cli.output import print_json, say
    from cronicle.cli.plan_text import plan_text
    from cronicle.cli.planning import look_at_plan, names_of
    from cronicle.cli.session import open_session
    from cronicle.errors import CronicleError, ExitCode, UsageError
    from cronicle.operations.deploy import Terms, deploy, deployable
    from cronicle.operations.promote import deployment_to_promote
    from cronicle.operations.propose import open_project, working_changes
    from cronicle.operations.signed import check_signed
    from cronicle.store.records import Promotion
    from cronicle.views.plan import deployment_document, effects_document

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
    until = deploying.asked_until(ttl, session.clock.now())
    repository, _ = open_project(session.where)
    repository.root_commit(repository.head())  # which a shallow clone does not know
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
        text = plan_text(planned, session.clock.now())
        if not json:
            say(text)
        remote = deploying.pushes_to(push, planned.proposal.project.settings.to_json())
        if not planned.has_changes and until is None:
            assert planned.deployment is not None
            assert existing is not None
            pushed = deploying.push(sources, repository, planned.deployment, remote)
            if json:
                shown = {"pushed": deploying.pushed_document(pushed)}
                print_json(deployment_document(planned.deployment) | shown)
            else:
                deploying.say_pushed(pushed)
            return deploying.code_of(pushed)
        check_signed(sources, deployable(planned.proposal), planned.deployment)
        target = f"{planned.proposal.project.name}/{planned.environment}"
        title = f"Deploy {str(planned.proposal.revision)[:7]} to {target}?"
        if not auto_approve and not deploying.approve_deployment(title, "cronicle apply --auto-approve"):
            return ExitCode.FAILED
    with session.store(create=True) as opened:
        sources = session.sources(opened, var or (), var_file or ())
        deploying.prepare_push(sources, repository, planned.deployment, remote)
        promotion = None if other is None else Promotion(environment=other.environment, number=other.number)
        terms = Terms(until=until, promoted_from=promotion, text=text)
        made = deploy(sources, planned, session.actor(), terms)
        session.wake_owners(opened)
        pushed = deploying.push(sources, repository, made.deployment, remote)
        deploying.say_deployed(made, pushed, json=json, effects=effects_document(planned))
        deploying.note(sources, repository, made.deployment)
    return deploying.code_of(pushed)
