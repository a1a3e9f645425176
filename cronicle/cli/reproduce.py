"""`cronicle reproduce`: do a run again, isolated, and say what differs."""

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
)

app = typer.Typer(add_completion=False)


@app.command()
def reproduce(
    address: Annotated[str, typer.Argument(metavar="RUN", help="The run that is to be done again.")],
    data: DataOption = None,
    secrets: SecretsOption = False,
    logs: Annotated[bool, typer.Option("--logs", help="Compare the logs, too.")] = False,
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
    """Do a run again, isolated, and compare: the exit code is 0 if it comes to the same."""
    from cronicle.cli.reproducing import reproduce_run
    from cronicle.cli.session import open_session
    from cronicle.operations.experiments import Isolation, data_named
    from cronicle.store.experiments import Data

    isolation = Isolation(data=data_named(data, Data.EMPTY), secrets=secrets)
    session = open_session(store, environment, files, project, labels=labels)
    with session.store() as opened:
        run = session.addresses(opened, series).run(address)
        return reproduce_run(
            session, opened, run, isolation, logs=logs, auto_approve=auto_approve, slots=slots, json=json
        )
