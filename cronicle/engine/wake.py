"""Waking an owner on the same machine: a datagram to its socket says "look now", and carries nothing else.

A datagram that is lost costs a second, since owners look by themselves each second all the same.
"""

from __future__ import annotations

import contextlib
import os
import socket as standard_socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import trio

from cronicle.folders import make_private_folder

LONGEST_PATH = 100
"""Bytes; sockets in longer paths cannot be bound (unix(7): sun_path has 108)."""


def socket_path(folder: Path, owner: str) -> Path:
    """Where the owner of that id listens."""
    return folder / "sockets" / f"{owner}.sock"


def wake_owner(folder: Path, owner: str) -> None:
    """Tell an owner on this machine to look now; one that is not there is no error."""
    path = socket_path(folder, owner)
    with (
        contextlib.suppress(OSError),
        standard_socket.socket(standard_socket.AF_UNIX, standard_socket.SOCK_DGRAM) as sender,
    ):
        sender.setblocking(False)
        with _reachable(path) as name:
            sender.sendto(b"\0", name)


def remove_sockets_of_the_dead(folder: Path, list_owners: Callable[[], Iterable[str]]) -> None:
    """Remove the sockets of owners that are no more; `list_owners` gives the ids of those that are.

    They are asked for after the sockets were listed: an owner is one before it has a socket.
    """
    with contextlib.suppress(OSError):
        sockets = list((folder / "sockets").glob("*.sock"))
        owners = set(list_owners()) if sockets else set()
        for path in sockets:
            if path.stem not in owners:
                path.unlink(missing_ok=True)


async def listen(folder: Path, owner: str, woken: Callable[[], None]) -> None:
    """Call `woken` at every datagram, for ever. Where the socket cannot be made, polling has to do."""
    path = socket_path(folder, owner)
    receiver = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_DGRAM)
    try:
        make_private_folder(path.parent)
        with _reachable(path) as name:
            await receiver.bind(name)
    except OSError:
        receiver.close()
        return
    try:
        while True:
            await receiver.recv(16)
            woken()
    finally:
        receiver.close()
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for the socket that fits into an address, however deep its folder lies (Linux)."""
    if len(os.fsencode(path)) <= LONGEST_PATH or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
