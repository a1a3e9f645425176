"""A plan that is written to a file, and applied from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from cronicle.cli.applying import Asked, deploy_planned, settle
from cronicle.cli.output import paint, say, tell, visible_line
from cronicle.cli.planning import tell_of_problems, tell_of_proposal
from cronicle.cli.session import Session, current_folder
from cronicle.errors import UsageError
from cronicle.git.repository import Repository
from cronicle.names import typed
from cronicle.operations.plan import PlannedDeployment, plan_deployment
from cronicle.operations.saved_plan import (
    SavedPlan,
    check_unmoved,
    propose_saved,
    read_plan,
    saved_plan,
    write_plan,
)
from cronicle.views.plan import plan_document
from cronicle.views.words import relative

if TYPE_CHECKING:
    from cronicle.store.interface import Store


def write_out(
    session: Session,
    store: Store | None,
    planned: PlannedDeployment,
    revision: str | None,
    file: str,
    var: Sequence[str],
    var_file: Sequence[str],
) -> str:
    """Write a plan to a file; the command that applies it."""
    path = current_folder() / file
    sources = session.sources(store, var, var_file)
    saved = saved_plan(sources, planned, revision or "HEAD", plan_document(planned))
    write_plan(path, saved)
    tell(f"{paint('note:', 'yellow')} the plan is in {visible_line(file)}, for its owner only")
    if saved.sensitive:
        names = ", ".join(sorted(saved.sensitive))
        tell(f"      the values of {names} are not: give them again when you apply it")
    return f"cronicle apply {typed(file)}"


def apply_file(
    session: Session,
    repository: Repository,
    file: str,
    asked: Asked,
    *,
    environment: str | None,
    accept: str | None,
) -> int:
    """Deploy exactly what the plan in a file says, if nothing has moved since it was made.

    Raises:
        CronicleError: Something has, or the file is no plan.
        UsageError: Options say something else than the plan.
    """
    saved = read_plan(current_folder() / file)
    if environment not in (None, saved.environment):
        raise UsageError(
            f"the plan {file} is for the environment {saved.environment}, not for {environment}",
            f"Leave --environment out, or plan for it: cronicle plan -e {environment} --out FILE",
        )
    _check_values(saved, asked.var)
    session = evolve(session, environment=saved.environment)
    asked = evolve(asked, command=f"cronicle apply {typed(file)} --auto-approve")
    with session.store_if_there() as existing:
        sources = session.sources(existing, asked.var, asked.var_files)
        proposal = propose_saved(sources, saved)
        tell_of_proposal(proposal)
        planned = plan_deployment(sources, existing, proposal, accept)
        tell_of_problems(planned)
        check_unmoved(sources, saved, planned, plan_document(planned))
        if not asked.json:
            when = relative(saved.made_at, session.clock.now())
            say(f"the plan that {visible_line(saved.made_by.user)} has made {when}:\n")
        code = settle(session, existing, repository, planned, asked)
        if code is not None:
            return code
    return deploy_planned(session, repository, planned, asked)


def _check_values(saved: SavedPlan, var: Sequence[str]) -> None:
    """See to it that no value is given for what the plan has fixed."""
    for text in var:
        name = text.partition("=")[0]
        if name in saved.values:
            raise UsageError(
                f"--var {name}=…: the plan has fixed the value of {name}",
                "Leave it out, or make another plan: cronicle plan --var NAME=VALUE --out FILE",
            )
