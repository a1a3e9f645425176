"""The heartbeat of a project: a command that is executed again and again while all is well.

A scheduler that has died cannot say so. Whoever leads the ticking executes the command of each project that has one
(`project { heartbeat { every, command } }`), in a snapshot of the deployed revision; somebody elsewhere watches for
it, and gives the alarm when it stays away. So nothing is told here of one that fails, but in the log of this
process.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from cronicle.engine.attempts import PreparedAttempt
from cronicle.engine.ticker import Ticker
from cronicle.execute.interface import AttemptControl
from cronicle.operations.create_run import stand_in
from cronicle.runs.spec import RunSpec, TaskSpec
from cronicle.runs.states import Outcome
from cronicle.store.records import DeploymentRecord

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner

_log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks which heartbeats are due."""

TIMEOUT = 60.0
"""Seconds that the command may take."""

TASK = "heartbeat"
"""As what it is executed."""


class Heartbeat:
    """The heartbeats of the projects that this process ticks for."""

    def __init__(self, owner: Owner, ticker: Ticker, is_well: Callable[[], bool]) -> None:
        self._owner = owner
        self._ticker = ticker
        self._is_well = is_well
        self._last: dict[tuple[str, str], float] = {}
        self._beating: set[tuple[str, str]] = set()

    async def serve(self) -> None:
        """Beat for as long as this is not cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                if self._ticker.leads and self._is_well():
                    for deployment in self._ticker.deployments():
                        self._beat_if_due(deployment, nursery)
                await trio.sleep(LOOK)

    def _beat_if_due(self, deployment: DeploymentRecord, nursery: trio.Nursery) -> None:
        settings: Any = (deployment.settings or {}).get("heartbeat")
        place = (deployment.project, deployment.environment)
        if not settings or place in self._beating:
            return
        now = trio.current_time()
        if now - self._last.get(place, -float("inf")) < settings["every"]:
            return
        self._last[place] = now
        self._beating.add(place)
        nursery.start_soon(self._beat, deployment, tuple(settings["command"]))

    async def _beat(self, deployment: DeploymentRecord, command: tuple[str, ...]) -> None:
        spec = RunSpec(
            project=deployment.project,
            workflow=TASK,
            folder=self._folder_of(deployment),
            tasks=(TaskSpec(name=TASK, command={"known": list(command)}, timeout=TIMEOUT),),
        )
        owner = self._owner
        run = stand_in(deployment, TASK, "UTC", run_id=owner.new_id(), host=owner.host, now=owner.clock.now())
        prepared = PreparedAttempt(
            task=spec.tasks[0],
            key=None,
            attempt=1,
            token=secrets.token_hex(16),
            argv=command,
            env={},
            stdin=(),
        )
        try:
            end = await owner.attempts.execute(run, spec, prepared, 0, AttemptControl())
            if end.outcome is not Outcome.SUCCEEDED:
                _log.error(
                    "The heartbeat of %s %s: %s", deployment.project, end.outcome, end.detail or end.reason
                )
        finally:
            owner.attempts.forget(run)
            with suppress(OSError):  # it would be thousands a day
                owner.attempts.places.remove_run_data(run.id)
                owner.attempts.places.remove_logs(run.id)
            self._beating.discard((deployment.project, deployment.environment))

    def _folder_of(self, deployment: DeploymentRecord) -> str:
        """The project's folder in the repository."""
        project = self._owner.store.find_project(deployment.project)
        return project.folder if project else ""
