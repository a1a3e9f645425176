"""Runs that a deployment makes of the workflows that it changes (`on_deploy`).

Which deployment was taken up last is noted in the transaction that makes them, and their logical time is that of the
deployment, under a unique key: each is made once, whatever crashes. A rename changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from cronicle.errors import CronicleError
from cronicle.operations.create_run import unscheduled
from cronicle.operations.in_force import Maker, WorkflowInForce, new_run
from cronicle.operations.served import ServedEnvironment
from cronicle.plan.effects import deploys_anew
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Cause
from cronicle.store.interface import UnwritableError
from cronicle.store.reading import StoreReader
from cronicle.store.records import DeploymentRecord, NewRun
from cronicle.store.series import Settlement

_log = logging.getLogger(__name__)


def deploy_runs(
    store: StoreReader,
    environment: ServedEnvironment,
    before: int,
    spec_named: Callable[[str], RunSpec],
    maker: Maker,
    new_id: Callable[[], str],
) -> Iterator[Settlement]:
    """The runs of workflows with `on_deploy` that differ from what was taken up before.

    Args:
        store: Where deployments and specs are.
        environment: As it is in force now.
        before: Number of the deployment that was taken up before; 0 if none was.
        spec_named: Gives a spec by its hash.
        maker: Who makes the runs.
        new_id: Gives a fresh id for a run.
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
            spec = spec_named(workflow.spec_hash)
            if known is not None and not deploys_anew(spec_named(known), spec):
                continue
            run = _deploy_run(workflow, spec, deployment, maker, new_id())
        except UnwritableError:
            raise
        except (CronicleError, ValueError) as error:
            _log.error(
                "Deploying it makes no run, since that cannot be made: %s",
                error,
                extra={"workflow": name},
            )
            continue
        key = workflow.key(None)
        series = environment.series.get(key)
        stored = series.stored if series else None
        yield Settlement(key=key, expected=stored, cursor=None, runs=(run,))


def _deploy_run(
    workflow: WorkflowInForce, spec: RunSpec, deployment: DeploymentRecord, maker: Maker, run_id: str
) -> NewRun:
    return new_run(
        workflow,
        spec,
        unscheduled(deployment.created_at, spec.timezone),
        Cause.DEPLOY,
        {},
        run_id=run_id,
        maker=maker,
        command=f"deployment {deployment.number}",
    )
