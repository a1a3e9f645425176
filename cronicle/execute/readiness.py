"""Which descriptors of an attempt are ready: `selectors` without what it costs to be general.

An attempt watches three descriptors, most of them for a millisecond. Where there is epoll it is used directly: a
descriptor is forgotten by closing it, without a system call of its own. Elsewhere `selectors` does the same.
"""

from __future__ import annotations

import select
import selectors
from collections.abc import Callable

_READ, _WRITE = 0x1, 0x4
"""As poll(2) and epoll(7) have them."""


class _Poller:
    """What is needed of `select.epoll`, by `selectors` (kqueue on macOS)."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.close = self._selector.close

    def fileno(self) -> int:
        number: int = self._selector.fileno()  # type: ignore[attr-defined, unused-ignore]
        return number

    def register(self, fd: int, mask: int) -> None:
        self._selector.register(fd, selectors.EVENT_READ if mask == _READ else selectors.EVENT_WRITE)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [(key.fd, 0) for key, _ in self._selector.select(timeout)]

    def forget(self, fd: int) -> None:
        self._selector.unregister(fd)


HAS_EPOLL = hasattr(select, "epoll")


class Readiness:
    """Descriptors, and what is called when one of them is ready."""

    def __init__(self) -> None:
        self._poller = select.epoll() if HAS_EPOLL else _Poller()
        self._callbacks: dict[int, Callable[[], None]] = {}

    def fileno(self) -> int:
        """A descriptor that is readable while one of those watched is ready."""
        return self._poller.fileno()

    def watch_reading(self, fd: int, callback: Callable[[], None]) -> None:
        """Call `callback` while there is something to read, or the end."""
        self._poller.register(fd, _READ)
        self._callbacks[fd] = callback

    def watch_writing(self, fd: int, callback: Callable[[], None]) -> None:
        """Call `callback` while something can be written, or nobody reads any more."""
        self._poller.register(fd, _WRITE)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more, which the caller closes next; fine for one that is not watched."""
        if self._callbacks.pop(fd, None) is not None and isinstance(self._poller, _Poller):
            self._poller.forget(fd)

    def dispatch(self) -> None:
        """Call what is to be called now."""
        for fd, _ in self._poller.poll(0):
            callback = self._callbacks.get(fd)
            if callback is not None:  # else the one before it has closed this one
                callback()

    def close(self) -> None:
        """Watch nothing any more."""
        self._poller.close()
