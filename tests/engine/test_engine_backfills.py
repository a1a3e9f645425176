"""Backfills of workflows whose runs depend on the past."""

from __future__ import annotations

from datetime import timedelta

import pytest
from serving_world import ACTOR, START, World

from cronicle.engine.backfills import BackfillDriver
from cronicle.runs.policy import Policy
from cronicle.runs.states import BackfillState, Outcome, RunState
from cronicle.store.records import BackfillRecord, BackfillTick
from cronicle.testing import Planned

DAY = timedelta(days=1)


@pytest.fixture
async def world(store, tmp_path):
    return World(store, tmp_path / "files")


def backfill(world, owner, days):
    deployed = world.deploy(chain={"policy": Policy(depends_on_past=True)}).workflows[0]
    first = START - 10 * DAY
    record = BackfillRecord(
        id="BACKF1LL00",
        project="shop",
        environment="local",
        workflow="chain",
        from_text="a",
        to_text="b",
        timezone="UTC",
        revision="1" * 40,
        deployment=1,
        spec_hash=deployed.spec_hash,
        parallel=4,
        total=days,
        actor=ACTOR,
        owner=owner.id,
        created_at=START,
    )
    ticks = [
        BackfillTick(
            position=position,
            logical_time=first + position * DAY,
            nominal=(first + position * DAY).replace(tzinfo=None).isoformat(),
            interval_start=first + (position - 1) * DAY,
            interval_start_nominal=(first + (position - 1) * DAY).replace(tzinfo=None).isoformat(),
            interval_end=first + position * DAY,
        )
        for position in range(days)
    ]
    made = world.store.create_backfill(record, ticks)
    assert made is not None
    return made


async def test_they_run_one_after_the_other_whatever_parallel_says(world, autojump_clock):
    async with world.serving(slots=8):
        made = backfill(world, world.owner, 4)

        ended = await BackfillDriver(world.owner, made, lambda _: None, lambda *_: None).drive()

    assert ended.state is BackfillState.SUCCEEDED
    assert world.attempts.most_at_once == 1
    started = [run.started_at for run in world.runs("chain")]
    assert started == sorted(started)


async def test_one_that_fails_pauses_the_backfill_and_says_why(world, autojump_clock):
    async with world.serving(slots=8):
        made = backfill(world, world.owner, 4)
        world.attempts.plan["work"] = [Planned(), Planned(Outcome.FAILED, exit_code=1)]

        ended = await BackfillDriver(world.owner, made, lambda _: None, lambda *_: None).drive()

    assert ended.state is BackfillState.PAUSED
    assert "depends_on_past" in ended.reason
    assert world.states("chain") == [RunState.SUCCEEDED, RunState.FAILED]
