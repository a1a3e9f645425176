"""Notes on commits while a scheduler serves: written by whoever leads, of projects that want them, now and then.

Counting looks at all runs, so it is done in a thread, over a store of its own, and at most a hundredth of the time.
What goes wrong is told once, and keeps nothing from going on.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from cronicle.engine.ticker import Ticker
from cronicle.errors import CronicleError

_log = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds between two looks whether something has ended."""

SHARE = 0.01
"""How much of the time writing may take."""

Write = Callable[[str], int | None]
"""Writes the notes of a project, in a thread; how many have changed, or None if there is no clone on this machine."""


async def note_regularly(
    ticker: Ticker, last_event: Callable[[], Awaitable[int]], wants: Callable[[Any], bool], write: Write
) -> None:
    """Write notes for as long as this is not cancelled.

    Args:
        ticker: Which knows what is deployed, and whether this process leads.
        last_event: The number of the last event of the store: while it stays, nothing has ended.
        wants: True for the settings of a project that wants notes.
        write: Writes those of one.
    """
    told: set[tuple[str, str]] = set()
    noted: dict[tuple[str, str], tuple[int, int]] = {}
    pause = LOOK
    while True:
        await trio.sleep(pause)
        began = trio.current_time()
        deployments = ticker.deployments() if ticker.leads else ()
        wanted = [one for one in deployments if wants(one.settings)]
        event = await last_event() if wanted else 0
        now = {(one.project, one.environment): (event, one.number) for one in wanted}
        for project in sorted({name[0] for name, at in now.items() if noted.get(name) != at}):
            await _write(write, project, told)
        noted |= now
        pause = max(LOOK, (trio.current_time() - began) / SHARE)


async def _write(write: Write, project: str, told: set[tuple[str, str]]) -> None:
    try:
        await trio.to_thread.run_sync(partial(write, project), abandon_on_cancel=True)
    except CronicleError as error:
        if (project, error.message) not in told:
            told.add((project, error.message))
            _log.warning("Commits have no new notes: %s", error.message, extra={"project": project})
