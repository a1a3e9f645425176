"""Asking whether to deploy, saying what was deployed, and pushing that."""

from __future__ import annotations

import shlex
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from cronicle.cli.approval import approve
from cronicle.cli.output import paint, print_json, say, tell
from cronicle.errors import CronicleError, ExitCode, UsageError
from cronicle.git.errors import GitError
from cronicle.git.refs import deployment_ref
from cronicle.git.repository import Repository
from cronicle.operations.deploy import Deployed, Until
from cronicle.operations.notes_wanted import wants_notes
from cronicle.operations.shown import Pushed, push_deployments, remote_for, take_over
from cronicle.operations.sources import Sources
from cronicle.store.records import DeploymentRecord
from cronicle.views.plan import deployment_document

NEVER = "never"


def approve_deployment(question: str, command: str) -> bool:
    """Ask whether to deploy; `command` is what does it without asking.

    Raises:
        CronicleError: Nobody is there to be asked.
    """
    return approve(question, undone="nothing was deployed", remedy=f"To deploy without asking: {command}")


def asked_until(ttl: str | None, now: datetime) -> Until | None:
    """Until when the environment is to last, as `--ttl` says; None if nobody says anything.

    Raises:
        UsageError: It is no duration.
    """
    from cronicle.operations.asked_times import asked_seconds

    if ttl is None:
        return None
    if ttl == NEVER:
        return Until(at=None)
    seconds = asked_seconds("--ttl", ttl)
    if seconds <= 0:
        raise UsageError("--ttl 0s is no time to last", "End it now with: cronicle environments end NAME")
    try:
        return Until(at=now + timedelta(seconds=seconds))
    except OverflowError:
        raise UsageError(f"--ttl {ttl} is too long", f"To have no end: --ttl {NEVER}") from None


def pushes_to(asked: str | None, settings: Any) -> str | None:
    """The remote that a deployment is pushed to: as asked for, else as the project's `git` block says."""
    said = (settings or {}).get("git") or {}
    return asked or (said.get("remote") if said.get("push") else None)


def prepare_push(
    sources: Sources, repository: Repository, before: DeploymentRecord | None, remote: str | None
) -> None:
    """Take over what others have pushed, so that the deployment to come follows it; what goes wrong is told later."""
    if remote is None or before is None:
        return
    with suppress(CronicleError):
        take_over(sources, repository, before, remote_for(sources, repository, remote, before))


def push(
    sources: Sources, repository: Repository, deployment: DeploymentRecord, remote: str | None
) -> Pushed | None:
    """Push what git shows of an environment; None if nobody wants that. Problems are told, and are no error."""
    if remote is None:
        return None
    try:
        found = remote_for(sources, repository, remote, deployment)
        pushed = push_deployments(sources, repository, deployment, found)
    except CronicleError as error:
        pushed = Pushed(remote=remote, environment=deployment.environment, problem=error)
    if pushed.problem is not None:
        again = f"cronicle deployments --push {shlex.quote(remote)} -e {deployment.environment}"
        warn(
            pushed.problem,
            f"What is deployed stands, but {remote} does not show it. Try again with: {again}",
        )
    return pushed


def warn(problem: CronicleError, more: str = "") -> None:
    """Tell of what went wrong beside what was done."""
    tell(f"{paint('warning:', 'yellow')} {problem.message}\n{problem.remedy}")
    if more:
        tell(more)


def note(sources: Sources, repository: Repository, deployment: DeploymentRecord) -> None:
    """Write under commits how their runs went, if the project wants that; a problem is a warning."""
    if not wants_notes(deployment.settings):
        return
    from cronicle.operations.notes import note_commits

    try:
        note_commits(sources.opened, repository, deployment.project, sources)
    except GitError as error:
        warn(error)


def say_deployed(
    made: Deployed, pushed: Pushed | None = None, *, json: bool, effects: dict[str, Any] | None = None
) -> None:
    """Say what was deployed, and how to go back; in JSON also the runs that it makes by itself, if known."""
    deployment = made.deployment
    if json:
        more = {} if effects is None else {"runs_caused": effects}
        print_json(deployment_document(deployment) | more | {"pushed": pushed_document(pushed)})
    else:
        ref = deployment_ref(deployment.project, deployment.environment)
        back = f", which repeats {deployment.rolled_back_to}" if deployment.rolled_back_to else ""
        say(
            f"{paint('✓', 'green')} deployed {deployment.revision[:7]} as deployment {deployment.number}{back}"
            f"       {ref}"
        )
        if deployment.expires_at is not None:
            say(f"  it ends by itself on {deployment.expires_at:%Y-%m-%d %H:%M} UTC")
        if deployment.number > 1:
            say(f"  back again:  cronicle rollback{made.options}")
        say_pushed(pushed)
    if made.ref_problem is not None:
        warn(made.ref_problem)


def say_pushed(pushed: Pushed | None) -> None:
    """Say that something was pushed."""
    if pushed is not None and pushed.problem is None:
        say(f"  pushed to {pushed.remote}")


def pushed_document(pushed: Pushed | None) -> dict[str, Any] | None:
    """What came of pushing, as JSON."""
    if pushed is None:
        return None
    return {"remote": pushed.remote, "problem": pushed.problem.message if pushed.problem else None}


def code_of(*pushed: Pushed | None) -> int:
    """The exit code of a command that has done what was asked, but for what could not be pushed."""
    failed = any(one is not None and one.problem is not None for one in pushed)
    return ExitCode.FAILED if failed else ExitCode.GOOD


def for_git(text: str) -> str:
    """A plan for the message of a commit: without its first line, which says how long ago things were."""
    return text.partition("\n")[2]
