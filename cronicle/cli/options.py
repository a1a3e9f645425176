"""The options that many commands have, declared once."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from cronicle.names import as_workflow

StoreOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--store", metavar="PATH|URL", help="The store (default: .cronicle/ of the project)."),
]
FilesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--files",
        metavar="DIR",
        help="The files folder of a PostgreSQL store (default: .cronicle/ of the project).",
    ),
]
EnvironmentOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--environment", "-e", metavar="NAME", help="The environment (default: the project's)."),
]
ProjectOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="The project (default: that of the folder)."),
]
LabelOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL",
        help="This process can execute tasks that need the label (`runs_on`); may be repeated.",
    ),
]
PushOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--push",
        metavar="REMOTE",
        help="Push what git shows of the deployments to this remote, or address (default: as the project says).",
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
JsonLinesOption: TypeAlias = Annotated[
    bool, typer.Option("--jsonl", help="One JSON object a line on stdout.")
]
WorkflowArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="WORKFLOW", parser=as_workflow, help="The workflow; an instance of one as NAME[KEY]."
    ),
]
WorkflowsArgument: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[WORKFLOW]", parser=as_workflow, help="The workflow; without [KEY] all its instances."
    ),
]
SeriesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--series", metavar="NAME", help="The labelled schedule that is meant (default: the others)."
    ),
]
DataOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="copy|empty",
        help="What is in the data folder of a run that does not count: a copy of the lasting one, or nothing.",
    ),
]
SecretsOption: TypeAlias = Annotated[
    bool, typer.Option("--secrets", help="Give the values of secrets to a run that does not count.")
]
AutoApproveOption: TypeAlias = Annotated[
    bool, typer.Option("--auto-approve", help='Do not ask what `rerun = "confirm"` asks.')
]
SlotsOption: TypeAlias = Annotated[
    int | None, typer.Option("--slots", min=1, help="Attempts at once (default: the cores).")
]
