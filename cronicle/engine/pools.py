"""Slots of pools, which all processes of the store share: asked for and granted by transactions of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import trio

from cronicle.engine.recovery import settle_dead_owners
from cronicle.runs import events as ev
from cronicle.store.records import SlotRequest

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner


LOOK_FOR_THE_DEAD = 1.0
"""Seconds between two looks for dead owners while slots are waited for."""


class Pools:
    """This process's wishes for slots of pools, and their delivery to its runs."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._sizes: dict[str, int] = {}
        self._waiting: set[tuple[str, str, str | None, int]] = set()
        """Run, task, key and attempt of the wishes that have not been granted."""

    async def request(self, requests: Sequence[SlotRequest], sizes: Mapping[str, int]) -> None:
        """Queue for slots; what is free is granted at once."""
        self._waiting |= {(wish.run_id, wish.task, wish.key, wish.attempt) for wish in requests}
        await self._owner.journal.call(self._owner.store.request_slots, requests)
        await self.released(sizes)

    async def released(self, sizes: Mapping[str, int]) -> None:
        """Slots may have become free: grant them, here and to other processes."""
        self._sizes.update(sizes)
        granted = await self._owner.journal.call(self._owner.store.grant_slots, dict(self._sizes))
        self._deliver(tuple(grant for grant in granted if grant.owner == self._owner.id))
        for other in {grant.owner for grant in granted} - {self._owner.id}:
            self._owner.wake_other(other)

    async def look(self) -> None:
        """Take up what was granted meanwhile: by others, or because a process died."""
        if self._sizes:
            await self.released({})
            self._deliver(await self._owner.journal.call(self._owner.store.list_grants, self._owner.id))

    async def free_those_of_the_dead(self) -> None:
        """Settle dead owners for as long as slots are waited for, since these might hold them; for ever."""
        while True:
            await trio.sleep(LOOK_FOR_THE_DEAD)
            self._waiting = {wish for wish in self._waiting if wish[0] in self._owner.drivers}
            if self._waiting:
                await settle_dead_owners(self._owner.store, self._owner.clock)

    def _deliver(self, grants: Sequence[SlotRequest]) -> None:
        for grant in grants:
            self._waiting.discard((grant.run_id, grant.task, grant.key, grant.attempt))
            if driver := self._owner.drivers.get(grant.run_id):
                driver.deliver(
                    ev.SlotGranted(
                        at=self._owner.clock.now(), task=grant.task, key=grant.key, attempt=grant.attempt
                    )
                )
