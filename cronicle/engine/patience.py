"""Waiting for a store that cannot be written: a full disk, a lock that somebody keeps.

A process that serves is to outlive both. Rules:

1. To try again is safe for what was refused as a whole (`UnwritableError`). Any other error is for the caller: after
   a write of which it is not known whether it happened, nothing more is to be written.
2. Only one of those that wait tries, once a second, and the others follow when it has succeeded. So a store that
   makes each of them wait for its lock does not hold up the event loop for long.
3. Trouble that lasts is told once, and once that it is over. Reading goes on meanwhile, and says nothing about it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from cronicle.store.interface import UnwritableError

T = TypeVar("T")

Trouble = Callable[[UnwritableError | None], None]
"""Told what keeps the store from being written; None when it can be written again."""

TRY_AGAIN = 1.0
"""Seconds until what the store has refused is tried again."""

TELL_AFTER = 5.0
"""Seconds that trouble must last to be told: another process may keep the lock for a moment."""


class Patience:
    """The patience of one process with its store; none unless somebody is told of trouble."""

    def __init__(self) -> None:
        self._tell: Trouble | None = None
        self._trying = trio.Lock()
        self._trouble_since: float | None = None
        self._is_told = False
        self._given_up = False

    def begin(self, tell: Trouble) -> None:
        """From now on wait with what cannot be written until it can be."""
        self._tell = tell

    def give_up(self) -> None:
        """From now on, let everybody know who waits: the process is to end."""
        self._given_up = True

    @property
    def is_on(self) -> bool:
        """True if somebody waits with what cannot be written."""
        return self._tell is not None

    @property
    def has_trouble(self) -> bool:
        """True while the store cannot be written."""
        return self._trouble_since is not None

    async def until_done(self, attempt: Callable[[], Awaitable[T]], *, writes: bool) -> T:
        """What `attempt` gives, as soon as the store can be written.

        Args:
            attempt: Does all or nothing.
            writes: True if it always writes, so that there is no use in trying while another waits.

        Raises:
            StoreError: It is not known whether it happened, or nobody is to wait (any more).
        """
        if self._tell is None:
            return await attempt()
        if self._trouble_since is None or not writes:
            try:
                return await attempt()
            except UnwritableError as error:
                self._note(error)
        async with self._trying:
            while True:
                if self._trouble_since is not None:
                    await trio.sleep(TRY_AGAIN)
                try:
                    result = await attempt()
                except UnwritableError as error:
                    self._note(error)
                else:
                    self._is_over()
                    return result

    def _note(self, error: UnwritableError) -> None:
        """Note trouble.

        Raises:
            UnwritableError: Nobody is to wait any more.
        """
        if self._given_up or self._tell is None:
            raise error
        now = trio.current_time()
        if self._trouble_since is None:
            self._trouble_since = now
        if not self._is_told and now - self._trouble_since >= TELL_AFTER:
            self._is_told = True
            self._tell(error)

    def _is_over(self) -> None:
        self._trouble_since = None
        if self._is_told and self._tell is not None:
            self._is_told = False
            self._tell(None)
