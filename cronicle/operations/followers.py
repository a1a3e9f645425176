"""Runs that come `after` others: made once all upstreams have a run of a logical time that ended as wanted.

The ends of runs are read in the order in which they were stored. How far they were read is noted in the transaction
that makes what follows from them, and the unique key of such runs makes a second one impossible: so each is made
exactly once, whoever drove the upstreams, and whatever crashed.

Runs that fill or examine history (backfill, bisect, reproduce, trial) are not followed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta

from cronicle.errors import CronicleError
from cronicle.operations.in_force import Maker, WorkflowInForce, new_run
from cronicle.runs.policy import AfterState
from cronicle.runs.states import Cause, RunState
from cronicle.store.interface import UnwritableError
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter, RunRecord
from cronicle.store.series import Settlement
from cronicle.store.serving import EndedRun

_log = logging.getLogger(__name__)

READ = "ended"
"""The name under which the last end that was read is noted, with the scope of those who read."""

ENDS_AT_ONCE = 500

NOT_FOLLOWED = frozenset({Cause.BACKFILL, Cause.BISECT, Cause.REPRODUCE, Cause.TRIAL})

WANTED_STATES = {
    AfterState.SUCCEEDED: frozenset({RunState.SUCCEEDED}),
    AfterState.FAILED: frozenset({RunState.FAILED}),
    AfterState.FINISHED: frozenset({RunState.SUCCEEDED, RunState.FAILED}),
}
"""What a run must have come to."""

_INSTANT = timedelta.resolution


class Followers:
    """The workflows that come after others, in all environments that are served."""

    def __init__(self, store: StoreReader, scope: str = "") -> None:
        self._store = store
        self._read = f"{READ} {scope}".rstrip()
        self._by_upstream: dict[tuple[str, str, str], list[WorkflowInForce]] = {}
        self._environments: dict[tuple[str, str], list[WorkflowInForce]] = {}

    def take_up(
        self, name: tuple[str, str], workflows: Iterable[WorkflowInForce], progress: dict[str, int]
    ) -> None:
        """Take up what a deployment says of an environment; ends before the first follower make nothing."""
        had_some = bool(self._by_upstream)
        self._environments[name] = [workflow for workflow in workflows if workflow.policy.after]
        self._by_upstream = {}
        for project, environment in self._environments:
            for workflow in self._environments[project, environment]:
                for upstream in workflow.policy.after:
                    self._by_upstream.setdefault((project, environment, upstream), []).append(workflow)
        if self._by_upstream and self._read not in progress:
            noted = self._store.get_progress(self._read)
            progress[self._read] = self._store.last_event() if noted is None else noted
        elif self._by_upstream and not had_some:
            progress[self._read] = self._store.last_event()

    @property
    def are_some(self) -> bool:
        """True if any workflow comes after another."""
        return bool(self._by_upstream)

    def follow(self, project: str, environment: str, workflow: str) -> bool:
        """True if the end of a run of that workflow may be what another one waits for."""
        return (project, environment, workflow) in self._by_upstream

    def due(self, maker: Maker, progress: dict[str, int]) -> list[Settlement]:
        """The runs that follow from ends that have not been read yet; notes how far they are read now."""
        if not self._by_upstream:
            return []
        settlements = []
        for ended in self._store.list_ended_after(progress[self._read], ENDS_AT_ONCE):
            progress[self._read] = ended.ended_event
            if ended.cause in NOT_FOLLOWED:
                continue
            followers = self._by_upstream.get((ended.project, ended.environment, ended.workflow), ())
            for workflow in followers:
                if self._are_all_there(workflow, ended):
                    try:
                        settlements.append(self._settlement(workflow, ended, maker))
                    except UnwritableError:
                        raise
                    except (CronicleError, ValueError) as error:
                        _log.error(
                            "It cannot run after run %s: %s",
                            ended.id,
                            error,
                            extra={
                                "project": workflow.project,
                                "environment": workflow.environment,
                                "workflow": workflow.workflow,
                            },
                        )
        return settlements

    def _are_all_there(self, workflow: WorkflowInForce, ended: EndedRun) -> bool:
        wanted = WANTED_STATES[workflow.policy.after_state]
        return all(
            ended.state in wanted
            if upstream == ended.workflow
            else any(run.counts for run in self._runs(ended, upstream, wanted))
            for upstream in workflow.policy.after
        )

    def _runs(self, ended: EndedRun, workflow: str, states: frozenset[RunState]) -> tuple[RunRecord, ...]:
        """Runs of a workflow for the logical time of a run that has ended."""
        return self._store.list_runs(
            RunFilter(
                project=ended.project,
                environment=ended.environment,
                workflow=workflow,
                states=tuple(sorted(states)),
                logical_from=ended.logical_time,
                logical_to=ended.logical_time + _INSTANT,
            )
        )

    def _settlement(self, workflow: WorkflowInForce, ended: EndedRun, maker: Maker) -> Settlement:
        upstream = self._store.find_run(ended.id)
        assert upstream is not None
        made = new_run(
            workflow,
            times_of(upstream),
            Cause.WORKFLOW,
            {},
            maker,
            command=f"after run {ended.id} of {ended.workflow}",
        )
        return Settlement(key=workflow.key(None), expected=None, cursor=None, runs=(made,))


def times_of(upstream: RunRecord) -> Mapping[str, object]:
    """Logical time and interval of the run that another comes after: they are the same."""
    return {
        "logical_time": upstream.logical_time,
        "nominal": upstream.nominal,
        "interval_start": upstream.interval_start,
        "interval_start_nominal": upstream.interval_start_nominal,
        "interval_end": upstream.interval_end,
        "timezone": upstream.timezone,
    }
