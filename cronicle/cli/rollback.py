"""`cronicle rollback`: deploy the previous deployment again."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    auto_approve: Annotated[bool, typer.Option("--auto-approve", help="Deploy without asking.")] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Deploy the previous deployment again, values included; repeated, it goes further back."""
    from cronicle.cli.deploying import approve_deployment, say_deployed
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode
    from cronicle.operations.deploy import previous_deployment, roll_back
    from cronicle.operations.deployed import get_deployment
    from cronicle.operations.propose import open_project

    session = open_session(store, environment, files)
    repository, _ = open_project(session.where)
    with session.store() as opened:
        sources = session.sources(opened)
        current = get_deployment(opened, session.target(opened))
        target = previous_deployment(sources, current)
        question = (
            f"Go back from deployment {current.number} ({current.revision[:7]}) "
            f"to deployment {target.number} ({target.revision[:7]})?"
        )
        if not auto_approve and not approve_deployment(question, "cronicle rollback --auto-approve"):
            return ExitCode.FAILED
        made = roll_back(sources, repository, current, target, session.actor())
        session.wake_owners(opened)
        say_deployed(made, json=json)
    return ExitCode.GOOD
