"""Schedulers over one store, and what is done to them: killed, stopped and woken, ended and replaced, by a seed.

At least one of them is left alone at any time, so that somebody is there to go on; the database is restarted under
all of them. What was done when is on record, in seconds since the machine was started.
"""

from __future__ import annotations

import heapq
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from attrs import define, field, frozen

LEASE_SECONDS = 3.0

STOPPED_SECONDS = (5.0, 8.0)
"""For how long a process is stopped: longer than the lease."""

AWAY_SECONDS = (1.0, 4.0)
"""From the end of a process to its next start."""

DRAIN_SECONDS = 60.0
"""In which a scheduler that was told to end has ended: no task takes nearly as long."""

YOUNG_SECONDS = 10.0
"""In which a scheduler has begun, also on a machine that has much to do."""

NO_DATABASE = "cannot be reached: connection failed"
"""What a scheduler says that is started while the database is not there; it ends, and is started again."""

WELL_SECONDS = 5.0
"""After its start, or since it was woken, a scheduler is at work; another is only hit if such a one is left."""

LOOK = 0.05


def uptime() -> float:
    """Seconds since the machine was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@frozen
class Happened:
    """A line of the record."""

    at: float
    what: str
    is_fault: bool = False

    def text(self) -> str:
        """For people."""
        return f"{self.at:10.2f}  {self.what}"


class Timeline:
    """What has happened, in order; may be read by other threads."""

    def __init__(self) -> None:
        self.lines: list[Happened] = []

    def note(self, what: str, *, is_fault: bool = False) -> None:
        """Something happens now."""
        self.lines.append(Happened(uptime(), what, is_fault))

    @property
    def last_fault(self) -> float:
        """When something was last done to somebody."""
        return max((one.at for one in self.lines if one.is_fault), default=0.0)

    def around(self, at: float, seconds: float = 15.0) -> list[str]:
        """What happened near to a moment."""
        return [one.text() for one in self.lines if abs(one.at - at) <= seconds]


@define(eq=False)
class Serve:
    """A place for a scheduler; its process comes and goes."""

    number: int
    words: list[str]
    folder: Path
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    state: str = "away"
    """`up`, `stopped`, `draining`, `away`."""
    since: float = 0.0
    started: float = 0.0
    _file: IO[bytes] | None = None

    def start(self) -> None:
        """Start a process in this place."""
        self._file = self.log.open("ab")
        self.process = subprocess.Popen(
            self.words,
            cwd=self.folder,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._file,
        )
        self.started = uptime()
        self._is("up")

    def kill(self) -> None:
        """As `kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.reap()

    def stop(self) -> None:
        """SIGSTOP: it does nothing any more, and does not know that time passes."""
        self._send(signal.SIGSTOP, "stopped")

    def wake(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT, "up")

    def drain(self) -> None:
        """TERM."""
        self._send(signal.SIGTERM, "draining")

    def has_ended(self) -> bool:
        """True if there is no process in this place (any more)."""
        return self.process is None or self.process.poll() is not None

    def reap(self) -> int:
        """Wait for the end of the process; its exit code."""
        assert self.process is not None
        code = self.process.wait()
        if self._file is not None:
            self._file.close()
        self._is("away")
        return code

    @property
    def last_words(self) -> str:
        """The end of what its processes have said."""
        return self.log.read_text(errors="replace")[-500:] if self.log.exists() else ""

    @property
    def pid(self) -> int | None:
        """Of its process, if that can do something."""
        at_work = self.process is not None and self.state in ("up", "draining")
        return self.process.pid if at_work and self.process is not None else None

    def _send(self, number: signal.Signals, state: str) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self._is(state)

    def _is(self, state: str) -> None:
        self.state, self.since = state, uptime()


@frozen
class Plan:
    """Which faults, and how often."""

    every: float
    """Seconds between two, on average."""
    weights: Mapping[str, int]
    """By `kill`, `stop`, `drain`, `fast`, `immediate`."""


@define(eq=False)
class Faults:
    """Does things to schedulers, and to their database."""

    serves: list[Serve]
    plan: Plan
    chance: random.Random
    timeline: Timeline
    restart_database: Callable[[str], None] | None = None
    """Restarts it, `fast` or `immediate`; None: there is none."""
    problems: list[str] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    _todo: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _number: int = 0
    _restarting: threading.Thread | None = None

    def go_on(self, seconds: float) -> None:
        """Do things for so long, and then until all are up again."""
        begun = uptime()
        until = begun + seconds
        next_at = begun + self._pause()
        while uptime() < until or self._is_busy():
            if next_at <= uptime() < until:
                self._do_something()
                next_at = uptime() + self._pause()
            self._do_what_is_due()
            time.sleep(LOOK)
        self.timeline.note("no more faults")

    def do(self, what: str, serve: Serve, seconds: float = 0) -> None:
        """Do something to a scheduler now; it is started again, or woken, after so many seconds."""
        self.counts[what] += 1
        self.timeline.note(f"{what} serve {serve.number} (process {serve.pid})", is_fault=True)
        if what == "kill":
            serve.kill()
            self._later(seconds, lambda: self._start(serve))
        elif what == "stop":
            serve.stop()
            self._later(seconds, lambda: self._wake(serve))
        else:
            serve.drain()

    def watch(self, seconds: float = 0) -> None:
        """See to those that end, and to what is due, for so long."""
        until = uptime() + seconds
        self._do_what_is_due()
        while uptime() < until:
            time.sleep(LOOK)
            self._do_what_is_due()

    def end(self) -> None:
        """Have all drain, and wait for it."""
        for serve in self.serves:
            if not serve.has_ended():
                serve.drain()
        for serve in self.serves:
            if serve.process is None or serve.state == "away":
                continue
            try:
                serve.process.wait(DRAIN_SECONDS)
            except subprocess.TimeoutExpired:
                self.problems.append(f"serve {serve.number} does not end")
                serve.process.kill()
            self._expect_good_end(serve, serve.reap())

    def kill_all(self) -> None:
        """Whatever has happened, leave nothing."""
        for serve in self.serves:
            if serve.process is not None and serve.process.poll() is None:
                serve.process.kill()
                serve.reap()

    @property
    def pids(self) -> frozenset[int]:
        """Processes that can do something."""
        return frozenset(serve.pid for serve in self.serves if serve.pid is not None)

    # -- what is done --------------------------------------------------------------------------------------

    def _pause(self) -> float:
        return self.chance.uniform(0.2, 1.8) * self.plan.every

    def _do_something(self) -> None:
        names = list(self.plan.weights)
        [what] = self.chance.choices(names, [self.plan.weights[name] for name in names])
        if what in ("fast", "immediate"):
            if self.restart_database is not None and self._restarting is None:
                self._restart(what)
            return
        up = [serve for serve in self.serves if serve.state == "up"]
        well = [serve for serve in up if uptime() - serve.since > WELL_SECONDS]
        serve = self.chance.choice(self.serves)
        seconds = self.chance.uniform(*(STOPPED_SECONDS if what == "stop" else AWAY_SECONDS))
        if serve not in up or (len(self.serves) > 1 and not [one for one in well if one is not serve]):
            return
        if what == "drain" and uptime() - serve.started < YOUNG_SECONDS:
            return  # TERM ends a program that has not begun, and so it should
        self.do(what, serve, seconds)

    def _restart(self, how: str) -> None:
        assert self.restart_database is not None
        restart = self.restart_database
        self.counts[how] += 1
        self.timeline.note(f"restart of the database ({how})", is_fault=True)

        def do() -> None:
            try:
                restart(how)
            except Exception as error:
                self.problems.append(f"the database cannot be restarted: {error}")
            self.timeline.note("the database is back", is_fault=True)

        self._restarting = threading.Thread(target=do)
        self._restarting.start()

    def _start(self, serve: Serve) -> None:
        serve.start()
        self.timeline.note(f"start serve {serve.number} (process {serve.pid})")

    def _wake(self, serve: Serve) -> None:
        serve.wake()
        self.timeline.note(f"wake serve {serve.number} (process {serve.pid})")

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._todo, (uptime() + seconds, self._number, do))

    def _do_what_is_due(self) -> None:
        while self._todo and self._todo[0][0] <= uptime():
            heapq.heappop(self._todo)[2]()
        if self._restarting is not None and not self._restarting.is_alive():
            self._restarting.join()
            self._restarting = None
        for serve in self.serves:
            if serve.state in ("up", "draining") and serve.has_ended():
                was_asked = serve.state == "draining"
                code = serve.reap()
                self.timeline.note(f"end of serve {serve.number}, exit code {code}")
                if was_asked:
                    self._expect_good_end(serve, code)
                elif uptime() - serve.started < YOUNG_SECONDS and NO_DATABASE in serve.last_words:
                    self.timeline.note(f"serve {serve.number} has found no database, and is started again")
                else:
                    self.problems.append(
                        f"serve {serve.number} ended by itself, exit code {code}: {serve.log}"
                    )
                self._later(self.chance.uniform(*AWAY_SECONDS), lambda serve=serve: self._start(serve))
            elif serve.state == "draining" and uptime() - serve.since > DRAIN_SECONDS:
                self.problems.append(f"serve {serve.number} does not end")
                serve.kill()
                self._later(1.0, lambda serve=serve: self._start(serve))

    def _expect_good_end(self, serve: Serve, code: int) -> None:
        if code != 0:
            self.problems.append(f"serve {serve.number} drained with exit code {code}: {serve.log}")

    def _is_busy(self) -> bool:
        return (
            bool(self._todo)
            or self._restarting is not None
            or any(serve.state != "up" for serve in self.serves)
        )
