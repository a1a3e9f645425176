"""The lease of a process: renewed in time, believed only as long as it lasts, and lost when others say so."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from cronicle.engine.journal import Journal
from cronicle.engine.lease import TRY_AGAIN, Lease, LeaseLostError
from cronicle.store.interface import UnwritableError

LENGTH = 4.0


class Database:
    """A store that answers renewals, or is away, or has let somebody else settle the owner."""

    runs_in_place = True
    lease_seconds = LENGTH

    def __init__(self) -> None:
        self.is_away = False
        self.is_taken_over = False
        self.renewals: list[float] = []

    def renew_lease(self, owner: str) -> bool:
        assert owner == "me"
        if self.is_away:
            raise UnwritableError("The store cannot be reached.")
        self.renewals.append(trio.current_time())
        return not self.is_taken_over


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def lease(database: Any) -> Lease:
    return Lease(database, Journal(database), "me")


async def test_it_is_renewed_several_times_within_its_length(
    database: Database, lease: Lease, autojump_clock: object
) -> None:
    with trio.move_on_after(10 * LENGTH):
        await lease.keep()
    between = [
        later - sooner for sooner, later in zip(database.renewals, database.renewals[1:], strict=False)
    ]
    assert max(between) <= LENGTH / 3
    assert lease.holds()


async def test_a_process_that_is_certain_asks_nobody(
    database: Database, lease: Lease, autojump_clock: object
) -> None:
    await lease.confirm()
    assert database.renewals == []


async def test_a_process_that_slept_past_the_end_asks_before_it_goes_on(
    database: Database, lease: Lease, autojump_clock: object
) -> None:
    await trio.sleep(LENGTH + 1)
    assert not lease.holds()
    await lease.confirm()
    assert len(database.renewals) == 1
    assert lease.holds()


async def test_a_process_whose_runs_others_have_taken_over_is_told_so(
    database: Database, lease: Lease, autojump_clock: object
) -> None:
    await trio.sleep(LENGTH + 1)
    database.is_taken_over = True
    with pytest.raises(LeaseLostError):
        await lease.confirm()
    with pytest.raises(LeaseLostError):
        await lease.keep()


async def test_while_the_store_is_away_nothing_is_lost_and_nothing_is_certain(
    database: Database, lease: Lease, autojump_clock: object
) -> None:
    database.is_away = True
    confirmed = trio.Event()

    async def start_something() -> None:
        await lease.confirm()
        confirmed.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lease.keep)
        await trio.sleep(LENGTH + 1)
        nursery.start_soon(start_something)
        await trio.sleep(100 * LENGTH)
        assert not confirmed.is_set()
        database.is_away = False
        await trio.sleep(2 * TRY_AGAIN)
        assert confirmed.is_set()
        nursery.cancel_scope.cancel()


async def test_where_a_process_lives_as_long_as_its_lock_there_is_nothing_to_renew(
    database: Any, autojump_clock: object
) -> None:
    database.lease_seconds = None
    lease = Lease(database, Journal(database), "me")
    await lease.keep()
    await trio.sleep(1_000)
    await lease.confirm()
    assert database.renewals == []
