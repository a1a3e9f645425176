"""Whether a queued run of this process may start now: the facts for `cronicle.schedule.admission`, and its answer.

What needs no transaction (instants, the past, required workflows) is judged first, from what the store says. The
limits that all processes share are judged by the store, in the transaction that notes that the run was admitted.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from cronicle.operations.gates import gates_of
from cronicle.operations.run_time import same_time, with_chosen_time
from cronicle.runs import events as ev
from cronicle.runs.policy import Policy
from cronicle.runs.states import RunState
from cronicle.schedule.admission import PolicyReason
from cronicle.store.records import LiveRunExists, RunRecord
from cronicle.values import Value

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.engine.runner import RunDriver
    from cronicle.operations.deployed_series import DeployedSeries
    from cronicle.schedule.admission import Gates
    from cronicle.store.reading import StoreReader

LOOK_AGAIN = 1.0
"""Seconds until a run that waits is looked at again, should nobody say that something has changed."""


@frozen(kw_only=True, eq=False, repr=False)
class Verdict(Value):
    """What is to become of a queued run."""

    run: RunRecord
    """As it is now: the logical time of one that was asked for later is chosen when its time has come."""
    admitted: bool = False
    dropped: str | None = None
    """The reason for which it ends in state `skipped`."""
    reasons: tuple[str, ...] = ()
    """Why it waits: sentences for people."""
    look_at: datetime | None = None
    """When time alone may change the verdict."""
    is_limited: bool = False
    """True if the limits that it shares with others of its workflow hold it back: those behind it wait as well."""
    is_over: bool = False
    """True if it has ended meanwhile: the tick after it has taken its place in the queue."""


async def judge(owner: Owner, run: RunRecord, policy: Policy) -> Verdict:
    """What is to become of a run that waits; an admission is durable."""
    now = owner.clock.now()
    seen = await owner.journal.call(_look_at, owner.store, owner.deployed, run, policy, now)
    if seen is None:
        return Verdict(run=run, is_over=True)
    chosen, gates = seen
    if chosen is not run:
        answer = await owner.journal.call(owner.store.choose_time, chosen, owner.id)
        if isinstance(answer, LiveRunExists):
            return Verdict(run=run, reasons=(same_time(answer.run_id),))
        run = chosen
    if gates.too_late:
        return Verdict(run=run, dropped=PolicyReason.TOO_LATE)
    if gates.reasons:
        return Verdict(run=run, reasons=gates.reasons, look_at=gates.ask_at)
    admission = await owner.journal.call(owner.store.admit, run.id, owner.id, now)
    return Verdict(
        run=run,
        admitted=admission.admitted,
        reasons=admission.reasons,
        look_at=gates.ask_at,
        is_limited=not admission.admitted and not admission.is_over,
        is_over=admission.is_over,
    )


def _look_at(
    store: StoreReader, deployed: DeployedSeries, run: RunRecord, policy: Policy, now: datetime
) -> tuple[RunRecord, Gates] | None:
    """The run for its logical time, which may be chosen only now, and its gates; None if it has ended.

    Of one that nothing stands before the store says whether it has ended, when it is to be admitted.
    """
    chosen = with_chosen_time(deployed, run, policy, now)
    found = gates_of(store, deployed, chosen, policy, now)
    return None if (found.too_late or found.reasons) and not store.is_live(run.id) else (chosen, found)


async def wait_for_admission(driver: RunDriver, owner: Owner) -> tuple[ev.RunEvent, ...]:
    """Wait until a run may start, was dropped, or is cancelled; the facts that end it if it was dropped."""
    policy = driver.machine.spec.policy
    while driver.machine.state is RunState.QUEUED and not driver.is_asked_to_end:
        verdict = await judge(owner, driver.run, policy)
        driver.is_for(verdict.run)
        if verdict.admitted:
            return ()
        if verdict.is_over:
            _take_end(driver, owner)
            return ()
        now = owner.clock.now()
        if verdict.dropped is not None:
            return driver.machine.advance(
                ev.RunFinished(at=now, state=RunState.SKIPPED, reason=verdict.dropped)
            )
        seconds = LOOK_AGAIN
        if verdict.look_at is not None:
            seconds = min(seconds, max(0.0, (verdict.look_at - now).total_seconds()))
        with trio.move_on_after(seconds):
            await driver.woken()
    return ()


def _take_end(driver: RunDriver, owner: Owner) -> None:
    """Take in the end that the tick after a run's has given it."""
    for event in owner.store.get_events(driver.run.id):
        if isinstance(event, ev.RunFinished):
            driver.machine.apply(event)
