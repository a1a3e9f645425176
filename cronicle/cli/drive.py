"""Being an owner for the length of a command: Ctrl-C and TERM, what dead owners left, and how it ended."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import trio

from cronicle.cli.output import paint, plural, tell
from cronicle.cli.session import Session
from cronicle.cli.slots import default_slots
from cronicle.engine.owner import Owner, become_owner
from cronicle.engine.recovery import Settled, settle_dead_owners

if TYPE_CHECKING:
    from cronicle.store.interface import Store

T = TypeVar("T")

LEASE_MARGIN = 1.0
"""Seconds: a process that lives has renewed its lease by then, and one that does not has none any more."""

LOOK_AGAIN = 0.1
"""Seconds between two looks at a lease."""

Stop = Callable[[Owner], None]
"""What the first Ctrl-C does; the second ends everything that runs."""


class Interrupted(Exception):  # noqa: N818 - not an error of the program
    """A second Ctrl-C: everything that ran was ended."""


def own(session: Session, store: Store, slots: int) -> AbstractAsyncContextManager[Owner]:
    """Be an owner in the store of a session for as long as the context is open."""
    return become_owner(
        store,
        session.files,
        session.clock,
        slots=slots,
        command=session.actor().command,
        environ=os.environ,
        pass_environment=session.where.settings.pass_environment,
        labels=session.labels,
    )


async def await_death(store: Store, owner_id: str | None, *, certain: bool) -> bool:
    """Where leases say who lives: wait for the end of that of a process that may have died, or is known to have.

    A process that was killed lives on in the store for a few seconds, in which nobody could go on with its work.

    Args:
        store: The store.
        owner_id: The process; None if there is none.
        certain: Wait only for one of this machine that is gone, not for one elsewhere of which nothing is known.

    Returns:
        True if it is dead now, and was alive as far as the store knew.
    """
    owner = next((one for one in store.list_owners() if one.id == owner_id), None)
    if store.lease_seconds is None or owner is None or not store.is_alive(owner.id):
        return False
    is_here = owner.host == socket.gethostname()
    if _exists(owner.pid) if is_here else certain:
        return False
    for _ in range(round((store.lease_seconds + LEASE_MARGIN) / LOOK_AGAIN)):
        await trio.sleep(LOOK_AGAIN)
        if not store.is_alive(owner.id):
            return True
    return False


def _exists(pid: int) -> bool:
    """True unless there is no process of that number, or only what is left of one until its parent has looked."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] != "Z"
    except ProcessLookupError:
        return False
    except OSError:  # another user's; or a system without /proc
        return True


def drive(
    session: Session, store: Store, slots: int | None, stop: Stop, body: Callable[[Owner], Awaitable[T]]
) -> T:
    """Be an owner while `body` drives runs.

    Raises:
        Interrupted: A second Ctrl-C ended it.
    """
    results = trio.run(_drive, session, store, slots or default_slots(), stop, body)
    if not results:
        raise Interrupted
    return results[0]


async def _drive(
    session: Session, store: Store, slots: int, stop: Stop, body: Callable[[Owner], Awaitable[T]]
) -> list[T]:
    """What the body gave; nothing if it was interrupted for good."""
    for settled in await settle_dead_owners(store, session.clock):
        _tell_settled(settled)
    async with own(session, store, slots) as owner:
        return await _interruptible(owner, stop, body)


async def _interruptible(owner: Owner, stop: Stop, body: Callable[[Owner], Awaitable[T]]) -> list[T]:
    results: list[T] = []
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for number in signals:
                    if number == signal.SIGINT:
                        owner.interrupted()
                    if not stopping:
                        stopping.append(True)
                        stop(owner)
                    else:
                        nursery.cancel_scope.cancel()

        stopping: list[bool] = []
        nursery.start_soon(listen)
        results.append(await body(owner))
        nursery.cancel_scope.cancel()
    return results


def _tell_settled(settled: Settled) -> None:
    if not settled.runs and not settled.attempts:
        return
    owner = settled.owner
    lost = f", {plural(settled.attempts, 'attempt')} recorded as lost" if settled.attempts else ""
    tell(
        paint("note:", "yellow")
        + f" process {owner.pid} on {owner.host} ({owner.command}) had died;"
        + f" it left {plural(len(settled.runs), 'run')}{lost}"
    )
    for name in settled.to_resume[:3]:
        tell(f"      go on with it: cronicle resume {name}")
    if settled.survivors:
        pids = ", ".join(map(str, settled.survivors))
        tell(f"      of its tasks these processes cannot be ended, and may do harm: {pids}")
