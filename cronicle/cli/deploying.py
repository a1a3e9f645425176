"""Asking whether to deploy, and saying what was deployed."""

from __future__ import annotations

from typing import Any

from cronicle.cli.approval import approve
from cronicle.cli.output import paint, print_json, say, tell
from cronicle.git.refs import deployment_ref
from cronicle.operations.deploy import Deployed
from cronicle.views.plan import deployment_document


def approve_deployment(question: str, command: str) -> bool:
    """Ask whether to deploy; `command` is what does it without asking.

    Raises:
        CronicleError: Nobody is there to be asked.
    """
    return approve(question, undone="nothing was deployed", remedy=f"To deploy without asking: {command}")


def say_deployed(made: Deployed, *, json: bool, effects: dict[str, Any] | None = None) -> None:
    """Say what was deployed, and how to go back; in JSON also the runs that it makes by itself, if known."""
    deployment = made.deployment
    if json:
        more = {} if effects is None else {"runs_caused": effects}
        print_json(deployment_document(deployment) | more)
    else:
        ref = deployment_ref(deployment.project, deployment.environment)
        back = f", which repeats {deployment.rolled_back_to}" if deployment.rolled_back_to else ""
        say(
            f"{paint('✓', 'green')} deployed {deployment.revision[:7]} as deployment {deployment.number}{back}"
            f"       {ref}"
        )
        if deployment.number > 1:
            say("  back again:  cronicle rollback")
    if made.ref_problem is not None:
        tell(f"{paint('warning:', 'yellow')} {made.ref_problem.message}\n{made.ref_problem.remedy}")
