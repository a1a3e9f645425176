"""Telling a service manager how this process is: the protocol of sd_notify(3), spoken without its library.

Rules:

1. The manager names its socket in `$NOTIFY_SOCKET`: a path, or after `@` a name in Linux's abstract namespace.
   Without it nobody listens, and nothing is said.
2. What cannot be said is nobody's problem here: a manager that has gone, or whose queue is full, must not end a
   scheduler. Sending never waits.
3. A message is lines of `NAME=value`. Control characters of a status are written out, so that a name in it cannot
   begin a line of its own.
4. The names of the environment are taken at the start, and not handed on to tasks: these must not speak for us
   (`NotifyAccess=main`).
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

from attrs import frozen

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG: Final = "WATCHDOG_USEC"
WATCHDOG_PROCESS: Final = "WATCHDOG_PID"

LONGEST_STATUS: Final = 400
"""Characters; what is longer is cut."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@frozen
class Notifier:
    """How to reach the service manager, if there is one."""

    address: str | None
    """As `$NOTIFY_SOCKET` has it."""
    watchdog_seconds: float | None = None
    """The manager ends this process if it hears nothing for so long; None if it does not watch."""

    @property
    def is_heard(self) -> bool:
        """True if somebody has asked to be told."""
        return self.address is not None

    def ready(self, status: str = "") -> None:
        """The start is over: what waits for this service may begin."""
        self._send("READY=1", status)

    def reloading(self, monotonic_microseconds: int, status: str = "") -> None:
        """Something is being read again; `ready` follows.

        Args:
            monotonic_microseconds: CLOCK_MONOTONIC now, by which the manager tells this reload from one before.
            status: What to say of it.
        """
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_microseconds:d}", status)

    def stopping(self, status: str = "") -> None:
        """The end has begun."""
        self._send("STOPPING=1", status)

    def status(self, text: str) -> None:
        """A line for people, shown by `systemctl status`."""
        self._send("", text)

    def alive(self) -> None:
        """All is well: to be said at least twice in each `watchdog_seconds`."""
        self._send("WATCHDOG=1", "")

    def extend_timeout(self, seconds: float) -> None:
        """The start or the end takes longer: the manager is to wait so long from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000):d}", "")

    def main_process(self, pid: int) -> None:
        """Another process is this service from now on: one that has taken over."""
        self._send(f"MAINPID={pid:d}", "")

    def _send(self, state: str, status: str) -> None:
        if self.address is None:
            return
        lines = [state] if state else []
        if status:
            lines.append(f"STATUS={_CONTROL.sub(' ', status)[:LONGEST_STATUS]}")
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with (
            contextlib.suppress(OSError, ValueError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as sender,
        ):
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode("utf-8", "replace"), os.fsencode(name))


def notifier_from(environ: Mapping[str, str], pid: int) -> Notifier:
    """The notifier that an environment names.

    Args:
        environ: The environment.
        pid: The id of this process: a watchdog that is meant for another is none.
    """
    address = environ.get(SOCKET) or None
    if address is not None and not address.startswith(("/", "@")):
        address = None  # of a kind that this protocol has for virtual machines
    seconds = None
    meant_for = environ.get(WATCHDOG_PROCESS)
    with contextlib.suppress(ValueError):
        if meant_for is None or int(meant_for) == pid:
            seconds = int(environ.get(WATCHDOG, "0")) / 1_000_000 or None
    if seconds is not None and seconds < 0:
        seconds = None
    return Notifier(address, seconds if address is not None else None)


def take_notifier(environ: MutableMapping[str, str], pid: int) -> Notifier:
    """As `notifier_from`, and removes its names from the environment, so that no child inherits them."""
    notifier = notifier_from(environ, pid)
    for name in (SOCKET, WATCHDOG, WATCHDOG_PROCESS):
        environ.pop(name, None)
    return notifier
