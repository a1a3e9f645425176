"""The entry of the `cronicle` command: which commands there are, and what becomes of errors.

The module of a command is imported when it is used, so that `--version`, `--help` and completion stay fast.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from cronicle.errors import CronicleError, ExitCode

COMMANDS = {
    "init": ("cronicle.cli.init", "Make a new project."),
    "validate": ("cronicle.cli.validate", "Check the files of the project."),
    "fmt": ("cronicle.cli.fmt", "Format HCL files."),
    "console": ("cronicle.cli.console", "Evaluate expressions."),
    "lsp": ("cronicle.cli.lsp", "Be a language server for an editor."),
    "graph": ("cronicle.cli.graph", "Draw the tasks of a workflow."),
    "plan": ("cronicle.cli.plan", "Show what `apply` would change."),
    "apply": ("cronicle.cli.apply", "Deploy a revision."),
    "rollback": ("cronicle.cli.rollback", "Deploy the previous deployment again."),
    "deployments": ("cronicle.cli.deployments", "List what was deployed, when and by whom."),
    "environments": ("cronicle.cli.environments", "List where something is deployed; end an environment."),
    "notes": ("cronicle.cli.notes", "Write under each commit how its runs went, as git notes."),
    "run": ("cronicle.cli.run", "Run a workflow now."),
    "backfill": ("cronicle.cli.backfill", "Run a workflow for a range of dates."),
    "stale": ("cronicle.cli.stale", "Say which results would be made otherwise today, and why."),
    "accept": ("cronicle.cli.accept", "Accept that a change makes no difference to results."),
    "backfills": ("cronicle.cli.backfills", "List backfills."),
    "serve": ("cronicle.cli.serve", "Be the scheduler: make the runs of all ticks."),
    "pause": ("cronicle.cli.pause", "Pause the schedules of workflows, or backfills."),
    "unpause": ("cronicle.cli.unpause", "Let paused schedules go on."),
    "resume": ("cronicle.cli.resume", "Go on with a run or a backfill that has no owner."),
    "cancel": ("cronicle.cli.cancel", "End runs or backfills."),
    "wait": ("cronicle.cli.wait", "Wait until runs or backfills have ended."),
    "mark": ("cronicle.cli.mark", "Set the outcome of a logical time by hand."),
    "retry": ("cronicle.cli.retry", "Run again what failed in a run."),
    "trial": (
        "cronicle.cli.trial",
        "Run a candidate for the last logical times, isolated, and compare.",
    ),
    "reproduce": ("cronicle.cli.reproduce", "Do a run again, isolated, and say what differs."),
    "bisect": ("cronicle.cli.bisect", "Find the commit that broke a workflow."),
    "status": ("cronicle.cli.status", "What fails, runs and comes next, on one screen."),
    "runs": ("cronicle.cli.runs", "List runs."),
    "show": ("cronicle.cli.show", "All about a run or a backfill."),
    "logs": ("cronicle.cli.logs", "The output of a run's tasks."),
    "diff": ("cronicle.cli.diff", "What differs between two runs."),
    "shell": ("cronicle.cli.shell", "A shell in the place of a run's task."),
    "explain": ("cronicle.cli.explain", "Why something ran, waits, failed or was skipped."),
    "next": ("cronicle.cli.next", "The coming ticks of a workflow, or of any cron expression."),
    "audit": ("cronicle.cli.audit", "Who did what, from where, and why."),
    "db": (
        "cronicle.cli.db",
        "Remove what is past its time; back the store up, copy it, bring it up to date.",
    ),
    "doctor": ("cronicle.cli.doctor", "Check the installation, the store, the scheduler and the repository."),
}
"""Command -> the module that has it as `app`, and its line in `--help`."""

GROUPS = frozenset({"db", "environments"})
"""Commands that have commands of their own."""

LEADING_OPTIONS = {"--store": 1, "--files": 1, "--environment": 1, "-e": 1, "--json": 0}
"""Options of every command that may also stand before it, and how many words follow each."""

EVERYWHERE = {"-e": "--environment"}
"""Their names that mean the same in all commands: `-e` of `console` is an expression."""


# Typer brings a click of its own, under a private name; its public names are the way to the classes.
_USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]
_CLICK_ERROR: type[Any] = _USAGE_ERROR.__mro__[1]


class LazyGroup(TyperGroup):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names in the order of their use, as `--help` shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        alone: typer.Typer = importlib.import_module(module).app
        alone.rich_markup_mode = None  # plain text: `--help` then needs nothing heavy
        command = typer.main.get_command(alone)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands in `--help`, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup,
    name="cronicle",
    invoke_without_command=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Distributed cron with job version control: workflows in HCL, history in git.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from cronicle import __version__

        typer.echo(f"cronicle {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
    ),
) -> None:
    """Distributed cron with job version control: workflows in HCL, history in git."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(ExitCode.USAGE)


def move_leading_options(words: Sequence[str]) -> list[str]:
    """`--store X runs` becomes `runs --store X`: common options may stand before the command."""
    moved: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name = rest[0].partition("=")[0]
        if name not in LEADING_OPTIONS:
            return list(words)
        count = 1 if "=" in rest[0] else 1 + LEADING_OPTIONS[name]
        moved += [EVERYWHERE.get(rest[0], rest[0]), *rest[1:count]]
        del rest[:count]
    if not rest:
        return list(words)
    command = 2 if rest[0] in GROUPS and len(rest) > 1 else 1
    return [*rest[:command], *moved, *rest[command:]]


def main() -> NoReturn:
    """Run the command line; ends the process with one of `ExitCode`."""
    prepare_streams()
    code = _flushed(run_command_line(sys.argv[1:]))
    gc.freeze()  # so that Python does not look for garbage once more at its end
    sys.exit(code)


def prepare_streams() -> None:
    r"""Have a stdin, stdout and stderr that take any text.

    Where one is closed (`cronicle run W >&-`) the next file that is opened would get its number, and be written into.
    A name that is not UTF-8, or a mark that the encoding of the locale lacks, is written out (`\udcff`).
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
        if getattr(sys, name) is None:
            opened = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, opened)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """Write what is left of the output: done by Python at its exit, a failure would be a riddle."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _to_nowhere(sys.stdout)
        if code == ExitCode.GOOD and not isinstance(error, BrokenPipeError):
            _complain(
                f"the output cannot be written: {error.strerror}",
                "What the command was to do is done. Make room or send its output elsewhere, and ask for it again.",
            )
        code = ExitCode.FAILED
    try:
        sys.stderr.flush()
    except OSError:  # nobody has to read it
        _to_nowhere(sys.stderr)
    return code


def run_command_line(words: Sequence[str]) -> int:
    """Run one command; its exit code. Every error becomes one message on stderr."""
    try:
        result = typer.main.get_command(app).main(
            args=move_leading_options(words), prog_name="cronicle", standalone_mode=False
        )
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except _USAGE_ERROR as error:
        return _usage_error(error)
    except _CLICK_ERROR as error:
        _complain(error.format_message())
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except ExceptionGroup as group:
        return _report(_first_leaf(group))
    except Exception as error:
        return _report(error)
    return result if isinstance(result, int) else ExitCode.GOOD


def _nobody_reads() -> int:
    """The reader of a pipe (`| head`) has gone; say nothing more, also not when Python flushes at its exit."""
    _to_nowhere(sys.stdout)
    return ExitCode.FAILED


def _to_nowhere(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _first_leaf(group: ExceptionGroup[Exception]) -> Exception:
    """What went wrong in a nursery: what a user can mend, if there is such, else the first."""
    expected, _ = group.split(CronicleError)
    found: Exception = expected or group
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found


def _report(error: Exception) -> int:
    if isinstance(error, CronicleError):
        diagnostics = getattr(error, "diagnostics", None)
        if diagnostics is not None:
            from cronicle.cli.diagnosing import tell_diagnostics

            tell_diagnostics(diagnostics, getattr(error, "files", 0))
            return error.exit_code
        _complain(error.message, error.remedy)
        return error.exit_code
    if os.environ.get("CRONICLE_DEBUG"):
        raise error
    if isinstance(error, OSError) and error.strerror:
        where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        _complain(
            f"{error.strerror}{where}",
            "The system refused this. Make room, give yourself the right or mend what is there, and repeat the "
            "command; CRONICLE_DEBUG=1 shows what was being done.",
        )
        return ExitCode.FAILED
    _complain(
        f"internal error: {type(error).__name__}: {error}",
        "This is a bug in Cronicle. Please report it with what CRONICLE_DEBUG=1 prints for the same command.",
    )
    return ExitCode.FAILED


def _usage_error(error: Any) -> int:
    context = error.ctx
    asked = f"\n\nSee: {context.command_path} --help" if context else ""
    _complain(error.format_message() + asked)
    return ExitCode.USAGE


def _complain(message: str, remedy: str = "") -> None:
    from cronicle.cli.output import visible
    from cronicle.store.url import shown_url

    message, remedy = visible(shown_url(message)), visible(shown_url(remedy))
    with suppress(OSError):  # nobody reads that either
        typer.echo(f"error: {message}" + (f"\n\n{remedy}" if remedy else ""), err=True)


if __name__ == "__main__":
    main()
