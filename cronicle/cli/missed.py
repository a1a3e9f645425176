"""`cronicle runs --missed`: the ticks that made no run, and why."""

from __future__ import annotations

from cronicle.cli.output import print_json, print_json_lines, say, table, tell, visible_line
from cronicle.cli.session import Session
from cronicle.names import typed
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter
from cronicle.store.series import TickSpan
from cronicle.views.naming import Naming
from cronicle.views.words import reason_text, series_name


def list_missed(session: Session, reader: StoreReader, wanted: RunFilter, *, json: bool, jsonl: bool) -> None:
    """List the spans of ticks without a run that touch the times of a filter, the one found last first."""
    found = reader.list_dropped(
        wanted.project,
        wanted.environment,
        wanted.workflow,
        with_instances=wanted.with_instances,
        start=wanted.logical_from,
        end=wanted.logical_to,
        limit=wanted.limit,
    )
    if json or jsonl:
        from cronicle.views.shapes import missed_shape, to_builtins

        shapes = to_builtins([missed_shape(span) for span in found])
        print_json_lines(shapes) if jsonl else print_json(shapes)
        return
    if not found:
        tell("every tick that was due has its run")
        return
    naming = session.naming(reader)
    say(table([["WORKFLOW", "FIRST", "LAST", "TICKS", "WHY"], *(_cells(span, naming) for span in found)]))
    key = found[0].key
    address = typed(f"{key.workflow}@{_text(found[0].last)}") + (
        f" --series {key.series}" if key.series else ""
    )
    address += naming.options(key.project, key.environment)
    tell(f"why one made no run: cronicle explain {visible_line(address)}")


def _cells(span: TickSpan, naming: Naming) -> list[str]:
    key = span.key
    name = series_name(key.workflow, key.series)
    detail = f" {span.detail}" if span.detail else ""
    return [
        visible_line(naming.of(key.project, key.environment, name)),
        _text(span.first),
        _text(span.last) if span.count > 1 else "",
        f"{span.count:,}",
        visible_line(reason_text(span.reason) + detail),
    ]


def _text(instant: object) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
