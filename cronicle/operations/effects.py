"""What applying a proposal leads to: the pure rules of `cronicle.plan.effects`, asked with what the store knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from cronicle.config.deployed import series_from_json
from cronicle.operations.propose import Proposal
from cronicle.operations.served import Series, ServedEnvironment, load_environment
from cronicle.plan.compare import Side
from cronicle.plan.effects import Effects, SeriesState, deploys_anew, effect_on
from cronicle.plan.renames import Renames
from cronicle.schedule.rule import Schedule
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord

SeriesName = tuple[str, str | None]
"""Workflow, and label of the series."""


def effects_of(
    store: StoreReader | None,
    deployment: DeploymentRecord | None,
    proposal: Proposal,
    old: Mapping[str, Side],
    now: datetime,
) -> Effects:
    """What applying a proposal now leads to.

    Args:
        store: What knows of cursors and pauses; None if there is none.
        deployment: The one in force; None if there is none.
        proposal: What would be deployed.
        old: What is deployed, under its present names.
        now: The moment of asking.
    """
    served: ServedEnvironment | None = None
    if store is not None and deployment is not None:
        try:
            served = load_environment(store, deployment.project, deployment.environment)
        except (ValueError, KeyError, TypeError) as error:  # what is deployed anew may be what mends it
            return Effects(problem=f"what was deployed before cannot be read: {error}")
    if served is not None and store is not None:
        served.pauses = store.list_pauses(*served.name, ended_after=served.settled_until(now))
    known = _by_present_name(served, Renames.of(proposal.moved)) if served else {}
    states = [_state(name, schedules, served, known.get(name)) for name, schedules in _series_of(proposal)]
    return Effects(
        series=tuple(effect_on(state, now) for state in states),
        on_deploy=tuple(
            name
            for name, spec in proposal.specs.items()
            if spec.policy.on_deploy and deploys_anew(old[name].spec if name in old else None, spec)
        ),
    )


def _series_of(proposal: Proposal) -> Iterator[tuple[SeriesName, tuple[Schedule, ...]]]:
    for workflow, stored in proposal.schedules.items():
        for label, schedules in series_from_json(stored).items():
            yield (workflow, label), schedules


def _by_present_name(served: ServedEnvironment, moved: Renames) -> dict[SeriesName, Series]:
    return {
        (moved.workflow(key.workflow, served.workflows), key.series): series
        for key, series in served.series.items()
    }


def _state(
    name: SeriesName,
    schedules: tuple[Schedule, ...],
    served: ServedEnvironment | None,
    known: Series | None,
) -> SeriesState:
    workflow, label = name
    if served is None or known is None:
        return SeriesState(workflow=workflow, series=label, new=schedules)
    return SeriesState(
        workflow=workflow,
        series=label,
        new=schedules,
        old=known.schedules,
        position=known.cursor.position,
        deployed=tuple(served.deployments(known)),
        pauses=tuple(served.pauses_of(known.key.workflow)),
        owed=sum(one.left for one in served.owed if one.key == known.key),
    )
