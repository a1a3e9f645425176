"""Setting the outcome of a logical time by hand.

A finished run never changes. So a mark is a run of its own: of the same logical time, made and ended in one
transaction, with who did it and why in its history. It counts, and is what `depends_on_past`, `requires` and
backfills look at from then on. Nothing is executed, and no hook is told. It
is `mixed`: its spec does not tell what it consists of.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from cronicle.operations.ask import Candidate, live_run_exists
from cronicle.operations.create_run import retried
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.packing import pack_tasks
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import Cause, RunState
from cronicle.store.interface import Store
from cronicle.store.records import Actor, LiveRunExists, NewRun, RunRecord


def mark_of_run(run: RunRecord, *, run_id: str, actor: Actor, now: datetime) -> RunRecord:
    """The run that is to mark the logical time of another: like that one, and linked to it."""
    marking = retried(run, id=run_id, actor=actor, owner=None, created_at=now)
    return attrs.evolve(marking, cause=Cause.MANUAL, counts=True, dirty=False, mixed=True, experiment=None)


def mark_of_time(
    candidate: Candidate,
    when: dict[str, Any],
    *,
    series: str | None,
    run_id: str,
    actor: Actor,
    now: datetime,
) -> RunRecord:
    """The run that is to mark a logical time that has none: of the deployed workflow."""
    return RunRecord(
        id=run_id,
        project=candidate.target.project.name,
        environment=candidate.target.environment,
        workflow=candidate.workflow,
        series=series,
        **when,
        cause=Cause.MANUAL,
        counts=True,
        revision=candidate.revision,
        deployment=candidate.deployment,
        spec_hash=candidate.spec_hash,
        actor=actor,
        mixed=True,
        created_at=now,
    )


def mark(store: Store, run: RunRecord, state: RunState, reason: str) -> RunRecord:
    """Store a mark; the run as it is then.

    Raises:
        CronicleError: The logical time has a live run.
    """
    actor, at = run.actor, run.created_at
    spec = spec_from_bytes(store.get_spec(run.spec_hash))
    machine = RunMachine(spec)
    by = f"{actor.user}@{actor.host}"
    facts = [
        fact
        for event in (
            ev.RunQueued(at=at, run_id=run.id),
            ev.TasksExcluded(at=at, tasks=_names(spec)),
            ev.RunMarked(at=at, state=state, by=by, reason=reason),
        )
        for fact in machine.advance(event)
    ]
    marking = NewRun(run=attrs.evolve(run, packed_tasks=pack_tasks(machine)), events=tuple(facts))
    made = store.mark_run(marking, reason)
    if isinstance(made, LiveRunExists):
        raise live_run_exists(store, made.run_id)
    return made


def _names(spec: RunSpec) -> tuple[str, ...]:
    return tuple(task.name for task in spec.tasks)
