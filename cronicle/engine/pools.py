"""Slots of pools, which all processes of the store share: asked for and granted by transactions of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cronicle.runs import events as ev
from cronicle.store.records import SlotRequest

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner


class Pools:
    """This process's wishes for slots of pools, and their delivery to its runs."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._sizes: dict[str, int] = {}

    async def request(self, requests: Sequence[SlotRequest], sizes: Mapping[str, int]) -> None:
        """Queue for slots; what is free is granted at once."""
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

    def _deliver(self, grants: Sequence[SlotRequest]) -> None:
        for grant in grants:
            if driver := self._owner.drivers.get(grant.run_id):
                driver.deliver(
                    ev.SlotGranted(
                        at=self._owner.clock.now(), task=grant.task, key=grant.key, attempt=grant.attempt
                    )
                )
