"""What tasks have done, as they wrote it themselves, and what may be concluded from that.

Each attempt appends a line to one file when it begins and one when its work is done. The lines are the evidence of
the fault tests, and not what the store says. Times are seconds since the machine was started (`/proc/uptime`,
hundredths, cut off): the clock of all processes alike, whatever is done to the wall clock.

Rules:

1. An attempt was certainly executing from its first line to its last. One without a last line was ended: by `kill -9`
   of its scheduler nothing happens to it, it goes on until another process settles it. It was certainly executing up
   to the last moment at which somebody has looked and found its process alive.
2. Limits are judged by what was certain, so that what is reported has happened. Cutting off the hundredths moves no
   end before a beginning that it was after, so it makes no overlap either.
3. A run occupies what it holds as a run (`overlap`, `max_active_runs`, a workflow's `lock`) from its first line to
   its last one, whatever happened between these two.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from attrs import evolve, frozen

SCRIPT = """\
# Says when it begins and when it has done its work, which takes $2 seconds, in the file $1.
effects=$1
who="$CRONICLE_WORKFLOW $CRONICLE_TASK $CRONICLE_TIME $CRONICLE_RUN_ID $CRONICLE_ATTEMPT $CRONICLE_FENCE $$"
say() {
    read -r now rest < /proc/uptime
    echo "$1 $who $now" >> "$effects"
}
say begin
[ "$2" = 0 ] || sleep "$2"
say end
"""

FIELDS = 9

HUNDREDTH = 0.01

FORGOTTEN = 60.0
"""Seconds after which nobody looks any more for a process that was gone."""

Key = tuple[str, str, int, int]
"""Run, task, number and process."""


@frozen
class Attempt:
    """One try at executing a task, as its lines tell."""

    workflow: str
    task: str
    time: datetime
    """The logical time of its run."""
    run: str
    number: int
    fence: int
    pid: int
    began: float
    ended: float | None = None
    """None where it was ended before it had done its work."""
    seen: float | None = None
    """When its process was last found alive."""

    @property
    def key(self) -> Key:
        """What tells it apart, also if it was executed twice."""
        return self.run, self.task, self.number, self.pid

    @property
    def certain(self) -> tuple[float, float]:
        """From when to when it certainly executed."""
        return self.began, self.ended if self.ended is not None else max(self.began, self.seen or 0.0)

    def text(self) -> str:
        """For people."""
        end = f"{self.ended:.2f}" if self.ended is not None else f"killed after {self.certain[1]:.2f}"
        name = f"{self.run}/{self.task}#{self.number} of {self.workflow}"
        return f"{name}, {self.began:.2f} to {end}, fence {self.fence}"


@frozen
class Line:
    """What an attempt said."""

    is_end: bool
    attempt: Attempt


def line_from(text: str) -> Line | None:
    """A line as a value; None if it is torn."""
    parts = text.split()
    if len(parts) != FIELDS or parts[0] not in ("begin", "end"):
        return None
    kind, workflow, task, time, run, number, fence, pid, now = parts
    try:
        attempt = Attempt(
            workflow=workflow,
            task=task,
            time=datetime.fromisoformat(time),
            run=run,
            number=int(number),
            fence=int(fence),
            pid=int(pid),
            began=float(now),
        )
    except ValueError:
        return None
    return Line(kind == "end", attempt)


class Effects:
    """The attempts that have written lines, by and by."""

    def __init__(self) -> None:
        self.begun: list[Attempt] = []
        """In the order in which they began to write."""
        self.torn: list[str] = []
        self.unexpected: list[str] = []
        """Lines of an end without a beginning."""
        self._ended: dict[Key, float] = {}
        self._open: dict[Key, Attempt] = {}
        self._seen: dict[Key, float] = {}
        self._rest = ""

    def take(self, text: str) -> None:
        """More of the file."""
        *lines, self._rest = (self._rest + text).split("\n")
        for one in lines:
            line = line_from(one)
            if line is None:
                self.torn.append(one)
            elif not line.is_end:
                self.begun.append(line.attempt)
                self._open[line.attempt.key] = line.attempt
            elif self._open.pop(line.attempt.key, None) is not None:
                self._ended[line.attempt.key] = line.attempt.began
            else:
                self.unexpected.append(one)

    def look(self, now: float) -> None:
        """See which of those that have not said that they are done are alive at this moment."""
        for key, one in tuple(self._open.items()):
            if is_alive(one):
                self._seen[key] = now
            elif key in self._seen and now - self._seen[key] > FORGOTTEN:
                del self._open[key]

    def attempts(self) -> list[Attempt]:
        """All attempts."""
        return [
            evolve(one, ended=self._ended.get(one.key), seen=self._seen.get(one.key)) for one in self.begun
        ]


def is_alive(attempt: Attempt) -> bool:
    """True while the process that an attempt began as is there, and no other has its number."""
    try:
        fields = Path(f"/proc/{attempt.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] not in "ZX" and began <= attempt.began + HUNDREDTH


@frozen
class Span:
    """Something that held a place for a while."""

    start: float
    end: float
    what: str


def spans_of_attempts(attempts: Iterable[Attempt]) -> list[Span]:
    """When each attempt certainly executed."""
    return [Span(*one.certain, one.text()) for one in attempts]


def spans_of_runs(attempts: Iterable[Attempt]) -> list[Span]:
    """When each run certainly was in progress."""
    by_run: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        by_run[one.run].append(one)
    return [
        Span(
            min(one.certain[0] for one in of_run),
            max(one.certain[1] for one in of_run),
            "; ".join(one.text() for one in of_run),
        )
        for of_run in by_run.values()
    ]


def most_at_once(spans: Iterable[Span]) -> tuple[int, tuple[Span, ...]]:
    """How many of them there were at most at one moment, and which; one that ends as another begins is gone."""
    steps = sorted(
        [(one.start, 1, number, one) for number, one in enumerate(spans) if one.end > one.start]
        + [(one.end, 0, number, one) for number, one in enumerate(spans) if one.end > one.start],
        key=lambda step: step[:3],
    )
    there: dict[int, Span] = {}
    most: tuple[Span, ...] = ()
    for _, is_start, number, one in steps:
        if is_start:
            there[number] = one
            if len(there) > len(most):
                most = tuple(there.values())
        else:
            del there[number]
    return len(most), most


def over_limit(name: str, limit: int, spans: Iterable[Span]) -> list[str]:
    """What is to be said of a limit: nothing if it held."""
    most, which = most_at_once(list(spans))
    if most <= limit:
        return []
    return [f"{name}: {most} at once, {limit} are allowed: {' | '.join(one.what for one in which)}"]


def executed_twice(attempts: Sequence[Attempt]) -> list[str]:
    """Attempts with the same number of which several were executed."""
    times: dict[tuple[str, str, int], list[Attempt]] = defaultdict(list)
    for one in attempts:
        times[one.run, one.task, one.number].append(one)
    return [
        f"an attempt was executed twice: {' | '.join(one.text() for one in several)}"
        for several in times.values()
        if len(several) > 1
    ]


def of_task(attempts: Iterable[Attempt]) -> dict[tuple[str, str], list[Attempt]]:
    """The attempts of each task of each run, in the order in which they began."""
    found: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for one in attempts:
        found[one.run, one.task].append(one)
    return found


def side_by_side(attempts: Sequence[Attempt]) -> list[str]:
    """Tasks of which two attempts were executing at the same time, or whose later attempt has the lower fence."""
    problems = []
    for several in of_task(attempts).values():
        if len(several) > 1:
            problems += over_limit("attempts of one task", 1, spans_of_attempts(several))
            fences = [one.fence for one in sorted(several, key=lambda one: one.began)]
            if fences != sorted(set(fences)):
                problems.append(f"fences do not grow: {' | '.join(one.text() for one in several)}")
    return problems


def write_script(folder: Path) -> Path:
    """The script of all tasks, as a file."""
    path = folder / "effect.sh"
    path.write_text(SCRIPT)
    return path
