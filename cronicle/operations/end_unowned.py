"""Ending a run or a backfill that no process drives: the facts are recorded here and now."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime

from cronicle.names import new_run_id
from cronicle.operations.owe_hooks import owe_hooks
from cronicle.runs import events as ev
from cronicle.runs.losses import lost_attempts
from cronicle.runs.machine import RunMachine
from cronicle.runs.packing import pack_tasks
from cronicle.runs.spec import spec_from_bytes
from cronicle.runs.states import LIVE, BackfillState
from cronicle.store.acts import Act, act_on
from cronicle.store.interface import Store
from cronicle.store.records import Actor, BackfillRecord, OwnerRecord, RunFilter, RunRecord, Transition

MOST_LIVE_RUNS = 10_000


def end_unowned_run(store: Store, run: RunRecord, actor: Actor, reason: str, now: datetime) -> None:
    """Cancel a run without an owner; what its last owner had started is settled already."""
    act = act_on(run, "cancel", actor, now, reason)
    with_owner(store, actor, now, lambda owner: _cancel(store, run, owner, actor, reason, now, act))


def end_unowned_backfill(
    store: Store, backfill: BackfillRecord, state: BackfillState, actor: Actor, reason: str, now: datetime
) -> None:
    """Cancel or pause a backfill without an owner; cancelled, its unfinished runs are, too."""

    def end(owner: str) -> None:
        if not store.adopt_backfill(backfill.id, owner):
            return
        if state is BackfillState.CANCELLED:
            wanted = RunFilter(backfill=backfill.id, states=tuple(LIVE), limit=MOST_LIVE_RUNS)
            for run in store.list_runs(wanted):
                _cancel(store, run, owner, actor, "its backfill was cancelled", now)
        by = f"by {actor.user}@{actor.host}"
        why = f"{by}: {reason}" if reason else by
        verb = "cancel" if state is BackfillState.CANCELLED else "pause"
        act = act_on(backfill, verb, actor, now, reason)
        store.set_backfill_state(backfill.id, state, why, now, owner=owner, act=act)

    with_owner(store, actor, now, end)


def with_owner(store: Store, actor: Actor, now: datetime, do: Callable[[str], None]) -> None:
    """Be an owner for as long as `do` takes."""
    owner = store.register_owner(
        OwnerRecord(
            id=new_run_id(secrets.randbelow),
            host=actor.host,
            pid=os.getpid(),
            command=actor.command,
            started_at=now,
        )
    )
    try:
        do(owner.id)
    finally:
        store.remove_owner(owner.id)


def _cancel(
    store: Store,
    run: RunRecord,
    owner: str,
    actor: Actor,
    reason: str,
    now: datetime,
    act: Act | None = None,
) -> None:
    if not store.adopt_run(run.id, owner):
        return
    machine = RunMachine.replay(spec_from_bytes(store.get_spec(run.spec_hash)), store.get_events(run.id))
    by = f"{actor.user}@{actor.host}"
    facts = lost_attempts(machine, now)
    if not machine.finished and not machine.cancel_requested:
        facts += machine.advance(ev.CancelRequested(at=now, by=by, reason=reason))
    facts = (*facts, *owe_hooks(store, run, machine, facts, now))  # told by whoever is an owner next
    packed = pack_tasks(machine)
    store.append([Transition(run_id=run.id, owner=owner, events=facts, packed_tasks=packed, act=act)])
