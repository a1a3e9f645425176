"""Hooks that are told of a run that goes on, and of runs in a row; with real processes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from faults_world import DAY, FIRST, World, driving, make_world, script, wait_until
from test_faults_hooks import GOOD, SAY, data, drive, hook, make_run, spec, state_of

from cronicle.runs import events as ev
from cronicle.runs.spec import RetrySpec, TaskSpec
from cronicle.runs.states import RunState

BAD = TaskSpec(name="a", script={"known": "echo words; exit 3"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def told(world: World, name: str = "told.1") -> Any:
    return json.loads(data(world, name).read_bytes())


def test_the_start_of_a_run_is_told_while_it_goes_on(world: World) -> None:
    """The task ends only when the hook has been told, and the other way round the hook does not wait for it."""
    text = 'cat > "$CRONICLE_DATA/new"\nmv "$CRONICLE_DATA/new" "$CRONICLE_DATA/told.1"\n'
    waits = TaskSpec(
        name="a", script={"known": 'while ! [ -e "$CRONICLE_DATA/told.1" ]; do sleep 0.01; done'}
    )
    run_id = make_run(world, spec(hook("on_start", text), task=waits))

    assert drive(world, "run", run_id)

    assert told(world)["state"] == "running"
    assert told(world)["hook"] == {"event": "on_start", "task": None, "key": None, "attempt": None}
    _, facts = state_of(world, run_id)
    assert [type(fact) for fact in facts] == [ev.HooksOwed, ev.HookStarted, ev.HookFinished]


def test_each_failure_that_is_followed_by_another_attempt_is_told_with_its_log(world: World) -> None:
    text = 'cat > "$CRONICLE_DATA/told.$$"\n'
    task = TaskSpec(
        name="a",
        script={"known": 'echo "words $CRONICLE_ATTEMPT"; sleep 0.2; exit 3'},
        retry=RetrySpec(attempts=3),
    )
    run_id = make_run(world, spec(hook("on_retry", text), task=task))

    assert not drive(world, "run", run_id)

    stories = sorted(
        (json.loads(path.read_bytes()) for path in data(world, "").glob("told.*")),
        key=lambda story: story["hook"]["attempt"],
    )
    assert [story["hook"] for story in stories] == [
        {"event": "on_retry", "task": "a", "key": None, "attempt": number} for number in (1, 2)
    ]
    assert [story["failures"][-1]["log"] for story in stories] == [["words 1"], ["words 2"]]
    run, _ = state_of(world, run_id)
    assert run.state is RunState.FAILED
    logs = {path.name for path in (world.store_folder / "logs" / run_id).iterdir() if "hook" in path.name}
    assert len([name for name in logs if name.endswith(".log")]) <= 2


def test_a_run_waits_for_its_hooks_and_its_tasks_do_not(world: World) -> None:
    begun = script("a", "true")
    slow = 'sleep 1; echo late >> "$CRONICLE_DATA/effects.of.hook"'
    run_id = make_run(world, spec(hook("on_start", slow), task=begun))

    assert drive(world, "run", run_id)

    run, facts = state_of(world, run_id)
    assert data(world, "effects.of.hook").exists()
    assert isinstance(facts[-1], ev.HookFinished)
    assert run.ended_at is not None
    assert facts[-1].at - run.ended_at > timedelta(seconds=0.3)


def test_a_hook_of_a_run_that_goes_on_is_started_again_after_a_crash_and_the_run_goes_on(
    world: World,
) -> None:
    text = 'echo >> "$CRONICLE_DATA/begun"; [ "$(wc -l < "$CRONICLE_DATA/begun")" = 2 ] || sleep 300\n'
    task = TaskSpec(name="a", script={"known": 'while ! [ -e "$CRONICLE_DATA/go" ]; do sleep 0.01; done'})
    run_id = make_run(world, spec(hook("on_start", text), task=task))
    with driving(world, "run", run_id) as driver:
        wait_until(data(world, "begun").exists, "the start of the hook")
        driver.kill()
    data(world, "go").touch()

    assert drive(world, "run", run_id)

    run, facts = state_of(world, run_id)
    assert run.state is RunState.SUCCEEDED
    assert [type(fact) for fact in facts] == [
        ev.HooksOwed,
        ev.HookStarted,
        ev.HookLost,
        ev.HookStarted,
        ev.HookFinished,
    ]
    assert not world.processes()


@pytest.mark.parametrize("task", [GOOD, BAD], ids=["succeeded", "failed"])
def test_any_end_is_told(world: World, task: TaskSpec) -> None:
    run_id = make_run(world, spec(hook("on_finish", SAY), task=task))

    drive(world, "run", run_id)

    assert told(world)["hook"]["event"] == "on_finish"
    assert told(world)["state"] == ("succeeded" if task is GOOD else "failed")


def run_days(world: World, ends: str, *hooks: Any) -> list[str]:
    """A run a day, each of which succeeds (`+`) or fails (`-`); for each whether something was told."""
    found = []
    for day, end in enumerate(ends):
        run_id = make_run(
            world, spec(*hooks, task=GOOD if end == "+" else BAD), logical_time=FIRST + day * DAY
        )
        drive(world, "run", run_id)
        found.append("told" if data(world, "told.1").exists() else "")
        data(world, "told.1").unlink(missing_ok=True)
    return found


def test_a_success_after_a_failure_is_a_recovery(world: World) -> None:
    assert run_days(world, "+--++", hook("on_recovery", SAY)) == ["", "", "", "told", ""]


def test_a_hook_after_two_failures_is_told_from_the_second_in_a_row_on(world: World) -> None:
    told_of = run_days(world, "-+---", hook("on_failure", SAY, after=2))

    assert told_of == ["", "", "", "told", "told"]
