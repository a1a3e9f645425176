"""`cronicle validate`: everything that is wrong in the files of the project, at once."""

from __future__ import annotations

from typing import Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonLinesOption, JsonOption, StoreOption

app = typer.Typer(add_completion=False)


@app.command()
def validate(
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    jsonl: JsonLinesOption = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the language as a JSON schema, and check nothing.")
    ] = False,
) -> int:
    """Check the files of the project as they lie in the working directory."""
    if schema:
        from cronicle.cli.output import print_json
        from cronicle.config.json_schema import language_schema

        print_json(language_schema())
        return 0
    from cronicle.cli.diagnosing import print_diagnostics, tell_diagnostics
    from cronicle.cli.output import plural, say
    from cronicle.cli.session import open_session
    from cronicle.errors import ExitCode
    from cronicle.operations.validation import validate_working_directory

    session = open_session(store, environment, files)
    session.must_be_in_project()
    found = validate_working_directory(session.sources(None))
    if json or jsonl:
        print_diagnostics(found.diagnostics, lines=jsonl)
    else:
        tell_diagnostics(found.diagnostics, found.files)
    if not found.is_valid:
        return ExitCode.FAILED
    if not json and not jsonl:
        say(f"{plural(found.workflows, 'workflow')} in {plural(found.files, 'file')}: valid")
    return ExitCode.GOOD
