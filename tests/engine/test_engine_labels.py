"""Runs that need labels: who of several processes executes them, and what becomes of them where nobody can."""

from __future__ import annotations

import logging
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve
from serving_world import World, every
from trio.testing import MockClock

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import RunState
from cronicle.store.interface import Store
from cronicle.testing import Planned, make_run, workflow

GPU: dict[str, Any] = {"tasks": {"work": {"runs_on": ("gpu",)}}}


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "files")


async def test_a_process_has_its_host_and_its_system_as_labels_beside_its_own(
    world: World, autojump_clock: MockClock
):
    async with world.serving(labels=["gpu"]):
        await trio.sleep(1)
        (record,) = world.store.list_owners()
        assert set(record.labels) == {"gpu", socket.gethostname(), sys.platform}
        (serving,) = world.store.list_serving("")
        assert serving.labels == record.labels


async def test_a_tick_gives_its_run_to_a_process_that_has_the_labels(world: World, autojump_clock: MockClock):
    world.deploy(learn={**GPU, "schedules": [every(60)]}, load={"schedules": [every(60)]})
    async with world.serving() as plain, world.serving(labels=["gpu"]) as able:
        await trio.sleep(605)
        learned = {run.id for run in world.runs("learn")}
        loaded = {run.id for run in world.runs("load")}
    assert len(learned) == len(loaded) == 10
    assert learned <= world.executed_by(able)
    assert world.executed_by(plain)
    assert world.executed_by(plain) <= loaded


async def test_all_labels_of_all_tasks_are_needed(world: World, autojump_clock: MockClock):
    tasks = {"load": {"runs_on": ("net",)}, "learn": {"runs_on": ("gpu",)}}
    world.deploy(learn={"graph": "load -> learn", "tasks": tasks, "schedules": [every(60)]})
    async with world.serving(labels=["gpu"]), world.serving(labels=["net"]):
        await trio.sleep(90)
        assert world.states("learn") == [RunState.QUEUED]
        async with world.serving(labels=["net", "gpu"]) as able:
            await trio.sleep(5)
            assert world.states("learn") == [RunState.SUCCEEDED]
            assert world.executed_by(able) == {run.id for run in world.runs("learn")}


async def test_where_nobody_has_the_labels_a_run_waits_and_others_do_not(
    world: World, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    world.deploy(learn={**GPU, "schedules": [every(10)]}, load={"schedules": [every(10)]})
    async with world.serving(slots=1):
        await trio.sleep(605)
        assert set(world.states("load")) == {RunState.SUCCEEDED}
        waiting = world.runs("learn")
        assert {(run.state, run.owner) for run in waiting} == {(RunState.QUEUED, None)}
        assert len(waiting) == 60
    assert [one.getMessage() for one in caplog.records if "label gpu" in one.getMessage()] == [
        "Something waits for a process with the label gpu, and none that serves has that."
    ]


async def test_what_waits_starts_as_soon_as_a_process_with_the_labels_serves(
    world: World, autojump_clock: MockClock
):
    world.deploy(learn={**GPU, "schedules": [every(3600)]})
    async with world.serving():
        await trio.sleep(3700)
        assert world.states("learn") == [RunState.QUEUED]
        async with world.serving(labels=["gpu"]):
            came = world.clock.now()
            await trio.sleep(5)
            (run,) = world.runs("learn")
            assert run.state is RunState.SUCCEEDED
            assert run.started_at is not None
            assert run.started_at - came < timedelta(seconds=0.1)


async def test_the_only_process_takes_up_what_it_can_and_leaves_the_rest(
    world: World, autojump_clock: MockClock
):
    load = make_run(world.store, evolve(workflow("work"), project="shop"), "LOAD000001", owner=None)
    spec = evolve(workflow("work", GPU["tasks"]), project="shop", workflow="learn")
    learn = make_run(world.store, spec, "LEARN00001", owner=None, runs_on=("gpu",))
    async with world.serving() as server:
        await trio.sleep(5)
        assert world.executed_by(server) == {load.id}
    found = world.store.find_run(learn.id)
    assert found is not None
    assert (found.state, found.owner) == (RunState.QUEUED, None)


async def test_a_newer_run_ends_one_that_waits_for_labels_that_nobody_has(
    world: World, autojump_clock: MockClock
):
    policy = Policy(overlap=Overlap.CANCEL)
    world.deploy(learn={**GPU, "schedules": [every(60)], "policy": policy})
    async with world.serving() as server:
        await trio.sleep(200)
        *former, last = world.runs("learn")
        assert [(run.state, run.reason) for run in former] == [(RunState.CANCELLED, "superseded")] * 2
        assert (last.state, last.owner) == (RunState.QUEUED, None)
        assert world.executed_by(server) == set()


async def test_limits_count_those_that_wait_for_labels_as_others_that_have_not_started(
    world: World, autojump_clock: MockClock
):
    policy = Policy(max_active_runs=1)
    world.deploy(learn={**GPU, "schedules": [every(60)], "policy": policy})
    async with world.serving():
        await trio.sleep(90)
        world.deploy(learn={"schedules": [every(60)], "policy": policy})  # it needs none any more
        await trio.sleep(60)
        assert world.states("learn") == [RunState.QUEUED, RunState.SUCCEEDED]


async def test_queued_runs_go_to_another_that_can_execute_them_and_the_others_stay(
    world: World, autojump_clock: MockClock
):
    schedules = [every(3600)]
    names = ("a", "b", "c")
    learn = {f"learn_{name}": {**GPU, "schedules": schedules} for name in names}
    world.deploy(**learn, **{f"load_{name}": {"schedules": schedules} for name in names})
    async with world.serving(labels=["gpu"], slots=1) as able:
        world.processes[able].plan["work"] = [Planned(seconds=100) for _ in range(6)]
        await trio.sleep(3605)
        assert len(world.executed_by(able)) == 1
        async with world.serving(slots=8) as plain:
            await trio.sleep(10)
            loaded = {run.id for name in names for run in world.runs(f"load_{name}")}
            assert world.executed_by(plain) == loaded - world.executed_by(able) != set()
            await trio.sleep(600)
            learned = {run.id for name in names for run in world.runs(f"learn_{name}")}
            assert learned <= world.executed_by(able)
