"""`cronicle run`: one run now, followed until it ends."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    DataOption,
    EnvironmentOption,
    FilesOption,
    JsonOption,
    LabelOption,
    ProjectOption,
    SecretsOption,
    StoreOption,
    WorkflowArgument,
)

app = typer.Typer(add_completion=False)


@app.command()
def run(
    workflow: WorkflowArgument,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="TIME", help="The tick: a date, or an instant (default: the latest)."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Run this revision, deployed or not.")
    ] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="Run the working directory as it is.")] = False,
    data: DataOption = None,
    secrets: SecretsOption = False,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=VALUE", help="With --revision, --dirty: a variable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="SELECTOR", help="Only these tasks; `-` reads a list from stdin."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--except", metavar="SELECTOR", help="Not these tasks.")
    ] = None,
    series: Annotated[
        str | None, typer.Option("--series", metavar="NAME", help="Of several schedules this.")
    ] = None,
    off_schedule: Annotated[
        bool, typer.Option("--off-schedule", help="For exactly --time, tick or not.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it to the process that serves, and do not follow it.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="Start then, by the process that serves; for the latest tick then."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run.")] = False,
    slots: Annotated[
        int | None, typer.Option("--slots", min=1, help="Attempts at once (default: the cores).")
    ] = None,
    labels: LabelOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """Run a workflow now, and follow the run until it ends; or leave it to the process that serves."""
    from cronicle.cli.driving import follow_run, start_of_run
    from cronicle.cli.session import open_session
    from cronicle.operations.ask import Wish
    from cronicle.operations.candidate import DEPLOYED, find_candidate
    from cronicle.operations.create_run import unscheduled
    from cronicle.operations.experiments import Isolation, data_named
    from cronicle.operations.params import param_values
    from cronicle.operations.select import selectors_from
    from cronicle.operations.times import series_of, time_of_run
    from cronicle.store.experiments import Data

    session = open_session(store, environment, files, project, labels=labels)
    start = None if at is None else start_of_run(at, session.clock.now(), off_schedule=off_schedule)
    needs_no_deployment = dirty or revision not in (None, DEPLOYED)
    if needs_no_deployment:
        from cronicle.operations.propose import open_project

        open_project(session.where)[0].head()  # before a store is made for nothing
    with session.store(create=needs_no_deployment) as opened:
        candidate = find_candidate(
            session.sources(opened), workflow, revision=revision, dirty=dirty, var=var or ()
        )
        schedules = series_of(candidate.deployed, series)
        wish = Wish(
            series=series,
            # without --time the logical time is chosen when it starts (cronicle.operations.run_time)
            when=unscheduled(start, schedules[0].timezone if schedules else candidate.spec.timezone)
            if start is not None and time is None
            else time_of_run(
                workflow,
                schedules,
                candidate.spec.timezone,
                asked=time,
                off_schedule=off_schedule,
                now=session.clock.now(),
            ),
            not_before=start,
            params=param_values(candidate.spec, param or ()),
            only=selectors_from(only),
            without=selectors_from(without),
            isolation=Isolation(data=data_named(data, Data.EMPTY), secrets=secrets),
        )
        if (detach or start is not None) and not dry_run:
            from cronicle.cli.detaching import leave_run

            return leave_run(session, opened, candidate, wish, json=json)
        return follow_run(session, opened, candidate, wish, slots=slots, dry_run=dry_run, json=json)
