"""The slots of one process: how many attempts it executes at once, and which of its runs has the next.

Of the runs that want one, that of the workflow with the larger priority comes first, then scheduled ones (and what
people ask for) before catch-up, and that before backfills, then the older one. While a backfill waits, it gets at
least one slot in eight all the same, so that nothing starves it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import trio
from attrs import define

from cronicle.runs.states import HISTORY, Cause, class_of

BACKFILL_SHARE = 8
"""One slot in so many goes to a backfill that waits."""

Precedence = tuple[int, int, int]
"""Negated priority of the workflow, class of the cause, sequence of the run: the smallest comes first."""


def precedence(priority: int, cause: Cause, sequence: int) -> Precedence:
    """Where a run stands among those that want slots."""
    return -priority, class_of(cause), sequence


@define(eq=False, repr=False)
class SlotUser:
    """A run that may want slots; `wake` is called when one may be had. No two have the same precedence."""

    precedence: Precedence
    wake: Callable[[], None]

    @property
    def is_backfill(self) -> bool:
        """True if others come before it, but for its share."""
        return self.precedence[1] == HISTORY


def _precedence_of(user: SlotUser) -> Precedence:
    return user.precedence


class Slots:
    """A number of slots and who waits for them. Everything costs the same however many wait."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._backfills: list[SlotUser] = []
        self._others: list[SlotUser] = []
        """Those that wait, both in the order of their precedence."""
        self._passed_over = 0
        """Slots that others have taken since a backfill has had one, while some waited."""
        self._closed = False
        self._tell_idle: Callable[[], None] = lambda: None
        self._all_free = trio.Event()

    @property
    def idle(self) -> int:
        """Free slots that no run in progress wants."""
        return 0 if self._closed or self._backfills or self._others else self.free

    def tell_when_idle(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever there may be idle slots that were not there before."""
        self._tell_idle = tell

    def close(self) -> None:
        """Give no more slots."""
        self._closed = True

    async def all_free(self) -> None:
        """Wait until no attempt has a slot."""
        while self.free < self.size:
            self._all_free = trio.Event()
            await self._all_free.wait()

    def available_to(self, user: SlotUser) -> int:
        """How many slots this user may take now: none while one that comes before it wants some."""
        if self._closed:
            return 0
        first = self._next()
        if first is None:
            return self.free
        if first is not user and (self._is_turn_of_backfill() or first.precedence < user.precedence):
            return 0
        if not user.is_backfill:
            return min(self.free, BACKFILL_SHARE - 1 - self._passed_over) if self._backfills else self.free
        return min(self.free, 1) if self._is_turn_of_backfill() else self.free

    def take(self, user: SlotUser) -> None:
        """Use one slot; the user has asked `available_to`."""
        assert self.free > 0
        self.free -= 1
        if self._backfills:
            self._passed_over = 0 if user.is_backfill else self._passed_over + 1

    def want(self, user: SlotUser) -> None:
        """Wake this user when it may have more."""
        queue = self._backfills if user.is_backfill else self._others
        index = bisect_left(queue, user.precedence, key=_precedence_of)
        if index == len(queue) or queue[index] is not user:
            queue.insert(index, user)
        if self._backfills and self._others and self._next() is not user:  # it has had its share for now
            self._wake_next()

    def want_no_more(self, user: SlotUser) -> None:
        """The user has all that it can use; the next may have the rest."""
        queue = self._backfills if user.is_backfill else self._others
        if not queue:
            return
        index = bisect_left(queue, user.precedence, key=_precedence_of)
        if index < len(queue) and queue[index] is user:
            del queue[index]
            self._wake_next()

    def release(self) -> None:
        """Give one slot back."""
        self.free += 1
        if self.free == self.size:
            self._all_free.set()
        self._wake_next()

    def _is_turn_of_backfill(self) -> bool:
        """True if so many slots have gone to others that the next goes to a backfill, whoever else wants it."""
        return self._passed_over >= BACKFILL_SHARE - 1 and bool(self._backfills and self._others)

    def _next(self) -> SlotUser | None:
        """Who of those that wait has the next slot."""
        if not self._others or self._is_turn_of_backfill():
            return self._backfills[0] if self._backfills else None
        first = self._others[0]
        if self._backfills and self._backfills[0].precedence < first.precedence:
            return self._backfills[0]
        return first

    def _wake_next(self) -> None:
        if self.free:
            user = self._next()
            self._tell_idle() if user is None else user.wake()
