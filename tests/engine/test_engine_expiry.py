"""Environments whose time comes while a scheduler serves, and what comes after their end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from serving_world import ACTOR, START, World, every
from trio.testing import MockClock

from cronicle.operations.ended import EXPIRED, ending
from cronicle.runs.states import RunState
from cronicle.schedule.rule import Catchup
from cronicle.store.interface import Store
from cronicle.store.records import DeploymentRecord
from cronicle.store.series import PauseRecord
from cronicle.testing import Planned


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "files")


def last(world: World) -> DeploymentRecord:
    found = world.store.find_deployment("shop", "local")
    assert found is not None
    return found


def once_more(world: World, **changes: Any) -> DeploymentRecord:
    """What is deployed, deployed again with changes."""
    before = last(world)
    changed = attrs.evolve(before, created_at=world.clock.now(), **changes)
    made = world.store.add_deployment(changed, based_on=before.number)
    assert made is not None
    world._number = made.number
    return made


def until(world: World, seconds: float) -> None:
    once_more(world, expires_at=START + timedelta(seconds=seconds))


async def test_an_environment_ends_when_its_time_has_come(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60)]})
    until(world, 150.5)

    await world.serve_for(400)

    assert world.times("minutely") == ["12:01:00", "12:02:00"]
    ended = last(world)
    assert (ended.ended, ended.workflows, ended.number) == (True, (), 3)
    assert ended.created_at == START + timedelta(seconds=150.5)
    assert ended.actor.user == "scheduler"
    acts = [(one.act, one.environment, one.reason) for one in world.store.list_audit()]
    assert ("end", "local", EXPIRED) in acts


async def test_what_ran_when_it_ended_finishes(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60)]})
    until(world, 70)

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=100)]
        await trio.sleep(300)

    assert [run.state for run in world.runs("minutely")] == [RunState.SUCCEEDED]
    assert last(world).ended


async def test_nothing_is_owed_of_the_time_after_the_end_if_nobody_served_then(
    world: World, autojump_clock: MockClock
):
    world.deploy(minutely={"schedules": [every(60, catchup=Catchup.ALL)]})
    await world.serve_for(1)
    until(world, 130)
    await trio.sleep(600)

    await world.serve_for(200)

    assert world.times("minutely") == []
    assert last(world).ended


async def test_the_next_deployment_begins_anew(world: World, autojump_clock: MockClock):
    minutely = {"schedules": [every(60, catchup=Catchup.ALL)]}
    world.deploy(minutely=minutely)
    async with world.serving():
        await trio.sleep(65)
        until(world, 70)
        await trio.sleep(600)
        world._number = last(world).number
        world.deploy(minutely=minutely)
        await trio.sleep(120)

    assert world.times("minutely") == ["12:01:00", "12:12:00", "12:13:00"]


async def test_a_workflow_with_on_deploy_is_new_after_the_end(world: World, autojump_clock: MockClock):
    from cronicle.runs.policy import Policy

    job = {"policy": Policy(on_deploy=True)}
    world.deploy(job=job)
    async with world.serving():
        await trio.sleep(2)
        until(world, 3)
        await trio.sleep(5)
        world._number = last(world).number
        world.deploy(job=job)
        await trio.sleep(2)

    assert len(world.runs("job")) == 2


async def test_an_end_by_hand_is_taken_up_at_once(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60)]}, settings={"heartbeat": {"every": 60, "command": ["x"]}})
    async with world.serving() as server:
        await trio.sleep(65)
        end = ending(last(world), world.clock.now(), ACTOR)
        assert world.store.add_deployment(end, based_on=last(world).number)
        await trio.sleep(300)
        assert server.ticker.workflows() == ()

    assert world.times("minutely") == ["12:01:00"]
    assert last(world).settings["heartbeat"] is None


async def test_pauses_end_with_the_environment(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60)]})
    until(world, 10)
    for workflow in (None, "minutely"):
        pause = PauseRecord(
            project="shop", environment="local", workflow=workflow, actor=ACTOR, reason="", paused_at=START
        )
        world.store.add_pause(pause)

    await world.serve_for(20)

    assert world.store.list_pauses("shop", "local") == ()


async def test_a_deployment_that_lasts_takes_the_end_away(world: World, autojump_clock: MockClock):
    world.deploy(minutely={"schedules": [every(60)]})
    until(world, 90)
    async with world.serving():
        await trio.sleep(70)
        once_more(world, expires_at=None)
        await trio.sleep(60)

    assert world.times("minutely") == ["12:01:00", "12:02:00"]
    assert not last(world).ended
