"""The audit log as people and programs read it. Whoever prints it makes harmless what names may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from attrs import evolve, frozen

from cronicle.store.acts import AuditFilter, AuditRecord
from cronicle.store.reading import StoreReader
from cronicle.views.words import relative

PAGE = 1_000
"""Lines that are read at once."""

REVISION_LENGTH = 40
SHORT = 7


@frozen(kw_only=True, slots=False)
class ActShape:
    """An act that somebody has done, as `cronicle audit --json` has it."""

    sequence: int
    """The order of acts; `--before` takes it."""
    at: datetime
    actor: Mapping[str, str]
    """`user`, `host` and `command`: who, from where, and how, without values of variables."""
    act: str
    """The command's word: `deploy`, `rollback`, `run`, `cancel`, …"""
    project: str | None
    """None: it is about the whole store."""
    environment: str | None
    workflow: str | None
    """With its instance: `sync[eu]`."""
    subject: str
    detail: str | None
    """What the subject does not tell: a revision, a range of dates, how much was removed."""
    reason: str | None
    """In the words of whoever did it."""


def act_shape(line: AuditRecord) -> ActShape:
    """A line of the audit log as `audit` lists it."""
    return ActShape(
        sequence=line.sequence,
        at=line.at,
        actor={"user": line.actor.user, "host": line.actor.host, "command": line.actor.command},
        act=line.act,
        project=line.project or None,
        environment=line.environment or None,
        workflow=line.workflow or None,
        subject=line.subject,
        detail=line.detail or None,
        reason=line.reason or None,
    )


def all_lines(
    store: StoreReader, wanted: AuditFilter, before: int | None, limit: int | None
) -> Iterator[AuditRecord]:
    """Lines, newest first, read a page at a time: a log of millions takes no more memory than a page."""
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = store.list_audit(wanted, before=before, limit=size)
        yield from page
        if len(page) < size:
            return
        before = page[-1].sequence
        left = None if left is None else left - size


def line_cells(line: AuditRecord, now: datetime, *, with_place: bool) -> list[str]:
    """When, who from where, what, to what, and why: as cells of a table."""
    subject = f"{line.workflow} {line.subject}" if line.workflow not in ("", line.subject) else line.subject
    told = [_shortened(line.detail), f'"{line.reason}"' if line.reason else ""]
    place = "/".join(filter(None, (line.project, line.environment)))
    return [
        relative(line.at, now),
        f"{line.actor.user}@{line.actor.host}",
        line.act,
        *([place] if with_place else []),
        subject,
        "  ".join(filter(None, told)),
        line.actor.command,
    ]


def _shortened(detail: str) -> str:
    """A detail with its revisions as short as everywhere else."""
    return " ".join(
        word[:SHORT] + word[REVISION_LENGTH:] if _is_revision(word) else word for word in detail.split(" ")
    )


def _is_revision(word: str) -> bool:
    id_ = word[:REVISION_LENGTH]
    return len(id_) == REVISION_LENGTH and all(one in "0123456789abcdef" for one in id_)


def narrowed_to(wanted: AuditFilter, user: str | None) -> AuditFilter:
    """The filter for `USER` or `USER@HOST`."""
    if user is None:
        return wanted
    name, at, host = user.rpartition("@")
    return evolve(wanted, user=name, host=host) if at else evolve(wanted, user=user)
