"""The life of a process that drives runs: its registration, its journal, its ear for requests, its drivers.

`become_owner` is the one nursery in which all of it runs. While the context is open the process is an owner in the
store, alive exactly as long as it holds its lock; at the end its live runs are left without an owner.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from functools import cached_property, partial
from os import getpid
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING

import trio

from cronicle.clock import Clock
from cronicle.engine.attempts import AttemptRunner
from cronicle.engine.evaluation import Evaluator
from cronicle.engine.journal import Journal
from cronicle.engine.lease import Lease, LeaseLostError
from cronicle.engine.pools import Pools
from cronicle.engine.recovery import record_losses
from cronicle.engine.runner import Observer, RunDriver
from cronicle.engine.slots import Slots
from cronicle.engine.wake import listen, remove_sockets_of_the_dead, wake_owner
from cronicle.errors import CronicleError
from cronicle.execute.belonging import become_subreaper
from cronicle.names import new_run_id
from cronicle.operations.labels import process_labels
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.spec import RunSpec, spec_from_bytes
from cronicle.runs.states import LIVE
from cronicle.store.interface import Store, StoreError, UncertainWriteError, UnwritableError
from cronicle.store.records import ControlRequest, OwnerRecord, RunRecord

if TYPE_CHECKING:
    from cronicle.engine.backfills import BackfillDriver
    from cronicle.operations.deployed_series import DeployedSeries

_log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often an owner looks for requests by itself, should a wake-up be lost."""


INTERRUPT_SECONDS = 0.5
"""How near to a Ctrl-C the end of an attempt by SIGINT lies that was hit by it."""

MOST_SPECS = 2_000
"""Specs that are kept in memory; a small one takes some kilobytes."""


def _ignore(*_: object) -> None:
    """Nobody watches."""


class Owner:
    """This process as an owner of runs. Made by `become_owner`."""

    def __init__(
        self,
        record: OwnerRecord,
        store: Store,
        files: Path,
        clock: Clock,
        slots: int,
        environ: Mapping[str, str],
        pass_environment: tuple[str, ...],
        random_below: Callable[[int], int],
    ) -> None:
        self.id = record.id
        self.host = record.host
        self.labels = record.labels
        self.store = store
        self.files = files
        self.clock = clock
        self.slots = Slots(slots)
        self.journal = Journal(store)
        self.lease = Lease(store, self.journal, record.id)
        self.pools = Pools(self)
        self.attempts = AttemptRunner(
            files, record.id, clock, environ, pass_environment, self._is_all_settled, self.lease.confirm
        )
        self.drivers: dict[str, RunDriver] = {}
        self.hooks_at_work: set[tuple[str, int, int]] = set()
        """Run, place and telling of the hooks that this process executes."""
        self.backfills: dict[str, BackfillDriver] = {}
        self.on_request: Callable[[ControlRequest], bool] = lambda _: False
        """Asked about requests for what has no driver here; True if it has obeyed."""
        self.on_wake: Callable[[], None] = lambda: None
        """Told when another process says that something has changed."""
        self._shared: dict[str, RunMachine] = {}
        self._specs: dict[str, RunSpec] = {}
        self._undelivered: list[ControlRequest] = []
        self._look_now = trio.Event()
        self._is_remote = not store.runs_in_place
        self._to_wake: set[str] = set()
        self._somebody_to_wake = trio.Event()
        self._is_over = threading.Event()
        self._interrupted_at: datetime | None = None
        self._random_below = random_below

    @cached_property
    def deployed(self) -> DeployedSeries:
        """The series of workflows as they are deployed now."""
        from cronicle.operations.deployed_series import DeployedSeries  # few runs have to wait

        return DeployedSeries(self.store)

    def spec_named(self, spec_hash: str) -> RunSpec:
        """The spec of that hash; those used last are kept."""
        spec = self._specs.pop(spec_hash, None) or spec_from_bytes(self.store.get_spec(spec_hash))
        self._specs[spec_hash] = spec  # the last one is the one used last
        if len(self._specs) > MOST_SPECS:
            del self._specs[next(iter(self._specs))]
        return spec

    def _is_all_settled(self) -> bool:
        """True if no owner has died whose attempts may have survivors."""
        return all(self.store.is_alive(owner.id) for owner in self.store.list_owners())

    def new_id(self) -> str:
        """A fresh id for a run."""
        return new_run_id(self._random_below)

    def evaluator_for(self, run: RunRecord, machine: RunMachine) -> Evaluator:
        """What evaluates the expressions of that run."""
        return Evaluator(run, machine, self.attempts.places)

    def driver_for(self, run: RunRecord, observe: Observer = _ignore) -> RunDriver:
        """A driver for a run that this process owns, in the state that its events give."""
        return RunDriver(self, run, self.machine_of(run), observe)

    def machine_of(self, run: RunRecord) -> RunMachine:
        """The machine of a run in the state that its events give; the same for all of this process who use it."""
        if driver := self.drivers.get(run.id):
            return driver.machine
        if shared := self._shared.get(run.id):
            return shared
        return RunMachine.replay(self.spec_named(run.spec_hash), self.store.get_events(run.id))

    @contextmanager
    def sharing(self, run_id: str, machine: RunMachine) -> Iterator[None]:
        """Let whoever begins to drive the run meanwhile use this machine, so that it knows the facts to come."""
        self._shared[run_id] = machine
        try:
            yield
        finally:
            self._shared.pop(run_id, None)

    def wake_other(self, owner: str) -> None:
        """Tell another owner to look for what was left for it."""
        wake_owner(self.files, owner)
        if self._is_remote:  # it may be on another machine
            self._to_wake.add(owner)
            self._somebody_to_wake.set()

    def interrupted(self) -> None:
        """Note that a terminal has just sent SIGINT to this process and its process group."""
        self._interrupted_at = self.clock.now()

    def unless_hit_by_interrupt(self, event: ev.AttemptFinished) -> ev.AttemptFinished | ev.AttemptLost:
        """The end of an attempt; lost, if Ctrl-C hit its process before that had left this process's group.

        Between fork and setsid a child is in the group of the terminal, and a SIGINT sent to that ends it before
        it has begun to execute the command. Nobody meant that.
        """
        at = self._interrupted_at
        if event.signal != SIGINT or at is None or abs((event.at - at).total_seconds()) > INTERRUPT_SECONDS:
            return event
        return ev.AttemptLost(at=event.at, task=event.task, key=event.key, attempt=event.attempt)

    def ids_of_owners(self) -> tuple[str, ...]:
        """All owners of the store, the dead among them that nobody has settled."""
        return tuple(other.id for other in self.store.list_owners())

    def kill(self) -> None:
        """End all running attempts at once."""
        for driver in self.drivers.values():
            driver.kill()

    async def _tell_hooks_of_others(self, nursery: trio.Nursery) -> None:
        """Tell the hooks that dead owners still owed: nobody else would, since their runs have ended."""
        for run in await self.journal.call(self.store.list_runs_with_hooks, None):
            if run.state in LIVE:  # whoever goes on with it tells them
                continue
            if not await self.journal.call(self.store.adopt_run, run.id, self.id):
                continue
            try:
                driver = self.driver_for(run)
            except (CronicleError, ValueError) as error:
                _log.error(
                    "Hooks of run %s are set aside, since its history cannot be read: %s", run.id, error
                )
                continue
            nursery.start_soon(driver.drive)

    def _woken(self) -> None:
        self._look_now.set()
        self.on_wake()

    async def _listen(self) -> None:
        """Hear those on other machines, where the store can carry that, for ever."""
        if not self._is_remote:
            return
        woken = partial(trio.from_thread.run_sync, self._woken)
        await trio.to_thread.run_sync(
            partial(self.store.listen, self.id, woken, self._is_over.is_set), abandon_on_cancel=True
        )

    async def _wake_others(self) -> None:
        """Wake those on other machines that have something to look for, for ever."""
        while True:
            await self._somebody_to_wake.wait()
            self._somebody_to_wake = trio.Event()
            owners, self._to_wake = tuple(self._to_wake), set()
            with suppress(UnwritableError):  # they look by themselves each second all the same
                await self.journal.call_once(self.store.wake, owners)

    async def _take_requests(self) -> None:
        while True:
            with trio.move_on_after(POLL_SECONDS):
                await self._look_now.wait()
            self._look_now = trio.Event()
            taken = await self.journal.call(self.store.take_requests, self.id)
            requests, self._undelivered = (*self._undelivered, *taken), []
            for request in requests:
                if self._obey(request) or self.on_request(request):
                    continue
                if self._will_be_driven(request.target):
                    self._undelivered.append(request)
            await self.pools.look()

    def _obey(self, request: ControlRequest) -> bool:
        """Obey a request; False if its target is not driven (yet)."""
        if driver := self.drivers.get(request.target):
            if request.verb == "cancel":
                driver.cancel(request.actor, request.reason)
        elif backfill := self.backfills.get(request.target):
            backfill.request(request)
        else:
            return False
        return True

    def _will_be_driven(self, target: str) -> bool:
        """True for what this process owns and has not begun to drive: it was made a moment ago."""
        run = self.store.find_run(target)
        if run is not None:
            return run.owner == self.id and run.state in LIVE
        backfill = self.store.find_backfill(target)
        return backfill is not None and backfill.owner == self.id


@asynccontextmanager
async def become_owner(
    store: Store,
    files: Path,
    clock: Clock,
    *,
    slots: int,
    command: str,
    environ: Mapping[str, str],
    pass_environment: tuple[str, ...] = (),
    labels: Iterable[str] = (),
    random_below: Callable[[int], int] = secrets.randbelow,
) -> AsyncIterator[Owner]:
    """Be an owner of runs for as long as the context is open, and until the hooks of dead owners are told.

    `labels` are those that the process has beside the ones that every process has.
    """
    become_subreaper()
    record = store.register_owner(
        OwnerRecord(
            id=new_run_id(random_below),
            host=socket.gethostname(),
            pid=getpid(),
            command=command,
            started_at=clock.now(),
            labels=process_labels(labels),
        )
    )
    owner = Owner(record, store, files, clock, slots, environ, pass_environment, random_below)
    certain = True
    try:
        remove_sockets_of_the_dead(files, owner.ids_of_owners)
        with suppress(OSError):  # another user's files; they are in nobody's way
            owner.attempts.places.remove_attempts_of_the_dead(owner.ids_of_owners)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(owner.lease.keep)
            nursery.start_soon(owner._wake_others)
            nursery.start_soon(owner._listen)
            nursery.start_soon(owner._take_requests)
            nursery.start_soon(owner.pools.free_those_of_the_dead)
            nursery.start_soon(listen, files, owner.id, owner._woken)
            async with trio.open_nursery() as leftovers:
                leftovers.start_soon(owner._tell_hooks_of_others, leftovers)
                yield owner
            nursery.cancel_scope.cancel()
    except BaseException as error:
        certain = not _is_of(error, UncertainWriteError, LeaseLostError)
        raise
    finally:
        owner._is_over.set()
        owner.attempts.close()
        if certain:
            with suppress(StoreError):  # then the next command settles what this one leaves
                record_losses(store, clock, owner.id)
                store.remove_owner(owner.id)


def _is_of(error: BaseException, *kinds: type[Exception]) -> bool:
    """True if an error is of these kinds: it is not known what the store holds, or all of it is others' business now.

    Then nothing more is to be written.
    """
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(kinds) is not None
    return isinstance(error, kinds)
