"""`cronicle db copy`: what it shows while it copies, and in the end."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

from cronicle.cli.output import is_terminal, paint, plural, print_json, say, table, tell, visible_line
from cronicle.cli.screen import Screen
from cronicle.cli.session import actor_now, current_folder
from cronicle.clock import SystemClock
from cronicle.errors import ExitCode
from cronicle.operations.copy_store import CopyReport, copy_store
from cronicle.operations.locate import look_around, refuse_password
from cronicle.store.copying import Comparison, Copied
from cronicle.store.url import is_url

SHOWN = 16
"""Digits of a checksum that a person is shown; JSON has them all."""


def copy_between(source: str, target: str, files: str | None, *, json: bool) -> int:
    """Copy a store, and say what was compared."""
    refuse_password("FROM", source)
    refuse_password("TO", target)
    where = look_around(current_folder(), os.environ, source, files)
    origin = where.store or source
    copy = target if "://" in target else str((current_folder() / target).absolute())
    show = _Progress()
    try:
        report = copy_store(
            origin, copy, where.files, actor=actor_now(), now=SystemClock().now, told=show.told
        )
    except KeyboardInterrupt:
        tell("interrupted; what was copied stays, and the same command goes on with it")
        return ExitCode.INTERRUPTED
    finally:
        show.close()
    if json:
        print_json(_document(report))
    else:
        _say(report)
    return ExitCode.GOOD


class _Progress:
    """How far it is: on a terminal a line that is rewritten, in a pipe a line for each table."""

    def __init__(self) -> None:
        self._screen = Screen(sys.stderr) if is_terminal(sys.stderr) else None

    def told(self, step: Copied | Comparison) -> None:
        if isinstance(step, Comparison):
            text, is_worth = f"compared {step.table}", False
        else:
            text, is_worth = f"copied {step.table}  {step.rows:,}", step.is_done and step.rows > 0
        if self._screen is not None:
            self._screen.draw([f"  {text}"])
        elif is_worth:
            tell(text)

    def close(self) -> None:
        if self._screen is not None:
            self._screen.draw([], last=True)


def _document(report: CopyReport) -> Any:
    return {
        "from": report.source,
        "to": report.target,
        "from_store": report.source_id,
        "to_store": report.target_id,
        "files": str(report.files),
        "to_move": [str(path) for path in report.to_move],
        "rows": report.rows,
        "tables": [
            {
                "table": one.table,
                "rows": one.origin.rows,
                "rows_copied": one.copy.rows,
                "checksum": one.origin.checksum,
                "checksum_copied": one.copy.checksum,
                "equal": one.is_equal,
            }
            for one in report.tables
        ],
    }


def _say(report: CopyReport) -> None:
    rows = [["TABLE", "ROWS", "COPIED", "CHECKSUM", "OF THE COPY"]]
    rows += [
        [
            one.table,
            f"{one.origin.rows:,}",
            f"{one.copy.rows:,}",
            one.origin.checksum[:SHOWN],
            one.copy.checksum[:SHOWN],
        ]
        for one in report.tables
    ]
    say(table(rows))
    say()
    say(f"{paint('✓', 'green')} copied {plural(report.rows, 'row')}; all tables are equal")
    say(f"  its files     {visible_line(str(report.files))}, which belongs to the copy now")
    if report.to_move:
        moved = " ".join(shlex.quote(str(path)) for path in report.to_move)
        say(f"  move them     mv {visible_line(moved)} {visible_line(shlex.quote(report.target))}")
    elif is_url(report.target):
        say(
            f"  go on there   --files {visible_line(shlex.quote(str(report.files)))}, where it is not found by itself"
        )
    say(f"  from now on   export CRONICLE_STORE={visible_line(shlex.quote(report.target))}")
