"""`cronicle graph`: a drawing of a workflow's tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, StoreOption
from cronicle.cli.output import plural, say, visible_line
from cronicle.names import as_workflow, split_instance

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    """How the graph is written."""

    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"


@app.command()
def graph(
    workflow: Annotated[
        str | None,
        typer.Argument(
            metavar="[WORKFLOW]", parser=as_workflow, help="The workflow (default: all of the project)."
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Text, Graphviz DOT, or Mermaid.")] = Format.TEXT,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
) -> int:
    """Draw the tasks of a workflow, as the files in the working directory declare them."""
    from cronicle.cli.session import open_session
    from cronicle.config.graph import task_graph
    from cronicle.errors import CronicleError, ExitCode
    from cronicle.operations.named_workflows import names_meant, not_one
    from cronicle.operations.propose import InvalidProjectError, load_working_directory
    from dag.render import render_dot, render_mermaid, render_text

    session = open_session(store, environment, files)
    session.must_be_in_project()
    loaded = load_working_directory(session.sources(None))
    if loaded.project is None:
        raise InvalidProjectError(loaded.diagnostics, len(loaded.paths))
    workflows = loaded.project.workflows
    shapes = _shapes(workflows if workflow is None else names_meant(workflow, workflows))
    if workflow is not None and not shapes:
        unknown = f"there is no workflow {workflow!r} in this project"
        raise CronicleError(*not_one(workflow, workflows, unknown, "Its workflows are"))
    render = {Format.TEXT: render_text, Format.DOT: render_dot, Format.MERMAID: render_mermaid}[form]
    for names in shapes:
        if form is Format.TEXT and (len(shapes) > 1 or len(names) > 1):
            say(visible_line(f"workflow {_title(names)}"))
        say(render(task_graph(workflows[names[0]])).rstrip("\n"))
    return ExitCode.GOOD


def _shapes(names: Iterable[str]) -> list[list[str]]:
    """Workflows, with all instances of one together: they have one block, and so one graph."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(split_instance(name)[0], []).append(name)
    return list(found.values())


def _title(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{split_instance(names[0])[0]} ({plural(len(names), 'instance')})"
