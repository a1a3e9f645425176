"""What a process that serves does beside its work: it tells that it lives, and removes what is past its time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import trio

from cronicle.clock import Clock
from cronicle.engine.notify import Notifier
from cronicle.engine.pruning import PAUSE_SECONDS, prune_once
from cronicle.store.interface import Store, StoreError

_log = logging.getLogger(__name__)

STATUS_EVERY = 10.0
"""Seconds between two lines of status for the service manager, at most."""

FIRST_PRUNING = 600.0
"""Seconds from the start to the first look for what is past its time: a start has better things to do."""

PRUNE_EVERY = 86_400.0
"""Seconds between two of them."""


async def tell_that_it_lives(notifier: Notifier, status: Callable[[], str]) -> None:
    """Tell the service manager that this process is ready, and from then on that it lives, for ever.

    It is told by the event loop that does all the work: a loop that hangs tells nothing, and is ended.
    """
    if not notifier.is_heard:
        return
    notifier.ready(status())
    pause = STATUS_EVERY
    if notifier.watchdog_seconds is not None:
        pause = min(pause, notifier.watchdog_seconds / 3)
    while True:
        await trio.sleep(pause)
        notifier.alive()
        notifier.status(status())


async def prune_regularly(
    open_store: Callable[[], Store],
    files: Path,
    clock: Clock,
    *,
    first: float = FIRST_PRUNING,
    every: float = PRUNE_EVERY,
    pause: float = PAUSE_SECONDS,
) -> None:
    """Remove what is past its time once a day, for ever. What goes wrong is told, and tried again the next day.

    Args:
        open_store: Opens the store once more; called in a thread.
        files: The files folder of this machine.
        clock: Where the present moment comes from.
        first: Seconds to the first time.
        every: Seconds from one to the next.
        pause: Seconds between two steps of one.
    """
    await trio.sleep(first)
    while True:
        try:
            await prune_once(open_store, files, clock, pause=pause)
        except (OSError, StoreError) as error:
            why = error.message if isinstance(error, StoreError) else error
            _log.warning("What is past its time could not be removed, and will be tried again: %s", why)
        await trio.sleep(every)
