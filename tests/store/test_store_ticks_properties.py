"""Whatever is settled, admitted, ended and asked for in between: each tick has one run, and limits hold."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from store_values import DAY, OWNER, START, Sample, temporary_folder

from cronicle.runs import events as ev
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import LIVE, Cause, RunState
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import NewRun, OwnerRecord, RunFilter, RunRecord
from cronicle.store.series import CursorRecord, SeriesKey, Settlement

KEY = SeriesKey(project="weather", environment="local", workflow="daily")
TICKS = frozenset({Cause.SCHEDULE, Cause.CATCHUP})

policies = st.builds(
    Policy,
    overlap=st.sampled_from(Overlap),
    queue_limit=st.none() | st.integers(1, 2),
    max_active_runs=st.none() | st.integers(1, 2),
)
steps = st.lists(
    st.tuples(st.just("settle"), st.integers(1, 4))
    | st.tuples(st.just("settle too late"), st.integers(1, 4))
    | st.tuples(st.sampled_from(["admit", "end", "ask"]), st.integers(0, 9)),
    max_size=15,
)


class World:
    """A workflow in a store that two processes have open; they take turns."""

    def __init__(self, stores: tuple[Store, Store], policy: Policy) -> None:
        self.stores = stores
        self.policy = policy
        self.sample = Sample(stores[0])
        stores[0].register_owner(
            OwnerRecord(id=OWNER, host="h", pid=1, command="cronicle serve", started_at=START)
        )
        epoch = stores[0].lead(OWNER)
        assert epoch is not None
        self.epoch = epoch
        spec = RunSpec(project="weather", workflow="daily", policy=policy, tasks=())
        self.spec_hash = stores[0].put_spec(spec_to_bytes(spec))
        self.settled = 0
        """Ticks up to the cursor."""
        self.superseded: set[str] = set()

    def record(self, tick: int, cause: Cause) -> NewRun:
        run = self.sample.record(
            logical_time=START + tick * DAY,
            cause=cause,
            spec_hash=self.spec_hash,
            admitted=self.policy.limits_nothing,
        )
        return NewRun(run=run, events=(ev.RunQueued(at=START, run_id=run.id),))

    def settle(self, store: Store, count: int, position: int) -> None:
        until = position + count
        (settled,) = store.settle(
            self.epoch,
            [
                Settlement(
                    key=KEY,
                    expected=START + position * DAY if position else None,
                    cursor=CursorRecord(key=KEY, since=START, position=START + until * DAY, deployment=1),
                    runs=tuple(self.record(tick, Cause.SCHEDULE) for tick in range(position + 1, until + 1)),
                )
            ],
        ) or (None,)
        assert settled is not None
        assert settled.is_stale == (position != self.settled)
        self.settled = self.settled if settled.is_stale else until
        self.superseded |= set(settled.superseded)
        live = {run.id: run.sequence for run in self.runs() if run.state in LIVE}
        assert settled.made.items() <= live.items()
        assert not set(settled.skipped) & live.keys()

    def runs(self) -> list[RunRecord]:
        return list(self.stores[0].list_runs(RunFilter(limit=1000)))

    def step(self, store: Store, what: str, number: int) -> None:
        if what == "settle":
            self.settle(store, number, self.settled)
        elif what == "settle too late" and self.settled:
            self.settle(store, number, self.settled - 1)
        elif what == "ask":
            store.create_run(self.record(number, Cause.MANUAL))
        live = [run for run in self.runs() if run.state in LIVE]
        waiting = [run for run in live if not run.admitted]
        started = [run for run in live if run.admitted or run.id in self.superseded]
        if what == "admit" and waiting:
            store.admit(waiting[number % len(waiting)].id, OWNER, START)
        elif what == "end" and started:
            run = started[number % len(started)]
            self.sample.append(run, ev.RunFinished(at=START, state=RunState.SUCCEEDED))

    def check(self) -> None:
        runs = self.runs()
        of_ticks = [run for run in runs if run.cause in TICKS]
        assert Counter(run.logical_time for run in of_ticks) == Counter(
            START + tick * DAY for tick in range(1, self.settled + 1)
        )
        active = [run for run in runs if run.state in LIVE and run.admitted]
        if self.policy.max_active_runs is not None:
            assert len(active) <= self.policy.max_active_runs
        if self.policy.overlap is not Overlap.ALLOW:
            assert sum(run.cause in TICKS for run in active) <= 1
        for run in runs:
            last = self.stores[0].get_events(run.id)[-1]
            if run.state not in LIVE:
                assert isinstance(last, ev.RunFinished)
                assert (last.state, last.reason, last.at) == (run.state, run.reason, run.ended_at)
            if run.state is RunState.SKIPPED:
                assert run.reason in ("overlap", "queue_limit")


@settings(max_examples=60, deadline=None)
@given(policies, steps)
def test_each_tick_up_to_the_cursor_has_one_run_whatever_happens(
    policy: Policy, steps: list[tuple[str, int]]
) -> None:
    with temporary_folder() as folder:
        stores = tuple(open_store(str(folder / "store"), create=True) for _ in range(2))
        try:
            world = World((stores[0], stores[1]), policy)
            for turn, (what, number) in enumerate(steps):
                world.step(stores[turn % 2], what, number)
                world.check()
        finally:
            for store in stores[::-1]:
                store.close()
