"""What a run could do next: questions to ask, slots to request, attempts to start, in the order of their priority.

A unit stands in at most one *lane*. There is a lane for each priority of those that could start now, and one for
each pool, or task with a lock, and priority of those that need slots of the pool, or the lock, first. In a lane,
units that back off stand sorted by the instant at which that ends; they are passed over until then, and are served
before the others after it.

Rules:

1. Asking changes nothing, and costs what is handed out, never how many wait.
2. No more attempts are handed out than there is room for; slots of a pool are requested only for attempts that
   could start at once, so that nobody holds slots that others could use. Requests take no room away from
   attempts that need no slots, since a pool may be full for hours.
3. A unit whose time to wait is over is given up before anything else is handed out, so that it is not started in the
   same breath.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice

from attrs import define, field

from cronicle.runs.actions import (
    Action,
    EvaluateTask,
    GiveUpWaiting,
    Question,
    RequestSlot,
    StartAttempt,
    WakeAt,
)
from cronicle.runs.spec import TaskSpec
from cronicle.runs.units import Unit, UnitId

_Later = tuple[datetime, int, UnitId]
"""When something is due for a unit, a number that makes the order one of arrival, and the unit."""


@define(eq=False, repr=False)
class Lane:
    """Units that wait for the same thing at the same priority."""

    ready: dict[UnitId, None] = field(factory=dict)
    """In the order in which they became ready."""
    later: list[_Later] = field(factory=list)
    """Sorted."""

    def due(self, now: datetime) -> Iterator[UnitId]:
        """The units whose turn it is: those that have backed off, then those that never did."""
        for not_before, _, unit in self.later:
            if not_before > now:
                break
            yield unit
        yield from self.ready

    def next_after(self, now: datetime) -> datetime | None:
        """The first instant after `now` at which a unit stops backing off."""
        index = bisect_right(self.later, now, key=_instant)
        return self.later[index][0] if index < len(self.later) else None


def _instant(entry: _Later) -> datetime:
    return entry[0]


_Lanes = dict[int, Lane]
"""By priority."""


class Agenda:
    """What the units of a run wait for, apart from their upstreams."""

    def __init__(self) -> None:
        self.questions: dict[UnitId, Question] = {}
        """Expressions to be evaluated, in the order in which they came up."""
        self._starts: _Lanes = {}
        self._wants: dict[tuple[str, str], _Lanes] = {}
        self._place: dict[UnitId, tuple[Lane, _Later | None, _Later | None]] = {}
        """The unit's lane, its place among those that back off, and its place in `_ends_of_waits`."""
        self._granted: set[UnitId] = set()
        self._ends_of_waits: list[_Later] = []
        """Sorted."""
        self._arrivals = 0

    def __contains__(self, unit: UnitId) -> bool:
        """True if the unit could start, were there room, a slot of its pool, and its back-off over."""
        return unit in self._place

    def queue(self, unit: Unit, task: TaskSpec) -> None:
        """Let a unit wait for its lock and pool, or for room; again, when it has been granted its slots."""
        self.drop(unit.id)
        may_start = unit.slot_granted or (task.pool is None and task.lock is None)
        lanes = self._starts if may_start else self._wants.setdefault(_wanted_by(task), {})
        lane = lanes.get(task.priority)
        if lane is None:
            lane = lanes[task.priority] = Lane()
        later: _Later | None = None
        if unit.not_before is None:
            lane.ready[unit.id] = None
        else:
            self._arrivals += 1
            later = (unit.not_before, self._arrivals, unit.id)
            insort(lane.later, later)
        end: _Later | None = None
        if unit.asks_again and unit.asks_until is not None:
            end = (unit.asks_until, self._arrivals, unit.id)
            insort(self._ends_of_waits, end)
        self._place[unit.id] = (lane, later, end)
        if unit.slot_granted:
            self._granted.add(unit.id)

    def drop(self, unit: UnitId) -> None:
        """Forget whatever a unit waited for: it has started or ended."""
        self.questions.pop(unit, None)
        place = self._place.pop(unit, None)
        if place is None:
            return
        lane, later, end = place
        if later is None:
            del lane.ready[unit]
        else:
            del lane.later[bisect_left(lane.later, later)]
        if end is not None:
            del self._ends_of_waits[bisect_left(self._ends_of_waits, end)]
        self._granted.discard(unit)

    def granted(self) -> list[UnitId]:
        """The units that have been granted their slots and have not started, always in the same order."""
        return sorted(self._granted, key=lambda unit: (unit[0], unit[1] or ""))

    def actions(
        self, now: datetime, room: int, units: Mapping[UnitId, Unit], tasks: Mapping[str, TaskSpec]
    ) -> Iterator[Action]:
        """What is to be done now, with room for so many more attempts."""
        over = bisect_right(self._ends_of_waits, now, key=_instant) if self._ends_of_waits else 0
        if over:
            for _, _, unit_id in self._ends_of_waits[:over]:
                yield GiveUpWaiting(*unit_id)
            return
        for unit_id, question in self.questions.items():
            yield EvaluateTask(*unit_id, question)
        if room > len(self._granted):
            for lanes in self._wants.values():
                for unit_id in islice(_by_priority(lanes, now), room - len(self._granted)):
                    task = tasks[unit_id[0]]
                    attempt = units[unit_id].attempt + 1
                    has_lock = task.lock is not None
                    yield RequestSlot(*unit_id, attempt, task.pool, task.pool_slots, task.priority, has_lock)
        if room > 0:
            for unit_id in islice(_by_priority(self._starts, now), room):
                yield StartAttempt(*unit_id, units[unit_id].attempt + 1)
        wakes = [wake for lane in self._lanes() if lane.later and (wake := lane.next_after(now))]
        wakes += [end for end, _, _ in self._ends_of_waits[:1]]
        if wakes:
            yield WakeAt(min(wakes))

    def _lanes(self) -> Iterator[Lane]:
        yield from self._starts.values()
        for lanes in self._wants.values():
            yield from lanes.values()


def _wanted_by(task: TaskSpec) -> tuple[str, str]:
    """What a task's units queue for; those that need a lock do so by task, since its key is not known here."""
    return ("lock", task.name) if task.lock is not None else ("pool", task.pool or "")


def _by_priority(lanes: _Lanes, now: datetime) -> Iterator[UnitId]:
    for priority in sorted(lanes, reverse=True):
        yield from lanes[priority].due(now)
