"""Rows of processes that drive runs, of what is asked of them, and of the slots for which they queue."""

from __future__ import annotations

import msgspec

from cronicle.store.cells import Row, from_instant, from_key, from_labels, to_instant, to_labels
from cronicle.store.records import Actor, ControlRequest, OwnerRecord, SlotRequest

_ACTOR = msgspec.json.Decoder(Actor)

OWNER_COLUMNS = "id epoch host pid command started_at labels"


def owner_from(row: Row) -> OwnerRecord:
    """An owner."""
    owner, epoch, host, pid, command, started_at, labels = row
    return OwnerRecord(
        id=owner,
        epoch=epoch,
        host=host,
        pid=pid,
        command=command,
        started_at=from_instant(started_at),
        labels=from_labels(labels),
    )


def owner_row(owner: OwnerRecord, epoch: int) -> Row:
    """A new owner's columns."""
    started_at = to_instant(owner.started_at)
    return (owner.id, epoch, owner.host, owner.pid, owner.command, started_at, to_labels(owner.labels))


REQUEST_COLUMNS = "id target verb actor reason requested_at"


def request_from(row: Row) -> ControlRequest:
    """A control request."""
    number, target, verb, actor, reason, requested_at = row
    return ControlRequest(
        id=number,
        target=target,
        verb=verb,
        actor=_ACTOR.decode(actor),
        reason=reason,
        requested_at=from_instant(requested_at),
    )


SLOT_COLUMNS = "task key attempt owner pool slots priority requested_at granted"


def slot_from(row: Row) -> SlotRequest:
    """A request for slots; the id of its run comes first."""
    run_id, task, key, attempt, owner, pool, slots, priority, requested_at, granted = row
    return SlotRequest(
        run_id=run_id,
        task=task,
        key=from_key(key),
        attempt=attempt,
        owner=owner,
        pool=pool,
        slots=slots,
        priority=priority,
        requested_at=from_instant(requested_at),
        granted=bool(granted),
    )
