"""Whatever is settled, admitted, ended and asked for in between: each tick has one run, and limits hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing

from hypothesis import given, settings
from hypothesis import strategies as st
from store_values import DAY, START, Places, Sample, owner

from cronicle.runs import events as ev
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import RunSpec, spec_to_bytes
from cronicle.runs.states import LIVE, Cause, RunState
from cronicle.store.interface import Store
from cronicle.store.location import open_store
from cronicle.store.records import NewRun, RunFilter, RunRecord
from cronicle.store.series import CursorRecord, SeriesKey, Settlement

KEY = SeriesKey(project="weather", environment="local", workflow="daily")
OWNERS = ("me", "other")
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
    """A workflow in a store that two owners have open; they take turns, also in leading."""

    def __init__(self, stores: Sequence[Store], policy: Policy) -> None:
        self.samples = {name: Sample(store, name) for name, store in zip(OWNERS, stores, strict=True)}
        self.policy = policy
        for name, sample in self.samples.items():
            sample.store.register_owner(owner(name))
        self.store = stores[0]
        """To look into."""
        spec = RunSpec(project="weather", workflow="daily", policy=policy, tasks=())
        self.spec_hash = self.store.put_spec(spec_to_bytes(spec))
        self.made = 0
        self.settled = 0
        """Ticks up to the cursor."""
        self.superseded: set[str] = set()

    def record(self, sample: Sample, tick: int, cause: Cause) -> NewRun:
        self.made += 1
        run = sample.record(
            id=f"R{self.made:09}",
            logical_time=START + tick * DAY,
            cause=cause,
            spec_hash=self.spec_hash,
            admitted=self.policy.limits_nothing,
        )
        return NewRun(run=run, events=(ev.RunQueued(at=START, run_id=run.id),))

    def lead(self, sample: Sample) -> int:
        for name, other in self.samples.items():
            if name != sample.owner:
                other.store.stop_leading(name)
        epoch = sample.store.lead(sample.owner)
        assert epoch is not None
        return epoch

    def settle(self, sample: Sample, count: int, position: int) -> None:
        until = position + count
        new = tuple(self.record(sample, tick, Cause.SCHEDULE) for tick in range(position + 1, until + 1))
        (settled,) = sample.store.settle(
            self.lead(sample),
            [
                Settlement(
                    key=KEY,
                    expected=START + position * DAY if position else None,
                    cursor=CursorRecord(key=KEY, since=START, position=START + until * DAY, deployment=1),
                    runs=new,
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
        return list(self.store.list_runs(RunFilter(limit=1000)))

    def step(self, turn: int, what: str, number: int) -> None:
        sample = self.samples[OWNERS[turn % len(OWNERS)]]
        if what == "settle":
            self.settle(sample, number, self.settled)
        elif what == "settle too late" and self.settled:
            self.settle(sample, number, self.settled - 1)
        elif what == "ask":
            sample.store.create_run(self.record(sample, number, Cause.MANUAL))
        live = [run for run in self.runs() if run.state in LIVE]
        waiting = [run for run in live if not run.admitted]
        started = [run for run in live if run.admitted or run.id in self.superseded]
        if what == "admit" and waiting:
            run = waiting[number % len(waiting)]
            self.driver(run).store.admit(run.id, self.driver(run).owner, START)
        elif what == "end" and started:
            run = started[number % len(started)]
            self.driver(run).append(run, ev.RunFinished(at=START, state=RunState.SUCCEEDED))

    def driver(self, run: RunRecord) -> Sample:
        assert run.owner is not None
        return self.samples[run.owner]

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
            last = self.store.get_events(run.id)[-1]
            if run.state not in LIVE:
                assert isinstance(last, ev.RunFinished)
                assert (last.state, last.reason, last.at) == (run.state, run.reason, run.ended_at)
            if run.state is RunState.SKIPPED:
                assert run.reason in ("overlap", "queue_limit")


def test_each_tick_up_to_the_cursor_has_one_run_whatever_happens(places: Places) -> None:
    @settings(max_examples=places.examples(60), deadline=None)
    @given(policies, steps)
    def check(policy: Policy, steps: list[tuple[str, int]]) -> None:
        with places.new() as location, ExitStack() as stack:
            stores = [stack.enter_context(closing(open_store(location, create=True))) for _ in OWNERS]
            world = World(stores, policy)
            for turn, (what, number) in enumerate(steps):
                world.step(turn, what, number)
                world.check()

    check()
