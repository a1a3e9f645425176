"""The end of an environment: a deployment without workflows, after which no tick makes a run any more.

What was run there stays, with its results, logs and data, and so do runs and backfills that are in progress. The
next deployment begins anew: it owes no tick of the time before it. The rule about signatures stays.

No git library here: whoever serves ends environments whose time has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cronicle.operations.in_force import SCHEDULER
from cronicle.store.interface import Store
from cronicle.store.records import Actor, DeploymentRecord

EXPIRED = "its time had come (apply --ttl)"


def ending(deployment: DeploymentRecord, at: datetime, actor: Actor) -> DeploymentRecord:
    """The deployment that ends the environment of this one."""
    return DeploymentRecord(
        project=deployment.project,
        environment=deployment.environment,
        number=0,
        revision=deployment.revision,
        created_at=at,
        actor=actor,
        values={},
        workflows=(),
        settings={**(deployment.settings or {}), "heartbeat": None},
        ended=True,
    )


def end_expired(
    store: Store, deployments: Iterable[DeploymentRecord], now: datetime, host: str
) -> tuple[DeploymentRecord, ...]:
    """End the environments whose time has come, at that very moment; those that were ended."""
    actor = Actor(user=SCHEDULER, host=host, command="cronicle serve")
    found = []
    for one in deployments:
        if one.is_past(now):
            assert one.expires_at is not None
            made = record_end(store, one, one.expires_at, actor, EXPIRED)
            if made is not None:  # else somebody has deployed meanwhile
                found.append(made)
    return tuple(found)


def record_end(
    store: Store, deployment: DeploymentRecord, at: datetime, actor: Actor, reason: str
) -> DeploymentRecord | None:
    """End the environment of a deployment, unless something else was deployed since; then None."""
    made = store.add_deployment(ending(deployment, at, actor), based_on=deployment.number, reason=reason)
    if made is not None:
        _end_pauses(store, made, at, actor)
    return made


def _end_pauses(store: Store, made: DeploymentRecord, at: datetime, actor: Actor) -> None:
    """What begins anew does not begin paused."""
    names = {pause.workflow for pause in store.list_pauses(made.project, made.environment)}
    for name in names:
        store.end_pauses(made.project, made.environment, name, at, actor=actor)
