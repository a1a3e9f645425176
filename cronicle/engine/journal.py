"""Group commit: whatever has gathered goes into one transaction.

Whoever has new facts waits in `append` until they are durable. The first to come commits for all who come in the
same round of the event loop, and for all who come while another transaction is under way. There is no task that
writes: handing facts to one and being woken by it would cost a lone commit half as much again.

Where a process is to outlive a full disk or a lock that nobody releases, what cannot be written waits and is tried
again (`heal`). That is safe for what was refused as a whole; after a write of which it is not known whether it
happened nothing more is written.

A store of which one call takes a fraction of a millisecond is called in place, for the same reason; any other in a
thread, one transaction at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio
from attrs import define, field

from cronicle.store.interface import Store, StoreError, UncertainWriteError
from cronicle.store.records import Transition

T = TypeVar("T")

Trouble = Callable[[StoreError | None], None]
"""Told what keeps the store from being written; None when it can be written again."""

TRY_AGAIN = 1.0
"""Seconds until what the store has refused is tried again."""

LARGEST_BATCH = 500
"""Transitions in one transaction; bounds how long a transaction can take."""


@define(eq=False)
class _Batch:
    """Transitions that are stored together."""

    transitions: list[Transition] = field(factory=list)
    done: trio.Event = field(factory=trio.Event)
    sequences: tuple[int | None, ...] = ()
    error: Exception | None = None


class Journal:
    """The way of all facts of this process into the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trouble: Trouble | None = None
        self._has_trouble = False
        self._gathering = _Batch()
        self._turn = trio.Lock()
        self._failed: Exception | None = None
        self.commits = 0

    def heal(self, trouble: Trouble) -> None:
        """From now on wait with what cannot be written until it can; `trouble` is told when that begins and ends."""
        self._trouble = trouble

    async def append(self, transition: Transition) -> int | None:
        """Store the facts of a run; returns when they are durable.

        Returns:
            The sequence number of the first event; None if the run belongs to somebody else.

        Raises:
            StoreError: The store cannot be written, now or ever again by this process; nothing of the transition
                was stored. Everybody who waits gets the same.
        """
        if self._failed is not None:
            raise self._failed
        batch = self._gathering
        position = len(batch.transitions)
        batch.transitions.append(transition)
        if position + 1 == LARGEST_BATCH:
            self._gathering = _Batch()
        if position == 0:
            await self._commit_for_all(batch)
        else:
            await batch.done.wait()
        if batch.error is not None:
            raise batch.error
        return batch.sequences[position]

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a method of the store that is not on the hot path."""
        while True:
            try:
                result = await self._call(function, *arguments)
            except StoreError as error:
                await self._wait_after(error)
            else:
                self._is_well()
                return result

    async def _call(self, function: Callable[..., T], *arguments: object) -> T:
        if self._store.runs_in_place:
            result = function(*arguments)
            await trio.lowlevel.checkpoint()
            return result
        return await trio.to_thread.run_sync(function, *arguments)

    async def _commit_for_all(self, batch: _Batch) -> None:
        """Commit what gathers in a batch, also if the caller is cancelled meanwhile: others wait for it, too."""
        if self._store.runs_in_place:
            await trio.lowlevel.cancel_shielded_checkpoint()  # the others of this round gather
            self._commit(self._close(batch))
            while isinstance(batch.error, StoreError) and self._may_heal(batch.error):
                with trio.CancelScope(shield=True):
                    await self._wait_after(batch.error)
                batch.error = None
                self._commit(batch)
            self._note(batch)
        else:
            with trio.CancelScope(shield=True):
                async with self._turn:
                    await trio.to_thread.run_sync(self._commit, self._close(batch))
                    self._note(batch)
        batch.done.set()

    def _close(self, batch: _Batch) -> _Batch:
        """Whoever comes from now on gathers in another."""
        if self._gathering is batch:
            self._gathering = _Batch()
        return batch

    def _commit(self, batch: _Batch) -> None:
        try:
            if self._failed is not None:
                raise self._failed
            batch.sequences = self._store.append(batch.transitions)
            self.commits += 1
        except Exception as error:
            batch.error = error

    def _note(self, batch: _Batch) -> None:
        """After an error nothing more is written by this process; after none all is well."""
        if batch.error is None:
            self._is_well()
        else:
            self._failed = batch.error

    def _may_heal(self, error: StoreError) -> bool:
        return self._trouble is not None and not isinstance(error, UncertainWriteError)

    async def _wait_after(self, error: StoreError) -> None:
        """Wait a little before what has failed is tried again.

        Raises:
            StoreError: It is not to be tried again.
        """
        if self._trouble is None or not self._may_heal(error):
            raise error
        if not self._has_trouble:
            self._has_trouble = True
            self._trouble(error)
        await trio.sleep(TRY_AGAIN)

    def _is_well(self) -> None:
        if self._has_trouble and self._trouble is not None:
            self._has_trouble = False
            self._trouble(None)
