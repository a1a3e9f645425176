"""What holds of admission whatever happens: workflows are driven through random ticks, starts and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from hypothesis import given
from hypothesis import strategies as st

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import Cause
from cronicle.schedule.admission import (
    TICK_CAUSES,
    LiveRun,
    may_start,
    on_insertion,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

policies = st.builds(
    Policy,
    overlap=st.sampled_from(Overlap),
    queue_limit=st.none() | st.integers(1, 3),
    max_active_runs=st.none() | st.integers(1, 3),
)
causes = st.sampled_from([Cause.SCHEDULE, Cause.SCHEDULE, Cause.CATCHUP, Cause.MANUAL, Cause.BACKFILL])
steps = st.lists(
    st.tuples(st.just("tick"), causes, st.integers(0, 20))
    | st.tuples(st.just("admit"), causes, st.integers(0, 20))
    | st.tuples(st.just("end"), causes, st.integers(0, 20)),
    max_size=40,
)


class World:
    """One workflow: what is live, as a store would have it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.live: list[LiveRun] = []
        self.superseded: set[str] = set()
        self.made = 0

    def tick(self, cause: Cause, hour: int) -> None:
        if any(run.logical_time == NOON + hour * HOUR for run in self.live):
            return  # one live run for each logical time
        self.made += 1
        new = LiveRun(id=f"R{self.made}", sequence=self.made, cause=cause, logical_time=NOON + hour * HOUR)
        decision = on_insertion(self.policy, new, self.live)
        assert set(decision.drops) <= {run.id for run in self.live if not run.is_active}
        assert not set(decision.drops) & set(decision.supersedes)
        self.superseded |= set(decision.supersedes)
        self.live = [run for run in self.live if run.id not in decision.drops]
        if decision.skipped is None:
            self.live.append(new)
        else:
            assert not decision.supersedes

    def admit(self, number: int) -> bool:
        waiting = [run for run in self.live if not run.is_active]
        if not waiting:
            return False
        run = waiting[number % len(waiting)]
        if may_start(self.policy, run, self.live):
            return False
        self.live[self.live.index(run)] = attrs.evolve(run, admitted=True)
        return True

    def end(self, number: int) -> None:
        active = [run for run in self.live if run.is_active or run.id in self.superseded]
        if active:
            self.live.remove(active[number % len(active)])

    def check(self) -> None:
        active = [run for run in self.live if run.is_active]
        ticks = [run for run in self.live if run.cause in TICK_CAUSES]
        policy = self.policy
        if policy.max_active_runs is not None:
            assert len(active) <= policy.max_active_runs
        if policy.overlap is not Overlap.ALLOW:
            assert sum(run.cause in TICK_CAUSES for run in active) <= 1
        if policy.overlap is Overlap.SKIP:
            assert len(ticks) <= 1
        if policy.overlap is Overlap.CANCEL:
            assert len([run for run in ticks if run.id not in self.superseded]) <= 1
        if policy.queue_limit is not None:
            free = min(
                ([1] if policy.overlap is Overlap.QUEUE else [])
                + ([policy.max_active_runs] if policy.max_active_runs is not None else []),
                default=0,
            )
            queued = [run for run in ticks if not run.is_active]
            if policy.overlap in (Overlap.ALLOW, Overlap.QUEUE):
                assert len(queued) <= policy.queue_limit + free


@given(policies, steps)
def test_limits_are_never_exceeded_and_everything_starts_in_the_end(
    policy: Policy, steps: list[tuple[str, Cause, int]]
) -> None:
    world = World(policy)
    for step, cause, number in steps:
        if step == "tick":
            world.tick(cause, number)
        elif step == "admit":
            world.admit(number)
        else:
            world.end(number)
        world.check()

    for _ in range(4 * len(world.live)):
        if not any(world.admit(number) for number in range(len(world.live))):
            world.end(0)
        world.check()
        if not world.live:
            break
    else:
        assert not world.live, "some run waits for ever"


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=10, unique=True))
def test_a_queue_starts_in_the_order_of_logical_times(hours: list[int]) -> None:
    policy = Policy(overlap=Overlap.QUEUE)
    live = [
        LiveRun(id=f"R{index}", sequence=index, cause=Cause.SCHEDULE, logical_time=NOON + hour * HOUR)
        for index, hour in enumerate(hours)
    ]

    started = []
    while live:
        (able,) = [run for run in live if not may_start(policy, run, live)]
        started.append(able.logical_time)
        live.remove(able)

    assert started == sorted(started)
