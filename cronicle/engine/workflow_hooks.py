"""Telling the hooks of a workflow as a whole: that it has paused itself, that its results are not fresh.

Nothing happens in a run by that, so that nothing of it is in the history of one: whoever notices it (the leader of
the ticking) tells it, at once, with a log beside those of the last run.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

import attrs
import msgspec
import trio

from cronicle.engine.hooks import TOKEN_BYTES, prepare_hook
from cronicle.errors import CronicleError
from cronicle.execute.interface import AttemptControl
from cronicle.operations.create_run import stand_in
from cronicle.runs.machine import RunMachine
from cronicle.runs.scope import BadReference
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Outcome
from cronicle.store.records import DeploymentRecord, RunRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)


async def tell_of_workflow(
    owner: Owner,
    deployment: DeploymentRecord,
    workflow: str,
    event: str,
    reason: str,
    series: str | None = None,
) -> None:
    """Execute the hooks of a deployed workflow for an event (`on_pause`, `on_not_fresh`); returns when they ended.

    They are executed in a snapshot of the deployed revision, and get the workflow and its last run as JSON on stdin.
    One that fails is an alarm in the log of this process.

    Args:
        owner: Who executes them.
        deployment: The one in force.
        workflow: Its name; nothing happens if the deployment has none of it.
        event: Which hooks.
        reason: Why they are told, in a sentence.
        series: Of which schedule; None for the unlabelled ones.
    """
    from cronicle.views.shapes import to_builtins
    from cronicle.views.told import told_of_workflow

    spec = _spec_of(owner, deployment, workflow)
    if spec is None:
        return
    told = told_of_workflow(owner.store, deployment, workflow, series, event, reason)
    run = _run_like(owner, deployment, spec, told.last_run.id if told.last_run else None)
    document = msgspec.json.encode(to_builtins(told))
    async with trio.open_nursery() as nursery:
        for place, hook in enumerate(spec.hooks):
            if hook.event == event:
                key = f"{place}.{secrets.token_hex(4)}"
                nursery.start_soon(tell_hook, owner, run, spec, place, key, document)


def _spec_of(owner: Owner, deployment: DeploymentRecord, workflow: str) -> RunSpec | None:
    deployed = deployment.find_workflow(workflow)
    return None if deployed is None else owner.spec_named(deployed.spec_hash)


def _run_like(owner: Owner, deployment: DeploymentRecord, spec: RunSpec, last: str | None) -> RunRecord:
    """The last run at the deployed revision; where there is none, one that stands for it and is in no store."""
    run = owner.store.find_run(last) if last else None
    if run is not None:
        return attrs.evolve(run, revision=deployment.revision, counts=True, experiment=None)
    return stand_in(
        deployment,
        spec.workflow,
        spec.timezone,
        run_id=owner.new_id(),
        host=owner.host,
        now=owner.clock.now(),
    )


async def tell_hook(owner: Owner, run: RunRecord, spec: RunSpec, place: int, key: str, told: bytes) -> None:
    """Execute a hook that is in the history of no run. One that fails is an alarm in the log of this process.

    Args:
        owner: Who executes it.
        run: As a task of what it is executed.
        spec: What has the hook.
        place: Which one of its hooks.
        key: What tells its log from others.
        told: What is on its stdin.
    """
    hook = spec.hooks[place]
    name = f"{hook.event} of {run.project}/{run.environment} {run.workflow}"
    try:
        view = owner.evaluator_for(run, RunMachine(spec)).view
        token = secrets.token_hex(TOKEN_BYTES)
        prepared = prepare_hook(hook, view, key=key, attempt=1, token=token, told=told)
    except (BadReference, CronicleError, OSError) as error:
        _log.error("Hook %s could not be started: %s", name, error)
        return
    end = await owner.attempts.execute(run, spec, prepared, 0, AttemptControl())
    owner.attempts.forget(run)
    if end.outcome is not Outcome.SUCCEEDED:
        _log.error("Hook %s %s: %s", name, end.outcome, end.detail or end.reason)
