"""Which queued runs are started: what has ended is let go of, and nothing is forgotten or driven twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trio
from attrs import evolve
from serving_world import START, World, every
from trio.testing import MockClock

from cronicle.engine.admission import judge
from cronicle.engine.dispatcher import NOT_TOLD
from cronicle.runs.events import RunFinished, RunQueued
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import LIVE, RunState
from cronicle.schedule.rule import Schedule
from cronicle.store.interface import Store
from cronicle.store.records import NewRun, Transition
from cronicle.testing import Planned


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "files")


async def test_queued_runs_that_newer_ones_have_dropped_are_in_nobodys_way(
    world: World, autojump_clock: MockClock
):
    """More of them than are looked at in one go, all behind a tick that has not succeeded."""
    policy = Policy(overlap=Overlap.QUEUE, queue_limit=1, depends_on_past=True)
    world.deploy(w={"schedules": [every(10)], "policy": policy})

    async with world.serving() as server:
        world.attempts.plan["work"] = [Planned(seconds=500)]
        await trio.sleep(495)

        assert server.dispatcher.waiting <= 1
        assert len(world.runs("w", states=(RunState.SKIPPED,))) > 40


async def test_a_run_that_is_hastened_while_it_is_judged_is_driven_once(
    world: World, autojump_clock: MockClock
):
    """`overlap = "cancel"`: the newer tick hastens the run before it, which may be admitted at that very moment."""
    world.deploy(w={"schedules": [every(10)], "policy": Policy(overlap=Overlap.CANCEL)})

    async with world.serving() as server:
        admit = world.store.admit
        driven: list[str] = []
        drive = server.dispatcher._drive

        def hastening(run_id, owner, at):
            answer = admit(run_id, owner, at)
            server.dispatcher.hasten(run_id)
            return answer

        async def counting(run):
            driven.append(run.id)
            await drive(run)

        server.dispatcher._drive = counting
        world.store.admit = hastening
        await trio.sleep(35)

    assert len(driven) == len(set(driven)) == 3


async def test_a_workflow_with_labelled_series_alone_can_be_required(world: World, autojump_clock: MockClock):
    world.deploy(
        hourly={
            "schedules": [
                Schedule(name="a", every=timedelta(minutes=10)),
                Schedule(name="b", every=timedelta(minutes=15)),
            ]
        },
        half={"schedules": [every(1800)], "policy": Policy(requires=("hourly",))},
    )

    await world.serve_for(1900)

    assert world.states("half") == [RunState.SUCCEEDED]


async def test_a_required_workflow_without_ticks_in_the_interval_keeps_nobody_waiting(
    world: World, autojump_clock: MockClock
):
    later = Schedule(every=timedelta(hours=1), start=START + timedelta(days=10))
    world.deploy(
        rare={"schedules": [later]}, w={"schedules": [every(60)], "policy": Policy(requires=("rare",))}
    )

    await world.serve_for(65)

    assert world.states("w") == [RunState.SUCCEEDED]


async def test_many_that_wait_do_not_hide_one_behind_them_that_may_start(
    world: World, autojump_clock: MockClock
):
    """Thirty runs wait for what has not succeeded; the one of which everything has is made last."""
    world.deploy(
        daily={"schedules": [every(10)]},
        w={"schedules": [every(10)], "policy": Policy(requires=("daily",))},
    )

    async with world.serving() as _:
        world.attempts.plan["work"] = []
        failing = [Planned(outcome="failed", exit_code=1)] * 31
        world.attempts.plan["work"] = failing
        await trio.sleep(420)

    states = world.states("w")
    assert states.count(RunState.QUEUED) >= 20
    assert states.count(RunState.SUCCEEDED) >= 5


async def test_of_two_series_with_a_tick_at_the_same_time_the_run_that_was_made_first_starts_first(
    world: World, autojump_clock: MockClock
):
    """With `overlap = "queue"` each of the two would wait for the other if their order were not that of the store."""
    world.deploy(w={"schedules": [every(60)], "policy": Policy(overlap=Overlap.QUEUE)})

    async with world.serving():
        world.attempts.plan["work"] = [Planned(seconds=100)]
        await trio.sleep(90)  # the tick after 60 s runs until 160
        [first] = world.runs("w")
        other = evolve(
            first,
            id="Z000000001",
            sequence=0,
            series="other",
            logical_time=START + timedelta(seconds=120),
            owner=None,
            state=RunState.QUEUED,
            started_at=None,
            admitted=False,
        )
        world.store.create_run(NewRun(run=other, events=(RunQueued(at=world.clock.now(), run_id=other.id),)))
        await trio.sleep(85)

    assert world.states("w")[:3] == [RunState.SUCCEEDED] * 3
    assert [run.series for run in world.runs("w")[:3]] == [None, "other", None]


async def test_a_run_that_is_too_late_and_was_dropped_a_moment_before_ends_once(
    world: World, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
):
    """What a settlement stores is told to the dispatcher only after others have had their turn."""
    world.deploy(w={"schedules": [every(60)], "policy": Policy(overlap=Overlap.QUEUE, start_within=30)})
    end = RunFinished(at=START + timedelta(seconds=150), state=RunState.SKIPPED, reason="queue_limit")

    async def judge_while_it_is_dropped(owner, run, policy):
        verdict = await judge(owner, run, policy)
        if verdict.dropped is not None:
            world.store.append([Transition(run_id=run.id, owner=owner.id, events=(end,))])
        return verdict

    monkeypatch.setattr("cronicle.engine.dispatcher.judge", judge_while_it_is_dropped)
    async with world.serving() as server:
        world.attempts.plan["work"] = [Planned(seconds=110)]
        await trio.sleep(175)
        assert server.dispatcher.waiting == 0

    first, second, *_ = world.runs("w")
    assert (first.state, second.state, second.reason) == (RunState.SUCCEEDED, RunState.SKIPPED, "queue_limit")
    assert sum(isinstance(event, RunFinished) for event in world.store.get_events(second.id)) == 1


async def test_a_run_that_nobody_tells_of_what_it_waits_for_starts_a_little_later(
    world: World, autojump_clock: MockClock
):
    """The run before it has ended in another process, whose letter was lost."""
    world.deploy(w={"schedules": [every(600)], "policy": Policy(overlap=Overlap.QUEUE)})

    async with world.serving() as server:
        server.dispatcher._forget = lambda run, _: server.dispatcher._known.discard(run.id)
        world.attempts.plan["work"] = [Planned(seconds=700)]
        await trio.sleep(1300 + NOT_TOLD + 10)
        assert world.states("w") == [RunState.SUCCEEDED, RunState.SUCCEEDED]


async def test_a_letter_has_those_looked_at_that_wait_for_what_has_ended_and_no_others(
    world: World, autojump_clock: MockClock
):
    """Two workflows wait for their runs; one has ended without this process knowing, as another's would have."""
    queue = Policy(overlap=Overlap.QUEUE)
    world.deploy(
        w={"schedules": [every(600)], "policy": queue}, long={"schedules": [every(600)], "policy": queue}
    )
    asked: list[str] = []
    admit = world.store.admit

    def asking(run_id, owner, at):
        asked.append(
            next(run.workflow for run in (*world.runs("w"), *world.runs("long")) if run.id == run_id)
        )
        return admit(run_id, owner, at)

    async with world.serving() as server:
        server.dispatcher.look()  # it knows of what has ended so far
        server.dispatcher._forget = lambda run, _: server.dispatcher._known.discard(run.id)
        world.attempts.plan["work"] = [Planned(seconds=605), Planned(seconds=900)]
        await trio.sleep(1206)  # the first runs began after 600 s; the second ones wait since 1200
        ended = {run.workflow for run in (*world.runs("w"), *world.runs("long")) if run.state not in LIVE}
        assert len(ended) == 1
        world.store.admit = asking
        server.dispatcher.look()
        await trio.sleep(1)
        world.store.admit = admit

    assert set(asked) == ended
