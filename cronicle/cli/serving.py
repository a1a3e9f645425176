"""Serving: being the scheduler of a store until told to end."""

from __future__ import annotations

import logging
import os
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from cronicle.cli.output import tell, visible
from cronicle.cli.session import Session
from cronicle.engine.owner import become_owner
from cronicle.engine.serve import DRAIN, Server, ServeOptions
from cronicle.engine.wake import wake_owner
from cronicle.errors import CronicleError, ExitCode, UsageError
from cronicle.operations.watch import Scope
from cronicle.store.interface import StoreError, UncertainWriteError
from cronicle.store.records import ControlRequest

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.store.interface import Store

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class ServeWish:
    """How somebody wants to serve."""

    environments: tuple[str, ...]
    projects: tuple[str, ...]
    slots: int | None
    until: str | None
    drain_timeout: str | None
    takeover: bool


def serve_store(session: Session, wish: ServeWish, *, dry_run: bool) -> int:
    """Serve a store; made if there is none.

    Raises:
        CronicleError: Another process serves it.
        UsageError: A time or duration is none.
    """
    from cronicle.cli.drive import default_slots

    scope = Scope(projects=wish.projects, environments=wish.environments)
    until = None if wish.until is None else _instant(wish.until)
    with session.store(create=True) as store:
        _check(store, wish)
        if dry_run:
            from cronicle.cli.foreseeing import foresee

            return foresee(session, store, scope, until)
        options = ServeOptions(
            scope=scope,
            until=until,
            drain_seconds=None if wish.drain_timeout is None else _seconds(wish.drain_timeout),
        )
        start_logging()
        return trio.run(_serve, session, store, options, wish.slots or default_slots(), wish.takeover)


async def _serve(session: Session, store: Store, options: ServeOptions, slots: int, takeover: bool) -> int:
    from cronicle.engine.notify import notifier

    async with become_owner(
        store,
        session.files,
        session.clock,
        slots=slots,
        command=session.actor().command,
        environ=os.environ,
        pass_environment=session.where.settings.pass_environment,
    ) as owner:
        owner.journal.heal(_tell_trouble)
        if takeover:
            _ask_to_drain(session, store, owner)
        server = Server(owner, options, lambda *_: None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_listen_for_signals, server)
            await server.serve()
            nursery.cancel_scope.cancel()
    return ExitCode.GOOD


async def _listen_for_signals(server: Server) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for number in signals:
            if number == signal.SIGHUP:
                server.look()
            else:
                server.drain()
