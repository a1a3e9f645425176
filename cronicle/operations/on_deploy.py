"""Runs that a deployment makes of the workflows that it changes (`on_deploy`).

Which deployment was taken up last is noted in the transaction that makes them, and their logical time is that of the
deployment, under a unique key: each is made once, whatever crashes. A rename changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from cronicle.errors import CronicleError
from cronicle.operations.create_run import unscheduled
from cronicle.operations.in_force import Maker, WorkflowInForce, new_run
from cronicle.operations.served import ServedEnvironment
from cronicle.plan.effects import deploys_anew
from cronicle.runs.states import Cause
from cronicle.store.interface import UnwritableError
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord, NewRun
from cronicle.store.series import Settlement

_log = logging.getLogger(__name__)


def deploy_runs(
    store: StoreReader, environment: ServedEnvironment, before: int, maker: Maker
) -> Iterator[Settlement]:
    """The runs of workflows with `on_deploy` that differ from what was taken up before.

    Args:
        store: Where deployments and specs are.
        environment: As it is in force now.
        before: Number of the deployment that was taken up before; 0 if none was.
        maker: Who makes the runs.
    """
    deployment = environment.deployment
    earlier = store.find_deployment(*environment.name, before) if before else None
    hashes = {one.name: one.spec_hash for one in earlier.workflows} if earlier else {}
    former = {new: old for old, new in deployment.renamed_workflows.items()}
    for workflow in environment.workflows.values():
        if not workflow.policy.on_deploy:
            continue
        name = workflow.workflow
        known = hashes.get(name) or hashes.get(former.get(name, name))
        try:
            spec = maker.spec_named(workflow.spec_hash)
            if known is not None and not deploys_anew(maker.spec_named(known), spec):
                continue
            run = _deploy_run(workflow, spec.timezone, deployment, maker)
        except UnwritableError:
            raise
        except (CronicleError, ValueError) as error:
            _log.error(
                "Deploying it makes no run, since that cannot be made: %s",
                error,
                extra={
                    "project": workflow.project,
                    "environment": workflow.environment,
                    "workflow": name,
                },
            )
            continue
        key = workflow.key(None)
        series = environment.series.get(key)
        stored = series.stored if series else None
        yield Settlement(key=key, expected=stored, cursor=None, runs=(run,))


def _deploy_run(
    workflow: WorkflowInForce, timezone: str, deployment: DeploymentRecord, maker: Maker
) -> NewRun:
    return new_run(
        workflow,
        unscheduled(deployment.created_at, timezone),
        Cause.DEPLOY,
        {},
        maker,
        command=f"deployment {deployment.number}",
    )
