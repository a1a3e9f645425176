"""`cronicle rollback`: deploy the previous deployment again."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, PushOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    push: PushOption = None,
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Deploy without asking.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Deploy the previous deployment again, values included; repeated, it goes further back.

    Of an environment that has ended it brings back what it had.
    """
    from cronicle.cli import deploying
    from cronicle.cli.comparison import comparison_text, headline
    from cronicle.cli.output import say
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode
    from cronicle.operations.deploy import plan_rollback, roll_back
    from cronicle.operations.deployed import get_last_deployment
    from cronicle.operations.propose import open_project
    from cronicle.operations.subjects import Subjects

    session = open_session(store, environment, files)
    repository, _ = open_project(session.where)
    with session.store() as opened:
        sources = session.sources(opened)
        scope = session.target(opened)
        current = get_last_deployment(opened, scope)
        going = plan_rollback(sources, current)
        target = going.target
        text = comparison_text(
            headline(current, target, Subjects(session.where), scope.project, session.clock.now()), going.plan
        )
        if not json:
            say(text)
        question = (
            f"Go back from deployment {current.number} ({current.revision[:7]}) "
            f"to deployment {target.number} ({target.revision[:7]})?"
        )
        if not auto_approve and not deploying.approve_deployment(
            question, "cronicle rollback --auto-approve"
        ):
            return ExitCode.FAILED
        remote = deploying.pushes_to(push, target.settings)
        deploying.prepare_push(sources, repository, current, remote)
        made = roll_back(sources, repository, going, session.actor(), deploying.for_git(text))
        session.wake_owners(opened)
        pushed = deploying.push(sources, repository, made.deployment, remote)
        deploying.say_deployed(made, pushed, json=json)
    return deploying.code_of(pushed)
