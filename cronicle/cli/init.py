"""`cronicle init`: a new project."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from cronicle.operations.init import NewProject

app = typer.Typer(add_completion=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where (default: here).")] = Path(),
    example: Annotated[
        str | None,
        typer.Option(
            "--example", metavar="NAME", help="Begin with an example: hello, weather, repo-health, crontab."
        ),
    ] = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Make a new project: its files and, outside any git repository, a repository with a first commit."""
    import attrs

    from cronicle.cli.output import print_json, say
    from cronicle.cli.session import current_folder, user_name
    from cronicle.clock import SystemClock
    from cronicle.errors import ExitCode
    from cronicle.operations.init import Committer, make_project

    made = make_project(
        Path(os.path.normpath(current_folder() / folder)),
        example,
        Committer(environ=os.environ, user=user_name(), host=socket.gethostname(), now=SystemClock().now()),
    )
    if json:
        print_json(attrs.asdict(made, value_serializer=lambda _made, _field, value: _plain(value)))
    else:
        say(_text(made, folder))
    return ExitCode.GOOD


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _text(made: NewProject, asked: Path) -> str:
    """What was made, and what to type next."""
    from cronicle.cli.output import paint, plural

    lines = [
        f"{paint('✓', 'green')} a new project in {made.folder}: {plural(len(made.files), 'file')}"
        + (f", a git repository, and its first commit {made.revision[:7]}" if made.revision else ""),
        *(f"    {name}" for name in made.files),
        "",
        "next:",
    ]
    place = shlex.quote(str(asked))
    if asked != Path():
        lines.append(f"    cd {place}")
    if made.revision is None:
        names = " ".join(shlex.quote(name) for name in made.files)
        lines.append(f"    git add {names} && git commit -m 'Begin with Cronicle'")
    lines += [
        "    cronicle plan       what a deployment would change",
        "    cronicle apply      deploy it",
    ]
    return "\n".join(lines)
