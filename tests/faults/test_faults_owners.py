"""Several processes on one store at the same time: driving, reading, cancelling, waiting for one another, dying."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from faults_world import ACTOR, DAY, FIRST, World, driving, make_world, script, wait_until

from cronicle.clock import SystemClock
from cronicle.engine.wake import wake_owner
from cronicle.runs.spec import RunSpec, UpstreamSpec
from cronicle.runs.states import BackfillState, Outcome, RunState
from cronicle.store.location import open_reader
from cronicle.store.records import ControlRequest, RunFilter

QUICK = RunSpec(
    project="p",
    workflow="w",
    tasks=(script("first", ""), script("second", "", upstreams=(UpstreamSpec(task="first"),))),
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def read_until_told(location: str, told: str, listings: str) -> None:
    """What the process that lists runs does: `listings` gets a line for each, and of any error nothing is hidden."""
    with Path(listings).open("w") as out:
        while not Path(told).exists():
            reader = open_reader(location)
            runs = reader.list_runs(RunFilter(limit=1000))
            for run in runs[:3]:
                reader.list_attempts(run.id)
            reader.close()
            print(len(runs), file=out, flush=True)


def test_two_processes_drive_two_halves_while_a_third_lists_runs(world: World, tmp_path: Path) -> None:
    """No error, no word about locks, no run lost, and none seen to vanish."""
    store = world.open()
    world.add_backfill(store, QUICK, 20, name="B1")
    world.add_backfill(store, QUICK, 20, name="B2", first=FIRST + 20 * DAY)
    told, listings = tmp_path / "told", tmp_path / "listings"
    reader = multiprocessing.get_context("spawn").Process(
        target=read_until_told, args=(str(world.store_folder), str(told), str(listings))
    )
    reader.start()

    with driving(world, "backfill", "B1") as one, driving(world, "backfill", "B2") as two:
        ends = [one.end(), two.end()]
    told.touch()
    reader.join()

    assert ends == [(0, ""), (0, "")]
    assert reader.exitcode == 0
    seen = [int(line) for line in listings.read_text().split()]
    assert seen == sorted(seen)
    runs = store.list_runs(RunFilter(limit=1000))
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    assert {run.logical_time for run in runs} == {FIRST + day * DAY for day in range(40)}
    begun = Counter((effect.run, effect.task) for effect in world.effects() if effect.what == "begin")
    assert begun == {(run.id, task.name): 1 for run in runs for task in QUICK.tasks}
    assert store.list_owners() == ()
    store.close()


def test_another_process_cancels_within_a_second_and_leaves_the_neighbour_alone(world: World) -> None:
    """The tasks themselves note when TERM reaches them."""
    trap = "trap 'date +%s.%N > $CRONICLE_DATA/$CRONICLE_DATE.term; exit 1' TERM\nsleep 300 & wait\n"
    slow = RunSpec(project="p", workflow="slow", tasks=(script("trap", trap), script("next", "")))
    store = world.open()
    world.add_backfill(store, slow, 2, name="B1")
    world.add_backfill(store, QUICK, 10, name="B2")

    with driving(world, "backfill", "B1") as cancelled, driving(world, "backfill", "B2") as other:
        wait_until(
            lambda: sum(effect.task == "trap" for effect in world.effects()) == 2, "the start of both tasks"
        )
        time.sleep(0.05)  # the trap is set after the line is written
        asked = time.time()
        now = SystemClock().now()
        owner = store.add_request(
            ControlRequest(target="B1", verb="cancel", actor=ACTOR, reason="enough", requested_at=now)
        )
        assert owner is not None
        wake_owner(world.store_folder, owner)
        ends = [cancelled.end(), other.end()]

    assert [code for code, _ in ends] == [1, 0]
    terms = list((world.store_folder / "data" / "p" / "local").glob("*.term"))
    assert len(terms) == 2
    assert max(float(path.read_text()) for path in terms) - asked < 1.0
    backfill = store.find_backfill("B1")
    assert backfill is not None
    assert backfill.state is BackfillState.CANCELLED
    runs = store.list_runs(RunFilter(backfill="B1"))
    assert {run.state for run in runs} == {RunState.CANCELLED}
    for run in runs:
        trapped = [one.outcome for one in store.list_attempts(run.id) if one.task == "trap"]
        assert trapped == [Outcome.CANCELLED]
    assert not world.processes()
    store.close()


POOLED = RunSpec(
    project="p",
    workflow="pooled",
    pools={"db": 2},
    tasks=tuple(script(f"t{number}", "sleep 0.05\n", pool="db") for number in range(4)),
)


def most_at_once(world: World) -> int:
    """How many attempts were at work at the same time, by the lines that they wrote."""
    running, most = 0, 0
    for effect in world.effects():
        running += {"begin": 1, "end": -1}[effect.what]
        most = max(most, running)
    return most


def test_slots_of_a_pool_are_never_exceeded_over_two_processes(world: World) -> None:
    store = world.open()
    world.add_backfill(store, POOLED, 4, name="B1")
    world.add_backfill(store, POOLED, 4, name="B2", first=FIRST + 10 * DAY)

    with driving(world, "backfill", "B1") as one, driving(world, "backfill", "B2") as two:
        ends = [one.end(), two.end()]

    assert ends == [(0, ""), (0, "")]
    assert most_at_once(world) == 2
    assert sum(effect.what == "end" for effect in world.effects()) == 2 * 4 * 4
    store.close()


def test_slots_of_a_killed_process_are_given_to_the_one_that_waits_for_them(world: World) -> None:
    """Nobody else comes: whoever waits settles the dead process itself."""
    task = script("holds", "sleep 300\n", pool="db", pool_slots=2)
    holds = RunSpec(project="p", workflow="holds", pools={"db": 2}, tasks=(task,))
    store = world.open()
    world.add_backfill(store, holds, 1, name="B1")
    world.add_backfill(store, POOLED, 1, name="B2")

    with driving(world, "backfill", "B1") as holder:
        wait_until(world.effects, "the start of the holder's task")
        with driving(world, "backfill", "B2") as waiting:
            assert waiting.line().startswith("owner")
            wait_until(lambda: bool(store.count_runs(RunFilter(backfill="B2"))), "the run that waits")
            time.sleep(0.3)
            assert {effect.task for effect in world.effects()} == {"holds"}
            holder.kill()
            assert waiting.end() == (0, "")

    assert [effect.task for effect in world.effects() if effect.what == "end"].count("holds") == 0
    (run,) = store.list_runs(RunFilter(backfill="B1"))
    assert (run.state, run.owner) == (RunState.RUNNING, None)
    assert [one.outcome for one in store.list_attempts(run.id)] == [Outcome.LOST]
    assert not world.processes()
    store.close()


def test_of_two_that_find_a_dead_owner_one_settles_it(world: World) -> None:
    """Its attempt is recorded as lost once, and both find its run free afterwards."""
    store = world.open()
    run = world.add_run(store, RunSpec(project="p", workflow="w", tasks=(script("a", "sleep 300"),)))
    with driving(world, "run", run.id) as dying:
        dead = dying.line().split()[1]
        wait_until(world.effects, "the start of the task")
        dying.kill()

    with driving(world, "settle") as one, driving(world, "settle") as two:
        said = [one.line(), two.line()]
        assert [one.end(), two.end()] == [(0, ""), (0, "")]

    assert sorted(said) == ["", f"settled {dead}"]
    events = [type(event).__name__ for event in store.get_events(run.id)]
    assert events.count("AttemptLost") == 1
    assert store.list_owners() == ()
    assert not world.processes()
    store.close()


def test_an_owner_that_is_stopped_is_not_dead(world: World) -> None:
    """Its runs are not taken from it, and it goes on with them."""
    store = world.open()
    waits = "while [ ! -e $CRONICLE_DATA/go ]; do sleep 0.02; done\n"
    run = world.add_run(store, RunSpec(project="p", workflow="w", tasks=(script("a", waits),)))

    with driving(world, "run", run.id) as stopped:
        owner = stopped.line().split()[1]
        wait_until(world.effects, "the start of the task")
        stopped.signal(signal.SIGSTOP)
        with driving(world, "run", run.id) as other:
            assert other.line().startswith("owner")  # it has settled nothing
            assert other.line() == "state running"
            other.end()
        assert store.is_alive(owner)
        seen = store.find_run(run.id)
        assert seen is not None
        assert (seen.state, seen.owner) == (RunState.RUNNING, owner)
        (world.store_folder / "data" / "p" / "local" / "go").touch()
        stopped.signal(signal.SIGCONT)
        assert stopped.end() == (0, "")

    (attempt,) = store.list_attempts(run.id)
    assert attempt.outcome is Outcome.SUCCEEDED
    store.close()


def test_a_backfill_waits_for_its_run_that_somebody_else_drives(world: World) -> None:
    """It is not called succeeded while that run goes on, and counts it when it has ended."""
    store = world.open()
    waits = "while [ ! -e $CRONICLE_DATA/go ]; do sleep 0.02; done\n"
    world.add_backfill(store, RunSpec(project="p", workflow="w", tasks=(script("a", waits),)), 1)
    with driving(world, "backfill", "B") as dying:
        wait_until(world.effects, "the start of the task")
        dying.kill()
    (run,) = store.list_runs(RunFilter(backfill="B"))

    with driving(world, "run", run.id) as other:
        wait_until(lambda: sum(effect.what == "begin" for effect in world.effects()) == 2, "its second start")
        with driving(world, "backfill", "B") as resumed:
            assert resumed.line().startswith("owner")
            time.sleep(0.3)
            backfill = store.find_backfill("B")
            assert backfill is not None
            assert (backfill.state, backfill.done) == (BackfillState.RUNNING, 0)
            (world.store_folder / "data" / "p" / "local" / "go").touch()
            assert other.end() == (0, "")
            assert resumed.end() == (0, "")

    backfill = store.find_backfill("B")
    assert backfill is not None
    assert (backfill.state, backfill.done) == (BackfillState.SUCCEEDED, 1)
    store.close()


def test_a_backfill_pauses_for_a_live_run_that_nobody_drives_and_does_the_other_ticks(world: World) -> None:
    """A run by hand of one of its logical times was left behind: waiting for it would be for ever."""
    store = world.open()
    left = world.add_run(store, QUICK)
    world.add_backfill(store, QUICK, 3)

    with driving(world, "backfill", "B") as driver:
        assert driver.end()[0] == 1

    backfill = store.find_backfill("B")
    assert backfill is not None
    assert (backfill.state, backfill.done) == (BackfillState.PAUSED, 2)
    assert backfill.reason == f"nobody drives run {left.id} of w@2026-01-01: cronicle resume {left.id}"
    with driving(world, "run", left.id) as driver:
        assert driver.end() == (0, "")
    with driving(world, "backfill", "B") as driver:
        assert driver.end() == (0, "")
    store.close()


def test_a_cancelled_run_is_no_success_of_its_backfill(world: World) -> None:
    store = world.open()
    world.add_backfill(store, RunSpec(project="p", workflow="w", tasks=(script("a", "sleep 300"),)), 1)

    with driving(world, "backfill", "B") as driver:
        wait_until(world.effects, "the start of the task")
        (run,) = store.list_runs(RunFilter(backfill="B"))
        owner = store.add_request(
            ControlRequest(target=run.id, verb="cancel", actor=ACTOR, requested_at=SystemClock().now())
        )
        assert owner is not None
        wake_owner(world.store_folder, owner)
        assert driver.end()[0] == 1

    backfill = store.find_backfill("B")
    assert backfill is not None
    assert (backfill.state, backfill.reason) == (BackfillState.FAILED, "runs that were cancelled: 1")
    store.close()
