"""Backups of a SQLite database, in $CRONICLE_DATA/backups: one file a day, DATE.sqlite3.

    backup.py copy --database PATH --date DATE    copies it while others use it
    backup.py restore --date DATE                 restores the copy beside everything, and checks it
    backup.py rotate --days N --months N          removes all but the last N and the first of each of N months

Each can be done again at any time: a copy replaces that of its day as a whole or not at all.
"""

import argparse
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

DATA = Path(os.environ["CRONICLE_DATA"])
BACKUPS = DATA / "backups"


def copy(database: str, date: str) -> None:
    """Copies by SQLite's own means: `cp` of a database that somebody writes to gives a broken one."""
    source = DATA / database
    if not source.is_file():
        sys.exit(
            f"there is no database {source}\n"
            "Deploy with `cronicle apply --var database=PATH`, or make one to play with: cronicle run playground"
        )
    BACKUPS.mkdir(mode=0o700, exist_ok=True)
    partial = BACKUPS / f".{date}.partial"
    partial.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=60)) as live,
        closing(sqlite3.connect(partial)) as made,
    ):
        live.backup(made)
        made.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(BACKUPS / f"{date}.sqlite3")
    output("bytes", (BACKUPS / f"{date}.sqlite3").stat().st_size)


def restore(date: str) -> None:
    """Restores into the attempt's own folder, which is gone afterwards."""
    restored = Path(os.environ["CRONICLE_SCRATCH"]) / "restored.sqlite3"
    shutil.copyfile(BACKUPS / f"{date}.sqlite3", restored)
    with closing(sqlite3.connect(restored)) as database:
        (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            sys.exit(f"the copy of {date} is damaged: {found}")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        quoted = ['"' + name.replace('"', '""') + '"' for name in tables]
        rows = sum(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in quoted)
    if not tables:
        sys.exit(f"the copy of {date} is empty: is that the right database?")
    print(f"{len(tables)} tables, {rows} rows")
    output("rows", rows)


def rotate(days: int, months: int) -> None:
    """Removes old copies."""
    dates = sorted(path.stem for path in BACKUPS.glob("????-??-??.sqlite3"))
    firsts = {date[:7]: date for date in reversed(dates)}
    kept = {*dates[-days:], *sorted(firsts.values())[-months:]}
    for date in dates:
        if date not in kept:
            (BACKUPS / f"{date}.sqlite3").unlink()
            print(f"removed {date}")
    output("kept", len(kept))


def output(name: str, value: int) -> None:
    """An output of the task: shown with it, and drawn over time."""
    with open(os.environ["CRONICLE_OUTPUT"], "a") as file:
        print(f"{name}={value}", file=file)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
for name, options in {"copy": ("database", "date"), "restore": ("date",), "rotate": ("days", "months")}.items():
    command = commands.add_parser(name)
    for option in options:
        command.add_argument(f"--{option}", required=True, type=int if name == "rotate" else str)
asked = vars(parser.parse_args())
{"copy": copy, "restore": restore, "rotate": rotate}[asked.pop("command")](**asked)
