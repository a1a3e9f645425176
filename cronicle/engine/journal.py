"""Group commit: whatever has gathered goes into one transaction.

Whoever has new facts waits in `append` until they are durable. The first to come commits for all who come in the
same round of the event loop, and for all who come while another transaction is under way. There is no task that
writes: handing facts to one and being woken by it would cost a lone commit half as much again.

A store of which one call takes a fraction of a millisecond is called in place, for the same reason; any other in a
thread, one transaction at a time.

Where a process is to outlive a full disk or a lock that somebody keeps (`heal`), what cannot be written waits until
it can be (`cronicle.engine.patience`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Protocol, TypeVar

import trio
from attrs import define, field

from cronicle.engine.patience import Patience, Trouble
from cronicle.store.interface import Store, UnwritableError
from cronicle.store.records import Transition

T = TypeVar("T")

LARGEST_BATCH = 500
"""Transitions in one transaction; bounds how long a transaction can take."""


class CommitWatch(Protocol):
    """Who counts transactions; `cronicle.metrics.Metrics` does."""

    def committed(self, seconds: float, transitions: int) -> None: ...
    def commit_failed(self) -> None: ...


@define(eq=False, repr=False)
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
        self._patience = Patience()
        self._gathering = _Batch()
        self._turn = trio.Lock()
        self._failed: Exception | None = None
        self.commits = 0
        self.watch: CommitWatch | None = None

    @property
    def has_failed(self) -> bool:
        """True if this process writes nothing any more, and so is to end."""
        return self._failed is not None

    def heal(self, trouble: Trouble) -> None:
        """From now on wait with what cannot be written until it can; `trouble` is told when that begins and ends."""
        self._patience.begin(trouble)

    def give_up(self) -> None:
        """Wait no more: what cannot be written is an error from now on."""
        self._patience.give_up()

    @property
    def is_well(self) -> bool:
        """True unless what is to be written waits because it cannot be, or never will be by this process."""
        return self._failed is None and not self._patience.has_trouble

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
        """Call a method of the store that is not on the hot path; it reads, or writes all or nothing."""
        return await self._patience.until_done(partial(self._call, function, *arguments), writes=False)

    async def call_once(self, function: Callable[..., T], *arguments: object) -> T:
        """As `call`, but nobody waits until the store can be written."""
        return await self._call(function, *arguments)

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
            if not self._commit_at_once(self._close(batch)):
                with trio.CancelScope(shield=True):
                    await self._commit_patiently(batch)
        else:
            with trio.CancelScope(shield=True):
                async with self._turn:
                    await self._commit_patiently(self._close(batch))
        batch.done.set()

    def _commit_at_once(self, batch: _Batch) -> bool:
        """Commit a batch without waiting for anything: nearly always. False if it is to be tried with patience."""
        if self._patience.has_trouble:
            return False
        try:
            self._commit_in_place(batch)
        except UnwritableError as error:
            if self._patience.is_on:
                return False
            batch.error = self._failed = error
        except Exception as error:
            batch.error = self._failed = error
        return True

    async def _commit_patiently(self, batch: _Batch) -> None:
        """Commit a batch; after an error nothing more is written by this process."""
        try:
            await self._patience.until_done(partial(self._commit, batch), writes=True)
        except Exception as error:
            batch.error = self._failed = error

    async def _commit(self, batch: _Batch) -> None:
        if self._store.runs_in_place:
            self._commit_in_place(batch)
        else:
            await trio.to_thread.run_sync(self._commit_in_place, batch)

    def _commit_in_place(self, batch: _Batch) -> None:
        if self._failed is not None:
            raise self._failed
        begun = perf_counter()
        try:
            batch.sequences = self._store.append(batch.transitions)
        except Exception:
            if self.watch is not None:
                self.watch.commit_failed()
            raise
        self.commits += 1
        if self.watch is not None:
            self.watch.committed(perf_counter() - begun, len(batch.transitions))

    def _close(self, batch: _Batch) -> _Batch:
        """Whoever comes from now on gathers in another."""
        if self._gathering is batch:
            self._gathering = _Batch()
        return batch
