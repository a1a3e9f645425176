"""Group commit: one writer, and whatever has gathered goes into one transaction.

Whoever has new facts waits in `append` until they are durable; while one transaction syncs, the next batch
gathers. A store of which one call takes a fraction of a millisecond is called in place, since handing it to a
thread would take longer; any other in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio
from attrs import define, field

from cronicle.store.interface import Store
from cronicle.store.records import Transition

T = TypeVar("T")

LARGEST_BATCH = 500
"""Transitions in one transaction; bounds how long a transaction can take."""


@define(eq=False)
class _Entry:
    transition: Transition
    done: trio.Event = field(factory=trio.Event)
    sequence: int | None = None
    error: Exception | None = None


class Journal:
    """The way of all facts of this process into the store. `run` must be running in some nursery."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Entry] = []
        self._wake = trio.Event()
        self._failed: Exception | None = None
        self.commits = 0

    async def append(self, transition: Transition) -> int | None:
        """Store the facts of a run; returns when they are durable.

        Returns:
            The sequence number of the first event; None if the run belongs to somebody else.

        Raises:
            StoreError: The store cannot be written; nothing of the transition was stored.
        """
        if self._failed is not None:
            raise self._failed
        entry = _Entry(transition)
        self._waiting.append(entry)
        self._wake.set()
        await entry.done.wait()
        if entry.error is not None:
            raise entry.error
        return entry.sequence

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a method of the store that is not on the hot path."""
        if self._store.runs_in_place:
            result = function(*arguments)
            await trio.lowlevel.checkpoint()
            return result
        return await trio.to_thread.run_sync(function, *arguments)

    async def run(self) -> None:
        """Commit what gathers, for ever."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._waiting:
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                await self._commit(batch)

    async def _commit(self, batch: list[_Entry]) -> None:
        transitions = [entry.transition for entry in batch]
        try:
            # Shielded: a transaction under way is seen through to its end, so that its answer is known.
            with trio.CancelScope(shield=True):
                sequences = await self.call(self._store.append, transitions)
        except Exception as error:
            self._failed = error
            for entry in (*batch, *self._waiting):
                entry.error = error
                entry.done.set()
            self._waiting.clear()
            return
        self.commits += 1
        for entry, sequence in zip(batch, sequences, strict=True):
            entry.sequence = sequence
            entry.done.set()
