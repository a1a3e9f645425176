"""Showing what backfills would do, and asking whether they may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cronicle.cli.approval import approve
from cronicle.cli.output import duration, plural, print_json, say
from cronicle.cli.slots import default_slots
from cronicle.operations.make_backfill import BackfillPlan, Choice
from cronicle.operations.plan_backfills import BackfillPlans
from cronicle.store.records import TickRevision
from cronicle.views.parts import workflow_fields
from cronicle.views.shapes import tick_revision_shapes

SHOWN_REVISIONS = 8
"""Revisions that are named one by one."""

SHOWN_TASKS = 8

_LEFT_OUT = {
    Choice.CHANGED: "have a result at that revision already",
    Choice.MISSING: "have a result already",
    Choice.FAILED: "have a result, or no failed run",
}


def say_plans(found: BackfillPlans, slots: int, *, json: bool) -> None:
    """What the backfills would do."""
    if json:
        first, *others = (_plan_json(plan, slots) for plan in found.plans)
        unfollowed = [{"workflow": one.workflow, "reason": one.why} for one in found.unfollowed]
        print_json(first | {"downstream": others, "not_followed": unfollowed})
        return
    for plan in found.plans:
        margin = " " * (len(plan.candidate.workflow) + 3)
        heading, *lines = _lines(plan, slots)
        say(f"{plan.candidate.workflow}   {heading}")
        for line in lines:
            say(margin + line)
    for one in found.unfollowed:
        say(f"{one.workflow}   follows, and is left out: {one.why}")


def _plan_json(plan: BackfillPlan, slots: int) -> dict[str, Any]:
    """The keys of a backfill, of one that has not been made, and what is known beforehand."""
    candidate = plan.candidate
    return {
        "id": None,
        **workflow_fields(candidate.workflow),
        "from": plan.from_text,
        "to": plan.to_text,
        "revision": candidate.revision,
        "deployment": candidate.deployment,
        "runs_on": plan.runs_on,
        "state": None,
        "total": len(plan.ticks),
        "done": 0,
        "failed": 0,
        "created_at": None,
        "canary": plan.canary,
        "waits_for": None,
        "choice": plan.choice,
        "revisions": tick_revision_shapes(plan.revisions),
        "in_range": plan.in_range,
        "left_out": plan.left_out,
        "impossible": [{"ticks": one.ticks, "reason": one.why} for one in plan.impossible],
        "logical_times": [tick.logical_time for tick in plan.ticks],
        "stale_tasks": [tick.tasks for tick in plan.ticks] if plan.choice is Choice.STALE else None,
        "estimated_seconds": plan.estimate(slots),
        "to_confirm": plan.to_confirm,
    }


def _lines(plan: BackfillPlan, slots: int) -> Iterator[str]:
    """What is said of one plan, line by line."""
    yield _heading(plan)
    if plan.as_deployed:
        yield from _revision_lines(plan.revisions)
    if plan.left_out:
        why = _LEFT_OUT.get(plan.choice, "")
        if plan.as_deployed and plan.choice is Choice.CHANGED:
            why = "have a result at the revision of their time already"
        yield f"{plan.left_out:,} {why} and are left out   (--all: also those)"
    for one in plan.impossible:
        if plan.choice is Choice.STALE:
            yield f"{plural(one.ticks, 'result')} left out: {one.why}"
        else:
            yield f"{plural(one.ticks, 'tick')} left out: {one.why}"
    seconds = plan.estimate(slots)
    about = f", about {duration(seconds)}" if seconds is not None else ""
    if plan.ticks:
        canary = ""
        if plan.canary is not None and plan.canary < len(plan.ticks):
            canary = (
                f"; the first {plan.canary:,} before the others (--canary)"
                if plan.canary > 1
                else ("; the first before the others (--canary)")
            )
        yield f"{plural(len(plan.ticks), 'run')}, {plan.parallel or slots} at a time{about}{canary}"
    else:
        yield "nothing to do"
    if plan.choice is Choice.STALE and plan.ticks:
        yield _remade(plan)
    if plan.to_confirm:
        again = ", ".join(plan.to_confirm)
        yield f'{again} may be executed again for {plural(plan.begun, "tick")}   (rerun = "confirm")'
    if plan.begun and plan.rules.never:
        kept = ", ".join(sorted(plan.rules.never))
        yield f'{kept}: where done already, not executed again   (rerun = "never")'


def _heading(plan: BackfillPlan) -> str:
    candidate = plan.candidate
    if plan.choice is Choice.STALE and not plan.ticks:
        return f"no result is stale, at {candidate.revision[:7]} (deployed)"
    span = f"{plan.from_text} to {plan.to_text}"
    if plan.as_deployed:
        return f"{plural(plan.in_range, 'tick')}, {span}, as deployed at the time"
    revision = candidate.revision[:7] + (" (deployed)" if candidate.deployment is not None else "")
    what = "stale result" if plan.choice is Choice.STALE else "tick"
    return f"{plural(plan.in_range, what)}, {span}, at {revision}"


def _revision_lines(revisions: tuple[TickRevision, ...]) -> Iterator[str]:
    for one in revisions[:SHOWN_REVISIONS]:
        yield f"{plural(one.ticks, 'run')} at {one.revision[:7]} (deployment {one.deployment})"
    if len(revisions) > SHOWN_REVISIONS:
        yield f"and {plural(len(revisions) - SHOWN_REVISIONS, 'more deployment')}"


def _remade(plan: BackfillPlan) -> str:
    """Which tasks are made anew."""
    names = list(dict.fromkeys(name for tick in plan.ticks for name in tick.tasks or ()))
    more = f" and {len(names) - SHOWN_TASKS:,} more" if len(names) > SHOWN_TASKS else ""
    return f"made anew: {', '.join(names[:SHOWN_TASKS])}{more}; the rest of each is carried over"


def agree(found: BackfillPlans) -> bool:
    """Ask whether to execute again what does not want to be without somebody's consent; True if it may be.

    Raises:
        CronicleError: Nobody is there to be asked.
    """
    asked = [plan for plan in found.to_make if plan.to_confirm]
    if not asked:
        return True
    names = ", ".join(dict.fromkeys(name for plan in asked for name in plan.to_confirm))
    ticks = plural(sum(plan.begun for plan in asked), "tick")
    say_plans(found, default_slots(), json=False)
    return approve(
        f"Execute {names} again for {ticks}?",
        undone="nothing was executed",
        remedy=f'{names} may have been executed for {ticks} of these, and rerun = "confirm" has '
        "somebody agree to it. To do it without being asked, give the same command with --auto-approve.",
    )
