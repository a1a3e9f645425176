"""`cronicle runs`: list runs, newest first."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    EnvironmentOption,
    FilesOption,
    JsonLinesOption,
    JsonOption,
    ProjectOption,
    SeriesOption,
    StoreOption,
    WorkflowsArgument,
)
from cronicle.cli.output import mark, print_json, print_json_lines, say, table, tell, visible_line
from cronicle.cli.session import Session, open_session
from cronicle.errors import UsageError
from cronicle.names import typed
from cronicle.runs.states import Cause, RunState
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter, RunRecord
from cronicle.views.words import series_name

COUNTED = 100_000
"""Runs are counted up to here, which takes milliseconds; a page must not cost more where history is long."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def runs(
    workflow: WorkflowsArgument = None,
    state: Annotated[
        list[str], typer.Option(metavar="STATE", help="Only in this state; may be repeated.")
    ] = [],  # noqa: B006
    cause: Annotated[
        list[str], typer.Option(metavar="CAUSE", help="Only with this cause; may be repeated.")
    ] = [],  # noqa: B006
    failed: Annotated[bool, typer.Option("--failed", help="The same as --state failed.")] = False,
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Only at this revision.")] = None,
    backfill: Annotated[str | None, typer.Option(metavar="ID", help="Only of this backfill.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First logical time: a date or an instant.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Last logical time, inclusive.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="RUN", help="Only runs made before this one.")] = None,
    missed: Annotated[
        bool, typer.Option("--missed", help="Instead of runs the ticks that made none, and why.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.")] = 50,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
) -> None:
    """List runs, newest first. Outside any project: those of the whole store."""
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        from cronicle.operations.listing import words_of

        scope, scope_environment = session.scope(reader)
        wanted = RunFilter(
            project=scope,
            environment=scope_environment,
            workflow=workflow,
            with_instances=True,
            series=series,
            states=words_of(RunState, [*state, *(["failed"] if failed else [])], "--state"),
            causes=words_of(Cause, cause, "--cause"),
            limit=limit,
        )
        if workflow is not None:
            _check_workflow(session, reader, wanted)
        wanted = _narrowed(session, reader, wanted, revision, backfill, from_, to)
        if missed:
            from cronicle.cli.missed import list_missed

            list_missed(session, reader, wanted, json=json, jsonl=jsonl)
            return
        counted = wanted
        if before is not None:
            from attrs import evolve

            wanted = evolve(wanted, before=session.addresses(reader).run(before).sequence)
        found = reader.list_runs(wanted)
        if json or jsonl:
            from cronicle.views.shapes import run_shape, to_builtins

            shapes = to_builtins([run_shape(run) for run in found])
            print_json_lines(shapes) if jsonl else print_json(shapes)
            return
        _print_text(session, reader, found)
        _tell_more(session, reader, found, counted)


def _check_workflow(session: Session, reader: StoreReader, wanted: RunFilter) -> None:
    """A workflow that was never heard of is a slip of the pen, not an empty list."""
    from attrs import evolve

    if wanted.project is None or reader.list_runs(evolve(wanted, states=(), causes=(), limit=1)):
        return
    from cronicle.operations.deployed import get_deployment, get_workflows

    get_workflows(get_deployment(reader, session.target(reader)), wanted.workflow or "")


def _narrowed(
    session: Session,
    reader: StoreReader,
    wanted: RunFilter,
    revision: str | None,
    backfill: str | None,
    first: str | None,
    last: str | None,
) -> RunFilter:
    from attrs import evolve

    from cronicle.operations.listing import revision_named, within

    if backfill is not None:
        wanted = evolve(wanted, backfill=session.addresses(reader).backfill(backfill).id)
    if revision is not None:
        wanted = evolve(wanted, revision=revision_named(reader, session.where, wanted, revision))
    wanted = within(reader, wanted, first, last)
    if wanted.logical_from and wanted.logical_to and wanted.logical_from >= wanted.logical_to:
        raise UsageError(f"--from {first} is later than --to {last}")
    return wanted


def _print_text(session: Session, reader: StoreReader, found: tuple[RunRecord, ...]) -> None:
    from cronicle.views.runs import run_lines

    if not found:
        tell("no runs")
        return
    naming = session.naming(reader)
    workflows = naming.project is None or len({run.workflow for run in found}) > 1
    heading = ["RUN", "LOGICAL TIME", "STATE", "CAUSE", "REVISION", "STARTED", "TOOK", "TASKS", ""]
    rows = []
    for line in run_lines(reader, found, session.clock.now()):
        run = line.run
        name = series_name(run.workflow, run.series)
        place = naming.of(run.project, run.environment, name)
        cells = [run.id, visible_line(line.time), mark(line.state), str(run.cause), line.revision]
        cells += [line.started, line.took, line.tasks, visible_line(line.note)]
        rows.append([cells[0], visible_line(place), *cells[1:]] if workflows else cells)
    heading = [heading[0], "WORKFLOW", *heading[1:]] if workflows else heading
    say(table([heading, *rows]))


def _tell_more(
    session: Session, reader: StoreReader, found: tuple[RunRecord, ...], counted: RunFilter
) -> None:
    """Where the list goes on, if it does."""
    if len(found) < counted.limit:
        return
    from attrs import evolve

    if not reader.list_runs(evolve(counted, before=found[-1].sequence, limit=1)):
        return
    before = session.addresses(reader).shortest(found[-1].id)
    words = ["cronicle runs", *([typed(counted.workflow)] if counted.workflow else []), f"--before {before}"]
    if counted.project is not None and counted.environment is not None:
        words[-1] += session.naming(reader).options(counted.project, counted.environment)
    count = reader.count_runs(counted, COUNTED)
    total = f"{count:,}" if count < COUNTED else f"{COUNTED:,} or more"
    tell(f"{len(found):,} of {total}   more: {visible_line(' '.join(words))}")
