"""The slots of one process: how many attempts it executes at once, shared by its runs, the oldest run first."""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define


@define(eq=False)
class SlotUser:
    """A run that may want slots; `age` orders them, lower is older; `wake` is called when one may be had."""

    age: int
    wake: Callable[[], None]


class Slots:
    """A number of slots and who waits for them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._wanting: dict[SlotUser, None] = {}
        self._tell_idle: Callable[[], None] = lambda: None
        self._all_free = trio.Event()
        self._closed = False

    @property
    def idle(self) -> int:
        """Free slots that no run in progress wants."""
        return 0 if self._wanting or self._closed else self.free

    def tell_when_idle(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever there may be idle slots that there were not before."""
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
        """How many slots this user may take now: none while an older one wants some."""
        if self._closed:
            return 0
        if any(other.age < user.age for other in self._wanting):
            return 0
        return self.free

    def take(self) -> None:
        """Use one slot; the caller has asked `available_to`."""
        assert self.free > 0
        self.free -= 1

    def want(self, user: SlotUser) -> None:
        """Wake this user when slots become free."""
        self._wanting[user] = None

    def want_no_more(self, user: SlotUser) -> None:
        """The user has all that it can use; the next may have the rest."""
        if self._wanting.pop(user, user) is None:
            self._wake_oldest()

    def release(self) -> None:
        """Give one slot back."""
        self.free += 1
        if self.free == self.size:
            self._all_free.set()
        self._wake_oldest()

    def _wake_oldest(self) -> None:
        if not self.free:
            return
        if self._wanting:
            min(self._wanting, key=lambda user: user.age).wake()
        else:
            self._tell_idle()
