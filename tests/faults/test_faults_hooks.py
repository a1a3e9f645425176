"""Hooks are told how a run ended, once it is durable; a crash loses none, and starts none more than twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import attrs
import faults_driver
import pytest
import trio
from faults_world import World, driving, make_world, script, wait_until

from cronicle.runs import events as ev
from cronicle.runs.spec import HookSpec, RetrySpec, RunSpec, TaskSpec
from cronicle.runs.states import Cause, Outcome, RunState
from cronicle.store.records import RunRecord

SAY = 'cat > "$CRONICLE_DATA/told.$CRONICLE_ATTEMPT"\n'
WAIT = 'echo >> "$CRONICLE_DATA/begun"\nsleep 300\n'


def hook(event: str, text: str, **fields: Any) -> HookSpec:
    return HookSpec(event=event, script={"known": text}, **fields)


def spec(*hooks: HookSpec, task: TaskSpec | None = None) -> RunSpec:
    task = task or TaskSpec(name="a", script={"known": "echo words; echo more; exit 3"})
    return RunSpec(project="p", workflow="w", tasks=(task,), hooks=hooks)


GOOD = TaskSpec(name="a", command={"known": ["true"]})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def data(world: World, name: str) -> Path:
    return world.store_folder / "data" / "p" / "local" / name


def make_run(world: World, spec: RunSpec, **fields: Any) -> str:
    store = world.open()
    run = world.add_run(store, spec, **fields)
    store.close()
    return run.id


def drive(world: World, verb: str, name: str) -> bool:
    """Drive it in this very process; True if it succeeded."""
    store = world.open()
    try:
        return trio.run(faults_driver.main, store, world.store_folder, 4, verb, name)
    finally:
        store.close()


def state_of(world: World, run_id: str) -> tuple[RunRecord, list[ev.RunEvent]]:
    """The run, and its facts about hooks."""
    store = world.open()
    run = store.find_run(run_id)
    assert run is not None
    facts = [fact for fact in store.get_events(run_id) if type(fact).__name__.startswith("Hook")]
    store.close()
    return run, facts


def test_a_hook_reads_the_ended_run_as_json_in_a_snapshot_with_the_environment_of_the_run(
    world: World,
) -> None:
    text = (
        SAY + 'cat readme.txt; echo "$CRONICLE_RUN_ID ${CRONICLE_TASK-no task} $MINE"; echo on stderr >&2\n'
    )
    run_id = make_run(world, spec(hook("on_failure", text, env={"MINE": {"known": "mine"}})))

    assert not drive(world, "run", run_id)

    run, facts = state_of(world, run_id)
    told = json.loads(data(world, "told.1").read_bytes())
    assert (told["id"], told["state"], told["cause"]) == (run_id, "failed", "manual")
    (task,) = told["tasks"]
    assert (task["task"], task["state"], task["attempts"][-1]["exit_code"]) == ("a", "failed", 3)
    (failure,) = told["failures"]
    assert (failure["task"], failure["exit_code"], failure["log"]) == ("a", 3, ["words", "more"])
    assert told["commit"]["subject"] == "First"
    assert (told["last_success"], told["changed_paths"]) == (None, None)
    logs = [path for path in (world.store_folder / "logs" / run_id).iterdir() if "hook" in path.name]
    assert sorted(path.suffix for path in logs) == [".index", ".log"]
    (log,) = (path.read_text() for path in logs if path.suffix == ".log")
    assert log.splitlines() == ["A workflow.", f"{run_id} no task mine", "on stderr"]
    assert [type(fact) for fact in facts] == [ev.HooksOwed, ev.HookStarted, ev.HookFinished]
    assert run.ended_at is not None
    assert run.ended_at <= facts[1].at


@pytest.mark.parametrize(
    ("task", "told"), [(None, "failure"), (GOOD, "success")], ids=["failed", "succeeded"]
)
def test_only_the_hooks_of_the_outcome_are_told(world: World, task: TaskSpec | None, told: str) -> None:
    hooks = [hook(f"on_{name}", f'touch "$CRONICLE_DATA/{name}"') for name in ("success", "failure")]
    run_id = make_run(world, spec(*hooks, task=task))

    drive(world, "run", run_id)

    assert [name for name in ("success", "failure") if data(world, name).exists()] == [told]


@pytest.mark.parametrize(
    ("fields", "causes", "is_told"),
    [
        ({"cause": Cause.MANUAL}, None, True),
        ({"cause": Cause.RETRY}, None, True),
        ({"cause": Cause.BACKFILL}, None, False),
        ({"cause": Cause.BACKFILL}, ("backfill",), True),
        ({"cause": Cause.MANUAL}, ("schedule",), False),
        ({"cause": Cause.MANUAL, "counts": False}, None, False),
    ],
)
def test_causes_choose_whether_a_hook_is_told(
    world: World, fields: dict[str, Any], causes: tuple[str, ...] | None, is_told: bool
) -> None:
    run_id = make_run(world, spec(hook("on_failure", SAY, causes=causes)), **fields)

    drive(world, "run", run_id)

    assert data(world, "told.1").exists() is is_told


@pytest.mark.parametrize("asked_for", [True, False])
def test_a_backfill_tells_hooks_only_if_it_is_asked_to(world: World, asked_for: bool) -> None:
    store = world.open()
    world.add_backfill(store, spec(hook("on_failure", SAY)), 1, hooks=asked_for)
    store.close()

    drive(world, "backfill", "B")

    assert data(world, "told.1").exists() is asked_for


@pytest.mark.parametrize(
    ("hook", "outcome", "reason"),
    [
        (hook("on_success", "exit 4"), Outcome.FAILED, "exit_code"),
        (hook("on_success", "sleep 300", timeout=0.2), Outcome.TIMED_OUT, "timed_out"),
        (HookSpec(event="on_success", command={"known": ["no-such-program"]}), Outcome.FAILED, "start_error"),
    ],
    ids=["fails", "hangs", "is not there"],
)
def test_how_a_hook_ends_changes_nothing_in_the_run(
    world: World, hook: HookSpec, outcome: Outcome, reason: str
) -> None:
    run_id = make_run(world, spec(hook, task=GOOD))

    assert drive(world, "run", run_id)

    run, facts = state_of(world, run_id)
    assert run.state is RunState.SUCCEEDED
    assert isinstance(facts[-1], ev.HookFinished)
    assert (facts[-1].outcome, facts[-1].reason) == (outcome, reason)


def test_a_hook_that_a_crash_interrupted_is_started_again_once_by_the_next_driver(world: World) -> None:
    """The first is killed while the hook runs, and so is the second; the third starts nothing."""
    run_id = make_run(world, spec(hook("on_failure", WAIT)))
    other = make_run(world, spec(task=GOOD), logical_time=None)
    begun = data(world, "begun")

    for count, verb in ((1, run_id), (2, other)):
        with driving(world, "run", verb) as driver:
            wait_until(
                lambda: begun.exists() and len(begun.read_text()) == count,  # noqa: B023 - called in the loop
                f"start {count} of the hook",
            )
            driver.kill()
    with driving(world, "run", other) as driver:
        driver.end()

    run, facts = state_of(world, run_id)
    assert begun.read_text() == "\n\n"
    assert [type(fact) for fact in facts[1:]] == [
        ev.HookStarted,
        ev.HookLost,
        ev.HookStarted,
        ev.HookFinished,
    ]
    assert facts[-1].outcome is Outcome.LOST  # type: ignore[union-attr]
    assert run.state is RunState.FAILED
    assert not world.processes()


def test_a_run_that_recovery_ends_tells_its_hooks(world: World) -> None:
    """Its only attempt was lost, and `on_lost` says that this is its end."""
    task = attrs.evolve(script("a", "sleep 300"), on_lost="fail", retry=RetrySpec())
    run_id = make_run(world, spec(hook("on_failure", SAY), task=task))
    other = make_run(world, spec(task=GOOD), logical_time=None)
    with driving(world, "run", run_id) as driver:
        wait_until(world.effects, "the start of the task")
        driver.signal(signal.SIGKILL)
        driver.end()

    with driving(world, "run", other) as driver:
        assert driver.end() == (0, "")

    assert json.loads(data(world, "told.1").read_bytes())["state"] == "failed"
    assert state_of(world, run_id)[0].reason is None


def test_a_hook_is_told_what_changed_since_the_last_success(world: World) -> None:
    good = make_run(world, spec(task=GOOD))
    bad = make_run(world, spec(hook("on_failure", SAY)), logical_time=None)

    for run_id in (good, bad):
        drive(world, "run", run_id)

    told = json.loads(data(world, "told.1").read_bytes())
    assert told["last_success"]["id"] == good
    assert told["changed_paths"] == []  # both at one revision
