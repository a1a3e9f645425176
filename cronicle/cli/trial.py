"""`cronicle trial`: a candidate for the last logical times, each compared with the run that counts."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import (
    AutoApproveOption,
    DataOption,
    EnvironmentOption,
    FilesOption,
    JsonOption,
    LabelOption,
    ProjectOption,
    SecretsOption,
    SeriesOption,
    SlotsOption,
    StoreOption,
    WorkflowArgument,
)

app = typer.Typer(add_completion=False)


@app.command()
def trial(
    workflow: WorkflowArgument,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="REV", help="Try this revision (default: HEAD).")
    ] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="Try the working directory as it is.")] = False,
    last: Annotated[
        int, typer.Option("--last", min=1, metavar="N", help="For so many of the last logical times.")
    ] = 3,
    times: Annotated[
        list[str] | None,
        typer.Option(
            "--time", metavar="TIME", help="For this one instead: a date, or an instant; repeatable."
        ),
    ] = None,
    data: DataOption = None,
    secrets: SecretsOption = False,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter (default: as the run that counts)."),
    ] = None,
    var: Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="SELECTOR", help="Only these tasks.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--except", metavar="SELECTOR", help="Not these tasks.")
    ] = None,
    auto_approve: AutoApproveOption = False,
    slots: SlotsOption = None,
    labels: LabelOption = None,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> int:
    """Run a candidate for the last logical times, isolated, and compare: the exit code is 0 if all are equal."""
    from cronicle.cli.session import open_session
    from cronicle.cli.trying import Tried, try_candidate
    from cronicle.operations.experiments import Isolation, data_named
    from cronicle.operations.select import selectors_from
    from cronicle.store.experiments import Data

    asked = Tried(
        workflow=workflow,
        revision=None if dirty else revision or "HEAD",
        clashes=dirty and revision is not None,
        last=last,
        times=tuple(times or ()),
        series=series,
        isolation=Isolation(data=data_named(data, Data.COPY), secrets=secrets),
        param=tuple(param or ()),
        var=tuple(var or ()),
        only=selectors_from(only),
        without=selectors_from(without),
    )
    session = open_session(store, environment, files, project, labels=labels)
    with session.store() as opened:
        return try_candidate(session, opened, asked, auto_approve=auto_approve, slots=slots, json=json)
