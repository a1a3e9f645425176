"""The audit log in a store. Writing runs inside the transaction of what is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from cronicle.store.acts import Act, AuditFilter, AuditRecord, act_of_request
from cronicle.store.cells import Row, columns, from_instant, marks, readable_only, to_instant, to_json
from cronicle.store.records import Actor, BackfillRecord, ControlRequest, RunRecord
from cronicle.store.relational.connection import Connection, Statement
from cronicle.store.relational.terms import LAST_OF_ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

# ruff: noqa: S608 - statements are put together from constants; values are always bound

COLUMNS = "at actor act subject reason project environment workflow detail"

_ACTOR = msgspec.json.Decoder(Actor)

_INSERT = f"INSERT INTO audit ({columns(COLUMNS)}) VALUES ({marks(COLUMNS)})"


def write(connection: Connection, act: Act | None) -> None:
    """Write an act down; None is nobody's."""
    if act is not None:
        connection.execute(*statement_of(act))


def statement_of(act: Act) -> Statement:
    """What writes an act down."""
    return _INSERT, (
        to_instant(act.at),
        to_json(act.actor),
        act.act,
        act.subject,
        act.reason,
        act.project,
        act.environment,
        act.workflow,
        act.detail,
    )


def write_into_any(connection: Connection, act: Act) -> None:
    """Write down an act on the whole store, whatever version its schema has."""
    connection.execute(
        "INSERT INTO audit (at, actor, act, subject, reason) VALUES (?, ?, ?, ?, '')",
        (to_instant(act.at), to_json(act.actor), act.act, act.subject),
    )


def write_request(
    connection: Connection,
    request: ControlRequest,
    find: Sequence[Callable[[str], RunRecord | BackfillRecord | None]],
) -> None:
    """Write down that somebody has asked; `find` are what may know the target."""
    of = next((found for one in find if (found := one(request.target)) is not None), None)
    write(connection, act_of_request(request, of))


def list_lines(
    connection: Connection, wanted: AuditFilter | None, before: int | None, limit: int
) -> tuple[AuditRecord, ...]:
    """`StoreReader.list_audit`."""
    terms, values = _terms(wanted or AuditFilter())
    found = connection.rows(
        f"SELECT sequence, {columns(COLUMNS)} FROM audit WHERE {' AND '.join(['sequence < ?', *terms])}"
        " ORDER BY sequence DESC LIMIT ?",
        (LAST_OF_ALL if before is None else before, *values, max(limit, 0)),
    )
    return readable_only("audit entry", _line_from, found)


def _terms(wanted: AuditFilter) -> tuple[list[str], list[str | int]]:
    terms: list[str] = []
    values: list[str | int] = []

    def add(term: str, *bound: str | int) -> None:
        terms.append(term)
        values.extend(bound)

    if wanted.project is not None:
        add("project IN ('', ?)", wanted.project)
    if wanted.environment is not None:
        add("environment IN ('', ?)", wanted.environment)
    if wanted.act is not None:
        add("act = ?", wanted.act)
    if wanted.since is not None:
        add("at >= ?", to_instant(wanted.since))
    if wanted.until is not None:
        add("at < ?", to_instant(wanted.until))
    if wanted.user is not None:
        end = _end_of_actor(wanted.user, wanted.host)
        add(f"substr(actor, length(actor) - {len(end) - 1}) = ?", end)
    if wanted.subject is not None:
        named = wanted.subject
        add(
            "(subject = ? OR workflow = ? OR workflow >= ? AND workflow < ?)",
            named,
            named,
            f"{named}[",
            f"{named}\\",  # what comes after all that begins so
        )
    return terms, values


def _end_of_actor(user: str, host: str | None) -> str:
    """How the stored actors of a user, or of one on a host, end: the members of an object are in order of names."""
    on = "" if host is None else f',"host":{to_json(host)}'
    return f'{on},"user":{to_json(user)}}}'


def _line_from(row: Row) -> AuditRecord:
    sequence, at, actor, act, subject, reason, project, environment, workflow, detail = row
    return AuditRecord(
        sequence=sequence,
        at=from_instant(at),
        actor=_ACTOR.decode(actor),
        act=act,
        subject=subject,
        reason=reason,
        project=project,
        environment=environment,
        workflow=workflow,
        detail=detail,
    )
