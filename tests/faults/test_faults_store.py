"""For every n, the n-th write of a process that drives a backfill goes wrong, in every way that a write can.

As SQLite is tested (sqlite.org/testing.html): let the n-th call fail, recover with a store that works, check what
must be true, until n is past the count. Executing attempts is faked, and time jumps, so that hundreds of lives of
processes pass in seconds; the store is a real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import trio
import trio.testing
from faults import Fault, FaultyStore, ProcessDied
from faults_world import ACTOR, DAY, FIRST, tick_on
from store_values import temporary_folder

from cronicle.engine.attempts import AttemptRunner, PreparedAttempt
from cronicle.engine.backfills import BackfillDriver
from cronicle.engine.owner import become_owner
from cronicle.engine.recovery import settle_dead_owners
from cronicle.execute.interface import AttemptControl
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.spec import HookSpec, RetrySpec, RunSpec, TaskSpec, UpstreamSpec, spec_to_bytes
from cronicle.runs.states import LIVE, BackfillState, Outcome, RunState, TaskState
from cronicle.store.interface import Store, StoreError
from cronicle.store.location import open_store
from cronicle.store.records import BackfillRecord, RunFilter, RunRecord, SlotRequest

TICKS, SLOTS, POOL = 2, 2, {"db": 1}
TRUE = {"known": ["true"]}
SPEC = RunSpec(
    project="p",
    workflow="w",
    tasks=(
        TaskSpec(name="extract", command=TRUE),
        TaskSpec(
            name="flaky",
            command=TRUE,
            upstreams=(UpstreamSpec(task="extract"),),
            retry=RetrySpec(attempts=2, delay=2),
        ),
        TaskSpec(name="load", command=TRUE, upstreams=(UpstreamSpec(task="extract"),), pool="db"),
        TaskSpec(
            name="report", command=TRUE, upstreams=(UpstreamSpec(task="flaky"), UpstreamSpec(task="load"))
        ),
    ),
    pools=POOL,
    hooks=(HookSpec(event="on_success", command=TRUE, causes=("backfill",)),),
)
HOOK = "hooks/on_success"


class TrioClock:
    """The clock of the event loop as a wall clock; `base` moves it on from life to life."""

    def __init__(self, base: datetime) -> None:
        self.base = base

    def now(self) -> datetime:
        return self.base + timedelta(seconds=trio.current_time())


@attrs.define
class Outside:
    """The world outside the store: what was executed, over all lives."""

    begun: Counter[tuple[str, str, int]] = attrs.field(factory=Counter)
    ended: set[tuple[str, str, int]] = attrs.field(factory=set)
    at_once: Counter[str] = attrs.field(factory=Counter)
    """Attempts that are being executed, by pool; hooks apart."""

    def check_limits(self) -> None:
        assert self.at_once.total() <= SLOTS
        assert self.at_once["db"] <= POOL["db"]


class FakeAttempts:
    """Executes attempts by noting that; each takes a second. The first of `flaky` fails."""

    def __init__(self, real: AttemptRunner, outside: Outside, clock: TrioClock) -> None:
        self.places = real.places
        self.forget = real.forget
        self.close = real.close
        self._outside = outside
        self._clock = clock

    async def execute(
        self, run: RunRecord, spec: RunSpec, prepared: PreparedAttempt, fence: int, control: AttemptControl
    ) -> ev.AttemptFinished:
        task = prepared.task
        at = (run.id, task.name, prepared.attempt)
        pool = "hooks" if task.name == HOOK else task.pool or ""
        self._outside.begun[at] += 1
        with self._counted(pool):
            await trio.sleep(1)
        self._outside.ended.add(at)
        fails = task.name == "flaky" and prepared.attempt == 1
        return ev.AttemptFinished(
            at=self._clock.now(),
            task=task.name,
            key=prepared.key,
            attempt=prepared.attempt,
            outcome=Outcome.FAILED if fails else Outcome.SUCCEEDED,
            reason="exit_code" if fails else None,
            exit_code=int(fails),
        )

    @contextmanager
    def _counted(self, pool: str) -> Iterator[None]:
        if pool == "hooks":
            yield
            return
        self._outside.at_once[pool] += 1
        try:
            self._outside.check_limits()
            yield
        finally:
            self._outside.at_once[pool] -= 1


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def live(store: Store, folder: Path, outside: Outside, clock: TrioClock) -> BackfillState | None:
    """The life of a process that drives the backfill; None if it ended by the fault of its store."""

    async def main() -> BackfillState:
        await settle_dead_owners(store, clock)
        async with become_owner(store, folder, clock, slots=SLOTS, command="c", environ={}) as owner:
            owner.attempts = cast("AttemptRunner", FakeAttempts(owner.attempts, outside, clock))
            store.adopt_backfill("B", owner.id)
            backfill = store.find_backfill("B")
            assert backfill is not None
            if backfill.state not in (BackfillState.RUNNING, BackfillState.PAUSED):
                await trio.sleep(3)  # the hooks that a dead process owed
                return backfill.state
            ended = await BackfillDriver(owner, backfill, lambda _: None, lambda *_: None).drive()
            return ended.state

    try:
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    except (ProcessDied, StoreError, BaseExceptionGroup) as error:
        if not all(isinstance(leaf, ProcessDied | StoreError) for leaf in leaves(error)):
            raise
        return None
    finally:
        outside.at_once.clear()
        clock.base += DAY


def check_history(store: Store) -> None:
    """At any moment: the events of each run explain its rows."""
    for run in store.list_runs(RunFilter(limit=100)):
        events = store.get_events(run.id)
        machine = RunMachine.replay(SPEC, events)
        assert machine.state is run.state
        rows = {(row.task, row.key): row.state for row in store.list_tasks(run.id)}
        resting = (TaskState.WAITING, TaskState.READY)
        states = {unit.id: unit.state for unit in machine.units.values()}
        assert rows == {unit: state for unit, state in states.items() if state not in resting}
        started = [fact for fact in events if isinstance(fact, ev.AttemptStarted)]
        attempts = store.list_attempts(run.id)
        assert sorted((one.task, one.attempt) for one in attempts) == sorted(
            (fact.task, fact.attempt) for fact in started
        )
        unfinished = {(one.task, one.attempt) for one in attempts if one.outcome is None}
        assert unfinished == {(unit.id[0], unit.attempt) for unit in machine.running_units()}
        with_hooks = [*store.list_runs_with_hooks(run.owner), *store.list_runs_with_hooks(None)]
        assert bool(machine.hooks.open()) == (run.id in {one.id for one in with_hooks})


def check_end(store: Store, outside: Outside) -> None:
    """After the last life: all is done, exactly once where that was promised."""
    check_history(store)
    runs = store.list_runs(RunFilter(limit=100))
    assert len({run.logical_time for run in runs}) == len(runs) == TICKS
    assert {(run.state, run.owner is None or run.state not in LIVE) for run in runs} == {
        (RunState.SUCCEEDED, True)
    }
    backfill = store.find_backfill("B")
    assert backfill is not None
    assert (backfill.state, backfill.done, backfill.failed) == (BackfillState.SUCCEEDED, TICKS, 0)
    assert store.list_owners() == ()
    assert set(outside.begun.values()) == {1}, "an attempt was executed twice"
    for run in runs:
        attempts = {(one.task, one.attempt): one.outcome for one in store.list_attempts(run.id)}
        assert None not in attempts.values()
        executed = {(task, number) for of, task, number in outside.begun if of == run.id and task != HOOK}
        assert executed <= set(attempts), "executed before it was durable"
        for task in SPEC.tasks:
            outcomes = [outcome for (name, _), outcome in sorted(attempts.items()) if name == task.name]
            assert outcomes.count(Outcome.SUCCEEDED) == 1
            assert outcomes[-1] is Outcome.SUCCEEDED, "executed again though it had succeeded"
            assert (run.id, task.name, len(outcomes)) in outside.ended
        hooks = [number for of, task, number in outside.begun if of == run.id and task == HOOK]
        assert hooks in ([1], [2], [1, 2]), "a hook was forgotten, or told too often"
        finished = [fact for fact in store.get_events(run.id) if isinstance(fact, ev.HookFinished)]
        assert len(finished) == 1
    check_pools(store, runs[0])


def check_pools(store: Store, ended: RunRecord) -> None:
    """All slots of all pools are free: who asks for all gets all."""
    made = store.create_run(new_run_like(ended))
    assert isinstance(made, RunRecord)
    wish = SlotRequest(
        run_id=made.id,
        task="load",
        key=None,
        attempt=1,
        owner="x",
        pool="db",
        slots=POOL["db"],
        priority=0,
        requested_at=FIRST,
    )
    store.request_slots([wish])
    assert len(store.grant_slots(POOL)) == 1


def new_run_like(run: RunRecord) -> Any:
    from cronicle.operations.create_run import retried
    from cronicle.store.records import NewRun

    again = retried(run, id="AGAIN", owner="x")
    return NewRun(run=again, events=(ev.RunQueued(at=FIRST, run_id="AGAIN"),))


@contextmanager
def backfill_in_store() -> Iterator[Path]:
    """The folder of a store with the backfill, which nobody drives yet."""
    with temporary_folder() as root:
        folder = root / "store"
        store = open_store(str(folder), create=True)
        record = BackfillRecord(
            id="B",
            project="p",
            environment="local",
            workflow="w",
            from_text="2026-01-01",
            to_text="2026-01-02",
            timezone="UTC",
            revision="1" * 40,
            deployment=None,
            spec_hash=store.put_spec(spec_to_bytes(SPEC)),
            total=TICKS,
            actor=ACTOR,
            created_at=FIRST,
        )
        assert store.create_backfill(record, [tick_on(FIRST + n * DAY, n) for n in range(TICKS)])
        store.close()
        yield folder


def lives(folder: Path, faults: list[tuple[int, Fault, bool]]) -> bool:
    """One life for each fault, and a last one without; True if the last of the faults came to pass."""
    outside, clock = Outside(), TrioClock(FIRST)
    faulty = None
    for number, fault, stays_broken in faults:
        real = open_store(str(folder), create=False)
        faulty = FaultyStore(real, fail_at=number, fault=fault, stays_broken=stays_broken)
        live(cast("Store", faulty), folder, outside, clock)
        real.close()  # the locks of the dead are free
        store = open_store(str(folder), create=False)
        check_history(store)
        store.close()
    store = open_store(str(folder), create=False)
    assert live(store, folder, outside, clock) is BackfillState.SUCCEEDED
    check_end(store, outside)
    store.close()
    return faulty is not None and faulty.failed


WAYS = [
    pytest.param(Fault.BEFORE, False, id="fails once"),
    pytest.param(Fault.BEFORE, True, id="fails from then on"),
    pytest.param(Fault.ANSWER_LOST, False, id="is stored, but the answer is lost"),
    pytest.param(Fault.DEATH, False, id="kills the process before"),
    pytest.param(Fault.DEATH_AFTER, False, id="kills the process after"),
]


@pytest.mark.parametrize(("fault", "stays_broken"), WAYS)
def test_whichever_write_goes_wrong_the_next_process_brings_all_to_its_end(
    fault: Fault, stays_broken: bool
) -> None:
    number, came_to_pass = 0, True
    while came_to_pass:
        number += 1
        with backfill_in_store() as folder:
            came_to_pass = lives(folder, [(number, fault, stays_broken)])
    assert number > 20, "the count of writes is smaller than it can be"


RECOVERY_WAYS = [
    pytest.param(*way.values, id=way.id, marks=() if way.values[0] is Fault.DEATH else pytest.mark.slow)
    for way in WAYS
]


@pytest.mark.parametrize(("fault", "stays_broken"), RECOVERY_WAYS)
def test_whichever_write_of_a_recovery_goes_wrong_the_one_after_it_brings_all_to_its_end(
    fault: Fault, stays_broken: bool
) -> None:
    """The process before had died in the middle, with attempts under way."""
    number, came_to_pass = 0, True
    while came_to_pass:
        number += 1
        with backfill_in_store() as folder:
            came_to_pass = lives(folder, [(9, Fault.DEATH_AFTER, False), (number, fault, stays_broken)])
    assert number > 20
