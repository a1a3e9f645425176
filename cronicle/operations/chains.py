"""Backfills that wait for another one: whether that has come to its end, and which belong together."""

from __future__ import annotations

from datetime import timedelta

from cronicle.runs.states import BackfillState, RunState
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord

UNFINISHED = frozenset({BackfillState.RUNNING, BackfillState.PAUSED})

_MOST_UNFINISHED = 10_000
"""Unfinished backfills among which those are looked for that wait for another."""


def has_come_to_its_end(store: StoreReader, backfill: BackfillRecord) -> bool:
    """True if a backfill has succeeded, or everything that it was to do has been done since by somebody else.

    Each of its ticks has a run of its own that succeeded, or a result of the revision that it was to run, made after
    the backfill: by a retry, or by another backfill of what had failed.
    """
    if backfill.state is BackfillState.SUCCEEDED:
        return True
    if backfill.state in UNFINISHED:
        return False
    ticks = [tick for tick in store.list_ticks(backfill.id) if tick.state is not RunState.SUCCEEDED]
    if not ticks:
        return True
    times = [tick.logical_time for tick in ticks]
    results = store.list_results(
        backfill.project,
        backfill.environment,
        backfill.workflow,
        backfill.series,
        min(times),
        max(times) + timedelta.resolution,
    )
    return all(
        (result := results.get(tick.logical_time)) is not None
        and result.revision == (tick.revision or backfill.revision)
        and _was_made_since(store, result.run_id, backfill)
        for tick in ticks
    )


def _was_made_since(store: StoreReader, run_id: str, backfill: BackfillRecord) -> bool:
    run = store.find_run(run_id)
    return run is not None and run.created_at >= backfill.created_at


def chain_of(store: StoreReader, backfill: BackfillRecord) -> tuple[BackfillRecord, ...]:
    """A backfill with the unfinished ones before and behind it, in the order of their turns."""
    above: list[BackfillRecord] = []
    first = backfill
    while first.waits_for is not None:
        before = store.find_backfill(first.waits_for)
        if before is None or before.state not in UNFINISHED:
            break
        above.insert(0, before)
        first = before
    chain = [*above, backfill]
    waiting = {
        one.waits_for: one
        for one in store.list_backfills(
            backfill.project, backfill.environment, unfinished=True, limit=_MOST_UNFINISHED
        )
        if one.waits_for is not None
    }
    while (follows := waiting.get(chain[-1].id)) is not None:
        chain.append(follows)
    return tuple(chain)
