"""`cronicle show`: all about runs and backfills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonLinesOption,
    JsonOption,
    ProjectOption,
    SeriesOption,
    StoreOption,
)
from cronicle.cli.output import mark, print_json, print_json_lines, say, table, visible_line
from cronicle.cli.session import open_session
from cronicle.operations.addresses import TaskPlace, addresses_from
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def show(
    addresses: Annotated[
        list[str], typer.Argument(metavar="RUN[/TASK]…", help="`-` reads a list from stdin.")
    ],
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """All about runs and backfills: times, cause, revision, parameters, tasks with their attempts."""
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        book = session.addresses(reader, series)
        found = [
            book.task(text) if "/" in text else book.run_or_backfill(text)
            for text in addresses_from(addresses)
        ]
        things = [TaskPlace(one) if not isinstance(one, TaskPlace | BackfillRecord) else one for one in found]
        if json or jsonl:
            shapes = [_shape(reader, thing) for thing in things]
            if jsonl:
                print_json_lines(shapes)
            else:
                print_json(shapes[0] if len(addresses) == 1 and addresses != ["-"] else shapes)
            return
        now = session.clock.now()
        for number, thing in enumerate(things):
            if number:
                say()
            about = thing if isinstance(thing, BackfillRecord) else thing.run
            place = session.place_of(reader, about.project, about.environment)
            if isinstance(thing, BackfillRecord):
                _say_backfill(reader, thing, place, now)
            else:
                _say_run(reader, thing, place, now)


def _shape(reader: StoreReader, thing: TaskPlace | BackfillRecord) -> Any:
    from cronicle.views.details import details_of
    from cronicle.views.shapes import backfill_shape, to_builtins

    if isinstance(thing, BackfillRecord):
        return to_builtins(backfill_shape(thing))
    details = to_builtins(details_of(reader, thing.run))
    if thing.task is not None:
        details["tasks"] = [
            task
            for task in details["tasks"]
            if task["task"] == thing.task and thing.key in (None, task["key"])
        ]
    return details


def _say_run(reader: StoreReader, thing: TaskPlace, place: str, now: datetime) -> None:
    from cronicle.views.details import headline, run_facts, task_blocks

    state, title = headline(thing.run, now)
    say(f"{mark(state)}   {visible_line(title)}" + (f"   in {visible_line(place)}" if place else ""))
    if thing.task is None:
        say()
        say(_columns(run_facts(reader, thing.run, now), indent="  "))
    chosen = None if thing.task is None else (thing.task, thing.key)
    for block in task_blocks(reader, thing.run, now, chosen):
        say()
        rest = [part for part in (block.took, visible_line(block.remark)) if part]
        say("  " + "   ".join([f"{mark(block.state, block.word)} {visible_line(block.label)}", *rest]))
        attempts = block.attempts
        if thing.attempt is not None:
            attempts = tuple(line for line in attempts if line[0] == f"#{thing.attempt}")
        if attempts:
            say(table([[visible_line(cell) for cell in line] for line in attempts], indent="      "))
        if block.facts:
            say(_columns(block.facts, indent="      "))


def _say_backfill(reader: StoreReader, backfill: BackfillRecord, place: str, now: datetime) -> None:
    from cronicle.views.details import backfill_facts, backfill_headline

    state, title = backfill_headline(backfill)
    say(f"{mark(state)}   {visible_line(title)}" + (f"   in {visible_line(place)}" if place else ""))
    say()
    say(_columns(backfill_facts(reader, backfill, now), indent="  "))


def _columns(facts: Iterable[tuple[str, str]], indent: str) -> str:
    return table([[label, visible_line(value)] for label, value in facts], indent=indent)
