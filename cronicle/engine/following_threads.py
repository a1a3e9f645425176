"""Fetching and deploying a branch that is followed, in threads beside the event loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import trio
from attrs import evolve

from cronicle.operations.followed import Before, Outcome, OutOfReachError, Tip
from cronicle.store.following import FollowTrouble
from cronicle.store.interface import Store

if TYPE_CHECKING:
    from cronicle.operations.follow import Following

PATIENCE = 600.0
"""Seconds that a fetch may take before it counts as failed; it goes on, and what it brings is there the next time."""


class FollowingThreads:
    """The work of following a branch; see `cronicle.engine.following.Work`.

    Args:
        following: What is followed.
        open_store: Opens the store once more; called in a thread.
    """

    def __init__(
        self, following: Following, open_store: Callable[[], Store], patience: float = PATIENCE
    ) -> None:
        self._following = following
        self._open_store = open_store
        self._patience = patience
        self._turn = threading.Lock()

    async def fetch(self, project: str | None) -> Tip:
        """See `Work`."""
        with trio.move_on_after(self._patience):
            return await trio.to_thread.run_sync(self._fetch, project, abandon_on_cancel=True)
        raise OutOfReachError(
            FollowTrouble.UNREACHABLE,
            f"it has not answered in {self._patience:g} s",
            "Look at the network, and at the server.",
        )

    def _fetch(self, project: str | None) -> Tip:
        from cronicle.operations.follow import fetch_tip

        if not self._turn.acquire(blocking=False):
            raise OutOfReachError(FollowTrouble.UNREACHABLE, "it has not answered yet")
        try:
            return fetch_tip(self._following, project)
        finally:
            self._turn.release()

    async def deploy(self, project: str | None, tip: Tip, before: Before) -> Outcome:
        """See `Work`."""
        work = partial(self._deploy, project, tip, before)
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)

    def _deploy(self, project: str | None, tip: Tip, before: Before) -> Outcome:
        from cronicle.operations.follow import deploy_tip

        store = self._open_store()
        try:
            sources = evolve(self._following.sources, store=store, project=project)
            return deploy_tip(self._following, sources, tip, before)
        finally:
            store.close()
