"""Which hooks follow from new facts of a run. What is owed is stored in the same transaction as these facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cronicle.runs import events as ev
from cronicle.runs.hooks import (
    ON_RETRY,
    ON_START,
    Audience,
    failures_asked_for,
    hooks_meanwhile,
    hooks_of_end,
    retries_in,
)
from cronicle.runs.machine import RunMachine
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunRecord


def audience_of(store: StoreReader, run: RunRecord) -> Audience:
    """Whom a run may tell."""
    backfill = store.find_backfill(run.backfill) if run.backfill else None
    asked_for = backfill is not None and backfill.hooks
    return Audience(cause=run.cause, counts=run.counts, asked_for=asked_for)


def owe_hooks(
    store: StoreReader, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent], at: datetime
) -> tuple[ev.RunEvent, ...]:
    """Record in the machine which hooks are to be told of these facts, which it knows already; what follows."""
    if not machine.spec.hooks:
        return ()
    owed: list[ev.HooksOwed] = []
    audience = audience_of(store, run)
    if any(isinstance(fact, ev.RunStarted) for fact in facts):
        owed.append(ev.HooksOwed(at=at, hooks=hooks_meanwhile(machine.spec, audience, ON_START)))
    if on_retry := hooks_meanwhile(machine.spec, audience, ON_RETRY):
        owed += [
            ev.HooksOwed(at=at, hooks=on_retry, task=failed.task, key=failed.key, attempt=failed.attempt)
            for failed in retries_in(facts)
        ]
    if any(isinstance(fact, ev.RunFinished) for fact in facts):
        failures = _failures_before(store, run, failures_asked_for(machine.spec, machine.state))
        owed.append(ev.HooksOwed(at=at, hooks=hooks_of_end(machine.spec, audience, machine.state, failures)))
    return tuple(fact for one in owed if one.hooks for fact in machine.advance(one))


def _failures_before(store: StoreReader, run: RunRecord, limit: int) -> int:
    return store.count_failures_before(run, limit) if limit else 0
