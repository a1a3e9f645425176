"""The environments of a store, as they are listed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from cronicle.operations.served import pauses_holding
from cronicle.runs.states import LIVE
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord, RunFilter
from cronicle.views.naming import Naming
from cronicle.views.words import relative


@frozen(kw_only=True, slots=False)
class EnvironmentShape:
    """An environment, as it is now."""

    project: str
    environment: str
    is_default: bool
    state: str
    """`active`, `paused` (all of it), `expired` (its time has come, and nobody has ended it yet), or `ended`."""
    deployment: int
    """The number of the last deployment; of one that has ended, of that which ended it."""
    revision: str
    since: datetime
    """When that was made."""
    by: str
    workflows: tuple[str, ...]
    paused_workflows: tuple[str, ...]
    """Those that are paused one by one."""
    live_runs: int
    expires_at: datetime | None
    promoted_from: str | None
    """The environment and deployment that it repeats: `staging/7`."""
    signer: str | None


def environment_shapes(store: StoreReader, project: str | None, now: datetime) -> Iterator[EnvironmentShape]:
    """All environments of a project, or of the whole store, by their names."""
    defaults = {one.name: one.default_environment for one in store.list_projects()}
    for name, environment, _ in store.list_environments():
        if project in (None, name) and (deployment := store.find_deployment(name, environment)) is not None:
            yield _shape(store, deployment, now, is_default=defaults.get(name) == environment)


def _shape(
    store: StoreReader, deployment: DeploymentRecord, now: datetime, *, is_default: bool
) -> EnvironmentShape:
    where = (deployment.project, deployment.environment)
    holding = pauses_holding(store.list_pauses(*where), now)
    promoted = deployment.promoted_from
    return EnvironmentShape(
        project=deployment.project,
        environment=deployment.environment,
        is_default=is_default,
        state=state_of(deployment, now, is_paused=any(one.workflow is None for one in holding)),
        deployment=deployment.number,
        revision=deployment.revision,
        since=deployment.created_at,
        by=deployment.actor.user,
        workflows=tuple(one.name for one in deployment.workflows),
        paused_workflows=tuple(sorted({one.workflow for one in holding if one.workflow is not None})),
        live_runs=store.count_runs(RunFilter(project=where[0], environment=where[1], states=tuple(LIVE))),
        expires_at=deployment.expires_at,
        promoted_from=None if promoted is None else f"{promoted.environment}/{promoted.number}",
        signer=deployment.signer,
    )


def state_of(deployment: DeploymentRecord, now: datetime, *, is_paused: bool = False) -> str:
    """The word for how an environment is."""
    if deployment.ended:
        return "ended"
    if deployment.is_past(now):
        return "expired"
    return "paused" if is_paused else "active"


def lasting_line(deployment: DeploymentRecord, naming: Naming, now: datetime) -> str | None:
    """What is to be said of an environment that does not last for ever; None of one that does."""
    name, options = (
        f"{deployment.project}/{deployment.environment}",
        naming.options(deployment.project, deployment.environment),
    )
    when = relative(deployment.created_at if deployment.ended else deployment.expires_at, now)
    if deployment.ended:
        return f"{name} was ended {when} by {deployment.actor.user}: cronicle apply{options}"
    if deployment.is_past(now):
        end = f"cronicle environments end {deployment.environment}"
        return f"{name} should have ended {when}; whoever serves it ends it, or: {end}"
    return f"{name} ends {when}" if deployment.expires_at is not None else None
