"""Driving backfills: one run after the other, canaries first, one backfill after another."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
import trio
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


# -- a canary, ticks of their own, and backfills that wait for others --------------------------------------------


def plain(world, owner, days, *, name="BACKF1LL00", workflow="plain", ticks=None, deployed=None, **fields):
    """A backfill of daily ticks of a workflow with one task."""
    deployed = deployed or world.deploy(plain={}, below={}, lowest={})
    first = START - 10 * DAY
    record = BackfillRecord(
        id=name,
        project="shop",
        environment="local",
        workflow=workflow,
        from_text="a",
        to_text="b",
        timezone="UTC",
        revision=deployed.revision,
        deployment=deployed.number,
        spec_hash=deployed.find_workflow(workflow).spec_hash,
        total=days,
        actor=ACTOR,
        owner=None if owner is None else owner.id,
        created_at=START,
        **fields,
    )
    made = world.store.create_backfill(
        record,
        ticks
        or [
            BackfillTick(
                position=position,
                logical_time=first + position * DAY,
                nominal=(first + position * DAY).replace(tzinfo=None).isoformat(),
                interval_start=first + (position - 1) * DAY,
                interval_start_nominal=(first + (position - 1) * DAY).replace(tzinfo=None).isoformat(),
                interval_end=first + position * DAY,
            )
            for position in range(days)
        ],
    )
    assert made is not None
    return made


async def drive(world, made, **options):
    return await BackfillDriver(world.owner, made, lambda _: None, lambda *_: None, **options).drive()


def resumed(world, name="BACKF1LL00"):
    assert world.store.adopt_backfill(name, world.owner.id)
    return world.store.find_backfill(name)


async def test_the_others_start_once_the_canaries_have_succeeded(world, autojump_clock):
    async with world.serving(slots=8):
        ended = await drive(world, plain(world, world.owner, 6, canary=2))

    assert ended.state is BackfillState.SUCCEEDED
    runs = world.runs("plain")
    assert max(run.ended_at for run in runs[:2]) <= min(run.created_at for run in runs[2:])
    assert world.attempts.most_at_once == 4


async def test_a_canary_that_fails_pauses_the_backfill_and_is_tried_again_when_it_is_resumed(
    world, autojump_clock
):
    async with world.serving(slots=8):
        made = plain(world, world.owner, 6, canary=2)
        world.attempts.plan["work"] = [Planned(), Planned(Outcome.FAILED, exit_code=1)]

        ended = await drive(world, made)

        failed = world.runs("plain")[1]
        assert ended.state is BackfillState.PAUSED
        assert f"canary run {failed.id} of 2026-11-16 failed; the other 4 ticks wait for it" in ended.reason
        assert (ended.done, ended.failed) == (2, 1)

        again = await drive(world, resumed(world), retries_canaries=True)

    assert again.state is BackfillState.SUCCEEDED
    assert (again.done, again.failed, len(world.runs("plain"))) == (6, 0, 7)


async def test_a_process_that_takes_over_a_backfill_goes_by_the_canaries_as_they_are(world, autojump_clock):
    async with world.serving(slots=8):
        made = plain(world, world.owner, 4, canary=1)
        world.attempts.plan["work"] = [Planned(Outcome.FAILED, exit_code=1)]
        await drive(world, made)

        taken_over = await drive(world, resumed(world))  # as if it had not been paused yet

        assert taken_over.state is BackfillState.PAUSED
        assert "canary run" in taken_over.reason
        assert len(world.runs("plain")) == 1


async def test_each_tick_runs_what_it_says(world, autojump_clock):
    async with world.serving(slots=2):
        old = world.deploy(plain={"graph": "old"})
        new = world.deploy(plain={"graph": "new"})
        made = plain(world, None, 4, name="SHAPE00000", deployed=new)
        ticks = [
            attrs.evolve(tick, revision=one.revision, deployment=one.number, spec_hash=spec)
            for tick, one in zip(world.store.list_ticks(made.id), (old, old, new, new), strict=True)
            for spec in [one.find_workflow("plain").spec_hash]
        ]
        world.store.set_backfill_state(made.id, BackfillState.CANCELLED, None, START, owner=None)

        ended = await drive(world, plain(world, world.owner, 4, deployed=new, ticks=ticks))

        assert ended.state is BackfillState.SUCCEEDED
        assert sorted(world.attempts.order()) == ["new", "new", "old", "old"]
    assert [(run.revision, run.deployment) for run in world.runs("plain")] == [
        (one.revision, one.number) for one in (old, old, new, new)
    ]


async def test_a_tick_without_an_interval_makes_a_run_without_one(world, autojump_clock):
    async with world.serving(slots=2):
        tick = BackfillTick(
            position=0,
            logical_time=START - DAY,
            nominal="2026-11-24T12:00:00",
            interval_start=None,
            interval_start_nominal=None,
            interval_end=None,
        )
        ended = await drive(world, plain(world, world.owner, 1, ticks=[tick]))

    assert ended.state is BackfillState.SUCCEEDED
    assert world.runs("plain")[0].interval_start is None


async def test_a_backfill_begins_when_the_one_before_it_has_succeeded(world, autojump_clock):
    async with world.serving(slots=8):
        deployed = world.deploy(plain={}, below={}, lowest={})
        first = plain(world, world.owner, 3, deployed=deployed)
        second = plain(
            world,
            world.owner,
            2,
            name="BACKF1LL01",
            workflow="below",
            deployed=deployed,
            waits_for=first.id,
        )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drive, world, second)
            await trio.sleep(5)
            assert world.runs("below") == []
            nursery.start_soon(drive, world, first)

    assert world.store.find_backfill(second.id).state is BackfillState.SUCCEEDED
    ends = [run.ended_at for run in world.runs("plain")]
    assert max(ends) <= min(run.created_at for run in world.runs("below"))


@pytest.mark.parametrize("state", [BackfillState.PAUSED, BackfillState.CANCELLED, BackfillState.FAILED])
async def test_where_the_one_before_it_does_not_succeed_it_is_paused_and_says_so(
    world, autojump_clock, state
):
    async with world.serving(slots=8):
        deployed = world.deploy(plain={}, below={}, lowest={})
        first = plain(world, world.owner, 3, deployed=deployed)
        world.store.set_backfill_state(first.id, state, None, START, owner=world.owner.id)
        names = [("BACKF1LL01", "below", first.id), ("BACKF1LL02", "lowest", "BACKF1LL01")]
        for name, workflow, above in names:
            plain(world, world.owner, 1, name=name, workflow=workflow, deployed=deployed, waits_for=above)

        async with trio.open_nursery() as nursery:
            for name, _, _ in names:
                nursery.start_soon(drive, world, world.store.find_backfill(name))

    below, lowest = (world.store.find_backfill(name) for name, _, _ in names)
    assert below.state is lowest.state is BackfillState.PAUSED
    assert f"it waits for backfill {first.id} of plain, which" in below.reason
    assert "it waits for backfill BACKF1LL01 of below, which is paused" in lowest.reason
    assert world.runs("below") == world.runs("lowest") == []


async def test_what_has_been_done_since_by_another_is_not_waited_for(world, autojump_clock):
    async with world.serving(slots=8):
        deployed = world.deploy(plain={}, below={}, lowest={})
        world.attempts.plan["work"] = [Planned(Outcome.FAILED, exit_code=1)]
        first = await drive(world, plain(world, world.owner, 2, deployed=deployed, parallel=1))
        assert first.state is BackfillState.FAILED
        second = plain(
            world,
            world.owner,
            1,
            name="BACKF1LL01",
            workflow="below",
            deployed=deployed,
            waits_for=first.id,
        )
        assert (await drive(world, second)).state is BackfillState.PAUSED

        again = plain(world, world.owner, 2, name="BACKF1LL02", deployed=deployed)
        assert (await drive(world, again)).state is BackfillState.SUCCEEDED

        assert (await drive(world, resumed(world, second.id))).state is BackfillState.SUCCEEDED


async def test_whoever_serves_takes_up_a_whole_chain(world, autojump_clock):
    deployed = world.deploy(plain={}, below={}, lowest={})
    plain(world, None, 2, deployed=deployed, canary=1)
    plain(
        world,
        None,
        2,
        name="BACKF1LL01",
        workflow="below",
        deployed=deployed,
        waits_for="BACKF1LL00",
    )

    await world.serve_for(60)

    states = [world.store.find_backfill(name).state for name in ("BACKF1LL00", "BACKF1LL01")]
    assert states == [BackfillState.SUCCEEDED] * 2
