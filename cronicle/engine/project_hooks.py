"""Telling the hooks of a project as a whole: that a branch which is followed could not be deployed.

They are of the deployment in force, and executed in a snapshot of its revision. No run has to do with them, so what
they print goes to the log of this process.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from cronicle.engine.workflow_hooks import tell_hook
from cronicle.errors import CronicleError
from cronicle.execute.places import log_path
from cronicle.logs import tail
from cronicle.operations.create_run import stand_in
from cronicle.operations.own_hooks import own_hooks_of
from cronicle.runs.spec import RunSpec
from cronicle.store.records import DeploymentRecord, RunRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

LINES = 20
"""Of what a hook prints, the last are logged."""


async def tell_of_project(owner: Owner, deployment: DeploymentRecord, event: str, document: bytes) -> None:
    """Execute the hooks of a deployed project for an event; returns when they have ended.

    Args:
        owner: Who executes them.
        deployment: The one in force.
        event: Which hooks: `on_deploy_failed`.
        document: What is on their stdin.
    """
    try:
        spec = own_hooks_of(owner.store, deployment)
    except (CronicleError, ValueError) as error:
        _log.error("Hooks of %s cannot be read: %s", deployment.project, error)
        return
    if spec is None:
        return
    run = stand_in(
        deployment, event, spec.timezone, run_id=owner.new_id(), host=owner.host, now=owner.clock.now()
    )
    try:
        async with trio.open_nursery() as nursery:
            for place, hook in enumerate(spec.hooks):
                if hook.event == event:
                    nursery.start_soon(_tell, owner, run, spec, place, document)
    finally:
        with suppress(OSError):  # no listing leads there
            owner.attempts.places.remove_run_data(run.id)
            owner.attempts.places.remove_logs(run.id)


async def _tell(owner: Owner, run: RunRecord, spec: RunSpec, place: int, document: bytes) -> None:
    key, event = f"{place}.{secrets.token_hex(4)}", spec.hooks[place].event
    await tell_hook(owner, run, spec, place, key, document)
    with suppress(OSError):
        for line in tail(log_path(owner.files, run.id, f"hooks/{event}", key, 1), LINES):
            _log.info("Hook %s of %s/%s: %s", event, run.project, run.environment, line)
