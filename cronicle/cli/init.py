"""`cronicle init`: a new project."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cronicle.operations.from_crontab import Converted, Note
    from cronicle.operations.init import NewProject

app = typer.Typer(add_completion=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where (default: here).")] = Path(),
    example: Annotated[
        str | None,
        typer.Option(
            "--example",
            metavar="NAME",
            help="Begin with one of hello, weather, repo-health, crontab, libraries.",
        ),
    ] = None,
    from_crontab: Annotated[
        str | None,
        typer.Option(
            "--from-crontab",
            metavar="FILE",
            help="Have workflows that do what a crontab says; - for stdin (crontab -l).",
        ),
    ] = None,
    system: Annotated[
        bool,
        typer.Option(
            "--system", help="A user stands before each command, as in /etc/crontab and /etc/cron.d."
        ),
    ] = False,
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
    from cronicle.errors import ExitCode, UsageError
    from cronicle.operations.init import Committer, files_to_begin_with, make_project

    place = Path(os.path.normpath(current_folder() / folder))
    if from_crontab is None and system:
        raise UsageError("--system is about a crontab", "Name it: --from-crontab FILE")
    if from_crontab is not None and example is not None:
        raise UsageError("--example and --from-crontab are two ways to begin", "Choose one.")
    converted = None if from_crontab is None else _converted(from_crontab, place, is_system=system)
    made = make_project(
        place,
        files_to_begin_with(place, example) if converted is None else converted.files,
        Committer(environ=os.environ, user=user_name(), host=socket.gethostname(), now=SystemClock().now()),
    )
    notes = converted.notes if converted else ()
    if json:
        plain = attrs.asdict(made, value_serializer=lambda _made, _field, value: _plain(value))
        print_json({**plain, "notes": [attrs.asdict(note) for note in notes]} if converted else plain)
    else:
        say(_text(made, folder))
        _tell_notes(notes, from_crontab)
    return ExitCode.GOOD


def _converted(path: str, folder: Path, *, is_system: bool) -> Converted:
    """What becomes of a crontab."""
    from cronicle.cli.session import current_folder, user_name
    from cronicle.clock import local_zone
    from cronicle.errors import UsageError
    from cronicle.operations.from_crontab import convert
    from cronicle.operations.init import project_name

    try:
        content = sys.stdin.buffer.read() if path == "-" else (current_folder() / path).read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--from-crontab {path} cannot be read: {error}", "Name a crontab.") from error
    return convert(
        text,
        origin="a crontab" if path == "-" else path,
        project=project_name(folder),
        timezone=local_zone(),
        is_system=is_system or os.path.realpath(path).startswith(("/etc/crontab", "/etc/cron.d/")),
        owner=user_name(),
    )


def _tell_notes(notes: Sequence[Note], origin: str | None) -> None:
    """What its owner is to know of lines that were not carried over, or not exactly."""
    from cronicle.cli.output import plural, tell, visible

    if notes:
        tell(f"\n{plural(len(notes), 'line')} of {origin} to look at:")
        for note in notes:
            tell(visible(f"    line {note.line}: {note.text}"))


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
