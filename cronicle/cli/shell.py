"""`cronicle shell`: a shell, or a command, in a task's place."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, ProjectOption, SeriesOption, StoreOption
from cronicle.execute.shell_folder import Data

if TYPE_CHECKING:
    from cronicle.cli.session import Session
    from cronicle.engine.task_place import Command, Execution
    from cronicle.execute.shell_folder import ShellPlaces

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def shell(
    address: Annotated[
        str, typer.Argument(metavar="RUN/TASK[KEY]", help="A task of a run; #N means its N-th attempt.")
    ],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- CMD...]", help="A command in place of the shell; its exit code is given."
        ),
    ] = None,
    data: Annotated[
        Data,
        typer.Option("--data", help="$CRONICLE_DATA: an empty folder, a copy, or the lasting one itself."),
    ] = Data.EMPTY,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="With the values of secrets and of what is sensitive.")
    ] = False,
    print_: Annotated[
        bool, typer.Option("--print", help="Print a script that does the same, and do nothing else.")
    ] = False,
    files_to: Annotated[
        Path | None,
        typer.Option(
            "--files-to", metavar="DIR", help="Write its files into a new folder, and do nothing else."
        ),
    ] = None,
    series: SeriesOption = None,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    project: ProjectOption = None,
) -> int:
    """A shell in a task's place: files of its revision, environment, folder. Nothing that is done there is kept."""
    from cronicle.cli.session import open_session
    from cronicle.engine.task_place import find_execution
    from cronicle.errors import ExitCode

    words = command or []
    _check(words, secrets=secrets, print_=print_, files_to=files_to)
    session = open_session(store, environment, files, project)
    with session.reader() as reader:
        folder = session.files_of(reader)
        one = find_execution(reader, session.addresses(reader, series).task(address))
    if files_to is not None:
        _write_files(folder, one, files_to)
    elif print_:
        _print(session, folder, one, data)
    else:
        return _enter(session, folder, one, data, words, secrets=secrets)
    return ExitCode.GOOD


def _check(words: Sequence[str], *, secrets: bool, print_: bool, files_to: Path | None) -> None:
    from cronicle.errors import UsageError

    if print_ and (secrets or words or files_to is not None):
        raise UsageError("--print excludes --secrets, --files-to and a command", "Leave one of them out.")
    if files_to is not None and (secrets or words):
        raise UsageError("--files-to excludes --secrets and a command", "Leave one of them out.")
    if not (print_ or files_to is not None or words or sys.stdin.isatty()):
        raise UsageError(
            "there is no terminal for a shell",
            "Give a command: cronicle shell RUN/TASK -- CMD   or have a script printed: --print",
        )


def _write_files(folder: Path, one: Execution, target: Path) -> None:
    from cronicle.engine.task_place import code_of, write_code
    from cronicle.errors import CronicleError

    try:
        write_code(code_of(folder, one, os.environ), target)
    except OSError as error:
        raise CronicleError(
            f"the files cannot be written to {target}: {error.strerror}",
            "Name a folder that is not there yet.",
        ) from error


def _print(session: Session, folder: Path, one: Execution, data: Data) -> None:
    from cronicle.cli.output import is_terminal, visible
    from cronicle.cli.shell_script import PLACE, Printed, again_words, printed_script
    from cronicle.engine.task_place import command_in, data_of, evaluate
    from cronicle.execute.shell_folder import ShellPlaces, run_data_path
    from cronicle.operations.made import data_folder
    from cronicle.store.url import has_password

    places = ShellPlaces(Path(PLACE))
    command = command_in(
        folder,
        one,
        evaluate(folder, one),
        places,
        data=data_of(folder, one, data, places),
        environ=os.environ,
        pass_environment=session.where.settings.pass_environment,
    )
    text = printed_script(
        Printed(
            one=one,
            command=command,
            data=data,
            real_data=data_folder(folder, one.run),
            run_data=run_data_path(folder, one.run.id),
            again=again_words(session.location, folder, f"{one.run.id}/{one.label}"),
            names_store=not has_password(session.location),
        )
    )
    if is_terminal():
        text = visible(text)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def _enter(
    session: Session, folder: Path, one: Execution, data: Data, words: Sequence[str], *, secrets: bool
) -> int:
    """Make the place, work there, and remove it; the exit code of what was executed."""
    from cronicle.cli.output import paint, tell, visible_line
    from cronicle.cli.shell_script import PROGRAM, own_variables
    from cronicle.engine.task_place import prepared_for
    from cronicle.errors import CronicleError
    from cronicle.execute.launch import StartError, run_in_foreground
    from cronicle.execute.shell_folder import shell_folder

    with prepared_for(folder, one) as missing:
        try:
            with shell_folder(folder) as places:
                command, notes = _made(session, folder, one, data, places, secrets=secrets)
                notes += [
                    f"{name} is not prepared on this machine: the next attempt makes it" for name in missing
                ]
                with session.store() as store:
                    store.add_audit(
                        session.actor(),
                        session.clock.now(),
                        "shell",
                        one.run.id,
                        project=one.run.project,
                        environment=one.run.environment,
                        workflow=one.run.workflow,
                        detail=one.label,
                    )
                if data is Data.REAL:
                    tell(
                        f"{paint('warning:', 'yellow')} $CRONICLE_DATA is the lasting folder: changes there stay"
                    )
                for line in [*([] if words else _banner(one, command, places, data)), *notes]:
                    tell(visible_line(line))
                env = {**command.env, **own_variables(command, places)}
                return run_in_foreground(words or [env.get("SHELL") or "/bin/sh"], env, command.cwd)
        except StartError as error:
            raise CronicleError(
                str(error), f"Its own command is executed by: cronicle shell {one.address} -- {PROGRAM}"
            ) from error
        except OSError as error:
            raise CronicleError(
                f"the place of {one.label} cannot be made: {error.strerror or error}",
                f"Look at the folder {folder} and its free space.",
            ) from error


def _made(
    session: Session, folder: Path, one: Execution, data: Data, places: ShellPlaces, *, secrets: bool
) -> tuple[Command, list[str]]:
    """The command of the task, in a place with all that it finds there; and what is not as it was."""
    from cronicle.cli.shell_script import PROGRAM, task_script
    from cronicle.engine.task_place import (
        code_of,
        command_in,
        data_of,
        evaluate,
        make_data,
        with_secrets,
        write_code,
    )

    prepared = evaluate(folder, one)
    write_code(code_of(folder, one, os.environ), places.files)
    if secrets:
        of_project = places.files
        if one.task.source is not None and any(one.spec.secrets[name].command for name in one.task.secrets):
            of_project = places.root / "project"
            write_code(code_of(folder, one, os.environ, of_project=True), of_project)
        prepared = with_secrets(one, prepared, os.environ, of_project)
    command = command_in(
        folder,
        one,
        prepared,
        places,
        data=data_of(folder, one, data, places),
        environ=os.environ,
        pass_environment=session.where.settings.pass_environment,
    )
    notes = [*make_data(folder, one, data, places), *_hidden(command)]
    for name, text in ((places.script, command.script), (places.bin / PROGRAM, task_script(command))):
        if text is not None:
            name.write_bytes(text.encode("utf-8", "surrogateescape"))
    (places.bin / PROGRAM).chmod(0o700)
    notes += [
        f"its stdin is not kept any more: {part}"
        for part in command.stdin
        if isinstance(part, Path) and not part.exists()
    ]
    return command, notes


def _hidden(command: Command) -> Iterator[str]:
    if command.hidden:
        verb = "is" if len(command.hidden) == 1 else "are"
        yield f"{', '.join(command.hidden)} {verb} not set: secret (--secrets)"
    if command.is_masked:
        yield "*** stands in its command for something secret (--secrets)"
    if command.hides_stdin:
        yield "its stdin is a secret, and is left out (--secrets)"


def _banner(one: Execution, command: Command, places: ShellPlaces, data: Data) -> Iterator[str]:
    from cronicle.cli.shell_script import PROGRAM, STDIN, own_variables
    from cronicle.views.words import name_of, short

    yield f"{name_of(one.run)}/{one.label}   run {one.run.id} at {short(one.run.revision)}"
    shown = shlex.join(command.argv)
    yield f"  its command      {shown if len(shown) <= 100 else shown[:99] + '…'}"
    yield f"  to execute it    {PROGRAM}"
    if STDIN in own_variables(command, places):
        yield f"  its stdin        ${STDIN}"
    kinds = {
        Data.EMPTY: "is empty (--data copy, --data real)",
        Data.COPY: "is a copy",
        Data.REAL: "is the real one",
    }
    yield f"  $CRONICLE_RUN_DATA is a copy, $CRONICLE_DATA {kinds[data]}; nothing else that you do here is kept"
