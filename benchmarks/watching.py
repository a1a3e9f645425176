"""Looking on while faults happen: which attempts are alive, and whether somebody drives every run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from attrs import define

from benchmarks.effects import Effects
from benchmarks.faults import Timeline, uptime
from cronicle.errors import CronicleError
from cronicle.runs.states import LIVE
from cronicle.store.location import open_reader
from cronicle.store.reading import StoreReader
from cronicle.store.records import RunFilter

EFFECTS_LOOK = 0.05
STORE_LOOK = 0.5

OWNED_WITHIN = 10.0
"""Seconds after a fault within which somebody drives every run again."""

MOST_LIVE = 100_000


class Watcher:
    """Does something again and again in a thread, until it is closed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Look for the last time, and end."""
        self._closed.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._closed.wait(self._seconds):
            self.look()
        self.look()

    def look(self) -> None:
        """What is done each time."""
        raise NotImplementedError


class EffectsWatcher(Watcher):
    """Reads what tasks write, and looks at the processes of those that have begun."""

    def __init__(self, path: Path, *, seconds: float = EFFECTS_LOOK) -> None:
        super().__init__(seconds)
        self.effects = Effects()
        self._path = path
        self._place = 0

    def look(self) -> None:
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
            self._place += len(data)
            self.effects.take(data.decode())
        self.effects.look(uptime())


@define(eq=False)
class Spell:
    """A time in which nobody drove a run."""

    run: str
    start: float
    counted_from: float
    is_told: bool = False


class OwnersWatcher(Watcher):
    """Looks in the store who drives the live runs; the process must be one that can do something."""

    def __init__(
        self,
        location: str,
        pids: Callable[[], frozenset[int]],
        timeline: Timeline,
        *,
        within: float = OWNED_WITHIN,
    ) -> None:
        super().__init__(STORE_LOOK)
        self._location = location
        self._pids = pids
        self._timeline = timeline
        self._within = within
        self._reader: StoreReader | None = None
        self._spells: dict[str, Spell] = {}
        self.longest = 0.0
        self.looks = 0
        self.problems: list[str] = []

    def close(self) -> None:
        super().close()
        self._let_go()

    def look(self) -> None:
        try:
            self._reader = self._reader or open_reader(self._location)
            live = self._reader.list_runs(RunFilter(states=tuple(LIVE), limit=MOST_LIVE))
            owners = {one.id: one.pid for one in self._reader.list_owners()}
        except (CronicleError, OSError):  # the database is away
            self._let_go()
            return
        now, pids, last_fault = uptime(), self._pids(), self._timeline.last_fault
        self.looks += 1
        alone = {run.id for run in live if run.owner is None or owners.get(run.owner) not in pids}
        for run_id in self._spells.keys() - alone:
            spell = self._spells.pop(run_id)
            self.longest = max(self.longest, now - spell.counted_from)
        for run_id in alone:
            spell = self._spells.setdefault(run_id, Spell(run_id, now, now))
            if last_fault > spell.counted_from:  # what was about to drive it may have been hit as well
                spell.counted_from = last_fault
            self._judge(spell, now)

    def _judge(self, spell: Spell, now: float) -> None:
        alone = now - spell.counted_from
        self.longest = max(self.longest, alone)
        if alone > self._within and not spell.is_told:
            spell.is_told = True
            self.problems.append(
                f"nobody drives run {spell.run} since {spell.start:.2f}, {alone:.1f} s after the last fault"
            )

    def _let_go(self) -> None:
        if self._reader is not None:
            with suppress(CronicleError, OSError):
                self._reader.close()
            self._reader = None
