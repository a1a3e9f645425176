"""Driving runs over a real store, with attempts that only take time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import trio

from cronicle.engine.owner import become_owner
from cronicle.engine.recovery import settle_dead_owners
from cronicle.engine.runner import OwnershipLostError
from cronicle.runs.spec import RetrySpec
from cronicle.runs.states import Outcome, RunState, TaskState
from cronicle.store.location import open_store
from cronicle.store.records import Actor, ControlRequest
from cronicle.testing import START, FakeAttempts, Planned, TrioClock, make_run, workflow

ADA = Actor(user="ada", host="here", command="cronicle cancel")
SECOND = timedelta(seconds=1)


@asynccontextmanager
async def owner_of(store, tmp_path, slots=2):
    clock = TrioClock()
    async with become_owner(
        store, tmp_path / "files", clock, slots=slots, command="test", environ={}
    ) as owner:
        owner.attempts = FakeAttempts(owner.attempts.places, clock)
        yield owner


async def drive(owner, spec, run_id="RUN0000001", **changes):
    run = make_run(owner.store, spec, run_id, owner=owner.id, at=owner.clock.now(), **changes)
    return await owner.driver_for(run).drive()


def states(store, run_id="RUN0000001"):
    return {task.task: task.state for task in store.list_tasks(run_id)}


async def test_a_task_starts_when_all_that_it_waits_for_has_ended(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, workflow("a -> b, c -> d"))

        at = {one.task: (one.at - START).total_seconds() for one in owner.attempts.executed}
        assert machine.state is RunState.SUCCEEDED
        assert at == {"a": 0, "b": 1, "c": 1, "d": 2}
        assert set(states(store).values()) == {TaskState.SUCCEEDED}


async def test_no_more_attempts_run_at_once_than_there_are_slots(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path, slots=3) as owner:
        await drive(owner, workflow(", ".join(f"t{n}" for n in range(20))))

        assert owner.attempts.most_at_once == 3
        assert len(owner.attempts.executed) == 20


async def test_the_end_of_a_task_and_the_start_of_the_next_are_one_commit(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        await drive(owner, workflow("a -> b -> c -> d"))

        assert owner.journal.commits == 5  # four starts, three of them with an end; and the last end


async def test_runs_that_go_on_in_the_same_moment_share_their_commits(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path, slots=8) as owner:
        runs = [
            make_run(store, workflow("a"), f"RUN000000{n}", owner=owner.id, at=START + n * SECOND)
            for n in range(8)
        ]
        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(owner.driver_for(run).drive)

        assert owner.journal.commits == 2  # all starts, all ends
        assert {store.find_run(run.id).state for run in runs} == {RunState.SUCCEEDED}


async def test_an_attempt_is_on_disk_before_it_begins(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        seen = []
        execute = owner.attempts.execute

        async def look_first(run, spec, prepared, fence, control):
            seen.extend((one.attempt, one.fence, one.outcome) for one in store.list_attempts(run.id))
            assert fence == seen[-1][1]
            return await execute(run, spec, prepared, fence, control)

        owner.attempts.execute = look_first
        await drive(owner, workflow("a"))

        assert [(attempt, outcome) for attempt, _, outcome in seen] == [(1, None)]


async def test_a_failed_attempt_is_tried_again_after_a_growing_delay(store, tmp_path, autojump_clock):
    retry = RetrySpec(attempts=3, delay=60.0, backoff=2.0)
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(Outcome.FAILED, exit_code=1), Planned(Outcome.TIMED_OUT)]
        machine = await drive(owner, workflow("a -> b", {"a": {"retry": retry}}))

        at = [(one.task, one.attempt, (one.at - START).total_seconds()) for one in owner.attempts.executed]
        assert machine.state is RunState.SUCCEEDED
        assert at == [("a", 1, 0), ("a", 2, 61), ("a", 3, 182), ("b", 1, 183)]
        fences = [one.fence for one in owner.attempts.executed]
        assert fences == sorted(set(fences))


async def test_while_a_task_backs_off_others_have_its_slot(store, tmp_path, autojump_clock):
    retry = RetrySpec(attempts=2, delay=3600.0)
    async with owner_of(store, tmp_path, slots=1) as owner:
        owner.attempts.plan["a"] = [Planned(Outcome.FAILED)]
        await drive(owner, workflow("a, b, c", {"a": {"retry": retry}}))

        assert owner.attempts.order() == ["a", "b", "c", "a"]


async def test_a_failure_skips_what_waits_for_it_and_nothing_else(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(Outcome.FAILED, exit_code=3)]
        machine = await drive(owner, workflow("a -> b -> c; d -> e"))

        assert machine.state is RunState.FAILED
        assert states(store) == {
            "a": TaskState.FAILED,
            "b": TaskState.SKIPPED,
            "c": TaskState.SKIPPED,
            "d": TaskState.SUCCEEDED,
            "e": TaskState.SUCCEEDED,
        }


async def test_a_cancelled_run_ends_its_attempts_and_starts_nothing(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(seconds=3600)]
        run = make_run(store, workflow("a -> b"), "RUN0000001", owner=owner.id)
        driver = owner.driver_for(run)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.drive)
            await trio.sleep(5)
            driver.cancel(ADA, "enough")

        assert owner.attempts.order() == ["a"]
        assert states(store) == {"a": TaskState.CANCELLED, "b": TaskState.CANCELLED}
        assert store.find_run(run.id).state is RunState.CANCELLED
        assert owner.clock.now() - START < 6 * SECOND
        assert owner.slots.free == owner.slots.size


async def test_a_request_of_another_process_is_obeyed_within_a_second(tmp_path, autojump_clock, store):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(seconds=3600)]
        run = make_run(store, workflow("a"), "RUN0000001", owner=owner.id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(owner.driver_for(run).drive)
            await trio.sleep(10)
            asked = ControlRequest(
                target=run.id, verb="cancel", actor=ADA, reason="", requested_at=owner.clock.now()
            )
            assert store.add_request(asked) == owner.id

        assert store.find_run(run.id).state is RunState.CANCELLED
        assert owner.clock.now() - START <= 12 * SECOND


async def test_a_run_that_has_lost_its_owner_is_dropped_and_its_attempts_are_ended(
    store, tmp_path, autojump_clock
):
    async with owner_of(store, tmp_path, slots=1) as owner:
        run = make_run(store, workflow("a, b"), "RUN0000001", owner=owner.id)
        driver = owner.driver_for(run)
        store._connection.execute("UPDATE run SET owner = 'other'")

        with pytest.raises(BaseExceptionGroup) as raised:
            await driver.drive()

        assert raised.group_contains(OwnershipLostError)
        assert owner.attempts.executed == []
        assert owner.attempts.running == 0


async def test_the_older_run_has_the_slots_first(store, tmp_path, autojump_clock):
    wide = workflow("a, b, c, d")
    async with owner_of(store, tmp_path, slots=2) as owner, trio.open_nursery() as runs:
        older = make_run(store, wide, "OLDER00001", owner=owner.id)
        younger = make_run(store, wide, "YOUNGER001", owner=owner.id, at=START + SECOND)
        runs.start_soon(owner.driver_for(older).drive)
        await trio.sleep(0.5)
        runs.start_soon(owner.driver_for(younger).drive)

    assert [one.run for one in owner.attempts.executed] == ["OLDER00001"] * 4 + ["YOUNGER001"] * 4


async def test_attempts_of_a_pool_are_never_more_than_its_slots_over_all_processes(
    store, tmp_path, autojump_clock
):
    spec = workflow("a, b, c", {name: {"pool": "database"} for name in "abc"}, pools={"database": 2})
    other_store = open_store(str(tmp_path / "store"), create=False)
    running, most = [], []
    try:
        async with (
            owner_of(store, tmp_path, slots=3) as first,
            owner_of(other_store, tmp_path, slots=3) as second,
            trio.open_nursery() as runs,
        ):
            for number, owner in enumerate((first, second)):
                execute = owner.attempts.execute

                async def counted(*arguments, execute=execute):
                    running.append(1)
                    most.append(len(running))
                    try:
                        return await execute(*arguments)
                    finally:
                        running.pop()

                owner.attempts.execute = counted
                runs.start_soon(drive, owner, spec, f"RUN000000{number}")
                await trio.sleep(0.01)
    finally:
        other_store.close()

    assert len(most) == 6
    assert max(most) == 2


async def test_a_run_whose_owner_died_goes_on_where_it_was(store, tmp_path, autojump_clock):
    spec = workflow("a -> b -> c")
    dying = open_store(str(tmp_path / "store"), create=False)
    with trio.CancelScope() as life:
        async with owner_of(dying, tmp_path) as owner, trio.open_nursery() as nursery:
            dead = owner.id
            owner.attempts.plan["b"] = [Planned(seconds=3600)]
            nursery.start_soon(drive, owner, spec)
            await trio.sleep(10)
            dying.remove_owner = lambda _: None  # what a killed process does not do
            dying.append = lambda transitions: (None,) * len(transitions)
            life.cancel()
    dying.close()

    settled = await settle_dead_owners(store, TrioClock(START + 60 * SECOND))
    async with owner_of(store, tmp_path) as owner:
        assert store.adopt_run("RUN0000001", owner.id)
        machine = await owner.driver_for(store.find_run("RUN0000001")).drive()

        assert [one.owner.id for one in settled] == [dead]
        assert machine.state is RunState.SUCCEEDED
        assert [(one.task, one.attempt) for one in owner.attempts.executed] == [("b", 2), ("c", 1)]
    outcomes = [(one.task, one.attempt, one.outcome) for one in store.list_attempts("RUN0000001")]
    assert outcomes == [
        ("a", 1, Outcome.SUCCEEDED),
        ("b", 1, Outcome.LOST),
        ("b", 2, Outcome.SUCCEEDED),
        ("c", 1, Outcome.SUCCEEDED),
    ]
