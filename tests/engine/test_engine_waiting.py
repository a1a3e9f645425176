"""Runs over a real store whose tasks ask again, hold locks, or take too long; attempts only take time."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import trio
from test_engine_runner import drive, owner_of, states

from cronicle.runs import events as ev
from cronicle.runs.policy import Policy
from cronicle.runs.spec import RetrySpec, WaitSpec
from cronicle.runs.states import Cause, Outcome, RunState, TaskState
from cronicle.store.location import open_store
from cronicle.testing import START, Planned, make_run, workflow

SECOND = timedelta(seconds=1)
KEY = {"known": "database"}


def times(owner, run_id):
    return {
        one.task: (one.at - START).total_seconds() for one in owner.attempts.executed if one.run == run_id
    }


async def test_a_task_asks_again_until_it_succeeds_and_others_have_its_slot(store, tmp_path, autojump_clock):
    wait = WaitSpec(every=60.0)
    async with owner_of(store, tmp_path, slots=1) as owner:
        owner.attempts.plan["a"] = [Planned(Outcome.NOT_YET, exit_code=75)] * 2
        machine = await drive(owner, workflow("a -> b; c", {"a": {"wait": wait}}))

        assert machine.state is RunState.SUCCEEDED
        assert [(one.task, one.attempt) for one in owner.attempts.executed] == [
            ("a", 1),
            ("c", 1),
            ("a", 2),
            ("a", 3),
            ("b", 1),
        ]
        assert [one.outcome for one in store.list_attempts("RUN0000001") if one.task == "a"] == [
            Outcome.NOT_YET,
            Outcome.NOT_YET,
            Outcome.SUCCEEDED,
        ]


async def test_a_task_gives_up_when_its_time_to_wait_is_over(store, tmp_path, autojump_clock):
    wait = WaitSpec(every=60.0, timeout=100.0, on_timeout="skip")
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(Outcome.NOT_YET, exit_code=75)] * 5
        machine = await drive(owner, workflow("a", {"a": {"wait": wait}}))

        assert owner.clock.now() == START + 100 * SECOND
        assert machine.units["a", None].reason == "wait_timed_out"
    (task,) = store.list_tasks("RUN0000001")
    assert (task.state, task.reason) == (TaskState.SKIPPED, "wait_timed_out")


async def test_a_run_that_takes_too_long_is_ended_and_has_failed(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(seconds=3600)]
        await drive(owner, workflow("a -> b", timeout=100.0))

        assert owner.clock.now() == START + 100 * SECOND
        assert owner.slots.free == owner.slots.size
    run = store.find_run("RUN0000001")
    assert (run.state, run.reason) == (RunState.FAILED, "timed_out")
    assert states(store) == {"a": TaskState.CANCELLED, "b": TaskState.CANCELLED}
    assert {task.reason for task in store.list_tasks(run.id)} == {"run_timed_out"}


async def test_a_lock_has_one_holder_over_all_processes(store, tmp_path, autojump_clock):
    spec = workflow("a, b, c", {name: {"lock": KEY} for name in "abc"})
    other_store = open_store(str(tmp_path / "store"), create=False)
    try:
        async with (
            owner_of(store, tmp_path, slots=3) as first,
            owner_of(other_store, tmp_path, slots=3) as second,
            trio.open_nursery() as runs,
        ):
            for number, owner in enumerate((first, second)):
                runs.start_soon(drive, owner, spec, f"RUN000000{number}")
                await trio.sleep(0.01)
        begun = sorted(one.at for owner in (first, second) for one in owner.attempts.executed)
    finally:
        other_store.close()

    assert len(begun) == 6
    assert all(later - earlier >= SECOND for earlier, later in pairwise(begun))
    assert begun[-1] - begun[0] < 20 * SECOND


async def test_a_lock_that_nobody_else_wants_costs_no_waiting(store, tmp_path, autojump_clock):
    locks = {name: {"lock": {"known": name}} for name in "abc"}
    async with owner_of(store, tmp_path, slots=3) as owner:
        await drive(owner, workflow("a, b, c", locks))

        assert owner.attempts.most_at_once == 3
        assert set(times(owner, "RUN0000001").values()) == {0}


async def test_a_lock_is_free_between_the_attempts_of_a_task(store, tmp_path, autojump_clock):
    retry = RetrySpec(attempts=2, delay=100.0)
    async with owner_of(store, tmp_path, slots=3) as owner:
        owner.attempts.plan["a"] = [Planned(Outcome.FAILED, exit_code=1)]
        await drive(owner, workflow("a, b", {"a": {"lock": KEY, "retry": retry}, "b": {"lock": KEY}}))

        assert owner.attempts.order() == ["a", "b", "a"]


async def test_tasks_that_need_a_lock_and_a_pool_do_not_wait_for_each_other_for_ever(
    store, tmp_path, autojump_clock
):
    both = {"lock": KEY, "pool": "database", "pool_slots": 2}
    spec = workflow(
        "a, b, c, d",
        {"a": both, "b": {"pool": "database"}, "c": both, "d": {"lock": KEY}},
        pools={"database": 2},
    )
    async with owner_of(store, tmp_path, slots=4) as owner:
        machine = await drive(owner, spec)

        assert machine.state is RunState.SUCCEEDED
        assert owner.clock.now() - START < 10 * SECOND
        assert owner.pools._waiting == {}
    assert store._connection.value("SELECT count(*) FROM slot") == 0


async def test_a_lock_whose_key_cannot_be_told_fails_its_task_alone(store, tmp_path, autojump_clock):
    locks = {"a": {"lock": {"known": None}}}
    async with owner_of(store, tmp_path) as owner:
        machine = await drive(owner, workflow("a, b", locks))

        assert machine.units["a", None].reason == "bad_reference"
        assert machine.units["b", None].state is TaskState.SUCCEEDED
    (failure,) = [e for e in store.get_events("RUN0000001") if isinstance(e, ev.EvaluationFailed)]
    assert failure.detail == "lock must be a text, this is null"


async def test_runs_of_a_workflow_with_a_larger_priority_have_the_slots_first(
    store, tmp_path, autojump_clock
):
    wide, urgent = workflow("a, b, c"), workflow("a, b, c", policy=Policy(priority=5))
    async with owner_of(store, tmp_path, slots=1) as owner, trio.open_nursery() as runs:
        backfill = make_run(store, wide, "BACKFILL01", owner=owner.id, cause=Cause.BACKFILL)
        scheduled = make_run(
            store, wide, "SCHEDULED1", owner=owner.id, at=START + SECOND, cause=Cause.SCHEDULE
        )
        first = make_run(store, urgent, "URGENT0001", owner=owner.id, at=START + 2 * SECOND)
        for run in (backfill, scheduled, first):
            runs.start_soon(owner.driver_for(run).drive)
            await trio.sleep(0.1)

    begun = [one.run for one in owner.attempts.executed]
    assert begun == ["BACKFILL01", *["URGENT0001"] * 3, *["SCHEDULED1"] * 3, *["BACKFILL01"] * 2]
