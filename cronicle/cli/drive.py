"""Being an owner for the length of a command: Ctrl-C and TERM, what dead owners left, and how it ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeVar

import trio

from cronicle.cli.output import paint, plural, tell
from cronicle.cli.session import Session
from cronicle.engine.owner import Owner, become_owner
from cronicle.engine.recovery import Settled, settle_dead_owners

if TYPE_CHECKING:
    from cronicle.store.interface import Store

T = TypeVar("T")

Stop = Callable[[Owner], None]
"""What the first Ctrl-C does; the second ends everything that runs."""


class Interrupted(Exception):  # noqa: N818 - not an error of the program
    """A second Ctrl-C: everything that ran was ended."""


def default_slots() -> int:
    """Attempts at once where nothing is said: the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    )


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
