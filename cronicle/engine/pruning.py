"""Removing what is past its time while a scheduler serves: short steps in a thread, with pauses between.

The steps use a connection of their own, so that the event loop never waits for a folder to be walked, and the journal
waits for a lock no longer than one step's transaction takes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import trio

from cronicle.clock import Clock
from cronicle.operations.prune import prune
from cronicle.operations.pruned import Pruned
from cronicle.store.interface import Store

_log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05
"""Between two steps: others come first."""


async def prune_once(
    open_store: Callable[[], Store], files: Path, clock: Clock, *, pause: float = PAUSE_SECONDS
) -> Pruned:
    """Remove all that is past its time, and say so in the log; what was removed.

    Args:
        open_store: Opens the store once more; called in a thread.
        files: The files folder of this machine.
        clock: Where the present moment comes from.
        pause: Seconds between two steps.

    Raises:
        OSError: The files folder cannot be read.
        StoreError: The store cannot be opened or written.
    """
    store = await trio.to_thread.run_sync(open_store)
    steps = prune(store, files, clock.now())
    total = Pruned()
    try:
        while (removed := await trio.to_thread.run_sync(partial(_next, steps))) is not None:
            for problem in removed.problems:
                _log.warning("%s", problem)
            total += removed
            await trio.sleep(pause)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(partial(_close, steps, store))
    if not total.is_nothing:
        _log.info(
            "Removed what was past its time: %d runs, the logs of %d, the data of %d, %d preparations (%d bytes).",
            total.runs,
            total.logs,
            total.run_data,
            total.prepared,
            total.bytes,
        )
    return total


def _next(steps: Iterator[Pruned]) -> Pruned | None:
    return next(steps, None)


def _close(steps: Generator[Pruned, None, None], store: Store) -> None:
    steps.close()
    store.close()
