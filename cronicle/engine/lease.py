"""The lease of a process on its runs, where owners are alive for only so long as they say so (PostgreSQL).

Rules:

1. It is renewed four times within its length, and counts from before the renewal was asked for, by this process's
   own steady clock.
2. A process that finds the end of it passed has been stopped, or cut off from the store. It starts nothing before it
   has renewed it; what runs goes on, since as long as the store is away nobody else can have taken over.
3. A renewal that is refused says that others have settled this process: its runs are theirs. `LeaseLostError` then
   ends all that it does, attempts included, and it may join again as another owner.
"""

from __future__ import annotations

import trio

from cronicle.engine.journal import Journal
from cronicle.errors import CronicleError
from cronicle.store.interface import Store, UnwritableError

RENEWALS = 4
"""Within the length of a lease."""

TRY_AGAIN = 0.2
"""Seconds until a renewal is tried again while the store is away."""


class LeaseLostError(CronicleError):
    """Others have taken over what this process owned."""

    def __init__(self) -> None:
        super().__init__(
            "this process was stopped, or cut off from the store, for so long that others have taken over its runs",
            "Its attempts were ended. See what became of the runs: cronicle runs",
        )


class Lease:
    """The lease of one owner; without a length it holds for ever."""

    def __init__(self, store: Store, journal: Journal, owner: str) -> None:
        self._store = store
        self._journal = journal
        self._owner = owner
        self._length = store.lease_seconds
        self._until = float("inf") if self._length is None else trio.current_time() + self._length
        self._renewing = trio.Lock()

    def holds(self) -> bool:
        """True while nobody can have taken over."""
        return trio.current_time() < self._until

    async def confirm(self) -> None:
        """Wait until it is certain that nobody has taken over; nearly always that is known.

        Raises:
            LeaseLostError: Somebody has.
        """
        while not self.holds():
            async with self._renewing:
                if not self.holds() and not await self._renew():
                    await trio.sleep(TRY_AGAIN)

    async def keep(self) -> None:
        """Renew it for ever.

        Raises:
            LeaseLostError: Somebody has taken over.
        """
        if self._length is None:
            return
        while True:
            async with self._renewing:
                is_renewed = await self._renew()
            await trio.sleep(self._length / RENEWALS if is_renewed else TRY_AGAIN)

    async def _renew(self) -> bool:
        """True if it was renewed; False if the store is away."""
        assert self._length is not None
        asked = trio.current_time()
        try:
            is_held = await self._journal.call_once(self._store.renew_lease, self._owner)
        except UnwritableError:
            return False
        if not is_held:
            raise LeaseLostError
        self._until = asked + self._length
        return True
