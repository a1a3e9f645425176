"""Waiting for a store that cannot be written: who tries, who waits, and what is told."""

from __future__ import annotations

import pytest
import trio

from cronicle.engine.patience import TELL_AFTER, TRY_AGAIN, Patience
from cronicle.store.interface import StoreError, UncertainWriteError, UnwritableError


class Disk:
    """A store that can be written or not; counts who tries."""

    def __init__(self):
        self.error = None
        self.tries = 0
        self.written = []

    def writing(self, name):
        async def write():
            await trio.lowlevel.checkpoint()
            self.tries += 1
            if self.error is not None:
                raise self.error
            self.written.append(name)
            return name

        return write


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def told():
    return []


@pytest.fixture
def patience(told):
    made = Patience()
    made.begin(told.append)
    return made


async def test_what_cannot_be_written_waits_in_order_and_is_told_once(disk, patience, told, autojump_clock):
    disk.error = UnwritableError("The disk is full.")
    answers = []

    async def write(name):
        answers.append(await patience.until_done(disk.writing(name), writes=True))

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(write, name)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(TELL_AFTER + 3 * TRY_AGAIN)
        assert told == [disk.error]
        disk.error = None

    assert answers == disk.written == ["a", "b", "c"]
    assert len(told) == 2
    assert told[1] is None


async def test_only_one_of_those_who_wait_tries(disk, patience, autojump_clock):
    disk.error = UnwritableError("Locked.")

    async with trio.open_nursery() as nursery:
        for name in range(50):
            nursery.start_soon(lambda name=name: patience.until_done(disk.writing(name), writes=True))
        await trio.sleep(10.5 * TRY_AGAIN)
        before = disk.tries
        await trio.sleep(10 * TRY_AGAIN)
        assert disk.tries - before == 10
        nursery.cancel_scope.cancel()


async def test_reading_goes_on_and_ends_no_alarm(disk, patience, told, autojump_clock):
    disk.error = UnwritableError("Locked.")

    async def read():
        await trio.lowlevel.checkpoint()
        return "read"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: patience.until_done(disk.writing("a"), writes=True))
        await trio.sleep(2 * TELL_AFTER)
        assert await patience.until_done(read, writes=False) == "read"
        assert told == [disk.error]
        nursery.cancel_scope.cancel()


async def test_trouble_that_passes_soon_is_not_told(disk, patience, told, autojump_clock):
    disk.error = UnwritableError("Locked.")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: patience.until_done(disk.writing("a"), writes=True))
        await trio.sleep(TELL_AFTER / 2)
        disk.error = None

    assert disk.written == ["a"]
    assert told == []


@pytest.mark.parametrize("error", [StoreError("Damaged."), UncertainWriteError("The disk has failed.")])
async def test_other_errors_are_for_the_caller(disk, patience, error):
    disk.error = error

    with pytest.raises(type(error)):
        await patience.until_done(disk.writing("a"), writes=True)

    assert disk.tries == 1


async def test_who_gives_up_learns_what_is_wrong(disk, patience, autojump_clock):
    disk.error = UnwritableError("The disk is full.")

    async def write():
        with pytest.raises(UnwritableError):
            await patience.until_done(disk.writing("a"), writes=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await trio.sleep(10)
        patience.give_up()


async def test_without_anybody_to_tell_nothing_waits(disk):
    disk.error = UnwritableError("The disk is full.")

    with pytest.raises(UnwritableError):
        await Patience().until_done(disk.writing("a"), writes=True)
