"""Showing a backfill: what it would do, how far it is, how it ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from cronicle.cli.approval import approve
from cronicle.cli.drive import Interrupted, drive
from cronicle.cli.live import instant_text
from cronicle.cli.output import (
    duration,
    is_terminal,
    paint,
    plural,
    print_json,
    say,
    show,
    tell,
    visible_line,
)
from cronicle.cli.screen import Screen
from cronicle.cli.session import Session
from cronicle.cli.slots import default_slots
from cronicle.clock import Clock
from cronicle.engine.backfills import BackfillDriver
from cronicle.engine.owner import Owner
from cronicle.errors import ExitCode
from cronicle.names import task_label, typed
from cronicle.operations.ask import Candidate
from cronicle.operations.candidate import find_deployed
from cronicle.operations.labels import check_labels
from cronicle.operations.make_backfill import BackfillPlan, make_backfill
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import BackfillState, RunState
from cronicle.store.records import BackfillRecord, RunRecord
from cronicle.views.shapes import workflow_fields
from cronicle.views.words import name_of

if TYPE_CHECKING:
    from cronicle.store.interface import Store

BAR_WIDTH = 32
SHOWN_FAILURES = 5
PAUSING = "pausing: what runs is finished; once more ends everything at once"
REDRAW_SECONDS = 0.1


def say_plan(plan: BackfillPlan, slots: int, *, json: bool) -> None:
    """What the backfill would do."""
    candidate = plan.candidate
    seconds = plan.estimate(slots)
    if json:
        print_json(
            {  # the keys of a backfill, of one that has not been made, and what is known beforehand
                "id": None,
                **workflow_fields(candidate.workflow),
                "from": plan.from_text,
                "to": plan.to_text,
                "revision": candidate.revision,
                "deployment": candidate.deployment,
                "runs_on": plan.runs_on,
                "state": None,
                "total": len(plan.ticks),
                "done": 0,
                "failed": 0,
                "created_at": None,
                "in_range": plan.in_range,
                "left_out": plan.left_out,
                "logical_times": [tick.logical_time for tick in plan.ticks],
                "estimated_seconds": seconds,
                "to_confirm": plan.to_confirm,
            }
        )
        return
    name = candidate.workflow
    revision = candidate.revision[:7] + (" (deployed)" if candidate.deployment is not None else "")
    say(f"{name}   {plural(plan.in_range, 'tick')}, {plan.from_text} to {plan.to_text}, at {revision}")
    margin = " " * (len(name) + 3)
    if plan.left_out:
        why = {
            "changed": "have a result at that revision already",
            "missing": "have a result already",
            "failed": "have a result, or no failed run",
        }.get(plan.choice, "")
        say(f"{margin}{plan.left_out:,} {why} and are left out   (--all: also those)")
    at_once = plan.parallel or slots
    about = f", about {duration(seconds)}" if seconds is not None else ""
    if plan.ticks:
        say(f"{margin}{plural(len(plan.ticks), 'run')}, {at_once} at a time{about}")
    else:
        say(f"{margin}nothing to do")
    if plan.to_confirm:
        again = ", ".join(plan.to_confirm)
        say(f'{margin}{again} may be executed again for {plural(plan.begun, "tick")}   (rerun = "confirm")')
    if plan.begun and plan.rules.never:
        kept = ", ".join(sorted(plan.rules.never))
        say(f'{margin}{kept}: where done already, not executed again   (rerun = "never")')


def deployed_spec(session: Session, store: Store, candidate: Candidate) -> RunSpec | None:
    """What is deployed of a workflow that another revision is taken of."""
    deployed = find_deployed(session.sources(store), candidate.target, candidate.workflow)
    return None if deployed is None else deployed.spec


def agrees(plan: BackfillPlan) -> bool:
    """Ask whether to execute again what does not want to be without somebody's consent.

    Raises:
        CronicleError: Nobody is there to be asked.
    """
    names = ", ".join(plan.to_confirm)
    say_plan(plan, default_slots(), json=False)
    return approve(
        f"Execute {names} again for {plural(plan.begun, 'tick')}?",
        undone="nothing was executed",
        remedy=f'{names} may have been executed for {plural(plan.begun, "tick")} of these, and rerun = "confirm" has '
        "somebody agree to it. To do it without being asked, give the same command with --auto-approve.",
    )


def follow_new_backfill(
    session: Session, store: Store, plan: BackfillPlan, *, slots: int | None, json: bool
) -> int:
    """Make a backfill and drive it to its end."""
    check_labels(
        plan.candidate.workflow, plan.runs_on, session.labels, ["Leave it to one that serves: --detach."]
    )

    def make(owner: Owner) -> BackfillRecord:
        return make_backfill(
            store,
            plan,
            backfill_id=owner.new_id(),
            actor=session.actor(),
            owner=owner.id,
            now=session.clock.now(),
        )

    return follow_backfill(session, store, make, slots=slots, json=json)


def follow_backfill(
    session: Session, store: Store, make: Callable[[Owner], BackfillRecord], *, slots: int | None, json: bool
) -> int:
    """Drive the backfill that `make` makes or adopts until it ends or is paused, and say how it ended."""
    driven: list[BackfillRecord] = []
    progress = BackfillProgress(session.clock)

    def stop(owner: Owner) -> None:
        progress.pause()
        for backfill in tuple(owner.backfills.values()):
            backfill.pause("interrupted")

    async def body(owner: Owner) -> BackfillRecord:
        record = make(owner)
        driven.append(record)
        tell(f"backfill {record.id}   {record.workflow}   {record.revision[:7]}")
        ended = await BackfillDriver(owner, record, progress.backfill, progress.run).drive()
        progress.close(ended)
        return ended

    try:
        ended = drive(session, store, slots or default_slots(), stop, body)
    except Interrupted:
        on = f"; go on with it: cronicle resume {driven[0].id}" if driven else " before anything had begun"
        tell(f"{paint('✗', 'red')} interrupted{on}")
        return ExitCode.INTERRUPTED
    _tell_end(ended)
    if json:
        from cronicle.views.shapes import backfill_shape, to_builtins

        print_json(to_builtins(backfill_shape(ended)))
    if ended.state is BackfillState.PAUSED and ended.reason == "interrupted":
        return ExitCode.INTERRUPTED
    return ExitCode.GOOD if ended.state is BackfillState.SUCCEEDED else ExitCode.FAILED


def _tell_end(backfill: BackfillRecord) -> None:
    count = f"{backfill.done:,} of {backfill.total:,}"
    failed = f", {backfill.failed:,} failed" if backfill.failed else ""
    took = duration(((backfill.ended_at or backfill.created_at) - backfill.created_at).total_seconds())
    match backfill.state:
        case BackfillState.SUCCEEDED:
            tell(f"{paint('✓', 'green')} backfill {backfill.id} succeeded: {count} in {took}")
        case BackfillState.PAUSED:
            tell(
                f"{paint('‖', 'yellow')} backfill {backfill.id} paused, {count} done{failed}: {backfill.reason}"
            )
            tell(f"  go on with it   cronicle resume {backfill.id}")
        case _:
            tell(f"{paint('✗', 'red')} backfill {backfill.id} {backfill.state}: {count} done{failed}")
            if backfill.failed:
                name = typed(backfill.workflow)
                tell(f"  which ones      cronicle runs {name} --backfill {backfill.id} --state failed")
                again = f"{range_options(backfill)} --failed"
                tell(f"  those again     cronicle backfill {name} {again}")


def range_options(backfill: BackfillRecord) -> str:
    """The options that mean the same range at the same revision."""
    revision = "" if backfill.deployment is not None else f" --revision {backfill.revision[:12]}"
    return f"--from {backfill.from_text} --to {backfill.to_text}{revision}"


class BackfillProgress:
    """How far a backfill is: a line per run in a pipe, bars by year or month on a terminal."""

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._live = is_terminal(self._stream)
        self._begun = clock.now()
        self._done_before: int | None = None
        self._screen = Screen(self._stream)
        self._drawn_at = self._begun
        self._failures: list[str] = []
        self._record: BackfillRecord | None = None
        self._pausing = False

    def pause(self) -> None:
        """Told when Ctrl-C has asked for a pause; between what is rewritten no other line may stand."""
        self._pausing = True
        if self._live and self._record is not None:
            self._draw(self._record)
        else:
            self._write(PAUSING)

    def run(self, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent]) -> None:
        """Told of the facts of a run of the backfill."""
        for fact in facts:
            if isinstance(fact, ev.RunFinished):
                self._run_ended(run, machine, fact)
            elif isinstance(fact, ev.AttemptFinished) and fact.outcome != "succeeded" and not self._live:
                name = visible_line(task_label(fact.task, fact.key))
                why = visible_line(
                    fact.detail
                    or (f"exit code {fact.exit_code}" if fact.exit_code is not None else fact.reason or "")
                )
                self._write(f"{instant_text(fact.at)} {run.id} {name} attempt {fact.attempt} failed: {why}")

    def backfill(self, record: BackfillRecord) -> None:
        """Told when a run of it has started or ended."""
        self._record = record
        if self._done_before is None:
            self._done_before = record.done
        now = self._clock.now()
        if self._live and (now - self._drawn_at).total_seconds() >= REDRAW_SECONDS:
            self._draw(record)

    def close(self, record: BackfillRecord) -> None:
        """Leave the last state on the screen."""
        self._pausing = False
        if self._live:
            self._draw(record, last=True)

    def _run_ended(self, run: RunRecord, machine: RunMachine, fact: ev.RunFinished) -> None:
        if fact.state is RunState.FAILED:
            self._failures.append(name_of(run))
        if not self._live:
            self._write(f"{instant_text(fact.at)} {run.id} {name_of(run)} {fact.state}")

    def _write(self, line: str) -> None:
        show(self._stream, line + "\n")

    def _draw(self, record: BackfillRecord, *, last: bool = False) -> None:
        self._drawn_at = now = self._clock.now()
        elapsed = (now - self._begun).total_seconds()
        here = record.done - (self._done_before or 0)
        speed = here / elapsed if elapsed > 0 else 0.0
        filled = BAR_WIDTH * record.done // record.total if record.total else BAR_WIDTH
        parts = [f"{record.done:,} of {record.total:,}", f"{100 * record.done // max(1, record.total)} %"]
        if here:
            parts.append(f"{speed:.1f} runs/s")
        if record.failed:
            parts.append(paint(f"{record.failed} failed", "red", self._stream))
        if here and record.done < record.total:
            parts.append(f"about {duration((record.total - record.done) / speed)} left")
        lines = ["", f"  {'█' * filled}{'·' * (BAR_WIDTH - filled)}", "", "  " + " · ".join(parts)]
        if self._failures:
            shown = ", ".join(self._failures[-SHOWN_FAILURES:])
            lines.append(
                f"  {paint('✗', 'red', self._stream)} {shown}   cronicle explain {typed(self._failures[-1])}"
            )
        if self._pausing:
            lines.append(f"  {PAUSING}")
        elif not last:
            lines.append(f"  Ctrl-C pauses it: cronicle resume {record.id}")
        self._screen.draw(lines, last=last)
