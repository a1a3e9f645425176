"""What a task executes as a script of a shell: the program `cronicle-task` of a place, and `shell --print`.

Texts are quoted, never interpreted: a word of a command, a path or a value of the environment may hold anything but
NUL. That character stands for the folder of the place where a script makes one of its own.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from cronicle.engine.task_place import Command, Execution
from cronicle.execute.shell_folder import Data, ShellPlaces
from cronicle.store.url import has_password, is_url
from cronicle.views.words import name_of, short

PROGRAM = "cronicle-task"
"""What executes the task's command in its place."""

STDIN = "CRONICLE_STDIN"
"""Names the file that the task has as its stdin, where it is one file."""

SECRET_STDIN = "CRONICLE_STDIN_SECRET"  # noqa: S105 - the name of a variable
"""Has the text of a secret that the task has on its stdin, which is written to no disk."""

OWN_COMMAND = "CRONICLE_COMMAND"
"""Names the program `cronicle-task`."""

PLACE = "\0"
"""Stands for the folder of the place in a script that makes it."""


def own_variables(command: Command, places: ShellPlaces) -> dict[str, str]:
    """What a shell has beside the environment of the task."""
    own = {OWN_COMMAND: str(places.bin / PROGRAM)}
    files = [part for part in command.stdin if isinstance(part, Path)]
    secrets = [part for part in command.stdin if isinstance(part, bytes)]
    if len(files) == 1 and not secrets:
        own[STDIN] = str(files[0])
    if secrets:
        own[SECRET_STDIN] = secrets[0].decode("utf-8", "surrogateescape")
    path = command.env.get("PATH", "")
    own["PATH"] = f"{path}:{places.bin}" if path else str(places.bin)
    return own


def task_script(command: Command) -> str:
    """The text of `cronicle-task`: the very command, with the environment of whoever calls it."""
    path = command.env.get("PATH")
    lines = [
        "#!/bin/sh",
        f"cd {quoted(str(command.cwd))} || exit 1",
        f"PATH={quoted(path)}; export PATH" if path is not None else "unset PATH",
    ]
    if any(isinstance(part, bytes) for part in command.stdin):
        lines.append(f"secret=${{{SECRET_STDIN}-}}")
    lines.append(f"unset {STDIN} {SECRET_STDIN} {OWN_COMMAND}")
    lines += [f"{' && '.join(command.limits)} || exit 1"] if command.limits else []
    return "\n".join([*lines, *_executed(command, " ".join(map(quoted, command.argv)))]) + "\n"


def _executed(command: Command, words: str) -> Iterator[str]:
    """The lines that execute some words with the task's stdin, as the last of a script."""
    merged = " 2>&1" if command.merge_output else ""
    match command.stdin:
        case ():
            yield f"exec {words}{merged} </dev/null"
        case (Path() as file,):
            yield f"exec {words}{merged} <{quoted(str(file))}"
        case parts:
            made = [
                f"cat {quoted(str(part))}" if isinstance(part, Path) else 'printf %s "$secret"'
                for part in parts
            ]
            yield f"{{ {'; '.join(made)}; }} | {words}{merged}"


@frozen(kw_only=True)
class Printed:
    """What `--print` writes a script of."""

    one: Execution
    command: Command
    """In a place whose folder is `PLACE`."""
    data: Data
    real_data: Path
    """The lasting folder."""
    run_data: Path
    """That of the run, which is copied."""
    again: Sequence[str]
    """The words of the command that writes the files of the revision; the folder comes behind them."""
    names_store: bool = True
    """False if these do not name the store, whose location has a password in it."""


def printed_script(printed: Printed) -> str:
    """A script that makes the place, executes the task's command there, and removes it again."""
    lines = ["#!/bin/sh", *map(_comment, _about(printed)), "set -u"]
    lines += [
        'place=$(mktemp -d "${TMPDIR:-/tmp}/cronicle-XXXXXXXXXX") || exit 1',
        """trap 'chmod -R u+rwX "$place"; rm -rf "$place"' EXIT""",
        "trap 'exit 130' INT",
        "trap 'exit 143' TERM",
        f"{' '.join(map(quoted, printed.again))} {quoted(f'{PLACE}/files')} || exit 1",
        f"mkdir {quoted(f'{PLACE}/scratch')} || exit 1",
        *_folder(printed.run_data, f"{PLACE}/run-data", copied=True),
    ]
    if printed.data is not Data.REAL:
        lines += _folder(printed.real_data, f"{PLACE}/data", copied=printed.data is Data.COPY)
    command = printed.command
    if command.script is not None:
        lines.append(f"printf %s {quoted(command.script)} >{quoted(f'{PLACE}/script')} || exit 1")
    lines += ["", f"cd {quoted(str(command.cwd))} || exit 1"]
    lines += [*_in_environment(command)]
    return "\n".join(lines) + "\n"


def _in_environment(command: Command) -> Iterator[str]:
    """The command with its environment, and nothing else of that of who executes the script."""
    variables = [quoted(f"{name}={value}") for name, value in sorted(command.env.items())]
    words = list(map(quoted, command.argv))
    if "=" in command.argv[0] or command.argv[0].startswith("-"):  # `env` would take it for something else
        words = ["/bin/sh", "-c", quoted('exec "$@"'), "sh", *words]
    whole = " \\\n  ".join(["env -i", *variables, " ".join(words)])
    merged = " 2>&1" if command.merge_output else ""
    paths = [quoted(str(part)) for part in command.stdin if isinstance(part, Path)]
    before = f"cat {' '.join(paths)} | " if len(paths) > 1 else ""
    stdin = "" if before else f" <{paths[0] if paths else '/dev/null'}"
    if command.limits:
        yield f"({' && '.join(command.limits)} || exit 1"
        yield f"{before}{whole}{merged}{stdin})"
    else:
        yield f"{before}{whole}{merged}{stdin}"


def _about(printed: Printed) -> Iterator[str]:
    one, command = printed.one, printed.command
    yield f"What {one.label} of {name_of(one.run)} executes: run {one.run.id}, at {short(one.run.revision)}."
    yield "It works on copies, and removes them at its end."
    if printed.data is Data.REAL:
        yield "But for $CRONICLE_DATA, which is the lasting folder."
    for name in command.hidden:
        yield f"{name} is not set: its value is secret. Set it where the others are, if it is needed."
    if command.is_masked:
        yield "Where the command has *** stands something secret."
    if not printed.names_store:
        yield "CRONICLE_STORE has to name the store, whose location has a password in it."
    if command.hides_stdin:
        yield "The stdin of the task is a secret, which is left out."


def _comment(text: str) -> str:
    line = text.replace("\n", " ").replace("\r", " ")
    return f"# {line}"


def _folder(source: Path, target: str, *, copied: bool) -> Iterator[str]:
    if not copied:
        yield f"mkdir {quoted(target)} || exit 1"
        return
    place = quoted(str(source))
    yield f"if [ -d {place} ]; then cp -R -P -p {place} {quoted(target)}; else mkdir {quoted(target)}; fi || exit 1"


def again_words(location: str, files: Path, address: str) -> list[str]:
    """The command that writes the files of a task into a folder, for a script that may be executed anywhere.

    Args:
        location: The store; one with a password in it is not named.
        files: The files folder.
        address: Of the task.
    """
    words = [sys.executable, "-m", "cronicle", "shell"]
    words += [] if has_password(location) else ["--store", location]
    words += ["--files", str(files)] if is_url(location) else []
    return [*words, address, "--files-to"]


def quoted(text: str) -> str:
    """A text as one word of a shell; `PLACE` becomes the folder of the place."""
    return '"$place"'.join(
        shlex.quote(part) if part or PLACE not in text else "" for part in text.split(PLACE)
    )
