"""`cronicle bisect`: find the commit that broke a workflow."""

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
def bisect(
    workflow: WorkflowArgument,
    good: Annotated[
        str, typer.Option("--good", metavar="RUN|REV", help="A run that was good, or a revision that is.")
    ],
    bad: Annotated[str, typer.Option("--bad", metavar="RUN|REV", help="A later one that was bad, or is.")],
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="TIME", help="The logical time (default: that of the run named)."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="COMMAND",
            help="Tells good (0), bad (1 to 127) or neither (125) after each run (default: whether it succeeds).",
        ),
    ] = None,
    data: DataOption = None,
    secrets: SecretsOption = False,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter (default: as in the run named)."),
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable, at every commit.")
    ] = None,
    no_reuse: Annotated[
        bool,
        typer.Option(
            "--no-reuse", help="Run also commits that change nothing of what the workflow is known to use."
        ),
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Judge again what an earlier bisect has judged.")
    ] = False,
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
    """Find the first bad commit between a good and a bad one, by running the workflow at revisions in between."""
    from cronicle.cli.bisecting import find_first_bad
    from cronicle.cli.session import open_session
    from cronicle.operations.bisect_setup import Asked
    from cronicle.operations.experiments import Isolation, data_named
    from cronicle.operations.propose import open_project
    from cronicle.store.experiments import Data

    asked = Asked(
        workflow=workflow,
        good=good,
        bad=bad,
        time=time,
        series=series,
        judge=judge,
        isolation=Isolation(data=data_named(data, Data.EMPTY), secrets=secrets),
        param=tuple(param or ()),
        var=tuple(var or ()),
        no_reuse=no_reuse,
        anew=anew,
    )
    session = open_session(store, environment, files, project, labels=labels)
    open_project(session.where)[0].head()  # before a store is made for nothing
    with session.store(create=True) as opened:
        return find_first_bad(session, opened, asked, auto_approve=auto_approve, slots=slots, json=json)
