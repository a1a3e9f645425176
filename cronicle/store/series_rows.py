"""Rows of the store about series of ticks and pauses, and the values that they stand for.

As in `cronicle.store.rows`: the order of the columns is that of the `*_COLUMNS` beside each function.
"""

from __future__ import annotations

import msgspec

from cronicle.names import instance_label, split_instance
from cronicle.store.cells import Row, from_instant, from_optional, to_instant, to_json, to_optional
from cronicle.store.records import Actor
from cronicle.store.series import CursorRecord, Dropped, OwedRecord, PauseRecord, SeriesKey, TickSpan

_ACTOR = msgspec.json.Decoder(Actor)

KEY_COLUMNS = "project environment workflow instance series"


def key_from(row: Row) -> SeriesKey:
    """The series that a row is about."""
    project, environment, workflow, instance, series = row
    return SeriesKey(
        project=project,
        environment=environment,
        workflow=instance_label(workflow, instance or None),
        series=series or None,
    )


def key_row(key: SeriesKey) -> Row:
    """A series' columns."""
    name, instance = split_instance(key.workflow)
    return (key.project, key.environment, name, instance or "", key.series or "")


CURSOR_COLUMNS = f"{KEY_COLUMNS} since position deployment"


def cursor_from(row: Row) -> CursorRecord:
    """A cursor."""
    since, position, deployment = row[5:]
    return CursorRecord(
        key=key_from(row[:5]),
        since=from_instant(since),
        position=from_instant(position),
        deployment=deployment,
    )


def cursor_row(cursor: CursorRecord) -> Row:
    """A cursor's columns."""
    return (
        *key_row(cursor.key),
        to_instant(cursor.since),
        to_instant(cursor.position),
        cursor.deployment,
    )


OWED_COLUMNS = f'{KEY_COLUMNS} deployment after until "left"'
"""Those that a new one is made with; reading has `sequence` before them."""


def owed_from(row: Row) -> OwedRecord:
    """Owed ticks; `sequence` comes first."""
    deployment, after, until, left = row[6:]
    return OwedRecord(
        sequence=row[0],
        key=key_from(row[1:6]),
        deployment=deployment,
        after=from_instant(after),
        until=from_instant(until),
        left=left,
    )


def owed_row(owed: OwedRecord) -> Row:
    """The columns of new owed ticks."""
    return (*key_row(owed.key), owed.deployment, to_instant(owed.after), to_instant(owed.until), owed.left)


DROPPED_COLUMNS = f"{KEY_COLUMNS} first last count reason detail recorded_at"


def dropped_from(row: Row) -> TickSpan:
    """A span of ticks that made no run."""
    first, last, count, reason, detail, recorded_at = row[5:]
    return TickSpan(
        key=key_from(row[:5]),
        first=from_instant(first),
        last=from_instant(last),
        count=count,
        reason=Dropped(reason),
        detail=detail,
        recorded_at=from_instant(recorded_at),
    )


def dropped_row(span: TickSpan) -> Row:
    """A span's columns."""
    return (
        *key_row(span.key),
        to_instant(span.first),
        to_instant(span.last),
        span.count,
        span.reason,
        span.detail,
        to_instant(span.recorded_at),
    )


PAUSE_COLUMNS = "project environment workflow instance actor reason paused_at until ended_at"
"""Those that a new pause is made with; reading has `sequence` before them."""


def pause_from(row: Row) -> PauseRecord:
    """A pause; `sequence` comes first."""
    sequence, project, environment, workflow, instance, actor, reason, paused_at, until, ended_at = row
    return PauseRecord(
        sequence=sequence,
        project=project,
        environment=environment,
        workflow=instance_label(workflow, instance or None) or None,
        actor=_ACTOR.decode(actor),
        reason=reason,
        paused_at=from_instant(paused_at),
        until=from_optional(until),
        ended_at=from_optional(ended_at),
    )


def pause_row(pause: PauseRecord) -> Row:
    """A new pause's columns."""
    name, instance = split_instance(pause.workflow or "")
    return (
        pause.project,
        pause.environment,
        name,
        instance or "",
        to_json(pause.actor),
        pause.reason,
        to_instant(pause.paused_at),
        to_optional(pause.until),
        to_optional(pause.ended_at),
    )
