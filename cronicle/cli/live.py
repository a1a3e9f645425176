"""Following a run while it is driven: rewritten in place on a terminal, a plain line per event in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

import trio

from cronicle.cli.output import duration, is_terminal, paint, show, visible_line, width_of
from cronicle.cli.screen import Screen
from cronicle.clock import Clock
from cronicle.names import task_label
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.states import Reason, TaskState
from cronicle.runs.units import Unit, UnitId
from cronicle.store.records import RunRecord
from cronicle.views.words import reason_text

PULSE_SECONDS = 0.5
"""How often the times on the screen go on while nothing happens."""

GATHER_SECONDS = 0.05
"""How often lines are written to a pipe at most: each time wakes whoever reads, who takes a core from the tasks."""

REST_SECONDS = 0.05
REST_SECONDS_A_UNIT = 2e-5
"""How long a drawing stays at least: of ten thousand instances one takes so long that tasks would feel it."""

MOST_LINES = 30
"""Task lines that are rewritten in place; of a wider run those that are running, and a count of the rest."""

CANCELLING = "cancelling; once more ends everything at once"

MARKS = {
    TaskState.SUCCEEDED: ("✓", "green"),
    TaskState.FAILED: ("✗", "red"),
    TaskState.SKIPPED: ("○", "dim"),
    TaskState.CANCELLED: ("✗", "yellow"),
    TaskState.RUNNING: ("●", "blue"),
    TaskState.BACKING_OFF: ("◌", "yellow"),
}


def carried_text(from_run: str, reason: str | None) -> str:
    """What is said of a task that was carried over."""
    why = f": {reason_text(reason)}" if reason == Reason.SAME_INPUTS else ""
    return f"carried over from {from_run}{why}"


def instant_text(at: datetime) -> str:
    """An instant of UTC in a line of progress: RFC 3339, milliseconds."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


class PlainProgress:
    """A line on stderr for each start and end of a task: `TIME RUN TASK WHAT`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._started: dict[UnitId, datetime] = {}
        self._lines: list[str] = []
        self._gathered = trio.Event()

    def __call__(self, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent]) -> None:
        """Told of facts that have become durable."""
        for fact in facts:
            if line := self._line(run, machine, fact):
                self._lines.append(line)
                self._gathered.set()

    async def keep_up(self, machine: RunMachine) -> None:
        """Write what gathers, for ever; what is left at its end as well."""
        try:
            while True:
                await self._gathered.wait()
                self._gathered = trio.Event()
                self._write()
                await trio.sleep(GATHER_SECONDS)
        finally:
            self._write()

    def close(self, run: RunRecord, machine: RunMachine) -> None:
        """Nothing is left on the screen to be finished."""

    def _write(self) -> None:
        if self._lines:
            show(self._stream, "\n".join(self._lines) + "\n")
            self._lines.clear()

    def _line(self, run: RunRecord, machine: RunMachine, fact: ev.RunEvent) -> str | None:
        what = self._what(fact)
        if what is None:
            return None
        task = getattr(fact, "task", None)
        name = "" if task is None else visible_line(task_label(task, getattr(fact, "key", None))) + " "
        return f"{instant_text(fact.at)} {run.id} {name}{what}"

    def _what(self, fact: ev.RunEvent) -> str | None:
        match fact:
            case ev.AttemptStarted():
                self._started[fact.task, fact.key] = fact.at
                return "started" if fact.attempt == 1 else f"started, attempt {fact.attempt}"
            case ev.AttemptFinished() if fact.outcome != "succeeded":
                why = fact.detail or (
                    f"exit code {fact.exit_code}" if fact.exit_code is not None else fact.reason
                )
                return (
                    f"attempt {fact.attempt} {str(fact.outcome).replace('_', ' ')}: {visible_line(why or '')}"
                )
            case ev.AttemptLost():
                return f"attempt {fact.attempt} lost: the process that drove it had died"
            case ev.TaskFinished():
                start = self._started.get((fact.task, fact.key))
                took = f" {duration((fact.at - start).total_seconds())}" if start else ""
                reason = f" ({fact.reason})" if fact.reason and fact.state is not TaskState.SUCCEEDED else ""
                return f"{fact.state}{reason}{took}"
            case ev.TaskCarriedOver():
                return carried_text(fact.from_run, fact.reason)
            case ev.CancelRequested():
                return f"cancel requested by {visible_line(fact.by)}"
            case ev.RunFinished():
                return f"run {fact.state}"
        return None


class LiveProgress:
    """A line for each task, rewritten in place, and a line that counts."""

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._started: dict[UnitId, datetime] = {}
        self._ended: dict[UnitId, datetime] = {}
        self._last_failure: dict[UnitId, ev.AttemptFinished] = {}
        self._screen = Screen(self._stream)
        self._drawn_at = datetime.min.replace(tzinfo=UTC)
        self._begun: datetime | None = None
        self._rest = REST_SECONDS

    def __call__(self, run: RunRecord, machine: RunMachine, facts: Sequence[ev.RunEvent]) -> None:
        """Told of facts that have become durable."""
        for fact in facts:
            match fact:
                case ev.AttemptStarted():
                    self._started.setdefault((fact.task, fact.key), fact.at)
                case ev.AttemptFinished() if fact.outcome != "succeeded":
                    self._last_failure[fact.task, fact.key] = fact
                case ev.TaskFinished():
                    self._ended[fact.task, fact.key] = fact.at
                case _:
                    pass
        if (self._clock.now() - self._drawn_at).total_seconds() >= self._rest:
            self.draw(machine)

    async def keep_up(self, machine: RunMachine) -> None:
        """Show how time passes while nothing happens, for ever."""
        while True:
            await trio.sleep(PULSE_SECONDS)
            self.draw(machine)

    def draw(self, machine: RunMachine, *, last: bool = False) -> None:
        """Draw the present state over the last one."""
        now = self._drawn_at = self._clock.now()
        self._begun = self._begun or now
        self._screen.draw(self._lines(machine, now), last=last)

    def close(self, run: RunRecord, machine: RunMachine) -> None:
        """Leave the last state on the screen."""
        self.draw(machine, last=True)

    def _lines(self, machine: RunMachine, now: datetime) -> list[str]:
        units = shown_units(machine)
        total = len(units)
        self._rest = REST_SECONDS + total * REST_SECONDS_A_UNIT
        ended = sum(unit.ended for unit in units)
        running = sum(unit.state is TaskState.RUNNING for unit in units)
        if len(units) > MOST_LINES:
            busy = [unit for unit in units if not unit.ended and unit.state is not TaskState.WAITING]
            failed = [unit for unit in units if unit.state is TaskState.FAILED]
            units = [*failed[: MOST_LINES // 2], *busy][:MOST_LINES]
        width = max((width_of(visible_line(task_label(*unit.id))) for unit in units), default=0)
        lines = [self._unit_line(machine, unit, width, now) for unit in units]
        took = duration((now - (self._begun or now)).total_seconds())
        counts = [f"{ended} of {total}", *([f"{running} running"] if running else []), took]
        summary = ["", "  " + " · ".join(counts)]
        if machine.cancel_requested and not machine.finished:
            summary.append(f"  {CANCELLING}")
        elif machine.timed_out and not machine.finished:
            summary.append("  took longer than its timeout: ending what runs")
        elif not machine.finished:
            summary[-1] += "          Ctrl-C cancels it"
        return [*lines, *summary]

    def _unit_line(self, machine: RunMachine, unit: Unit, width: int, now: datetime) -> str:
        mark, colour = MARKS.get(unit.state, (" ", "dim"))
        if unit.carried_from and unit.state is not TaskState.FAILED:
            mark, colour = "↷", "green"
        name = visible_line(task_label(*unit.id))
        name += " " * (width - width_of(name))
        return f"  {paint(mark, colour, self._stream)} {name}  {self._remark(machine, unit, now)}".rstrip()

    def _remark(self, machine: RunMachine, unit: Unit, now: datetime) -> str:
        if unit.carried_from:
            return carried_text(unit.carried_from, unit.reason)
        failure = self._last_failure.get(unit.id)
        why = f"exit code {failure.exit_code}" if failure and failure.exit_code is not None else ""
        why = why or (str(failure.reason).replace("_", " ") if failure else "")
        start = self._started.get(unit.id)
        took = (
            duration(((self._ended.get(unit.id) or now) - start).total_seconds()).rjust(10)
            if start
            else " " * 10
        )
        attempts = machine.task_spec(unit.id[0]).retry.attempts
        match unit.state:
            case TaskState.RUNNING | TaskState.BACKING_OFF if failure:
                return f"{took}   attempt {unit.attempt} of {attempts}; the one before: {why}"
            case TaskState.RUNNING | TaskState.SUCCEEDED:
                return took
            case TaskState.FAILED:
                return f"{took}   {why or str(unit.reason).replace('_', ' ')}"
            case TaskState.SKIPPED | TaskState.CANCELLED:
                return str(unit.reason or unit.state).replace("_", " ")
            case TaskState.WAITING:
                above = machine.waiting_for(unit.id[0])
                return (
                    f"waits for {visible_line(', '.join(task_label(*one) for one in above[:3]))}"
                    if above
                    else ""
                )
        return ""


def shown_units(machine: RunMachine) -> list[Unit]:
    """The units in the order of the graph: of an expanded `for_each` task its instances."""
    units: list[Unit] = []
    for task in machine.spec.tasks:
        group = machine.groups.get(task.name)
        if group is not None and group.instances:
            units += [machine.units[task.name, key] for key in group.instances]
        else:
            units.append(machine.units[task.name, None])
    return units


Progress = PlainProgress | LiveProgress


def progress_for(clock: Clock) -> Progress:
    """Live on a terminal, plain lines in a pipe."""
    return LiveProgress(clock) if is_terminal(sys.stderr) else PlainProgress()
