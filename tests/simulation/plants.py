"""Bugs that are planted on purpose: a simulation that does not find them is worth nothing.

Each replaces a piece of Cronicle by one with a mistake that somebody could make, for as long as the context is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

from attrs import evolve

from cronicle.operations import settlements as settling
from cronicle.operations.served import ServedEnvironment
from cronicle.runs.machine import RunMachine
from cronicle.schedule.owed import Deployed, OwedSpan
from cronicle.store.relational import leader
from cronicle.store.relational.writer import RelationalStore

INSTANT = timedelta.resolution


@contextmanager
def _replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    former = place.__dict__[name]
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, former)


def cursor_before_run() -> AbstractContextManager[None]:
    """The cursor is moved in one transaction, and the runs are inserted in the next."""
    settle = RelationalStore.settle

    def planted(self: Any, epoch: int, settlements: Any, progress: Any = None) -> Any:
        moved = settle(self, epoch, [evolve(one, runs=()) for one in settlements], progress)
        if moved is None:
            return None
        self.crash_point()
        rest = [
            evolve(
                one,
                cursor=None,
                expected=one.cursor.position if one.cursor else one.expected,
                owed=(),
                dropped=(),
            )
            for one in settlements
        ]
        return settle(self, epoch, rest, progress)

    return _replaced(RelationalStore, "settle", planted)


def epoch_unchecked() -> AbstractContextManager[None]:
    """Whoever has led once may write for ever."""
    whoever_leads = "SELECT owner FROM leader WHERE owner IS NOT NULL"
    return _replaced(
        leader, "leader_of", lambda connection, epoch: connection.value(whoever_leads) or "whoever"
    )


def retry_counter_lost() -> AbstractContextManager[None]:
    """A run that is taken up again has all of its attempts again."""
    replay = RunMachine.replay.__func__  # type: ignore[attr-defined]

    def planted(cls: Any, spec: Any, events: Any) -> Any:
        machine = replay(cls, spec, events)
        for unit in machine.units.values():
            unit.used = 0
        return machine

    return _replaced(RunMachine, "replay", classmethod(planted))


def catchup_twice() -> AbstractContextManager[None]:
    """The tick that is on time is owed as well."""
    assess = settling.assess

    def planted(segments: Any, **named: Any) -> Any:
        found = assess(segments, **named)
        if not found.on_time or not found.owed:
            return found
        due = found.on_time[-1]
        at = due.tick.logical_time
        twice = OwedSpan(deployment=due.deployment, after=at - INSTANT, until=at, count=1)
        return evolve(found, owed=(*found.owed, twice))

    return _replaced(settling, "assess", planted)


def changed_fires_past() -> AbstractContextManager[None]:
    """What is owed since the cursor is what the schedule that holds now says, also of the time before it."""

    def planted(self: Any, series: Any) -> list[Deployed]:
        return [
            Deployed(number=self.deployment.number, at=series.cursor.position, schedules=series.schedules)
        ]

    return _replaced(ServedEnvironment, "deployments", planted)


PLANTS: Mapping[str, Callable[[], AbstractContextManager[None]]] = {
    "cursor-before-run": cursor_before_run,
    "epoch-unchecked": epoch_unchecked,
    "retry-counter-lost": retry_counter_lost,
    "catchup-twice": catchup_twice,
    "changed-fires-past": changed_fires_past,
}


def planted(name: str | None) -> AbstractContextManager[None]:
    """That bug, or none."""
    return PLANTS[name]() if name else nullcontext()
