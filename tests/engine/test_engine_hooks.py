"""Hooks that a scheduler has told: of a run that is late, and of a workflow as a whole."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import trio
from test_engine_runner import owner_of

from cronicle.engine.hooks import tell_late
from cronicle.engine.workflow_hooks import tell_of_workflow
from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.policy import Overlap, Policy
from cronicle.runs.spec import HookSpec, spec_to_bytes
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.store.records import Actor, DeployedWorkflow, DeploymentRecord
from cronicle.testing import START, Planned, make_run, workflow


def hook(event, **fields):
    return HookSpec(event=event, command={"known": ["tell"]}, **fields)


def hook_facts(store, run_id="RUN0000001"):
    return [type(fact) for fact in store.get_events(run_id) if type(fact).__name__.startswith("Hook")]


async def test_a_run_that_is_driven_tells_once_that_it_is_late(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["a"] = [Planned(seconds=100)]
        run = make_run(store, workflow("a", hooks=(hook("on_late"),)), "RUN0000001", owner=owner.id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(owner.driver_for(run).drive)
            await trio.sleep(10)
            assert await tell_late(owner, run.id)
            assert await tell_late(owner, run.id)
            await trio.sleep(10)
            assert "hooks/on_late" in owner.attempts.order()
            assert await tell_late(owner, run.id)

        assert owner.attempts.order() == ["a", "hooks/on_late"]
    assert hook_facts(store) == [ev.HooksOwed, ev.HookStarted, ev.HookFinished]
    assert store.find_run("RUN0000001").state is RunState.SUCCEEDED


async def test_a_run_that_waits_tells_that_it_is_late_and_not_again_when_it_is_driven(
    store, tmp_path, autojump_clock
):
    async with owner_of(store, tmp_path) as owner:
        run = make_run(store, workflow("a", hooks=(hook("on_late"),)), "RUN0000001", owner=owner.id)
        async with trio.open_nursery() as nursery:
            owner.attempts.plan["hooks/on_late"] = [Planned(seconds=100)]
            nursery.start_soon(tell_late, owner, run.id)
            await trio.sleep(10)
            nursery.start_soon(owner.driver_for(run).drive)

        assert owner.attempts.order() == ["hooks/on_late", "a"]
    assert hook_facts(store) == [ev.HooksOwed, ev.HookStarted, ev.HookFinished]
    assert store.list_runs_with_hooks(owner.id) == ()


async def test_a_run_that_has_ended_tells_that_it_was_late(store, tmp_path, autojump_clock):
    async with owner_of(store, tmp_path) as owner:
        run = make_run(store, workflow("a", hooks=(hook("on_late"),)), "RUN0000001", owner=owner.id)
        await owner.driver_for(run).drive()

        assert await tell_late(owner, run.id)
        assert await tell_late(owner, run.id)

        assert owner.attempts.order() == ["a", "hooks/on_late"]
        assert not await tell_late(owner, "NOSUCHRUN1")


def deployed(store, spec):
    return DeploymentRecord(
        project=spec.project,
        environment="local",
        number=3,
        revision="1" * 40,
        created_at=START,
        actor=Actor(user="ada", host="here", command="cronicle apply"),
        values={},
        workflows=(
            DeployedWorkflow(name=spec.workflow, spec_hash=store.put_spec(spec_to_bytes(spec)), schedules=()),
        ),
        plan="{}",
    )


async def test_a_workflow_tells_that_it_is_paused_with_its_last_run(store, tmp_path, autojump_clock):
    spec = workflow("a", hooks=(hook("on_failure"), hook("on_pause"), hook("on_not_fresh")))
    async with owner_of(store, tmp_path) as owner:
        seen = []
        execute = owner.attempts.execute

        async def look(run, spec, prepared, fence, control):
            seen.append((run.revision, json.loads(prepared.input)))
            return await execute(run, spec, prepared, fence, control)

        owner.attempts.execute = look
        run = make_run(store, workflow("a"), "RUN0000001", owner=owner.id)
        deployment = deployed(store, spec)
        await tell_of_workflow(owner, deployment, "other", "on_pause", "3 failures in a row")
        await tell_of_workflow(owner, deployment, "workflow", "on_pause", "3 failures in a row")

    ((revision, told),) = seen
    assert revision == "1" * 40
    assert (told["hook"]["event"], told["reason"]) == ("on_pause", "3 failures in a row")
    assert (told["workflow"], told["deployment"], told["last_run"]["id"]) == ("workflow", 3, run.id)


async def test_a_hook_of_a_workflow_without_runs_is_told_and_its_failure_is_an_alarm(
    store, tmp_path, autojump_clock, caplog
):
    spec = workflow("a", hooks=(hook("on_not_fresh"),))
    async with owner_of(store, tmp_path) as owner:
        owner.attempts.plan["hooks/on_not_fresh"] = [Planned(Outcome.FAILED, exit_code=3)]
        with caplog.at_level(logging.ERROR):
            await tell_of_workflow(owner, deployed(store, spec), "workflow", "on_not_fresh", "too old")

        assert owner.attempts.order() == ["hooks/on_not_fresh"]
    assert "on_not_fresh of project/local workflow failed" in caplog.text


async def test_a_run_that_waits_for_another_tells_that_it_is_late(store, tmp_path, autojump_clock):
    waits = workflow("a", policy=Policy(overlap=Overlap.QUEUE, max_active_runs=1), hooks=(hook("on_late"),))
    async with owner_of(store, tmp_path) as owner, trio.open_nursery() as runs:
        owner.attempts.plan["a"] = [Planned(seconds=100)]
        changes = {"owner": owner.id, "cause": Cause.SCHEDULE, "admitted": False}
        first = make_run(store, waits, "RUN0000000", **changes)
        second = make_run(store, waits, "RUN0000001", at=START + timedelta(seconds=1), **changes)
        for run in (first, second):
            runs.start_soon(owner.driver_for(run).drive)
            await trio.sleep(1)
        assert await tell_late(owner, second.id)

        assert owner.attempts.order() == ["a", "hooks/on_late"]
        assert owner.clock.now() - START < timedelta(seconds=10)
    assert hook_facts(store) == [ev.HooksOwed, ev.HookStarted, ev.HookFinished]
    assert store.find_run(second.id).state is RunState.SUCCEEDED
    RunMachine.replay(waits, store.get_events(second.id))
