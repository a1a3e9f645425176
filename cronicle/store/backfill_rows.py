"""Rows of the store about backfills and their ticks, and the values that they stand for.

As in `cronicle.store.rows`: the order of the columns is that of the `*_COLUMNS` beside each function.
"""

from __future__ import annotations

import msgspec

from cronicle.names import instance_label, split_instance
from cronicle.runs.states import BackfillState, RunState
from cronicle.store.cells import (
    Row,
    from_instant,
    from_json,
    from_labels,
    from_optional,
    to_instant,
    to_json,
    to_labels,
    to_optional,
)
from cronicle.store.records import Actor, BackfillRecord, BackfillTick, TickRevision

_ACTOR = msgspec.json.Decoder(Actor)

BACKFILL_COLUMNS = (
    "id project environment workflow instance series from_text to_text timezone revision deployment spec_hash params "
    "selection choice parallel newest_first max_failures hooks counts state reason total done failed actor owner "
    "created_at ended_at runs_on canary waits_for"
)
"""Those that a new backfill is made with; reading has `sequence` before them."""


def backfill_from(row: Row) -> BackfillRecord:
    """A backfill; `sequence` comes first."""
    return BackfillRecord(
        sequence=row[0],
        id=row[1],
        project=row[2],
        environment=row[3],
        workflow=instance_label(row[4], row[5] or None),
        series=row[6] or None,
        from_text=row[7],
        to_text=row[8],
        timezone=row[9],
        revision=row[10],
        deployment=row[11],
        spec_hash=row[12],
        params=from_json(row[13]),
        selection=from_json(row[14]),
        choice=row[15],
        parallel=row[16],
        newest_first=bool(row[17]),
        max_failures=row[18],
        hooks=bool(row[19]),
        counts=bool(row[20]),
        state=BackfillState(row[21]),
        reason=row[22],
        total=row[23],
        done=row[24],
        failed=row[25],
        actor=_ACTOR.decode(row[26]),
        owner=row[27],
        created_at=from_instant(row[28]),
        ended_at=from_optional(row[29]),
        runs_on=from_labels(row[30]),
        canary=row[31],
        waits_for=row[32],
    )


def backfill_row(backfill: BackfillRecord) -> Row:
    """A new backfill's columns."""
    name, instance = split_instance(backfill.workflow)
    return (
        backfill.id,
        backfill.project,
        backfill.environment,
        name,
        instance or "",
        backfill.series or "",
        backfill.from_text,
        backfill.to_text,
        backfill.timezone,
        backfill.revision,
        backfill.deployment,
        backfill.spec_hash,
        to_json(backfill.params),
        to_json(backfill.selection),
        backfill.choice,
        backfill.parallel,
        backfill.newest_first,
        backfill.max_failures,
        backfill.hooks,
        backfill.counts,
        backfill.state,
        backfill.reason,
        backfill.total,
        backfill.done,
        backfill.failed,
        to_json(backfill.actor),
        backfill.owner,
        to_instant(backfill.created_at),
        to_optional(backfill.ended_at),
        to_labels(backfill.runs_on),
        backfill.canary,
        backfill.waits_for,
    )


TICK_COLUMNS = (
    "position logical_time nominal interval_start interval_start_nominal interval_end revision deployment spec_hash "
    "tasks run_id"
)


def tick_from(row: Row) -> BackfillTick:
    """A tick of a backfill; the state of its run comes last."""
    position, logical_time, nominal, start, start_nominal, end, *special, run_id, state = row
    revision, deployment, spec_hash, tasks = special
    has_interval = bool(start_nominal)
    return BackfillTick(
        position=position,
        logical_time=from_instant(logical_time),
        nominal=nominal,
        interval_start=from_instant(start) if has_interval else None,
        interval_start_nominal=start_nominal or None,
        interval_end=from_instant(end) if has_interval else None,
        revision=revision,
        deployment=deployment,
        spec_hash=spec_hash,
        tasks=None if tasks is None else tuple(from_json(tasks)),
        run_id=run_id,
        state=None if state is None else RunState(state),
    )


def tick_row(tick: BackfillTick) -> Row:
    """A tick's columns. They have a value each: without an interval its instants are the logical time."""
    return (
        tick.position,
        to_instant(tick.logical_time),
        tick.nominal,
        to_instant(tick.interval_start or tick.logical_time),
        tick.interval_start_nominal or "",
        to_instant(tick.interval_end or tick.logical_time),
        tick.revision,
        tick.deployment,
        tick.spec_hash,
        None if tick.tasks is None else to_json(tick.tasks),
        tick.run_id,
    )


def tick_revision_from(row: Row) -> TickRevision:
    """What ticks run, and how many of them."""
    revision, deployment, ticks = row
    return TickRevision(revision=revision, deployment=deployment, ticks=ticks)
