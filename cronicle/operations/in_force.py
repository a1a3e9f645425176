"""What is deployed, as a scheduler needs it: workflows with their series, and the runs that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from cronicle.config.deployed import series_from_json
from cronicle.operations.create_run import ticked
from cronicle.operations.lock import under_policy
from cronicle.runs import events as ev
from cronicle.runs.labels import missing_labels
from cronicle.runs.policy import Policy
from cronicle.runs.spec import ParamSpec, RunSpec
from cronicle.runs.states import Cause
from cronicle.schedule.jitter import jitter_delay
from cronicle.schedule.rule import Schedule
from cronicle.schedule.ticks import Tick
from cronicle.store.records import Actor, DeployedWorkflow, DeploymentRecord, NewRun, RunRecord
from cronicle.store.series import SeriesKey
from cronicle.values import Value

Json = Any

SCHEDULER = "scheduler"
"""The user in whose name ticks make runs."""


@frozen(kw_only=True, eq=False, repr=False)
class WorkflowInForce(Value):
    """A workflow as a deployment has it."""

    project: str
    environment: str
    workflow: str
    revision: str
    deployment: int
    spec_hash: str
    policy: Policy
    series: Mapping[str | None, tuple[Schedule, ...]]
    """By label."""

    def key(self, series: str | None) -> SeriesKey:
        """The key of one of its series."""
        return SeriesKey(
            project=self.project, environment=self.environment, workflow=self.workflow, series=series
        )


def workflow_in_force(deployment: DeploymentRecord, deployed: DeployedWorkflow) -> WorkflowInForce:
    """A workflow of a deployment, with its schedules read.

    Raises:
        ValueError: What the deployment says of its schedules is damaged.
    """
    return WorkflowInForce(
        project=deployment.project,
        environment=deployment.environment,
        workflow=deployed.name,
        revision=deployment.revision,
        deployment=deployment.number,
        spec_hash=deployed.spec_hash,
        policy=deployed.policy,
        series=series_from_json(deployed.schedules),
    )


@frozen(kw_only=True, eq=False, repr=False)
class Maker(Value):
    """Who makes runs, when, and of what."""

    owner: str
    """The process that makes them."""
    host: str
    now: datetime
    new_id: Callable[[], str]
    """Gives a fresh id for a run."""
    spec_named: Callable[[str], RunSpec]
    """Gives a spec by its hash."""
    labels: tuple[str, ...] = ()
    """What that process can execute."""
    taker: Callable[[tuple[str, ...]], str | None] | None = None
    """Names the process that is to take the next run, which needs these labels; None: the one that makes them."""

    def taker_of(self, runs_on: tuple[str, ...]) -> str | None:
        """The process that is to take a run which needs these labels; None if nobody has them."""
        taker = None if self.taker is None else self.taker(runs_on)
        if taker is None and not missing_labels(runs_on, self.labels):
            return self.owner
        return taker

    def actor(self, command: str) -> Actor:
        """The scheduler, as the one who asked."""
        return Actor(user=SCHEDULER, host=self.host, command=command)


def tick_run(workflow: WorkflowInForce, series: str | None, tick: Tick, cause: Cause, maker: Maker) -> NewRun:
    """The run that a tick makes."""
    delay = jitter_delay(f"{workflow.project}/{workflow.workflow}", tick.logical_time, tick.jitter)
    due = tick.logical_time + delay
    return new_run(
        workflow,
        {
            **ticked(tick),
            "series": series,
            "lateness": max(0.0, (maker.now - due).total_seconds()),
            "not_before": due if due > maker.now else None,
        },
        cause,
        tick.params,
        maker,
    )


def new_run(
    workflow: WorkflowInForce,
    times: Mapping[str, Any],
    cause: Cause,
    params: Mapping[str, Json],
    maker: Maker,
    *,
    command: str = "cronicle serve",
) -> NewRun:
    """A run that the scheduler makes of a workflow.

    Args:
        workflow: As it is in force.
        times: The fields of the run that say which logical time it is for.
        cause: Why there is one.
        params: Values that are not the defaults.
        maker: Who makes it.
        command: What is shown as the command that asked for it.

    Raises:
        CronicleError, ValueError: Its spec cannot be read, or its lock not be evaluated.
    """
    spec = maker.spec_named(workflow.spec_hash)
    taker = maker.taker_of(spec.runs_on)
    run = RunRecord(
        id=maker.new_id(),
        project=workflow.project,
        environment=workflow.environment,
        workflow=workflow.workflow,
        **times,
        cause=cause,
        counts=True,
        revision=workflow.revision,
        deployment=workflow.deployment,
        spec_hash=workflow.spec_hash,
        params={**default_params(spec.params), **params},
        actor=maker.actor(command),
        owner=maker.owner if taker == maker.owner else None,
        assigned_to=None if taker == maker.owner else taker,
        runs_on=spec.runs_on,
        created_at=maker.now,
    )
    return NewRun(run=under_policy(run, workflow.policy), events=(ev.RunQueued(at=maker.now, run_id=run.id),))


def default_params(params: Mapping[str, ParamSpec]) -> dict[str, Json]:
    """The values where nobody chooses; null for a parameter that has none."""
    return {name: param.default for name, param in params.items()}
