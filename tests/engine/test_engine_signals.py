"""What a scheduler notices over time, and whom it tells: late runs, old results, failures in a row, its own heart."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio
from serving_world import World, every

from cronicle.runs.policy import Policy
from cronicle.runs.spec import HookSpec
from cronicle.runs.states import Outcome, RunState
from cronicle.store.records import OwnerRecord
from cronicle.testing import Planned

HEARTBEAT = {"heartbeat": {"every": 60.0, "command": ["curl", "https://watcher"]}}


@pytest.fixture
async def world(store, tmp_path):
    return World(store, tmp_path / "files")


def hook(event):
    return HookSpec(event=event, command={"known": ["notify", event]})


def told(world):
    """The hooks that were executed, with the seconds since the start."""
    begun = world.attempts.executed
    return [one.argv[1] for one in begun if one.argv[:1] == ("notify",)]


async def test_a_run_that_has_not_ended_in_time_is_told_once(world, autojump_clock):
    policy = Policy(late_after=30)
    world.deploy(slow={"schedules": [every(600)], "policy": policy, "hooks": (hook("on_late"),)})

    async with world.serving():
        world.attempts.plan["work"] = [Planned(seconds=200)]
        await trio.sleep(620)
        assert told(world) == []
        await trio.sleep(30)
        assert told(world) == ["on_late"]
        await trio.sleep(400)

    assert told(world) == ["on_late"]
    assert world.states("slow") == [RunState.SUCCEEDED]


async def test_a_late_run_is_told_of_whichever_process_drives_it(world, autojump_clock):
    """Two processes share the runs of a tick; one of them leads."""
    late = {"schedules": [every(600)], "policy": Policy(late_after=30), "hooks": (hook("on_late"),)}
    world.deploy(a=late, b=late)

    async with world.serving(slots=1) as first, world.serving(slots=1) as second:
        for attempts in world.processes.values():
            attempts.plan["work"] = [Planned(seconds=200)]
        await trio.sleep(650)
        assert world.executed_by(first)
        assert world.executed_by(second)
        notified = [
            one.argv[1]
            for process in world.processes.values()
            for one in process.executed
            if one.argv[:1] == ("notify",)
        ]
        assert notified == ["on_late", "on_late"]


async def test_a_run_that_ends_in_time_is_not_late(world, autojump_clock):
    policy = Policy(late_after=30)
    world.deploy(quick={"schedules": [every(600)], "policy": policy, "hooks": (hook("on_late"),)})

    await world.serve_for(1_300)

    assert told(world) == []


async def test_results_that_become_too_old_are_told_once_until_they_are_fresh_again(world, autojump_clock):
    policy = Policy(fresh_within=100)
    world.deploy(job={"schedules": [every(60)], "policy": policy, "hooks": (hook("on_not_fresh"),)})

    async with world.serving():
        failed = Planned(Outcome.FAILED, exit_code=1)
        world.attempts.plan["work"] = [Planned(), failed, failed, failed, Planned(), failed, failed, failed]
        await trio.sleep(60 * 9)

    assert told(world) == ["on_not_fresh", "on_not_fresh"]


async def test_a_workflow_that_pauses_itself_tells_so(world, autojump_clock):
    policy = Policy(pause_after_failures=2)
    world.deploy(job={"schedules": [every(60)], "policy": policy, "hooks": (hook("on_pause"),)})

    async with world.serving():
        world.attempts.plan["work"] = [Planned(Outcome.FAILED, exit_code=1)] * 9
        await trio.sleep(400)

    assert told(world) == ["on_pause"]


async def test_who_pauses_a_workflow_tells_so_even_if_another_leads_by_then(world, autojump_clock):
    policy = Policy(pause_after_failures=2)
    world.deploy(job={"schedules": [every(60)], "policy": policy, "hooks": (hook("on_pause"),)})
    another = world.store.register_owner(
        OwnerRecord(
            id="AN0THER001", host="far", pid=1, command="cronicle serve", started_at=world.clock.now()
        )
    )

    async with world.serving():
        failed = Planned(Outcome.FAILED, exit_code=1)
        world.attempts.plan["work"] = [failed, Planned(Outcome.FAILED, exit_code=1, seconds=30)]
        await trio.sleep(130)
        world.store.stop_leading(world.owner.id)
        assert world.store.lead(another.id)
        await trio.sleep(60)

    assert [one.workflow for one in world.store.list_pauses("shop", "local")] == ["job"]
    assert told(world) == ["on_pause"]


async def test_one_success_in_between_begins_the_count_of_failures_anew(world, autojump_clock):
    world.deploy(job={"schedules": [every(60)], "policy": Policy(pause_after_failures=2)})

    async with world.serving():
        failed = Planned(Outcome.FAILED, exit_code=1)
        world.attempts.plan["work"] = [failed, Planned(), failed, Planned(), failed, Planned()]
        await trio.sleep(400)

    assert world.store.list_pauses("shop", "local") == ()
    assert len(world.runs("job")) == 6


async def test_the_heart_of_a_project_beats_while_the_scheduler_leads(world, autojump_clock):
    world.deploy(settings=HEARTBEAT, job={})

    await world.serve_for(200)

    beats = [one for one in world.attempts.executed if one.task == "heartbeat"]
    assert [one.argv for one in beats] == [("curl", "https://watcher")] * 4
    assert beats[1].at - beats[0].at >= timedelta(seconds=60)


async def test_the_heart_stands_still_while_the_store_cannot_be_written(world, autojump_clock, monkeypatch):
    world.deploy(settings=HEARTBEAT, job={})

    async with world.serving() as server:
        await trio.sleep(10)
        monkeypatch.setattr(type(world.owner.journal), "is_well", property(lambda _: False))
        await trio.sleep(300)
        server.ticker.wake()

    assert len([one for one in world.attempts.executed if one.task == "heartbeat"]) == 1


async def test_a_renamed_workflow_takes_its_cursor_and_history_along_and_runs_nothing_again(
    world, autojump_clock
):
    world.deploy(old={"schedules": [every(60)]})

    async with world.serving():
        await trio.sleep(130)
        world.deploy(moved=(("workflow.old", "workflow.new"),), new={"schedules": [every(60)]})
        await trio.sleep(100)

    assert world.times("old") == []
    assert world.times("new") == ["12:01:00", "12:02:00", "12:03:00"]


async def test_runs_in_progress_keep_the_spec_that_they_started_with(world, autojump_clock):
    world.deploy(job={"schedules": [every(60)], "graph": "work -> second"})

    async with world.serving():
        world.attempts.plan["work"] = [Planned(seconds=45)]
        await trio.sleep(70)
        world.deploy(job={"schedules": [every(60)], "graph": "work -> third"})
        await trio.sleep(80)

    first, second = world.runs("job")
    assert [task.task for task in world.store.list_tasks(first.id)] == ["second", "work"]
    assert [task.task for task in world.store.list_tasks(second.id)] == ["third", "work"]
