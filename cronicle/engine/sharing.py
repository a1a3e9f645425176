"""Who of those that serve takes which runs. Pure.

Rules: what nobody owns goes to whoever has the least to do for each of its slots. A process that has more queued runs
than it can begin gives up some where another has slots to spare; the runs that it has begun stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

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

    def next(self) -> str | None:
        """Who takes one run more; None if nobody serves."""
        least = min(self._serving.values(), key=_load, default=None)
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
            source = max(left.values(), key=_waiting, default=None)
            if source is None or source.owner == target.owner or _waiting(source) <= 0:
                break
            count = min(room, _waiting(source), source.queued)
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
