"""Asking whether to deploy, and saying what was deployed."""

from __future__ import annotations

import sys
from typing import Any

from cronicle.cli.output import paint, print_json, say, tell
from cronicle.errors import CronicleError
from cronicle.git.refs import deployment_ref
from cronicle.operations.deploy import Deployed
from cronicle.views.plan import deployment_document


def approve(question: str) -> bool:
    """Ask a person; anything but yes is no.

    Raises:
        CronicleError: Nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        raise CronicleError(
            "there is no terminal to ask for approval, so nothing was deployed",
            "To deploy without asking: cronicle apply --auto-approve",
        )
    sys.stdout.flush()
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    tell("nothing was deployed")
    return False


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
