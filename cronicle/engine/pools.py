"""Slots of pools, and locks, which all processes of the store share: granted by transactions of the store.

A lock is a pool of one slot, named `lock/KEY`. An attempt that needs its lock and slots of a pool asks for the lock
first, and for the slots when it has that: whoever holds slots of a pool waits for no lock, so that nobody waits for
each other for ever, and no slot of a pool lies idle while its holder waits for a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from cronicle.engine.recovery import settle_dead_owners
from cronicle.runs import events as ev
from cronicle.store.interface import UnwritableError
from cronicle.store.records import SlotRequest

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner


LOOK_FOR_THE_DEAD = 1.0
"""Seconds between two looks for dead owners while slots are waited for."""

LOCK_PREFIX = "lock/"
"""No pool that a workflow declares has a name with a slash."""

_Wish = tuple[str, str, str | None, int]
"""Run, task, key and attempt."""


def lock_pool(key: str) -> str:
    """The pool that a lock is."""
    return LOCK_PREFIX + key


class Pools:
    """This process's wishes for slots of pools and for locks, and their delivery to its runs."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._sizes: dict[str, int] = {}
        """Of the pools that workflows declare. Locks come and go: there may be one for each date."""
        self._waiting: dict[_Wish, list[SlotRequest]] = {}
        """What has not been granted: what was asked for, and what is asked for after it."""

    async def request(self, requests: Iterable[Sequence[SlotRequest]], sizes: Mapping[str, int]) -> None:
        """Queue for what each attempt needs, one after the other; what is free is granted at once."""
        asked = [list(needs) for needs in requests]
        self._waiting |= {_wish_of(needs[0]): needs for needs in asked}
        await self._owner.journal.call(self._owner.store.request_slots, [needs[0] for needs in asked])
        await self.released(sizes)

    async def released(self, sizes: Mapping[str, int]) -> None:
        """Slots of these pools and locks may have become free: grant them, here and to other processes."""
        self._sizes.update((pool, size) for pool, size in sizes.items() if not pool.startswith(LOCK_PREFIX))
        await self._grant(sizes)

    async def look(self) -> None:
        """Take up what was granted meanwhile: by others, or because a process died."""
        if self._sizes or self._waiting:
            await self._grant({})
            granted = await self._owner.journal.call(self._owner.store.list_grants, self._owner.id)
            await self._take(granted)

    async def free_those_of_the_dead(self) -> None:
        """Settle dead owners for as long as slots are waited for, since these might hold them; for ever."""
        while True:
            await trio.sleep(LOOK_FOR_THE_DEAD)
            self._waiting = {
                wish: needs for wish, needs in self._waiting.items() if wish[0] in self._owner.drivers
            }
            if self._waiting:
                with suppress(UnwritableError):  # as long as it lasts, in vain
                    await settle_dead_owners(self._owner.store, self._owner.clock)

    async def _grant(self, sizes: Mapping[str, int]) -> None:
        locks = {needs[0].pool: 1 for needs in self._waiting.values() if needs[0].pool not in self._sizes}
        wanted = {**locks, **self._sizes, **sizes}
        granted = await self._owner.journal.call(self._owner.store.grant_slots, wanted)
        for other in {grant.owner for grant in granted} - {self._owner.id}:
            self._owner.wake_other(other)
        await self._take(tuple(grant for grant in granted if grant.owner == self._owner.id))

    async def _take(self, grants: Iterable[SlotRequest]) -> None:
        """Deliver what is complete, and ask for the rest of what is not."""
        more: list[SlotRequest] = []
        for grant in grants:
            needs = self._waiting.get(_wish_of(grant))
            if needs is not None and needs[0].pool == grant.pool:
                del needs[0]
                if needs:
                    more.append(needs[0])
            if not needs:
                self._waiting.pop(_wish_of(grant), None)
                self._deliver(grant)
        if more:
            await self._owner.journal.call(self._owner.store.request_slots, more)
            await self._grant({})

    def _deliver(self, grant: SlotRequest) -> None:
        if driver := self._owner.drivers.get(grant.run_id):
            driver.deliver(
                ev.SlotGranted(
                    at=self._owner.clock.now(), task=grant.task, key=grant.key, attempt=grant.attempt
                )
            )


def _wish_of(request: SlotRequest) -> _Wish:
    return request.run_id, request.task, request.key, request.attempt
