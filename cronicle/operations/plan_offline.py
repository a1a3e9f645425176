"""Planning without a store: what a revision changes compared with another one.

For who has a clone and nothing else, as a pipeline that looks at somebody's change has. Nothing is known of
deployments, runs and cursors, and nothing is left behind.
"""

from __future__ import annotations

import secrets

from attrs import evolve

from cronicle.errors import CronicleError
from cronicle.operations.hold_sources import source_changes
from cronicle.operations.plan import (
    PlannedDeployment,
    former_ticks,
    line_counter,
    next_ticks,
    proposed_settings,
    proposed_sides,
)
from cronicle.operations.propose import Fixed, InvalidProjectError, Proposal, propose
from cronicle.operations.sources import Sources
from cronicle.plan.compare import as_called_now, plan_changes
from cronicle.plan.effects import Effects
from cronicle.plan.renames import Renames

NO_STORE = "no store was asked"


def propose_both(
    sources: Sources, base: str, revision: str | None, *, working_tree: bool
) -> tuple[Proposal, Proposal]:
    """The base, and what is proposed: a revision (default `HEAD`) or the working directory.

    Values for variables that the base does not declare are passed over there.

    Raises:
        InvalidProjectError: The files that are proposed have errors.
        CronicleError: There is no such revision, or the files of the base have errors.
    """
    assert sources.store is None
    salt = secrets.token_hex(32)  # one for both: what is sensitive and equal is to look so
    candidate = propose(sources, revision=revision, working_tree=working_tree, salt=salt)
    try:
        before = propose(sources, revision=base, fixed=Fixed(ignore_unknown=True), salt=salt)
    except InvalidProjectError as error:
        first = next(each for each in error.diagnostics if each.is_error)
        raise CronicleError(
            f"the files of the base {base} have errors, so that nothing can be compared with them: "
            f"{first.summary}",
            "Name a revision whose files are valid: --base REV. See what is wrong there by checking it out: "
            "cronicle validate",
        ) from None
    return before, candidate


def plan_offline(sources: Sources, base: Proposal, proposal: Proposal) -> PlannedDeployment:
    """Compare a proposal with another one."""
    old, now, moved = proposed_sides(base), sources.now(), Renames.of(proposal.moved)
    mirrors = (held.mirror for one in (base, proposal) for held in one.held.values())
    plan = plan_changes(
        old,
        proposed_sides(proposal),
        old_values=base.project.values,
        new_values=proposal.project.values,
        old_settings=proposed_settings(base),
        new_settings=proposed_settings(proposal),
        moved=moved,
        count_lines=line_counter((proposal.repository, *mirrors)),
    )
    pins = tuple(held.pin for held in base.held.values())
    return PlannedDeployment(
        proposal=proposal,
        environment=proposal.project.environment,
        deployment=None,
        plan=evolve(plan, sources=tuple(source_changes(proposal.held, pins, plan))),
        next_ticks={name: next_ticks(schedules, now) for name, schedules in proposal.schedules.items()},
        former_ticks=former_ticks(plan, as_called_now(old, moved), now),
        effects=Effects(problem=NO_STORE),
        base=base,
    )
