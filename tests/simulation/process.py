"""A process of the simulation: a real `Server` over a store that can fail, hang and die at any call.

A crash leaves nothing behind but what the store holds and what is executed: the locks of the dead are free at once,
every later call of its store raises, and so no clean-up writes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

import trio

from cronicle.engine.attempts import PreparedAttempt
from cronicle.engine.journal import Journal
from cronicle.engine.lease import LeaseLostError
from cronicle.engine.owner import become_owner
from cronicle.engine.runner import OwnershipLostError
from cronicle.engine.serve import ServeOptions, Server
from cronicle.execute.interface import AttemptControl
from cronicle.execute.places import Places
from cronicle.runs import events as ev
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Outcome
from cronicle.store.interface import StoreError, UncertainWriteError, UnwritableError
from cronicle.store.records import RunRecord
from tests.simulation.watcher import WATCHED, Execution

if TYPE_CHECKING:
    from tests.simulation.world import World

WRITES = frozenset(
    {
        "append", "settle", "create_run", "lead", "stop_leading", "admit", "adopt_run", "adopt_runs",
        "adopt_backfill", "choose_time", "serve_as", "assign_runs", "hand_over_queued", "renew_lease",
        "leave_dead_owner",
        "set_backfill_state", "remove_owner", "claim_dead_owner", "register_owner", "add_request", "take_requests",
        "request_slots", "grant_slots", "add_pause", "add_audit", "put_spec",
    }
)  # fmt: skip
"""Methods that a full disk makes fail."""


class Crashed(BaseException):
    """The process is dead: nothing that it does from now on has an effect."""


class FaultyStore:
    """The store as one process sees it."""

    runs_in_place = True

    def __init__(self, inner: Any, process: Process) -> None:
        self._inner = inner
        self._process = process

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not callable(method):
            return method
        process, is_write = self._process, name in WRITES

        def call(*arguments: Any, **named: Any) -> Any:
            return process.call(name, method, is_write, arguments, named)

        self.__dict__[name] = call
        return call


class SlowJournal(Journal):
    """A journal whose commits take their time, now and then."""

    def __init__(self, store: Any, process: Process) -> None:
        super().__init__(store)
        self._process = process

    async def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        process = self._process
        if process.dawdles:
            await process.may_dawdle()
        answer = await super()._call(function, *arguments)
        if process.dawdles:
            await process.may_dawdle()
        return answer

    async def _commit_for_all(self, batch: Any) -> None:
        if self._process.dawdles:
            with trio.CancelScope(shield=True):
                await self._process.may_dawdle()
        await super()._commit_for_all(batch)


class SkewedClock:
    """The wall clock of one machine, which may go before or after the others'."""

    def __init__(self, clock: Any, skew: timedelta) -> None:
        self._clock = clock
        self._skew = skew

    def now(self) -> datetime:
        return self._clock.now() + self._skew


class Process:
    """One process that serves."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.random = Random(f"process/{world.seed}/{number}")
        self.dead = False
        self.ready = trio.Event()
        self.ended = trio.Event()
        self.calls = 0
        self.crash_at = self.random.randrange(20, 400) if self.random.random() < world.crash_share else None
        if self.crash_at is not None and self.random.random() < 0.7:
            self.crash_at = int(self.crash_at * self.random.choice((10, 30, 100)))
        self.crash_kind = self.random.choice(
            ("before", "after", "after", "uncertain", "uncertain, committed")
        )
        self.crash_in = self.random.choice((None, None, "append", "settle"))
        """The method that it dies in; None: whatever is called then."""
        self.trouble = False
        self.slow = 0.0
        self.is_cut_off = False
        self._was_cut_off = False
        self._goes_on_at = 0.0
        self.clock = SkewedClock(world.clock, world.cluster.skew())
        self.server: Server | None = None
        self.owner_id = ""
        self._inner: Any = None
        self._scope = trio.CancelScope()

    # -- the store -----------------------------------------------------------------------------------------

    def call(self, name: str, method: Callable[..., Any], is_write: bool, arguments: Any, named: Any) -> Any:
        """Call a method of the store, unless the process dies of it."""
        if self.dead:
            raise Crashed
        if name == "close":
            return None
        self.calls += 1
        if self.is_cut_off and is_write:
            self._was_cut_off = True
            raise UnwritableError("the store cannot be reached; nothing was recorded", "Wait.")
        if self._was_cut_off:
            self._was_cut_off = False
            self._inner._liveness.interrupted()
        if self.trouble and is_write and self.world.disk_is_full:
            raise UnwritableError("the disk of the store is full; nothing was recorded", "Make room on it.")
        if self.crash_at is not None and self.calls >= self.crash_at and self.crash_in in (None, name):
            if self.crash_kind == "before":
                if name == "settle":
                    self.world.late = (self.number, arguments)
                self.die(f"before {name}")
                raise Crashed
            if is_write and self.crash_kind == "after":
                self._done(name, method, arguments, named)
                self.die(f"after {name}")
                raise Crashed
            if name in ("append", "settle", "create_run"):
                if self.crash_kind == "uncertain, committed":
                    self._done(name, method, arguments, named)
                self.crash_at = None
                self.world.watcher.counts["faults: uncertain commit"] += 1
                self.world.watcher.tell(f"process {self.number}: {name} is uncertain ({self.crash_kind})")
                raise UncertainWriteError("the disk of the store failed", "See the kernel's log.")
        return self._done(name, method, arguments, named)

    def _done(self, name: str, method: Callable[..., Any], arguments: Any, named: Any) -> Any:
        answer = method(*arguments, **named)
        if name in WATCHED:
            self.world.watcher.committed(self.number, self._inner, name, arguments, answer)
        return answer

    def crash_point(self) -> None:
        """A place between two transactions of one method, where the process may die as well."""
        if not self.dead and self.random.random() < 0.01:
            self.die("between two transactions")
            raise Crashed

    @property
    def is_stopped(self) -> bool:
        """True between SIGSTOP and SIGCONT."""
        return trio.current_time() < self._goes_on_at

    @property
    def dawdles(self) -> bool:
        """True if commits are slow at present, or it is, or was, stopped."""
        return bool(self.slow or self._goes_on_at)

    def stop_for(self, seconds: float) -> None:
        """Have nothing go on that waits for the store or executes an attempt, for some time."""
        self._goes_on_at = max(self._goes_on_at, trio.current_time() + seconds)

    async def goes_on(self) -> None:
        """Wait until the process is not stopped."""
        if self.is_stopped and not self.world.is_calm:
            await trio.sleep_until(self._goes_on_at)

    async def may_dawdle(self) -> None:
        """Let time pass, if commits are slow at present, or the process is stopped."""
        await self.goes_on()
        if self.slow and self.random.random() < 0.3:
            await trio.sleep(self.random.random() * self.slow)

    # -- its life ------------------------------------------------------------------------------------------

    def die(self, how: str) -> None:
        """Die at once."""
        if self.dead or self.ended.is_set():
            return
        self.dead = True
        self.world.watcher.counts["faults: crash"] += 1
        self.world.watcher.tell(f"process {self.number} dies {how}")
        if self.world.watcher.leader == self.number:
            self.world.watcher.leader = -1
        self._inner._liveness.close()  # as the kernel does
        self._scope.cancel()
        self.world.unwatched()

    async def run(self) -> None:
        """Serve until drained, dead or at the end."""
        world = self.world
        self._inner = world.open_store()
        self._inner.crash_point = self.crash_point
        store: Any = FaultyStore(self._inner, self)
        world.watcher.tell(f"process {self.number} begins")
        try:
            with self._scope:
                async with become_owner(
                    store,
                    world.folder,
                    self.clock,
                    slots=world.mix.slots,
                    command="cronicle serve",
                    environ={},
                    random_below=self.random.randrange,
                ) as owner:
                    self.owner_id = owner.id
                    owner.journal = SlowJournal(store, self)
                    owner.lease._journal = owner.journal
                    self.confirm = owner.lease.confirm
                    owner.journal.heal(lambda _: None)
                    owner.attempts = SimulatedAttempts(owner.attempts.places, self)  # type: ignore[assignment]
                    self.server = Server(owner, ServeOptions(), lambda *_: None)
                    self.ready.set()
                    await self.server.serve()
        except BaseException as error:
            self._judge(error)
        finally:
            if not self.dead:
                world.watcher.tell(f"process {self.number} has ended")
                if world.watcher.leader == self.number:
                    world.watcher.leader = -1
            self.dead = True
            self.ready.set()
            self.ended.set()
            self._inner.close()
            world.unwatched()

    def _judge(self, error: BaseException) -> None:
        """A process ends by a crash, by an uncertain write, or by a mistake of ours."""
        rest: BaseException | None = error
        if isinstance(error, BaseExceptionGroup):
            rest = error.split((Crashed, UncertainWriteError, LeaseLostError, trio.Cancelled))[1]
            if rest is not None and error.subgroup(LeaseLostError) is not None:
                rest = rest.split(OwnershipLostError)[1]  # the runs went with the lease
        elif isinstance(error, Crashed | UncertainWriteError | LeaseLostError):
            rest = None
        elif isinstance(error, StoreError) and not self.ready.is_set():
            rest = None  # it could not even begin
        if rest is not None:
            raise rest


class SimulatedAttempts:
    """Stands for `AttemptRunner`: attempts take time and end as the seed says."""

    def __init__(self, places: Places, process: Process) -> None:
        self.places = places
        self._process = process
        self._world = process.world

    def close(self) -> None:
        self.places.close()

    def forget(self, run: RunRecord) -> None:
        """Nothing is kept for a run."""

    async def execute(
        self, run: RunRecord, spec: RunSpec, prepared: PreparedAttempt, fence: int, control: AttemptControl
    ) -> ev.AttemptFinished:
        """Let an attempt go on for its time."""
        process, world = self._process, self._world
        await process.goes_on()
        await process.confirm()
        if process.dead:
            raise Crashed
        task = prepared.task
        execution = world.watcher.begins(
            run.id, task.name, prepared.key, prepared.attempt, prepared.token, process.number
        )
        if world.watcher.in_process[process.number] > world.mix.slots:
            world.watcher.wrong(
                f"process {process.number} executes more than {world.mix.slots} attempts", run.id
            )
        seconds, outcome, code = world.fate(run, task, prepared.attempt)
        if task.timeout is not None and seconds > task.timeout:
            seconds, outcome, code = task.timeout, Outcome.TIMED_OUT, None
        execution.natural_end = trio.current_time() + seconds
        try:
            with trio.CancelScope() as scope:
                control.wake_through(scope)
                if not control.stop_requested:
                    await trio.sleep(seconds)
            if control.stop_requested and not control.kill_requested:
                await trio.sleep(world.grace)
        finally:
            control.wake_through(None)
            if process.dead:
                world.orphans.append(execution)
            else:
                world.watcher.ends(execution)
        await process.goes_on()
        if control.stop_requested:
            outcome, code = Outcome.CANCELLED, None
        reason = {Outcome.FAILED: "exit_code", Outcome.TIMED_OUT: "timed_out"}.get(outcome)
        return ev.AttemptFinished(
            at=process.clock.now(),
            task=task.name,
            key=prepared.key,
            attempt=prepared.attempt,
            outcome=outcome,
            reason=reason,
            exit_code=code,
        )


def share(*parts: object) -> float:
    """A number in [0, 1) that follows from its arguments."""
    digest = sha256("/".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


__all__ = ["Crashed", "Execution", "Process", "share"]
