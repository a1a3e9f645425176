"""`cronicle console`: the values of expressions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import FilesOption, JsonOption, StoreOption
from cronicle.names import as_workflow

if TYPE_CHECKING:
    from cronicle.operations.console import Answer, Console
    from grammar.kinds import Value

app = typer.Typer(add_completion=False)

PROMPT, GOES_ON = "> ", ". "

UNFINISHED = frozenset({"unclosed-bracket", "unclosed-heredoc"})
"""What is wrong with an expression of which the next line may hold the rest."""


@app.command()
def console(
    workflow: Annotated[
        str | None,
        typer.Argument(
            metavar="[WORKFLOW]", parser=as_workflow, help="Evaluate as for a run of this workflow."
        ),
    ] = None,
    expression: Annotated[
        list[str] | None,
        typer.Option("--expression", "-e", metavar="EXPR", help="Evaluate this and end; may be repeated."),
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="The run's tick: a date, or an instant.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the run.")
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable's value.")
    ] = None,
    var_file: Annotated[
        list[str] | None, typer.Option("--var-file", metavar="FILE", help="A file with values of variables.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", metavar="FILE", help="A JSON object; its names have its values in expressions."
        ),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", metavar="NAME", help="The environment (default: the project's)."),
    ] = None,
    store: StoreOption = None,
    files: FilesOption = None,
    json: JsonOption = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            help='Answer each line of stdin, {"expr": …, "vars": {…}} or {"template": …}, with one on stdout.',
        ),
    ] = False,
) -> int:
    """Evaluate expressions: those of -e, else what is typed, or the lines of stdin."""
    from cronicle.cli.output import say
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode, UsageError
    from cronicle.git.working import WorkingTree
    from cronicle.operations.console import Asked, Console, answer_lines

    if workflow is None and (time is not None or param):
        raise UsageError("--time and --param are those of a workflow's run", "Name the workflow.")
    if jsonl and expression:
        raise UsageError("--jsonl takes its expressions from stdin", "Leave -e out, or --jsonl.")
    session = open_session(store, environment, files)
    folder = session.where.folder
    if workflow is not None:
        session.must_be_in_project()
    asked = None if workflow is None else Asked(workflow=workflow, time=time, params=param or [])
    evaluating = Console(
        WorkingTree(folder or Path.cwd(), folder and session.where.repository),
        None if folder is None else lambda: session.sources(None, var or [], var_file or []),
        {} if scope is None else _names(scope),
        asked,
    )
    if jsonl:
        good = True
        for line, is_value in answer_lines(evaluating, sys.stdin):
            say(line)
            good &= is_value
        return ExitCode.GOOD if good else ExitCode.FAILED
    texts = iter(expression) if expression else _typed(evaluating)
    good = True
    for text in texts:
        good &= _tell(evaluating, text, json=json)
    return ExitCode.GOOD if good else ExitCode.FAILED


def _names(path: str) -> dict[str, Value]:
    from cronicle.errors import UsageError
    from cronicle.operations.console import names_from_json

    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--scope {path} cannot be read: {error}", "Name a file of JSON.") from error
    return names_from_json(text, f"--scope {path}")


def _typed(evaluating: Console) -> Iterator[str]:
    """The expressions that come from stdin: each a line, and on a terminal more where brackets are open."""
    if not sys.stdin.isatty():
        yield from (line for line in sys.stdin if line.strip())
        return
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - lines can then be edited and brought back
    while True:
        try:
            text = input(PROMPT)
            while text.strip() and _goes_on(evaluating, text):
                line = input(GOES_ON)
                if not line:
                    break
                text += f"\n{line}"
        except EOFError:
            sys.stdout.write("\n")
            return
        if text.strip() in ("exit", "quit"):
            return
        if text.strip():
            yield text


def _goes_on(evaluating: Console, text: str) -> bool:
    from grammar.parse import parse_expression
    from grammar.source import SourceFile

    _, diagnostics = parse_expression(SourceFile("<expression>", text))
    return any(one.code in UNFINISHED for one in diagnostics)


def _tell(evaluating: Console, text: str, *, json: bool) -> bool:
    """Print the value of an expression, or what is wrong with it; True if there is a value."""
    from cronicle.cli.diagnosing import tell_diagnostics
    from cronicle.cli.output import harmless, say, visible
    from cronicle.operations.console import value_json

    answer: Answer = evaluating.evaluate(text)
    tell_diagnostics(answer.diagnostics, None)
    if not answer.has_value:
        return False
    if json:
        import msgspec

        say(harmless(msgspec.json.format(value_json(answer.value), indent=2)))
    else:
        from grammar.value_text import value_text

        say(visible(value_text(answer.value)))
    return True
