"""Requests for what others drive; each function runs inside a transaction of the caller."""

from __future__ import annotations

from cronicle.store.cells import Row, columns, to_instant, to_json
from cronicle.store.interface import UnknownError
from cronicle.store.owner_rows import REQUEST_COLUMNS
from cronicle.store.records import ControlRequest
from cronicle.store.relational.connection import Connection
from cronicle.store.relational.liveness import Liveness

# ruff: noqa: S608 - statements are put together from constants; values are always bound


def add(connection: Connection, liveness: Liveness, request: ControlRequest) -> str | None:
    """`Store.add_request`."""
    found = connection.row(
        "SELECT owner, state IN ('queued', 'running') FROM run WHERE id = ?1 UNION ALL"
        " SELECT owner, state IN ('running', 'paused') FROM backfill WHERE id = ?1 UNION ALL"
        " SELECT id, 1 = 1 FROM owner WHERE id = ?1",
        (request.target,),
    )
    if found is None:
        raise UnknownError(f"the store has no run or backfill {request.target}")
    owner, unfinished = found
    if owner == request.target and not liveness.is_alive(owner):
        return None  # what a process is asked for itself nobody does in its stead
    if owner is None or not unfinished:
        return None
    connection.execute(
        "INSERT INTO control_request (target, verb, actor, reason, requested_at) VALUES (?, ?, ?, ?, ?)",
        (
            request.target,
            request.verb,
            to_json(request.actor),
            request.reason,
            to_instant(request.requested_at),
        ),
    )
    return str(owner)


def take(connection: Connection, owner: str) -> list[Row]:
    """The rows of the requests for an owner and for what it owns; they are gone after."""
    found = connection.rows(
        f"SELECT {columns(REQUEST_COLUMNS)} FROM control_request AS request"
        " WHERE target = ?1 OR EXISTS (SELECT 1 FROM run WHERE run.id = request.target AND run.owner = ?1)"
        " OR EXISTS (SELECT 1 FROM backfill WHERE backfill.id = request.target AND backfill.owner = ?1)"
        " ORDER BY id",
        (owner,),
    )
    connection.execute_many("DELETE FROM control_request WHERE id = ?", ((row[0],) for row in found))
    return found
