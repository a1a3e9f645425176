"""How far backfills are: a line per run in a pipe, bars on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from cronicle.cli.live import instant_text
from cronicle.cli.output import duration, is_terminal, paint, show, visible_line, width_of
from cronicle.cli.screen import Screen
from cronicle.clock import Clock
from cronicle.names import task_label, typed
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import BackfillState, RunState
from cronicle.store.records import BackfillRecord, RunRecord
from cronicle.views.words import name_of

BAR_WIDTH = 32
SHOWN_FAILURES = 5
PAUSING = "pausing: what runs is finished; once more ends everything at once"
REDRAW_SECONDS = 0.1


class BackfillProgress:
    """How far some backfills are, of which each waits for the one before it."""

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._live = is_terminal(self._stream)
        self._begun = clock.now()
        self._done_before = 0
        self._screen = Screen(self._stream)
        self._drawn_at = self._begun
        self._failures: list[str] = []
        self._records: dict[str, BackfillRecord] = {}
        self._pausing = False

    def begin(self, records: Sequence[BackfillRecord]) -> None:
        """Told which backfills there are, in the order of their turns."""
        self._records = {record.id: record for record in records}
        self._done_before = sum(record.done for record in records)

    def pause(self) -> None:
        """Told when Ctrl-C has asked for a pause; between what is rewritten no other line may stand."""
        self._pausing = True
        if self._live and self._records:
            self._draw()
        else:
            self._write(PAUSING)

    def run(self, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent]) -> None:
        """Told of the facts of a run of a backfill."""
        for fact in facts:
            if isinstance(fact, ev.RunFinished):
                self._run_ended(run, fact)
            elif isinstance(fact, ev.AttemptFinished) and fact.outcome != "succeeded" and not self._live:
                name = visible_line(task_label(fact.task, fact.key))
                why = visible_line(
                    fact.detail
                    or (f"exit code {fact.exit_code}" if fact.exit_code is not None else fact.reason or "")
                )
                self._write(f"{instant_text(fact.at)} {run.id} {name} attempt {fact.attempt} failed: {why}")

    def backfill(self, record: BackfillRecord) -> None:
        """Told when a run of one has started or ended."""
        self._records[record.id] = record
        now = self._clock.now()
        if self._live and (now - self._drawn_at).total_seconds() >= REDRAW_SECONDS:
            self._draw()

    def close(self, records: Sequence[BackfillRecord]) -> None:
        """Leave the last state on the screen."""
        self._pausing = False
        self._records = {record.id: record for record in records}
        if self._live:
            self._draw(last=True)

    def _run_ended(self, run: RunRecord, fact: ev.RunFinished) -> None:
        if fact.state is RunState.FAILED:
            self._failures.append(name_of(run))
        if not self._live:
            self._write(f"{instant_text(fact.at)} {run.id} {name_of(run)} {fact.state}")

    def _write(self, line: str) -> None:
        show(self._stream, line + "\n")

    def _draw(self, *, last: bool = False) -> None:
        self._drawn_at = now = self._clock.now()
        records = tuple(self._records.values())
        done, total = sum(one.done for one in records), sum(one.total for one in records)
        failed = sum(one.failed for one in records)
        elapsed = (now - self._begun).total_seconds()
        here = done - self._done_before
        speed = here / elapsed if elapsed > 0 else 0.0
        parts = [f"{done:,} of {total:,}", f"{100 * done // max(1, total)} %"]
        if here:
            parts.append(f"{speed:.1f} runs/s")
        if failed:
            parts.append(paint(f"{failed} failed", "red", self._stream))
        if here and done < total:
            parts.append(f"about {duration((total - done) / speed)} left")
        lines = ["", *self._bars(records), "", "  " + " · ".join(parts)]
        if self._failures:
            shown = ", ".join(self._failures[-SHOWN_FAILURES:])
            lines.append(
                f"  {paint('✗', 'red', self._stream)} {shown}   cronicle explain {typed(self._failures[-1])}"
            )
        if self._pausing:
            lines.append(f"  {PAUSING}")
        elif not last:
            lines.append(
                f"  Ctrl-C pauses {'it' if len(records) == 1 else 'them'}: cronicle resume {records[0].id}"
            )
        self._screen.draw(lines, last=last)

    def _bars(self, records: Sequence[BackfillRecord]) -> list[str]:
        """The bar of a backfill; of several each with its name."""
        if len(records) == 1:
            return [f"  {_bar(records[0])}"]
        names = [visible_line(record.workflow) for record in records]
        width = max(map(width_of, names))
        return [
            f"  {name}{' ' * (width - width_of(name))}  {_bar(record)}  {self._remark(record)}"
            for name, record in zip(names, records, strict=True)
        ]

    def _remark(self, record: BackfillRecord) -> str:
        above = self._records.get(record.waits_for or "")
        if above is not None and above.state is not BackfillState.SUCCEEDED and above.done < above.total:
            return f"{record.total:,}, after {visible_line(above.workflow)}"
        return f"{record.done:,} of {record.total:,}"


def _bar(record: BackfillRecord) -> str:
    filled = BAR_WIDTH * record.done // record.total if record.total else BAR_WIDTH
    return "█" * filled + "·" * (BAR_WIDTH - filled)
