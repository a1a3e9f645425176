"""`cronicle fmt`: HCL files with their blanks in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cronicle.operations.format_files import Formatted
    from grammar.diagnostics import Diagnostic

app = typer.Typer(add_completion=False)

STDIN = "-"


@app.command()
def fmt(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|DIR", help="What to format (default: the project); - for stdin to stdout."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a file is not formatted.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what changes.")] = False,
) -> int:
    """Format HCL files, as `terraform fmt` does, and list those that have changed."""
    from cronicle.cli.diagnosing import tell_diagnostics
    from cronicle.cli.output import plural, say, tell, visible
    from cronicle.errors import ExitCode
    from cronicle.operations.format_files import replace_text

    wanted = targets or []
    changed, files = 0, 0
    broken: list[Diagnostic] = []
    for path, formatted in _formatted(wanted):
        files += 1
        if formatted.is_broken:
            broken += formatted.diagnostics
            continue
        changed += formatted.is_changed
        if path is None and not check and not diff:
            typer.echo(formatted.after, nl=False)
            continue
        if formatted.is_changed:
            if path is not None and not check:
                replace_text(path, formatted.after)
            if diff:
                typer.echo(visible(_difference(formatted)), nl=False)
            else:
                say(formatted.name)
    tell_diagnostics(broken, files)
    if check and changed:
        tell(f"{plural(changed, 'file')} of {files} not formatted: cronicle fmt")
    return ExitCode.FAILED if broken or (check and changed) else ExitCode.GOOD


def _formatted(targets: list[str]) -> Iterator[tuple[Path | None, Formatted]]:
    """Each file with what formatting makes of it; no path for stdin."""
    import os
    import sys

    from cronicle.errors import UsageError
    from cronicle.operations.format_files import files_named, format_bytes
    from cronicle.operations.locate import find_project_folder, find_repository, no_project

    cwd = Path.cwd()
    if STDIN in targets:
        if len(targets) > 1:
            raise UsageError("- stands for stdin, and goes with nothing else", "Name files, or only -.")
        yield None, format_bytes("<stdin>", sys.stdin.buffer.read())
        return
    if not targets:
        folder = find_project_folder(cwd, find_repository(cwd))
        if folder is None:
            raise no_project()
        targets = [str(folder)]
    for path in files_named(targets, cwd):
        shown = os.path.relpath(path, cwd)
        yield path, format_bytes(shown, path.read_bytes())


def _difference(formatted: Formatted) -> str:
    """A unified diff, as `diff -u` and git show it."""
    import difflib

    lines = difflib.unified_diff(
        formatted.before.splitlines(keepends=True),
        formatted.after.splitlines(keepends=True),
        f"a/{formatted.name}",
        f"b/{formatted.name}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
