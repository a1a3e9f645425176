"""What becomes of ticks: each makes one run, or leaves a record of why not, whatever happens to the process."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio
from serving_world import ACTOR, START, World, every
from trio.testing import MockClock

from cronicle.operations.in_force import Maker
from cronicle.operations.scope import Scope
from cronicle.operations.watch import Watch
from cronicle.runs.policy import AfterState, Overlap, Policy
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.schedule.dropped import Dropped
from cronicle.schedule.rule import Catchup, Schedule
from cronicle.store.interface import Store
from cronicle.store.series import PauseRecord
from cronicle.testing import Planned

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "files")


async def test_each_tick_makes_one_run_that_is_driven_to_its_end(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60)]})

    await world.serve_for(185)

    assert world.times("minutely") == ["12:01:00", "12:02:00", "12:03:00"]
    assert {run.state for run in world.runs("minutely")} == {RunState.SUCCEEDED}
    assert {run.cause for run in world.runs("minutely")} == {Cause.SCHEDULE}
    assert all(run.lateness is not None and run.lateness < 0.1 for run in world.runs("minutely"))


async def test_a_tick_at_the_moment_of_the_first_deployment_is_nobodys(
    world: World, autojump_clock: MockClock
):
    world.deploy(minutely={"schedules": [every(60)]})

    await world.serve_for(1)

    assert world.times("minutely") == []


async def test_a_restart_across_a_tick_loses_nothing_whatever_catchup_says(
    world: World, autojump_clock: MockClock
):
    world.deploy(minutely={"schedules": [every(60)]})

    await world.serve_for(50)
    await trio.sleep(30)
    await world.serve_for(5)

    assert world.times("minutely") == ["12:01:00"]
    assert world.runs("minutely")[0].cause is Cause.SCHEDULE
    assert world.runs("minutely")[0].lateness == pytest.approx(20, abs=1)


@pytest.mark.parametrize(
    ("catchup", "made_up", "dropped"),
    [
        (Catchup.NONE, [], [(Dropped.NO_CATCHUP, 9)]),
        (Catchup.LATEST, [], [(Dropped.NOT_LATEST, 9)]),
        (Catchup.ALL, [f"12:{minute:02}:00" for minute in range(1, 10)], []),
    ],
)
async def test_missed_ticks_follow_catchup(
    world: World, autojump_clock: MockClock, catchup, made_up, dropped
):
    world.deploy(minutely={"schedules": [every(60, catchup=catchup)]})
    await world.serve_for(1)
    await trio.sleep(10 * 60)  # until a second after the tenth tick

    await world.serve_for(50)

    assert world.times("minutely", causes=(Cause.CATCHUP,)) == made_up
    assert world.times("minutely", causes=(Cause.SCHEDULE,)) == ["12:10:00"]
    assert [(one.reason, one.count) for one in world.store.list_dropped()] == dropped


async def test_of_ticks_missed_long_ago_the_latest_is_made_up_with_latest(
    world: World, autojump_clock: MockClock
):
    world.deploy(daily={"schedules": [every(86_400, catchup=Catchup.LATEST)]})
    await world.serve_for(1)
    await trio.sleep(3 * 86_400 + 3_600)

    await world.serve_for(5)

    (run,) = world.runs("daily")
    assert run.cause is Cause.CATCHUP
    assert run.logical_time == START - timedelta(hours=12) + 3 * DAY
    assert [(one.reason, one.count) for one in world.store.list_dropped()] == [(Dropped.NOT_LATEST, 2)]


async def test_ticks_before_the_window_are_dropped_and_counted(world: World, autojump_clock: MockClock):
    rule = every(3_600, catchup=Catchup.ALL, catchup_window=timedelta(hours=2))
    world.deploy(hourly={"schedules": [rule]})
    await world.serve_for(1)
    await trio.sleep(10 * 3_600 + 1_800)

    await world.serve_for(60)

    assert world.times("hourly") == ["21:00:00", "22:00:00"]
    assert [(one.reason, one.count) for one in world.store.list_dropped()] == [(Dropped.CATCHUP_WINDOW, 8)]


async def test_missed_ticks_are_made_up_a_few_at_a_time_the_oldest_first(
    world: World, autojump_clock: MockClock
):
    world.deploy(minutely={"schedules": [every(60, catchup=Catchup.ALL)]})
    await world.serve_for(1)
    await trio.sleep(30 * 60)

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=5) for _ in range(40)]
        await trio.sleep(600)

    assert world.attempts.most_at_once <= 3
    made = sorted(world.runs("minutely", causes=(Cause.CATCHUP,)), key=lambda run: run.sequence)
    assert [run.logical_time for run in made] == sorted(run.logical_time for run in made)
    assert len(made) == 29


async def test_ten_years_of_a_minutely_schedule_missed_cost_no_loop_over_them(
    world: World, autojump_clock: MockClock
):
    world.deploy(minutely={"schedules": [Schedule(crons=("* * * * *",))]})
    await world.serve_for(1)
    world.clock.jump(timedelta(days=3_652))

    await world.serve_for(1)

    (span,) = world.store.list_dropped()
    assert span.count in (3_652 * 1_440 - 1, 3_652 * 1_440)


async def test_a_clock_set_forward_misses_what_is_in_between(world, autojump_clock):
    world.deploy(minutely={"schedules": [every(60)]})

    async with world.serving():
        await trio.sleep(65)
        world.clock.jump(timedelta(minutes=10, seconds=-30))
        await trio.sleep(65)

    assert world.times("minutely") == ["12:01:00", "12:10:00", "12:11:00"]
    assert [(one.reason, one.count) for one in world.store.list_dropped()] == [(Dropped.NO_CATCHUP, 8)]


async def test_a_clock_set_back_fires_nothing_twice(world, autojump_clock):
    world.deploy(minutely={"schedules": [every(60)]})

    async with world.serving():
        await trio.sleep(125)
        world.clock.jump(timedelta(minutes=-5))
        await trio.sleep(6 * 60)

    assert world.times("minutely") == ["12:01:00", "12:02:00", "12:03:00"]


async def test_a_deployment_is_taken_up_at_once_and_does_not_fire_for_the_past(
    world: World, autojump_clock: MockClock
):
    world.deploy(job={"schedules": [every(3_600)]})

    async with world.serving():
        await trio.sleep(600)
        world.deploy(job={"schedules": [every(60)]})
        await trio.sleep(70)

    assert world.times("job") == ["12:11:00"]
    assert world.runs("job")[0].deployment == 2


async def test_a_look_that_read_the_clock_before_a_deployment_came_leaves_the_time_between_to_the_old_schedule(
    world: World, autojump_clock: MockClock
):
    world.deploy(changed={"schedules": [every(600)]})
    await world.serve_for(0.5)
    await trio.sleep(300)
    world.deploy(changed={"schedules": [every(60)]})
    watch = Watch(world.store, Scope(), is_start=False)
    maker = Maker(owner="late", host="here", now=START, new_id=str, spec_named=lambda _: RunSpec())

    watch.refresh(START)

    assert watch.due(START, maker, limit=10) == []
    await world.serve_for(61)
    assert world.times("changed") == ["12:06:00"]


async def test_a_deployment_from_a_machine_whose_clock_is_ahead_is_waited_for_and_not_looked_at_all_the_time(
    world: World, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
):
    world.deploy(changed={"schedules": [every(600)]})
    await world.serve_for(0.5)
    world.clock.jump(timedelta(seconds=20))
    world.deploy(changed={"schedules": [every(60)]})
    world.clock.jump(timedelta(seconds=-20))
    settled = []
    settle = world.store.settle
    monkeypatch.setattr(world.store, "settle", lambda *given: settled.append(given) or settle(*given))

    await world.serve_for(61)

    assert world.times("changed") == ["12:01:00"]
    assert len(settled) < 10


async def test_what_was_owed_before_a_deployment_is_of_the_old_schedule(
    world: World, autojump_clock: MockClock
):
    world.deploy(job={"schedules": [every(600, catchup=Catchup.ALL)]})
    await world.serve_for(1)
    await trio.sleep(3_000)
    world.deploy(job={"schedules": [every(420, catchup=Catchup.ALL)]})
    await trio.sleep(1_000)

    await world.serve_for(100)

    assert world.times("job", causes=(Cause.CATCHUP,)) == [
        "12:10:00", "12:20:00", "12:30:00", "12:40:00",
        "12:50:00",
        "12:55:00",
        "13:02:00",
    ]  # fmt: skip
    assert {run.deployment for run in world.runs("job")} == {2}


async def test_a_workflow_that_returns_owes_nothing_from_before(world: World, autojump_clock: MockClock):
    world.deploy(job={"schedules": [every(60, catchup=Catchup.ALL)]}, other={})
    await world.serve_for(1)
    await trio.sleep(600)
    world.deploy(other={})
    await trio.sleep(600)
    world.deploy(job={"schedules": [every(60, catchup=Catchup.ALL)]}, other={})
    await trio.sleep(150)

    await world.serve_for(5)

    assert world.times("job") == ["12:21:00", "12:22:00"]


async def test_a_paused_workflow_makes_no_runs_and_says_so(world, autojump_clock):
    world.deploy(minutely={"schedules": [every(60, catchup=Catchup.ALL)]})

    async with world.serving():
        await trio.sleep(65)
        world.store.add_pause(
            PauseRecord(
                project="shop",
                environment="local",
                workflow="minutely",
                actor=ACTOR,
                reason="db upgrade",
                paused_at=world.clock.now(),
            )
        )
        await trio.sleep(300)
        world.store.end_pauses("shop", "local", "minutely", world.clock.now(), actor=ACTOR)
        await trio.sleep(60)

    assert world.times("minutely") == ["12:01:00", "12:07:00"]
    (span,) = world.store.list_dropped()
    assert (span.reason, span.count) == (Dropped.PAUSED, 5)
    assert "db upgrade" in span.detail


async def test_a_pause_ends_by_itself(world, autojump_clock):
    world.deploy(minutely={"schedules": [every(60)]})
    world.store.add_pause(
        PauseRecord(
            project="shop",
            environment="local",
            workflow=None,
            actor=ACTOR,
            paused_at=START,
            until=START + timedelta(seconds=150),
        )
    )

    await world.serve_for(200)

    assert world.times("minutely") == ["12:03:00"]


async def test_a_disabled_schedule_owes_nothing_and_records_nothing(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60, enabled=False, catchup=Catchup.ALL)]})

    await world.serve_for(200)

    assert world.times("minutely") == []
    assert world.store.list_dropped() == ()


async def test_only_one_process_ticks_and_another_takes_over_when_it_drains(
    world: World, autojump_clock: MockClock
):
    world.deploy(minutely={"schedules": [every(60)]})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.serve_for, 90)
        nursery.start_soon(world.serve_for, 200)

    assert world.times("minutely") == ["12:01:00", "12:02:00", "12:03:00"]


async def test_overlap_skip_makes_a_skipped_run(world, autojump_clock):
    world.deploy(slow={"schedules": [every(60)], "policy": Policy(overlap=Overlap.SKIP)})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=90)]
        await trio.sleep(200)

    assert world.states("slow") == [RunState.SUCCEEDED, RunState.SKIPPED, RunState.SUCCEEDED]
    assert world.runs("slow")[1].reason == "overlap"


async def test_overlap_queue_runs_one_after_the_other_in_order(world: World, autojump_clock: MockClock):
    world.deploy(slow={"schedules": [every(60)], "policy": Policy(overlap=Overlap.QUEUE)})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=150), Planned(seconds=5), Planned(seconds=5)]
        await trio.sleep(235)

    runs = world.runs("slow")
    assert world.attempts.most_at_once == 1
    assert [run.state for run in runs[:3]] == [RunState.SUCCEEDED] * 3
    assert [run.started_at for run in runs] == sorted(run.started_at for run in runs)


async def test_overlap_cancel_ends_the_older_run(world, autojump_clock):
    world.deploy(slow={"schedules": [every(60)], "policy": Policy(overlap=Overlap.CANCEL)})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=300), Planned(seconds=5)]
        await trio.sleep(130)

    first, second = world.runs("slow")
    assert (first.state, first.reason) == (RunState.CANCELLED, "superseded")
    assert second.state is RunState.SUCCEEDED


async def test_a_run_that_cannot_start_in_time_is_skipped(world, autojump_clock):
    policy = Policy(max_active_runs=1, start_within=30)
    world.deploy(slow={"schedules": [every(60)], "policy": policy})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=100), Planned(seconds=1)]
        await trio.sleep(200)

    runs = world.runs("slow")
    assert [(run.state, run.reason) for run in runs] == [
        (RunState.SUCCEEDED, None),
        (RunState.SKIPPED, "too_late"),
        (RunState.SUCCEEDED, None),
    ]


async def test_depends_on_past_waits_for_the_tick_before_to_succeed(world: World, autojump_clock: MockClock):
    world.deploy(chain={"schedules": [every(60)], "policy": Policy(depends_on_past=True)})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(), Planned(Outcome.FAILED, exit_code=1)]
        await trio.sleep(250)

    assert world.states("chain") == [
        RunState.SUCCEEDED, RunState.FAILED, RunState.QUEUED, RunState.QUEUED,
    ]  # fmt: skip


async def test_a_workflow_after_others_runs_once_when_all_have_succeeded(
    world: World, autojump_clock: MockClock
):
    world.deploy(
        load={"schedules": [every(60)]},
        clean={"schedules": [every(120)]},
        report={"policy": Policy(after=("load", "clean"))},
    )

    await world.serve_for(250)

    assert world.times("report") == ["12:02:00", "12:04:00"]
    assert {run.cause for run in world.runs("report")} == {Cause.WORKFLOW}


async def test_after_state_failed_follows_failures_only(world, autojump_clock):
    policy = Policy(after=("load",), after_state=AfterState.FAILED)
    world.deploy(load={"schedules": [every(60)]}, mend={"policy": policy, "graph": "mend"})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(), Planned(Outcome.FAILED, exit_code=1), Planned()]
        await trio.sleep(200)

    assert world.times("mend") == ["12:02:00"]


async def test_requires_waits_for_all_ticks_of_the_interval(world, autojump_clock):
    world.deploy(
        hourly={"schedules": [every(60)]},
        daily={"schedules": [every(300)], "policy": Policy(requires=("hourly",)), "graph": "sum"},
    )

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned() for _ in range(9)] + [Planned(seconds=40)]
        await trio.sleep(620)

    first, second = world.runs("daily")
    assert second.state is RunState.QUEUED or second.started_at >= second.logical_time + timedelta(seconds=40)
    assert first.state is RunState.SUCCEEDED


async def test_a_deployment_that_changes_a_workflow_runs_it_once(world: World, autojump_clock: MockClock):
    policy = Policy(on_deploy=True)
    world.deploy(migrate={"policy": policy})

    async with world.serving():
        await trio.sleep(10)
        world.deploy(migrate={"policy": policy}, other={})
        await trio.sleep(10)
        world.deploy(migrate={"policy": policy, "graph": "work -> more"}, other={})
        await trio.sleep(10)
    await world.serve_for(10)

    runs = world.runs("migrate")
    assert [(run.cause, run.deployment) for run in runs] == [(Cause.DEPLOY, 1), (Cause.DEPLOY, 3)]


async def test_a_schedule_on_start_runs_at_each_start(world, autojump_clock):
    world.deploy(warm={"schedules": [Schedule(on_start=True)]})

    await world.serve_for(10)
    await trio.sleep(60)
    await world.serve_for(10)

    assert world.times("warm") == ["12:00:00", "12:01:10"]


async def test_jitter_delays_the_start_and_nothing_else(world, autojump_clock):
    world.deploy(job={"schedules": [every(600, jitter=timedelta(minutes=5))]})

    await world.serve_for(1_000)

    (run,) = world.runs("job")
    assert f"{run.logical_time:%H:%M:%S}" == "12:10:00"
    assert run.not_before is not None
    assert run.started_at is not None
    assert run.not_before <= run.started_at <= run.logical_time + timedelta(minutes=5, seconds=2)


async def test_too_many_failures_in_a_row_pause_the_schedules(world: World, autojump_clock: MockClock):
    world.deploy(flaky={"schedules": [every(60)], "policy": Policy(pause_after_failures=2)})

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(Outcome.FAILED, exit_code=1) for _ in range(9)]
        await trio.sleep(400)

    assert world.states("flaky") == [RunState.FAILED, RunState.FAILED]
    (pause,) = world.store.list_pauses("shop", "local")
    assert pause.workflow == "flaky"
    assert "2 runs in a row have failed" in pause.reason


async def test_a_workflow_whose_spec_is_damaged_is_set_aside_and_the_others_go_on(world, autojump_clock):
    made = world.deploy(bad={"schedules": [every(60)]}, good={"schedules": [every(60)], "graph": "a"})
    damaged = made.workflows[0].spec_hash
    world.store._connection.execute("UPDATE spec SET body = ? WHERE hash = ?", (b"{", damaged))

    await world.serve_for(200)

    assert world.times("good") == ["12:01:00", "12:02:00", "12:03:00"]
    assert world.runs("bad") == []


async def test_a_lock_that_cannot_be_evaluated_holds_up_its_own_workflow_only(world, autojump_clock):
    unknown = {"expression": {"kind": "nonsense"}}
    world.deploy(
        bad={"schedules": [every(60)], "policy": Policy(lock=unknown)},
        good={"schedules": [every(60)], "graph": "a"},
    )

    await world.serve_for(200)

    assert world.times("good") == ["12:01:00", "12:02:00", "12:03:00"]


async def test_a_ticker_that_is_stopped_while_it_looks_settles_nothing_more(
    world: World, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
):
    world.deploy(job={"schedules": [every(60)]})

    async with world.serving() as server:
        await trio.sleep(30)
        refresh = Watch.refresh

        def refresh_and_stop(watch: Watch, now: datetime) -> None:
            refresh(watch, now)
            if now >= START + timedelta(seconds=60):
                server.ticker.stop()

        monkeypatch.setattr(Watch, "refresh", refresh_and_stop)
        await trio.sleep(60)

    assert world.times("job") == []
