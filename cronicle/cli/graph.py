"""`cronicle graph`: a drawing of a workflow's tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, StoreOption

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    """How the graph is written."""

    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"


@app.command()
def graph(
    workflow: Annotated[
        str | None, typer.Argument(help="The workflow (default: all of the project).")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Text, Graphviz DOT, or Mermaid.")] = Format.TEXT,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
) -> int:
    """Draw the tasks of a workflow, as the files in the working directory declare them."""
    from cronicle.cli.output import say
    from cronicle.cli.session import open_session
    from cronicle.config.graph import task_graph
    from cronicle.errors import CronicleError, ExitCode
    from cronicle.operations.propose import InvalidProjectError, load_working_directory
    from dag.render import render_dot, render_mermaid, render_text
    from grammar.suggest import did_you_mean

    session = open_session(store, environment, files)
    session.must_be_in_project()
    loaded = load_working_directory(session.sources(None))
    if loaded.project is None:
        raise InvalidProjectError(loaded.diagnostics, len(loaded.paths))
    workflows = loaded.project.workflows
    if workflow is not None and workflow not in workflows:
        raise CronicleError(
            f"there is no workflow {workflow!r} in this project",
            did_you_mean(workflow, workflows, f"Its workflows are: {', '.join(workflows) or 'none'}."),
        )
    render = {Format.TEXT: render_text, Format.DOT: render_dot, Format.MERMAID: render_mermaid}[form]
    chosen = [workflow] if workflow is not None else list(workflows)
    for name in chosen:
        if form is Format.TEXT and len(chosen) > 1:
            say(f"workflow {name}")
        say(render(task_graph(workflows[name])).rstrip("\n"))
    return ExitCode.GOOD
