"""Settling what a dead owner left: nothing of its attempts survives, each has an end on record, its runs are free.

Every command that drives runs does this first. What the runs do next is the business of whoever adopts them.
A run whose history cannot be read is set aside, and the others are settled all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import trio
from attrs import frozen

from cronicle.clock import Clock
from cronicle.engine.hooks import lost_hooks
from cronicle.engine.lease import RENEWALS
from cronicle.execute.survivors import end_survivors
from cronicle.operations.owe_hooks import owe_hooks
from cronicle.runs.losses import lost_attempts
from cronicle.runs.machine import RunMachine
from cronicle.runs.packing import pack_tasks
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import LIVE, RunState
from cronicle.store.interface import Store, StoreError, UnknownError, UnwritableError
from cronicle.store.records import OwnerRecord, RunRecord, Transition
from cronicle.values import Value

SURVIVORS_GRACE_SECONDS = 10.0

_log = logging.getLogger(__name__)

T = TypeVar("T")


@frozen(eq=False, repr=False)
class Settled(Value):
    """A dead owner, and what was done about it."""

    owner: OwnerRecord
    runs: tuple[str, ...]
    """Its live runs, now without an owner."""
    attempts: int
    """Attempts recorded as lost."""
    to_resume: tuple[str, ...] = ()
    """Ids by which to go on with its runs: that of the backfill where a run has one."""
    survivors: tuple[int, ...] = ()
    """Processes that cannot be ended (another user's, or stuck in the kernel); normally none."""


async def settle_dead_owners(store: Store, clock: Clock) -> tuple[Settled, ...]:
    """Settle every owner that has died and that nobody else is settling.

    Raises:
        StoreError: The store cannot be written; repeating it settles the rest.
    """
    settled = []
    for owner in await _call(store, _dead_owners, store):
        if not await _call(store, store.claim_dead_owner, owner.id):
            continue
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_keep_claim, store, owner.id)
                settled.append(await _settle(store, clock, owner))
                nursery.cancel_scope.cancel()
            await _call(store, store.remove_owner, owner.id)
        except BaseException:
            store.leave_dead_owner(owner.id)
            raise
    return tuple(settled)


async def _call(store: Store, function: Callable[..., T], *arguments: object) -> T:
    """Call a method of the store; where another process may make it wait, the event loop goes on meanwhile."""
    if store.runs_in_place:
        return function(*arguments)
    return await trio.to_thread.run_sync(function, *arguments)


def _dead_owners(store: Store) -> list[OwnerRecord]:
    return [owner for owner in store.list_owners() if not store.is_alive(owner.id)]


async def _keep_claim(store: Store, dead: str) -> None:
    """Keep others from settling a dead owner as well, however long its survivors take to end."""
    if store.lease_seconds is None:
        return
    while True:
        await trio.sleep(store.lease_seconds / RENEWALS)
        with suppress(UnwritableError):
            await _call(store, store.renew_lease, dead)


async def _settle(store: Store, clock: Clock, owner: OwnerRecord) -> Settled:
    attempts, hooks = await _call(store, _tokens_of, store, owner.id)
    tokens = [*attempts, *hooks]
    survivors = await end_survivors(tokens, SURVIVORS_GRACE_SECONDS) if tokens else []
    runs = await _call(store, record_losses, store, clock, owner.id)
    return Settled(
        owner,
        runs=tuple(run.id for run in runs),
        attempts=len(attempts),
        to_resume=tuple(dict.fromkeys(run.backfill or run.id for run in runs)),
        survivors=tuple(survivors),
    )


def _tokens_of(store: Store, owner: str) -> tuple[list[str], list[str]]:
    """What tells the processes of an owner's attempts and hooks."""
    hooks = [
        hook.start.token
        for _, machine in _runs_with_hooks(store, owner)
        for hook in machine.hooks.live()
        if hook.start is not None
    ]
    return [attempt.token for attempt in store.list_live_attempts(owner)], hooks


def record_losses(store: Store, clock: Clock, owner: str) -> tuple[RunRecord, ...]:
    """Record that nothing is left of what an owner executed that drives nothing any more; its live runs."""
    specs: dict[str, RunSpec] = {}
    with_hooks = _runs_with_hooks(store, owner)
    runs = store.list_owned_runs(owner)
    for run in runs:
        machine = None if run.state is RunState.QUEUED else _machine_of(store, run, specs)
        if machine is None:  # of those that nobody has begun, and there may be many, nothing can be lost
            continue
        facts = lost_attempts(machine, clock.now())
        facts = (*facts, *owe_hooks(store, run, machine, facts, clock.now()))
        if facts := (*facts, *lost_hooks(machine, clock.now())):
            packed = pack_tasks(machine)
            store.append([Transition(run_id=run.id, owner=owner, events=facts, packed_tasks=packed)])
    for run, machine in with_hooks:
        if run.state not in LIVE and (facts := lost_hooks(machine, clock.now())):
            store.append([Transition(run_id=run.id, owner=owner, events=facts)])
    return runs


def _runs_with_hooks(store: Store, owner: str) -> tuple[tuple[RunRecord, RunMachine], ...]:
    """The runs of an owner whose hooks have not all ended."""
    specs: dict[str, RunSpec] = {}
    found = ((run, _machine_of(store, run, specs)) for run in store.list_runs_with_hooks(owner))
    return tuple((run, machine) for run, machine in found if machine is not None)


def _machine_of(store: Store, run: RunRecord, specs: dict[str, RunSpec]) -> RunMachine | None:
    """The machine of a run in the state that its events give; None if they or its spec cannot be read."""
    try:
        if run.spec_hash not in specs:
            specs[run.spec_hash] = spec_from_bytes(store.get_spec(run.spec_hash))
        return RunMachine.replay(specs[run.spec_hash], store.get_events(run.id))
    except (StoreError, UnknownError, ValueError) as error:
        _log.error("Run %s is set aside, since its history cannot be read: %s", run.id, error)
        return None
