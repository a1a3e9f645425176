"""What cannot be driven is set aside with an alarm, and everything else goes on."""

from __future__ import annotations

import logging

import pytest
import trio
from serving_world import World, every
from trio.testing import MockClock

from cronicle.engine.failures import is_fatal, is_loss_of_ownership
from cronicle.engine.lease import LeaseLostError
from cronicle.engine.runner import OwnershipLostError
from cronicle.runs.states import RunState
from cronicle.store.interface import StoreError, UncertainWriteError, UnwritableError
from cronicle.store.location import open_store
from cronicle.testing import Planned


@pytest.fixture
async def world(tmp_path):
    store = open_store(str(tmp_path), create=True)
    yield World(store, tmp_path)
    store.close()


async def test_a_run_that_another_process_has_taken_frees_its_slots(
    world: World, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    world.deploy(slow={"schedules": [every(60)]}, other={"schedules": [every(60)], "graph": "a"})

    async with world.serving(slots=1) as server:
        assert world.attempts is not None
        world.attempts.plan["work"] = [Planned(seconds=30)]
        await trio.sleep(65)
        (run,) = world.runs("slow")
        world.store._connection.execute("UPDATE run SET owner = 'thief' WHERE id = ?", (run.id,))  # type: ignore[attr-defined]
        await trio.sleep(120)
        assert server._owner.slots.free == 1

    assert f"Run {run.id} is not for this process to drive any more." in caplog.text
    assert world.states("other") == [RunState.SUCCEEDED] * 3
    assert world.states("slow")[1:] == [RunState.SUCCEEDED] * 2


async def test_a_run_that_cannot_be_driven_is_set_aside_with_one_alarm(
    world: World, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Whatever it is: a bug must not end the process, and end it again after each restart."""
    world.deploy(bad={"schedules": [every(60)]}, good={"schedules": [every(60)], "graph": "a"})

    async with world.serving():
        assert world.owner is not None
        drive = world.owner.driver_for

        def fail(run, observe):
            if run.workflow == "bad":
                raise KeyError("a bug")
            return drive(run, observe)

        monkeypatch.setattr(world.owner, "driver_for", fail)
        await trio.sleep(130)

    assert world.states("good") == [RunState.SUCCEEDED] * 2
    assert world.states("bad") == [RunState.QUEUED] * 2
    alarms = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(alarms) == 2
    assert "set aside" in alarms[0].getMessage()
    assert "a bug" in alarms[0].getMessage()


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (UncertainWriteError("the disk failed"), True),
        (ExceptionGroup("", [ExceptionGroup("", [UnwritableError("full")])]), True),
        (ExceptionGroup("", [LeaseLostError()]), True),
        (ExceptionGroup("", [StoreError("a damaged row")]), False),
        (KeyError("a bug"), False),
    ],
)
async def test_only_what_keeps_the_process_from_writing_is_fatal(world: World, error: Exception, fatal: bool):
    async with world.serving():
        assert world.owner is not None
        assert is_fatal(world.owner, error) is fatal


def test_the_loss_of_a_run_is_known_also_in_a_group():
    lost = ExceptionGroup("", [OwnershipLostError("R1")])

    assert is_loss_of_ownership(lost)
    assert not is_loss_of_ownership(ExceptionGroup("", [lost, KeyError("a bug")]))
