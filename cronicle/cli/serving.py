"""Serving: being the scheduler of a store until told to end."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from cronicle.cli.drive import own
from cronicle.cli.following import FollowWish, ToFollow, make_follower, prepare_following
from cronicle.cli.output import plural, visible
from cronicle.cli.program_log import begin_program_log
from cronicle.cli.session import Session
from cronicle.cli.slots import default_slots
from cronicle.clock import local_zone
from cronicle.engine.following import Follower, follow_nothing
from cronicle.engine.housekeeping import prune_regularly, tell_that_it_lives
from cronicle.engine.lease import LeaseLostError
from cronicle.engine.notify import Notifier, take_notifier
from cronicle.engine.noting import note_regularly
from cronicle.engine.runner import OwnershipLostError
from cronicle.engine.serve import DRAIN, ServeOptions, Server, Service
from cronicle.errors import CronicleError, ExitCode, UsageError
from cronicle.metrics import Metrics
from cronicle.operations.asked_times import asked_instant, asked_seconds
from cronicle.operations.notes_wanted import wants_notes
from cronicle.operations.scope import Scope
from cronicle.operations.store_metrics import add_store_metrics
from cronicle.store.interface import UnwritableError
from cronicle.store.location import open_store
from cronicle.store.records import ControlRequest

if TYPE_CHECKING:
    from cronicle.engine.owner import Owner
    from cronicle.store.interface import Store

_log = logging.getLogger(__name__)

PATIENCE = 0.5
"""Seconds that the event loop waits at most for another process that writes; after that it tries again by and by."""


@frozen(kw_only=True)
class ServeWish:
    """How somebody wants to serve."""

    environments: tuple[str, ...]
    projects: tuple[str, ...]
    slots: int | None
    until: str | None
    drain_timeout: str | None
    takeover: bool
    follow: FollowWish | None = None


def serve_store(session: Session, wish: ServeWish, *, dry_run: bool) -> int:
    """Serve a store; made if there is none.

    Raises:
        CronicleError: Another process serves it.
        UsageError: A time or duration is none, or nothing that could be followed is named.
    """
    scope = Scope(projects=wish.projects, environments=wish.environments)
    until = None if wish.until is None else asked_instant("--once-until", wish.until, local_zone())
    drain_seconds = (
        None if wish.drain_timeout is None else asked_seconds("--drain-timeout", wish.drain_timeout)
    )
    with session.store(create=True, patience=PATIENCE) as store:
        _check(store, wish, scope)
        if dry_run:
            if wish.follow is not None:
                raise UsageError(
                    "--dry-run says what becomes of the ticks of what is deployed, and follows nothing",
                    "Leave --follow out. What a branch would change: cronicle plan --revision origin/main",
                )
            from cronicle.cli.foreseeing import foresee

            return foresee(session, store, scope, until)
        to_follow = None
        if wish.follow is not None:
            to_follow = prepare_following(session, store, wish.follow, wish.projects, wish.environments)
        options = ServeOptions(scope=scope, until=until, drain_seconds=drain_seconds)
        begin_program_log()
        how = _How(options, wish.slots or default_slots(), wish.takeover, to_follow)
        return trio.run(_serve, session, store, how)


@frozen
class _How:
    """How to serve."""

    options: ServeOptions
    slots: int
    takeover: bool
    to_follow: ToFollow | None


async def _serve(session: Session, store: Store, how: _How) -> int:
    notifier = take_notifier(os.environ, os.getpid())  # before any child could inherit it
    metrics = Metrics()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        while not await _serve_as_owner(session, store, how, notifier, metrics, signals):
            pass
    notifier.stopping("leaves what has not ended to the next that serves")
    return ExitCode.GOOD


async def _serve_as_owner(
    session: Session,
    store: Store,
    how: _How,
    notifier: Notifier,
    metrics: Metrics,
    signals: AsyncIterator[int],
) -> bool:
    """Serve until drained, as one owner of the store; False if others have taken over and it is to join again."""
    server: Server | None = None
    try:
        async with own(session, store, how.slots) as owner:
            owner.journal.heal(_tell_trouble)
            owner.journal.watch = metrics
            metrics.refresh = partial(_set_gauges, metrics, owner)
            server = Server(owner, how.options, metrics.observe, metrics.settled)
            follower: Follower | None = None
            follow: Service = partial(follow_nothing, owner, server.ticker, how.options.scope)
            if how.to_follow is not None:
                follower = make_follower(session, owner, server, how.to_follow, metrics.follow_alarm)
                follow = follower.serve
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_listen_for_signals, signals, owner, server, follower)
                if how.takeover:
                    nursery.start_soon(_take_over, session, owner, server, how.options.scope)
                await server.serve(
                    follow,
                    partial(_tell_service_manager, notifier, owner, server),
                    partial(_tell_of_the_end, notifier, server),
                    partial(
                        prune_regularly,
                        partial(open_store, session.location, create=False),
                        session.files,
                        owner.clock,
                    ),
                    partial(
                        note_regularly,
                        server.ticker,
                        partial(owner.journal.call, owner.store.last_event),
                        wants_notes,
                        partial(_write_notes, session),
                    ),
                )
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        # A run may find out by itself that it is another's, before the lease has been asked for.
        lost, others = errors.split((LeaseLostError, OwnershipLostError))
        if lost is None or others is not None or lost.subgroup(LeaseLostError) is None:
            raise
        is_over = server is not None and server.draining.is_set()
        _log.warning(
            "This process was stopped, or cut off from the store, for longer than %g s: others have taken over "
            "its runs, and it has ended their attempts. %s",
            store.lease_seconds,
            "It was about to end." if is_over else "It joins again.",
        )
        return is_over
    return True


def _write_notes(session: Session, project: str) -> int | None:
    """Write the notes of a project into the clone that it was deployed from; None if there is none here."""
    from cronicle.operations.notes import note_commits
    from cronicle.operations.repository_of import repository_of

    with closing(open_store(session.location, create=False)) as store:
        known = store.find_project(project)
        repository = None if known is None else repository_of(session.where, known)
        if repository is None:
            return None
        return note_commits(store, repository, project, session.sources(None)).changed


def _set_gauges(metrics: Metrics, owner: Owner) -> None:
    """What is now, for whoever asks for the metrics."""
    add_store_metrics(metrics, owner.store)
    metrics.runs_owned.set(len(owner.drivers))
    metrics.slots.set(owner.slots.size)
    metrics.slots_in_use.set(owner.slots.size - owner.slots.free)
    metrics.leading.set(int(any(leader.id == owner.id for _, leader in owner.store.list_leaders())))


def _status(owner: Owner) -> str:
    """A line for `systemctl status`."""
    slots = owner.slots
    return f"{plural(len(owner.drivers), 'run')}, {slots.size - slots.free} of {slots.size} slots in use"


async def _tell_service_manager(notifier: Notifier, owner: Owner, server: Server) -> None:
    """Tell that this process is ready as soon as it leads, or stands by, and from then on that it lives."""
    await server.ticker.looked.wait()
    await tell_that_it_lives(notifier, partial(_status, owner))


async def _tell_of_the_end(notifier: Notifier, server: Server) -> None:
    await server.draining.wait()
    notifier.stopping("lets running attempts finish")


async def _listen_for_signals(
    signals: AsyncIterator[int], owner: Owner, server: Server, follower: Follower | None
) -> None:
    """Obey signals; what comes while this process joins again waits until it has."""
    async for number in signals:
        if number == signal.SIGHUP:
            server.look()
            if follower is not None:
                follower.wake()
            continue
        if number == signal.SIGINT:
            owner.interrupted()
        server.drain()


def _tell_trouble(error: UnwritableError | None) -> None:
    if error is None:
        _log.warning("The store can be written again; everything goes on.")
    else:
        _log.error(
            "%s. Nothing new starts until it can be written; then all goes on by itself.", error.message
        )


def _check(store: Store, wish: ServeWish, scope: Scope) -> None:
    """See to it that nobody else serves the same who would be in the way, or that it is to be taken over.

    On PostgreSQL any number of processes serve the same scope together; on SQLite it is one.
    """
    known = {project for project, _, _ in store.list_environments()}
    for name in wish.projects:
        if name not in known:
            raise CronicleError(
                f"no project {name!r} has been deployed to this store",
                f"Deployed are: {', '.join(sorted(known)) or 'none'}.",
            )
    defaults = frozenset(project.default_environment for project in store.list_projects())
    for key, leader in store.list_leaders():
        if key == scope.key:
            if wish.takeover or store.lease_seconds is not None:
                continue
            raise CronicleError(
                f"process {leader.pid} on {leader.host} serves this store ({visible(leader.command)})",
                "End it first, or put this one in its place: cronicle serve --takeover",
            )
        if scope.shares_with(Scope.of_key(key), defaults):
            raise CronicleError(
                f"process {leader.pid} on {leader.host} serves some of the same environments "
                f"({visible(leader.command)})",
                "Have both serve the same, or name others with --project and --environment.",
            )


async def _take_over(session: Session, owner: Owner, server: Server, scope: Scope) -> None:
    """Ask the process that serves to drain, once this one stands by: it stops ticking, and wakes this one."""
    await server.ticker.looked.wait()
    leader = owner.store.find_leader(scope.key)
    if leader is None or leader.id == owner.id:
        return
    request = ControlRequest(
        target=leader.id,
        verb=DRAIN,
        actor=session.actor(),
        reason="takeover",
        requested_at=session.clock.now(),
    )
    await owner.journal.call(owner.store.add_request, request)
    owner.wake_other(leader.id)
    _log.info("Takes over from process %d.", leader.pid)
