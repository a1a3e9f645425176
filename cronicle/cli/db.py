"""`cronicle db`: upkeep of the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cronicle.cli.options import EnvironmentOption, FilesOption, JsonOption, StoreOption
from cronicle.cli.session import current_folder, open_session

if TYPE_CHECKING:
    from cronicle.operations.pruned import Pruned

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Upkeep of the store: prune, back up, copy, bring up to date.",
)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    prepared: Annotated[
        bool,
        typer.Option(
            "--prepared",
            help="Also remove all that `prepare` blocks have made and no task uses now: it is made again.",
        ),
    ] = False,
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Remove what is past its time, as `retention` of each deployed project says, while others use the store.

    Logs are kept for 400 days, run data and piped output for 30, what was prepared until nothing has used it for
    30, runs for ever, unless a project says otherwise. What a live run, a retry or an unfinished backfill needs
    stays, and so does the latest result of each series.
    """
    from cronicle.cli.output import print_json, tell, visible_line
    from cronicle.errors import ExitCode
    from cronicle.operations.prune import prune, would_prune
    from cronicle.operations.pruned import Pruned

    session = open_session(store, environment, files)
    now, total = session.clock.now(), Pruned()
    if dry_run:
        with session.reader() as reader:
            for step in would_prune(reader, session.files_of(reader), now, unused_prepared=prepared):
                total += step
    else:
        with session.store() as opened:
            steps = prune(opened, session.files, now, unused_prepared=prepared, asked_by=session.actor())
            for step in steps:
                total += step
                for problem in step.problems:
                    tell(f"warning: {visible_line(problem)}")
    if json:
        print_json({**_counts(total), "dry_run": dry_run, "problems": list(total.problems)})
    else:
        _say_pruned(total, dry_run)
    return ExitCode.FAILED if total.problems else ExitCode.GOOD


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The file to be made.")],
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Copy the store to a new file while others use it, and check the copy.

    It holds all that is on record at one moment. Logs, data and mirrors are files beside the store: copy these
    folders with what you copy files with. To go back, put the file into a folder of its own as `store.sqlite3`.
    """
    import os

    from cronicle.cli.output import paint, plural, print_json, say, visible_line
    from cronicle.errors import ExitCode
    from cronicle.store.location import back_up

    session = open_session(store, environment, files)
    path = Path(os.path.normpath(current_folder() / target))
    report = back_up(session.location, path, session.clock.now(), asked_by=session.actor())
    if json:
        print_json(
            {
                "path": report.path,
                "at": report.at,
                "schema_version": report.schema_version,
                "runs": report.runs,
                "events": report.events,
                "last_event": report.last_event,
                "deployments": report.deployments,
                "size": report.size,
            }
        )
    else:
        say(
            f"{paint('✓', 'green')} {visible_line(report.path)}: {plural(report.runs, 'run')}, "
            f"{plural(report.deployments, 'deployment')}, {_megabytes(report.size)}, checked"
        )
    return ExitCode.GOOD


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A folder with a store, or the URL of one.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="Where the copy is to be: the other of the two.")
    ],
    files: FilesOption = None,
    json: JsonOption = False,
) -> int:
    """Copy a store from SQLite into PostgreSQL, back, or between two databases, and compare the copy with it.

    Nothing may work on either meanwhile. The copy has all of its history, deployments, backfills and cursors; the
    files folder stays where it is and belongs to the copy from then on. Interrupted, the same command goes on.
    """
    from cronicle.cli.copying import copy_between

    return copy_between(source, target, files, json=json)


@app.command()
def upgrade(
    store: StoreOption = None,
    files: FilesOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
) -> int:
    """Bring the schema of the store up to date. Programs of before cannot use the store afterwards."""
    from cronicle.cli.output import paint, print_json, say
    from cronicle.errors import ExitCode
    from cronicle.store.location import upgrade

    session = open_session(store, environment, files)
    before, after = upgrade(session.location, asked=(session.actor(), session.clock.now()))
    if json:
        print_json({"from": before, "to": after})
    elif before == after:
        say(f"the store has schema version {after} already, the newest that this program knows")
    else:
        say(f"{paint('✓', 'green')} the store was brought from schema version {before} to {after}")
    return ExitCode.GOOD


def _say_pruned(total: Pruned, dry_run: bool) -> None:
    from cronicle.cli.output import say

    if total.is_nothing:
        say("nothing is past its time")
        return
    say(f"{'would remove' if dry_run else 'removed'} {_said(total)}")


def _said(total: Pruned) -> str:
    from cronicle.cli.output import plural

    return (
        f"{plural(total.runs, 'run')}, the logs of {total.logs}, the data of {total.run_data} and "
        f"{plural(total.prepared, 'preparation')} ({_megabytes(total.bytes)})"
    )


def _counts(total: Pruned) -> dict[str, int]:
    return {
        "runs": total.runs,
        "logs": total.logs,
        "run_data": total.run_data,
        "prepared": total.prepared,
        "bytes": total.bytes,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
