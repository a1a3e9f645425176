"""What a `backfill` command would do: the backfill that was asked for, and those of the workflows that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from cronicle.errors import CronicleError, UsageError
from cronicle.operations.ask import Candidate
from cronicle.operations.candidate import candidate_of, find_candidate, find_deployed
from cronicle.operations.make_backfill import BackfillPlan, Choice
from cronicle.operations.plan_backfill import (
    BackfillWish,
    Range,
    plan_backfill,
    range_as_deployed,
    range_at,
)
from cronicle.operations.sources import Sources
from cronicle.operations.times import series_of, ticks_of_range
from cronicle.runs.spec import RunSpec
from cronicle.store.records import DeploymentRecord

if TYPE_CHECKING:
    from cronicle.operations.downstream import Unfollowed


@frozen(kw_only=True)
class BackfillPlans:
    """What would be done."""

    plans: tuple[BackfillPlan, ...]
    """The one that was asked for, then those that follow, in the order of their turns."""
    unfollowed: tuple[Unfollowed, ...] = ()

    @property
    def first(self) -> BackfillPlan:
        """The one that was asked for."""
        return self.plans[0]

    @property
    def to_make(self) -> tuple[BackfillPlan, ...]:
        """Those that have something to do."""
        return tuple(plan for plan in self.plans if plan.ticks)


def plan_backfills(
    sources: Sources,
    workflow: str,
    wish: BackfillWish,
    *,
    revision: str | None = None,
    var: Sequence[str] = (),
    as_deployed: bool = False,
    downstream: bool = False,
) -> BackfillPlans:
    """See what a backfill would do.

    Args:
        sources: What it works on.
        workflow: Of which.
        wish: What is asked for.
        revision: What is run; None: what is deployed.
        var: Values of variables, with a revision.
        as_deployed: Run for each logical time what was deployed then.
        downstream: Also backfill what follows.

    Raises:
        CronicleError: There is no such workflow, revision or deployment, or it may not be run again.
        UsageError: Options exclude each other, or the range has no tick.
    """
    store, now = sources.opened, sources.now()
    candidate = find_candidate(sources, workflow, revision=revision, dirty=False, var=var)
    schedules = series_of(candidate.deployed, wish.series)
    if wish.choice is Choice.STALE:
        from cronicle.operations.remaking import range_of_stale

        among, wish = range_of_stale(store, candidate, schedules, wish)
    elif not schedules:
        raise UsageError(f"workflow {workflow!r} has no schedule, so it has no ticks to run for")
    elif as_deployed:
        among = range_as_deployed(store, candidate, schedules, wish, now)
    else:
        among = range_at(candidate, ticks_of_range(schedules, wish.from_text, wish.to_text, now))
    deployed = _deployed_spec(sources, candidate) if candidate.deployment is None else None
    first = plan_backfill(store, candidate, among, wish, deployed=deployed)
    if not downstream:
        return BackfillPlans(plans=(first,))
    return _with_those_that_follow(sources, first, among, wish, revision=revision, var=var)


def _deployed_spec(sources: Sources, candidate: Candidate) -> RunSpec | None:
    """What is deployed of a workflow that another revision is taken of."""
    deployed = find_deployed(sources, candidate.target, candidate.workflow)
    return None if deployed is None else deployed.spec


def _with_those_that_follow(
    sources: Sources,
    first: BackfillPlan,
    among: Range,
    wish: BackfillWish,
    *,
    revision: str | None,
    var: Sequence[str],
) -> BackfillPlans:
    from cronicle.operations.downstream import plan_downstream

    target = first.candidate.target
    deployment = sources.opened.find_deployment(target.project.name, target.environment)
    if deployment is None:
        raise CronicleError(
            f"nothing has been deployed to {target.project.name}/{target.environment} yet, and the deployment says "
            "which workflows follow",
            "Deploy it with: cronicle apply   or leave out --downstream.",
        )
    found = plan_downstream(
        sources.opened,
        deployment,
        first,
        among,
        evolve(wish, series=None),
        lambda name: _candidate(sources, first.candidate, deployment, name, revision, var),
        sources.now(),
    )
    return BackfillPlans(plans=(first, *found.plans), unfollowed=found.unfollowed)


def _candidate(
    sources: Sources,
    first: Candidate,
    deployment: DeploymentRecord,
    name: str,
    revision: str | None,
    var: Sequence[str],
) -> Candidate | None:
    """What is run of a workflow that follows: at the same revision; None if that does not have it."""
    if first.deployment is not None:
        return candidate_of(sources, first.target, deployment, name)
    from cronicle.operations.undeployed import undeployed_candidate

    try:
        return undeployed_candidate(evolve(sources, var=tuple(var)), name, revision)
    except CronicleError:
        return None
