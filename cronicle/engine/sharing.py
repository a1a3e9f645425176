"""Who of those that serve takes which runs. Pure.

Rules: what nobody owns goes to whoever has the least to do for each of its slots, of those that have the labels which
it needs; where nobody has them it stays. A process that has more queued runs than it can begin gives up some where
another that can execute them has slots to spare; the runs that it has begun stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from attrs import evolve, frozen

from cronicle.runs.labels import missing_labels
from cronicle.store.serving import ServingRecord
from cronicle.values import Value


@frozen(eq=False, repr=False)
class Move(Value):
    """That queued runs go from one process to another."""

    source: str
    target: str
    count: int


class Shares:
    """How much each process that serves has to do, while runs are shared out."""

    def __init__(self, serving: Iterable[ServingRecord]) -> None:
        self._serving = {one.owner: one for one in serving}

    @property
    def owners(self) -> frozenset[str]:
        """Those that serve."""
        return frozenset(self._serving)

    def can_take(self, owner: str | None, runs_on: tuple[str, ...]) -> bool:
        """True for one that serves and has these labels."""
        found = None if owner is None else self._serving.get(owner)
        return found is not None and not missing_labels(runs_on, found.labels)

    def next(self, runs_on: tuple[str, ...] = ()) -> str | None:
        """Who takes one run more, which needs these labels; None if nobody serves who has them."""
        able: Iterable[ServingRecord] = self._serving.values()
        if runs_on:
            able = [one for one in able if not missing_labels(runs_on, one.labels)]
        least = min(able, key=_load, default=None)
        if least is None:
            return None
        self._serving[least.owner] = evolve(least, live=least.live + 1)
        return least.owner


def moves(serving: Sequence[ServingRecord]) -> tuple[Move, ...]:
    """Which queued runs change hands so that no slot stays idle while others have more than they can begin."""
    found = []
    left = {one.owner: one for one in serving}
    for target in sorted(serving, key=_load):
        room = target.slots - target.live
        while room > 0:
            source = max(left.values(), key=partial(_spare, target=target), default=None)
            if source is None or source.owner == target.owner:
                break
            count = min(room, _spare(source, target))
            if count <= 0:
                break
            found.append(Move(source=source.owner, target=target.owner, count=count))
            left[source.owner] = evolve(source, live=source.live - count, queued=source.queued - count)
            room -= count
    return tuple(found)


def _load(one: ServingRecord) -> float:
    return (one.live + 1) / max(one.slots, 1)


def _waiting(one: ServingRecord) -> int:
    """Queued runs for which it has no slot."""
    return min(one.queued, one.live - one.slots)


def _spare(source: ServingRecord, target: ServingRecord) -> int:
    """Those of them that another can execute. Which ones have gone to somebody else is not known: never too many."""
    if not source.needing:
        return _waiting(source)
    tied = sum(count for runs_on, count in source.needing.items() if missing_labels(runs_on, target.labels))
    return min(_waiting(source), source.queued - tied)
