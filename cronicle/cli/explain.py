"""`cronicle explain`: the chain of causes of a run, a task, or of a logical time without a run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonOption,
    ProjectOption,
    SeriesOption,
    StoreOption,
)
from cronicle.cli.output import paint, plural, print_json, say, table, visible_line
from cronicle.cli.session import Session, open_session
from cronicle.names import parse_run_address
from cronicle.operations.addresses import LATEST, addresses_from
from cronicle.store.reading import StoreReader
from cronicle.views.explain import Explanation, explain_run, explain_task

SHOWN_INPUTS = 20
"""Of a task; `show` has all."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def explain(
    addresses: Annotated[
        list[str], typer.Argument(metavar="RUN[/TASK]|WORKFLOW@TIME…", help="`-` reads a list from stdin.")
    ],
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Why a run or a task ran, waits, failed or was skipped; why there is no run for a logical time."""
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        now = session.clock.now()
        found = [_explain(session, reader, text, series, now) for text in addresses_from(addresses)]
        places = [session.place_of(reader, one.project, one.environment) for one in found]
    if json:
        print_json(found[0] if len(addresses) == 1 and addresses != ["-"] else found)
        return
    for number, (explanation, place) in enumerate(zip(found, places, strict=True)):
        if number:
            say()
        _say(explanation, place)


def _explain(
    session: Session, reader: StoreReader, text: str, series: str | None, now: datetime
) -> Explanation:
    book = session.addresses(reader, series)
    address = parse_run_address(text)
    if address is not None and address.workflow and address.time not in (None, LATEST):
        assert address.time is not None
        runs = book.runs_at(book.filter_for(address.workflow), address.time)
        if runs:
            return explain_run(reader, book.chosen(runs), now)
        from cronicle.views.explain_tick import explain_tick

        target = session.target(reader)
        options = session.naming(reader).options(target.project.name, target.environment)
        return explain_tick(reader, target, address.workflow, series, address.time, now, options)
    place = book.task(text)
    if place.task is not None:
        return explain_task(reader, place.run, place.task, place.key, now, session.where.files)
    return explain_run(reader, place.run, now)


def _say(explanation: Explanation, place: str) -> None:
    say(paint(visible_line(explanation.summary), "bold"))
    if place:
        say(f"  in {visible_line(place)}")
    for line in explanation.because:
        say(f"  ← {visible_line(line)}")
    if explanation.inputs:
        say()
        shown = explanation.inputs[:SHOWN_INPUTS]
        say(table([[visible_line(one.path), visible_line(one.text)] for one in shown]))
        if len(explanation.inputs) > len(shown):
            more = plural(len(explanation.inputs) - len(shown), "more input")
            say(f"  … {more}: cronicle show {visible_line(explanation.subject)}")
    if explanation.commands:
        say()
    for command in explanation.commands:
        say(f"  {visible_line(command)}")
