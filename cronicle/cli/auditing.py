"""Listing the audit log: as a table, as JSON, or all of it as JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve

from cronicle.cli.output import print_json, print_json_lines, say, table, tell, visible_line
from cronicle.cli.session import Session
from cronicle.clock import local_zone
from cronicle.errors import CronicleError, UsageError
from cronicle.names import as_workflow, typed
from cronicle.operations.asked_times import asked_instant
from cronicle.store.acts import AuditFilter, AuditRecord
from cronicle.store.reading import StoreReader
from cronicle.views.audit import act_shape, all_lines, line_cells, narrowed_to


def list_acts(
    session: Session,
    *,
    subject: str | None,
    act: str | None,
    user: str | None,
    first: str | None,
    last: str | None,
    before: int | None,
    limit: int,
    json: bool,
    jsonl: bool,
) -> None:
    """List what people did; with `jsonl` and a `limit` of 0 everything, however much that is.

    Raises:
        UsageError: Options do not fit together, or a time is none.
    """
    if limit == 0 and not jsonl:
        raise UsageError(
            "--limit 0 stands for all there is, which may be millions",
            "Have it as JSON lines: cronicle audit --jsonl --limit 0",
        )
    with session.reader() as reader:
        project = _project(session, reader)
        wanted = AuditFilter(
            project=project,
            environment=session.environment,
            act=act,
            since=None if first is None else asked_instant("--from", first, local_zone()),
            until=None if last is None else _end(last),
        )
        if subject is not None:
            wanted = _about(session, reader, wanted, subject)
        wanted = narrowed_to(wanted, user)
        if wanted.since and wanted.until and wanted.since >= wanted.until:
            raise UsageError(f"--from {first} is later than --to {last}", "Give an earlier one first.")
        if jsonl:
            print_json_lines(_plain(line) for line in all_lines(reader, wanted, before, limit or None))
            return
        found = tuple(all_lines(reader, wanted, before, limit))
        if json:
            print_json([_plain(line) for line in found])
            return
        _say(session, found, with_place=project is None or session.environment is None)
        if len(found) == limit and reader.list_audit(wanted, before=found[-1].sequence, limit=1):
            given = (("", subject), ("--act", act), ("--user", user), ("--from", first), ("--to", last))
            words = [f"{option} {typed(value)}".strip() for option, value in given if value is not None]
            more = " ".join(["cronicle audit", *words, f"--before {found[-1].sequence}"])
            tell(f"more: {visible_line(more)}")


def _project(session: Session, reader: StoreReader) -> str | None:
    """The project that is meant; None for the whole store, also where nothing was deployed of the one here."""
    try:
        project, _ = session.scope(reader)
    except CronicleError:
        if session.project is not None:
            raise
        return None
    return project


def _about(session: Session, reader: StoreReader, wanted: AuditFilter, text: str) -> AuditFilter:
    """The filter for a subject as the log has it, or for the run or backfill that an address points at."""
    as_said = evolve(wanted, subject=as_workflow(text))
    if reader.list_audit(as_said, limit=1):
        return as_said
    try:
        return evolve(wanted, subject=session.addresses(reader).run_or_backfill(text).id)
    except CronicleError:  # nothing of that name: nobody did anything to it
        return as_said


def _end(last: str) -> datetime:
    from cronicle.schedule.text import TextError, parse_date
    from cronicle.schedule.zones import start_of_day

    try:
        return start_of_day(local_zone(), parse_date(last) + timedelta(days=1))
    except TextError:
        return asked_instant("--to", last, local_zone()) + timedelta.resolution


def _say(session: Session, found: Sequence[AuditRecord], *, with_place: bool) -> None:
    if not found:
        tell("nobody did such a thing")
        return
    now = session.clock.now()
    heading = ["WHEN", "WHO", "ACT", *(["WHERE"] if with_place else []), "TO WHAT", "WHY", "COMMAND"]
    lines = [line_cells(line, now, with_place=with_place) for line in found]
    say(table([heading, *([visible_line(cell) for cell in cells] for cells in lines)]))


def _plain(line: AuditRecord) -> object:
    from cronicle.views.shapes import to_builtins

    return to_builtins(act_shape(line))
