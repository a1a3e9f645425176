"""What was accepted, in a store; each writing function runs inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from cronicle.names import instance_label, split_instance
from cronicle.store.cells import (
    Row,
    columns,
    from_instant,
    from_optional,
    marks,
    readable,
    readable_only,
    to_instant,
    to_json,
    to_optional,
)
from cronicle.store.records import Actor
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.terms import in_scope
from cronicle.store.results import AcceptanceRecord

# ruff: noqa: S608 - statements are put together from constants; values are always bound

_COLUMNS = (
    "project environment workflow instance task old new before revision actor reason accepted_at revoked_at "
    "revoked_by"
)
_ACCEPTANCE = f"SELECT sequence, {columns(_COLUMNS)} FROM acceptance"

_ACTOR = msgspec.json.Decoder(Actor)
_OLD = msgspec.json.Decoder(tuple[str, ...])


def add(connection: Connection, acceptances: Iterable[AcceptanceRecord]) -> tuple[AcceptanceRecord, ...]:
    """`Store.add_acceptances`."""
    made = []
    for acceptance in acceptances:
        row = connection.row(
            f"INSERT INTO acceptance ({columns(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"
            f" RETURNING sequence, {columns(_COLUMNS)}",
            _row(acceptance),
        )
        assert row is not None
        made.append(readable("an acceptance", _from_row, row))
    return tuple(made)


def revoke(connection: Connection, number: int, by: str, at: datetime) -> AcceptanceRecord | None:
    """`Store.revoke_acceptance`."""
    row = connection.row(
        f"UPDATE acceptance SET revoked_at = ?, revoked_by = ? WHERE sequence = ? AND revoked_at IS NULL"
        f" RETURNING sequence, {columns(_COLUMNS)}",
        (to_instant(at), by, number),
    )
    return None if row is None else readable(f"acceptance {number}", _from_row, row)


def find(
    connection: Connection,
    project: str,
    environment: str | None,
    workflow: str | None,
    *,
    with_instances: bool,
    with_revoked: bool,
) -> tuple[AcceptanceRecord, ...]:
    """`StoreReader.list_acceptances`."""
    scope = {"project": project, "environment": environment, "workflow": workflow}
    terms, values = in_scope(scope, with_instances=with_instances)
    terms += [] if with_revoked else ["revoked_at IS NULL"]
    found = connection.rows(f"{_ACCEPTANCE} WHERE {' AND '.join(terms)} ORDER BY sequence DESC", values)
    return readable_only("acceptance", _from_row, found)


def _row(acceptance: AcceptanceRecord) -> Row:
    name, instance = split_instance(acceptance.workflow)
    return (
        acceptance.project,
        acceptance.environment,
        name,
        instance or "",
        acceptance.task,
        to_json(acceptance.old),
        acceptance.new,
        to_optional(acceptance.before),
        acceptance.revision,
        to_json(acceptance.actor),
        acceptance.reason,
        to_instant(acceptance.accepted_at),
        to_optional(acceptance.revoked_at),
        acceptance.revoked_by,
    )


def _from_row(row: Row) -> AcceptanceRecord:
    number, project, environment, workflow, instance, task, old, new, before, revision, actor, *rest = row
    reason, accepted_at, revoked_at, revoked_by = rest
    return AcceptanceRecord(
        id=number,
        project=project,
        environment=environment,
        workflow=instance_label(workflow, instance or None),
        task=task,
        old=_OLD.decode(old),
        new=new,
        before=from_optional(before),
        revision=revision,
        actor=_ACTOR.decode(actor),
        reason=reason,
        accepted_at=from_instant(accepted_at),
        revoked_at=from_optional(revoked_at),
        revoked_by=revoked_by,
    )
