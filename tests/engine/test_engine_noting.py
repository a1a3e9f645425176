"""Notes that a scheduler has written now and then: by whoever leads, not too often, and never in the way."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from cronicle.engine.noting import LOOK, note_regularly
from cronicle.errors import CronicleError
from cronicle.operations.notes_wanted import wants_notes

WANTED = {"git": {"notes": True}}


@attrs.define
class Deployment:
    project: str
    environment: str = "local"
    number: int = 1
    settings: Any = None


@attrs.define
class Ticker:
    """As much of one as is asked."""

    made: list[Deployment]
    leads: bool = True

    def deployments(self) -> list[Deployment]:
        return self.made


class World:
    def __init__(self, *made: Deployment) -> None:
        self.ticker = Ticker(list(made))
        self.event = 1
        self.written: list[str] = []
        self.problem: CronicleError | None = None

    async def last_event(self) -> int:
        return self.event

    async def until_written(self, count: int) -> None:
        """Wait until notes were written so often; the thread that does takes real time."""
        with trio.fail_after(LOOK * 1_000_000):
            while len(self.written) < count:
                await looks(1)

    def write(self, project: str) -> int:
        self.written.append(project)
        if self.problem is not None:
            raise self.problem
        return 1

    async def note(self) -> None:
        await note_regularly(self.ticker, self.last_event, wants_notes, self.write)  # type: ignore[arg-type]


async def looks(number: int) -> None:
    """Let so many looks go by."""
    await trio.sleep(LOOK * number)


async def test_projects_that_want_notes_have_them_when_something_has_happened(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    world = World(
        Deployment("shop", settings=WANTED),
        Deployment("shop", "staging", settings=WANTED),
        Deployment("weather", settings={"git": {"notes": False}}),
        Deployment("old", settings=None),
    )
    nursery.start_soon(world.note)

    await world.until_written(1)
    await looks(3)
    assert world.written == ["shop"]
    world.event = 2
    await world.until_written(2)
    world.ticker.made[1] = Deployment("shop", "staging", number=2, settings=WANTED)
    await world.until_written(3)
    await looks(3)
    assert world.written == ["shop"] * 3


async def test_who_does_not_lead_writes_nothing(nursery: trio.Nursery, autojump_clock: MockClock):
    world = World(Deployment("shop", settings=WANTED))
    world.ticker.leads = False
    nursery.start_soon(world.note)

    await looks(3)

    assert world.written == []


async def test_what_goes_wrong_is_told_once_and_tried_again(
    nursery: trio.Nursery, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
):
    world = World(Deployment("shop", settings=WANTED))
    world.problem = CronicleError("the clone is gone", "Clone it again.")
    nursery.start_soon(world.note)

    for event in range(1, 5):
        world.event = event
        await world.until_written(event)

    await looks(1)
    assert [record.getMessage() for record in caplog.records] == [
        "Commits have no new notes: the clone is gone"
    ]
