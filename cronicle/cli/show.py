"""`cronicle show`: all about runs and backfills."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from cronicle.cli.output import mark, plural, print_json, print_json_lines, say, table, visible_line
from cronicle.cli.session import open_session
from cronicle.errors import CronicleError, ExitCode, UsageError
from cronicle.operations.addresses import TaskPlace, addresses_from
from cronicle.store.reading import StoreReader
from cronicle.store.records import BackfillRecord, RunRecord

if TYPE_CHECKING:
    from cronicle.operations.made import Verified
    from cronicle.views.details import TaskBlock

SUMMARY_LINES = 30
"""Lines of a task's summary that are shown with the run; all with the task."""

SHOWN_PRODUCTS = 20
"""Files that a task has made that are shown with the run; all with the task."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def show(
    addresses: Annotated[
        list[str], typer.Argument(metavar="RUN[/TASK]…", help="`-` reads a list from stdin.")
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="See whether what the tasks have made is as they left it.")
    ] = False,
    runbook: Annotated[
        bool, typer.Option("--runbook", help="Print the runbook of the workflow, at the run's revision.")
    ] = False,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> int:
    """All about runs and backfills: times, cause, revision, parameters, tasks with their attempts."""
    if runbook and (verify or json or jsonl):
        raise UsageError("--runbook excludes --verify, --json and --jsonl")
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        book = session.addresses(reader, series)
        found = [
            book.task(text) if "/" in text else book.run_or_backfill(text)
            for text in addresses_from(addresses)
        ]
        things = [TaskPlace(one) if not isinstance(one, TaskPlace | BackfillRecord) else one for one in found]
        if runbook:
            for thing in things:
                _say_runbook(reader, session.files, thing)
            return ExitCode.GOOD
        looked_at = [_verified(reader, session.files, thing) if verify else None for thing in things]
        code = ExitCode.GOOD if all(map(_is_as_left, looked_at)) else ExitCode.FAILED
        if json or jsonl:
            shapes = [
                _shape(reader, session.files, thing, verified)
                for thing, verified in zip(things, looked_at, strict=True)
            ]
            if jsonl:
                print_json_lines(shapes)
            else:
                print_json(shapes[0] if len(addresses) == 1 and addresses != ["-"] else shapes)
            return code
        now = session.clock.now()
        for number, thing in enumerate(things):
            if number:
                say()
            about = thing if isinstance(thing, BackfillRecord) else thing.run
            place = session.place_of(reader, about.project, about.environment)
            if isinstance(thing, BackfillRecord):
                _say_backfill(reader, thing, place, now)
            else:
                _say_run(reader, session.files, thing, place, now, looked_at[number])
    return code


def _say_runbook(reader: StoreReader, files: Path, thing: TaskPlace | BackfillRecord) -> None:
    from cronicle.cli.markdown import plain_lines
    from cronicle.views.details import read_spec
    from cronicle.views.runbooks import read_runbook

    if isinstance(thing, BackfillRecord):
        raise CronicleError(
            f"{thing.id} is a backfill, and only runs have a runbook",
            f"Its runs: cronicle runs --backfill {thing.id}",
        )
    run, spec = thing.run, read_spec(reader, thing.run.spec_hash)
    if spec.runbook is None:
        raise CronicleError(
            f"workflow {run.workflow} has no runbook at {run.revision[:7]}",
            'Write one, and name it: runbook = "docs/daily.md"',
        )
    for line in plain_lines(read_runbook(files, run, spec.folder, spec.runbook)):
        say(line)


def _verified(
    reader: StoreReader, files: Path, thing: TaskPlace | BackfillRecord
) -> Mapping[str, Verified] | None:
    """What has become of the files that a run, or a task of it, has made; None for a backfill."""
    if isinstance(thing, BackfillRecord):
        return None
    from cronicle.views.details import verified_products

    return verified_products(
        reader, files, thing.run, None if thing.task is None else (thing.task, thing.key)
    )


def _is_as_left(verified: Mapping[str, Verified] | None) -> bool:
    return all(now.condition == "unchanged" for now in (verified or {}).values())


def _shape(
    reader: StoreReader,
    files: Path,
    thing: TaskPlace | BackfillRecord,
    verified: Mapping[str, Verified] | None,
) -> Any:
    from cronicle.views.details import details_of
    from cronicle.views.inputs import inputs_of
    from cronicle.views.shapes import backfill_shape, to_builtins

    if isinstance(thing, BackfillRecord):
        return to_builtins(backfill_shape(thing, reader.list_tick_revisions(thing.id)))
    details = to_builtins(details_of(reader, files, thing.run, verified))
    if thing.task is not None:
        details["tasks"] = [
            task
            for task in details["tasks"]
            if task["task"] == thing.task and thing.key in (None, task["key"])
        ]
        inputs = to_builtins(inputs_of(reader, files, thing.run, thing.task))
        for task in details["tasks"]:
            task["inputs"] = inputs
    return details


def _say_run(
    reader: StoreReader,
    files: Path,
    thing: TaskPlace,
    place: str,
    now: datetime,
    verified: Mapping[str, Verified] | None,
) -> None:
    from cronicle.views.details import headline, run_facts, task_blocks

    state, title = headline(thing.run, now)
    say(f"{mark(state)}   {visible_line(title)}" + (f"   in {visible_line(place)}" if place else ""))
    if thing.task is None:
        say()
        say(_columns(run_facts(reader, thing.run, now), indent="  "))
    chosen = None if thing.task is None else (thing.task, thing.key)
    for block in task_blocks(reader, files, thing.run, now, chosen, thing.attempt, verified):
        say()
        rest = [part for part in (block.took, visible_line(block.remark)) if part]
        say("  " + "   ".join([f"{mark(block.state, block.word)} {visible_line(block.label)}", *rest]))
        attempts = block.attempts
        if thing.attempt is not None:
            attempts = tuple(line for line in attempts if line[0] == f"#{thing.attempt}")
        if attempts:
            say(table([[visible_line(cell) for cell in line] for line in attempts], indent="      "))
        if facts := [fact for fact in block.facts if thing.task is None or fact[0] != "inputs"]:
            say(_columns(facts, indent="      "))
        if block.products:
            _say_products(thing, block)
        if block.summary:
            _say_summary(thing, block)
    if thing.task is not None:
        _say_inputs(reader, files, thing.run, thing.task)


def _say_inputs(reader: StoreReader, files: Path, run: RunRecord, task: str) -> None:
    """The files that define what a task does, and why each of them does."""
    from cronicle.views.inputs import inputs_of

    if inputs := inputs_of(reader, files, run, task):
        say()
        say("  inputs")
        say(table([[visible_line(one.path), visible_line(one.text)] for one in inputs], indent="      "))


def _say_products(thing: TaskPlace, block: TaskBlock) -> None:
    """The files that the task has made; in a list of tasks the first few."""
    shown = block.products if thing.task is not None else block.products[:SHOWN_PRODUCTS]
    say(table([["made", *map(visible_line, line)] for line in shown], indent="      "))
    if len(block.products) > len(shown):
        address = shlex.quote(f"{thing.run.id}/{block.label}")
        more = plural(len(block.products) - len(shown), "more file")
        say(f"      … {more}: cronicle show {visible_line(address)}")


def _say_summary(thing: TaskPlace, block: TaskBlock) -> None:
    """What the task has written for people; in a list of tasks its beginning."""
    from cronicle.cli.markdown import plain_lines

    lines = plain_lines(block.summary)
    say()
    for line in lines if thing.task is not None else lines[:SUMMARY_LINES]:
        say(f"      {line}".rstrip())
    if thing.task is None and len(lines) > SUMMARY_LINES:
        address = shlex.quote(f"{thing.run.id}/{block.label}")
        say(
            f"      … {plural(len(lines) - SUMMARY_LINES, 'more line')}: cronicle show {visible_line(address)}"
        )


def _say_backfill(reader: StoreReader, backfill: BackfillRecord, place: str, now: datetime) -> None:
    from cronicle.views.details import backfill_facts, backfill_headline

    state, title = backfill_headline(backfill)
    say(f"{mark(state)}   {visible_line(title)}" + (f"   in {visible_line(place)}" if place else ""))
    say()
    say(_columns(backfill_facts(reader, backfill, now), indent="  "))


def _columns(facts: Iterable[tuple[str, str]], indent: str) -> str:
    return table([[label, visible_line(value)] for label, value in facts], indent=indent)
