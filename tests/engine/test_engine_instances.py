"""Instances of a workflow with `for_each` are served as workflows of their own: ticks, policies, followers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trio
from serving_world import ACTOR, START, World, every
from trio.testing import MockClock

from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.schedule.dropped import Dropped
from cronicle.schedule.rule import Catchup
from cronicle.store.interface import Store
from cronicle.store.series import PauseRecord
from cronicle.testing import Planned


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "files")


def pause(workflow: str) -> PauseRecord:
    return PauseRecord(
        project="shop", environment="local", workflow=workflow, actor=ACTOR, reason="", paused_at=START
    )


async def test_each_instance_has_its_own_ticks_cursor_and_catchup(
    world: World, autojump_clock: MockClock
) -> None:
    world.deploy(
        **{
            "sync[eu]": {"schedules": [every(60, catchup=Catchup.ALL)]},
            "sync[us]": {"schedules": [every(120)]},
            "sync": {"schedules": [every(90)]},
        }
    )

    await world.serve_for(121)
    await trio.sleep(300)
    await world.serve_for(10)

    assert world.times("sync[eu]") == [f"12:0{minute}:00" for minute in range(1, 8)]
    assert world.times("sync[us]") == ["12:02:00"]
    assert world.times("sync") == ["12:01:30"]
    dropped = {
        name: [(span.reason, span.count) for span in world.store.list_dropped("shop", "local", name)]
        for name in ("sync[eu]", "sync[us]", "sync")
    }
    assert dropped["sync[eu]"] == []
    assert dropped["sync[us]"] == [(Dropped.NO_CATCHUP, 2)]
    cursors = {cursor.key.workflow for cursor in world.store.list_cursors("shop", "local")}
    assert cursors == {"sync[eu]", "sync[us]", "sync"}


async def test_overlap_of_an_instance_looks_at_no_other(world: World, autojump_clock: MockClock) -> None:
    policy = Policy(overlap=Overlap.SKIP)
    world.deploy(
        **{
            "sync[eu]": {"schedules": [every(60)], "policy": policy, "graph": "slow"},
            "sync[us]": {"schedules": [every(60)], "policy": policy, "graph": "quick"},
        }
    )

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["slow"] = [Planned(seconds=90)]
        await trio.sleep(200)

    assert world.states("sync[eu]") == [RunState.SUCCEEDED, RunState.SKIPPED, RunState.SUCCEEDED]
    assert world.states("sync[us]") == [RunState.SUCCEEDED] * 3


async def test_an_instance_follows_its_counterpart_and_what_follows_all_waits_for_all(
    world: World, autojump_clock: MockClock
) -> None:
    world.deploy(
        **{
            "load[eu]": {"schedules": [every(60)]},
            "load[us]": {"schedules": [every(60)], "graph": "late"},
            "report[eu]": {"policy": Policy(after=("load[eu]",))},
            "report[us]": {"policy": Policy(after=("load[us]",))},
            "total": {"policy": Policy(after=("load[eu]", "load[us]"))},
        }
    )

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["late"] = [Planned(seconds=30)]
        await trio.sleep(75)
        assert (world.times("report[eu]"), world.times("report[us]"), world.times("total")) == (
            ["12:01:00"],
            [],
            [],
        )
        await trio.sleep(30)

    for name in ("report[us]", "total"):
        assert world.times(name) == ["12:01:00"]
        assert [run.cause for run in world.runs(name)] == [Cause.WORKFLOW]


async def test_a_gate_waits_for_all_instances_that_it_names(world: World, autojump_clock: MockClock) -> None:
    world.deploy(
        **{
            "load[eu]": {"schedules": [every(60)]},
            "load[us]": {"schedules": [every(60)], "graph": "late"},
            "sum": {"schedules": [every(60)], "policy": Policy(requires=("load[eu]", "load[us]"))},
            "one": {"schedules": [every(60)], "policy": Policy(requires=("load[eu]",))},
        }
    )

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["late"] = [Planned(seconds=20)]
        await trio.sleep(70)
        assert world.states("one") == [RunState.SUCCEEDED]
        assert world.states("sum") == [RunState.QUEUED]
        await trio.sleep(20)
        assert world.states("sum") == [RunState.SUCCEEDED]


async def test_one_that_fails_again_and_again_pauses_itself_and_no_other(
    world: World, autojump_clock: MockClock
) -> None:
    policy = Policy(pause_after_failures=2)
    world.deploy(
        **{
            "sync[eu]": {"schedules": [every(60)], "policy": policy, "graph": "bad"},
            "sync[us]": {"schedules": [every(60)], "policy": policy, "graph": "good"},
        }
    )

    async with world.serving():
        assert world.attempts is not None
        world.attempts.plan["bad"] = [Planned(outcome=Outcome.FAILED)] * 9
        await trio.sleep(250)

    assert [one.workflow for one in world.store.list_pauses("shop", "local")] == ["sync[eu]"]
    assert world.states("sync[eu]") == [RunState.FAILED] * 2
    assert world.states("sync[us]") == [RunState.SUCCEEDED] * 4


async def test_a_pause_of_one_instance_leaves_the_others(world: World, autojump_clock: MockClock) -> None:
    world.deploy(**{f"sync[{key}]": {"schedules": [every(60)]} for key in ("eu", "us")})
    world.store.add_pause(pause("sync[us]"))

    await world.serve_for(61)

    assert (world.times("sync[eu]"), world.times("sync[us]")) == (["12:01:00"], [])


async def test_a_renamed_instance_goes_on_where_it_was(world: World, autojump_clock: MockClock) -> None:
    world.deploy(**{"sync[eu]": {"schedules": [every(60, catchup=Catchup.ALL)]}})
    await world.serve_for(61)

    world.deploy(
        moved=(("workflow.sync[eu]", "workflow.sync[europe]"),),
        **{"sync[europe]": {"schedules": [every(60, catchup=Catchup.ALL)]}},
    )
    await world.serve_for(125)

    assert world.times("sync[europe]") == ["12:01:00", "12:02:00", "12:03:00"]
    assert world.times("sync[eu]") == []


async def test_jitter_spreads_instances(world: World, autojump_clock: MockClock) -> None:
    keys = "abcdef"
    jittered = every(60, jitter=timedelta(seconds=50))
    world.deploy(**{f"sync[{key}]": {"schedules": [jittered]} for key in keys})

    await world.serve_for(115)

    begun = {run.not_before for key in keys for run in world.runs(f"sync[{key}]")}
    assert len(begun) > len(keys) / 2
