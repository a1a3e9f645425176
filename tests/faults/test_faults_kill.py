"""Backfills whose processes are killed with `kill -9` at any moment and resumed, judged by what their tasks did."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from faults_world import Driver, World, driving, make_world, script, wait_until

from cronicle.runs.machine import RunMachine
from cronicle.runs.spec import RunSpec, UpstreamSpec
from cronicle.runs.states import LIVE, Outcome, RunState
from cronicle.store.interface import Store
from cronicle.store.records import RunFilter

LONGEST_LIFE = 0.3
"""Seconds that a driver has before it is killed."""

RENAMED = """
value=$CRONICLE_DATA/$CRONICLE_DATE.$CRONICLE_TASK
seq 1 200 > "$value.$CRONICLE_ATTEMPT.new"
mv "$value.$CRONICLE_ATTEMPT.new" "$value.value"
"""

SPEC = RunSpec(
    project="p",
    workflow="w",
    tasks=(
        script("extract", RENAMED),
        script(
            "escape",
            "setsid sh -c 'sleep 0.02'\ncase $CRONICLE_DATE in *5) setsid sleep 300 > /dev/null 2>&1 & esac\n",
            upstreams=(UpstreamSpec(task="extract"),),
        ),
        script(
            "background",
            "case $CRONICLE_DATE in *[02]) sleep 301 & esac\nsleep 0.02\n",
            upstreams=(UpstreamSpec(task="extract"),),
        ),
        script(
            "join",
            '[ "$(wc -l < "$CRONICLE_DATA/$CRONICLE_DATE.extract.value")" -eq 200 ]\n' + RENAMED,
            upstreams=(UpstreamSpec(task="escape"), UpstreamSpec(task="background")),
        ),
    ),
)
"""A chain with a fan-out: a task that writes by rename, one that leaves its session, one that leaves a child."""


def at_risk(store: Store) -> bool:
    """True while a task has been lost twice and has not ended: lost three times in a row it would fail."""
    for run in store.list_runs(RunFilter(backfill="B", states=tuple(LIVE), limit=1000)):
        last: dict[str, list[Outcome | None]] = {}
        for attempt in store.list_attempts(run.id):
            last.setdefault(attempt.task, []).append(attempt.outcome)
        if any(Counter(one)[Outcome.LOST] >= 2 and one[-1] is not Outcome.SUCCEEDED for one in last.values()):
            return True
    return False


def kill_and_resume(world: World, seed: int, kills: int) -> int:
    """Kill drivers at random moments of their lives, then let one finish; how many were killed while at work."""
    chance = random.Random(seed)
    killed = 0
    store = world.open()
    for _ in range(kills):
        driver = Driver(world, "backfill", "B")
        while (line := driver.line()) and not line.startswith("owner"):
            pass
        time.sleep(chance.uniform(0, LONGEST_LIFE))
        wait_until(lambda: not at_risk(store), "the end of what was lost twice")
        killed += driver.kill()
    store.close()
    with driving(world, "backfill", "B") as last:
        ended, errors = last.end()
        assert ended == 0, errors
    return killed


def check(world: World, ticks: int) -> None:
    """What must be true after any number of crashes, once the backfill has come to its end."""
    store = world.open()
    effects = world.effects()
    runs = store.list_runs(RunFilter(backfill="B", limit=10 * ticks))
    backfill = store.find_backfill("B")
    assert backfill is not None
    assert (backfill.state, backfill.done, backfill.failed) == ("succeeded", ticks, 0)

    # Each logical time has exactly one run, which counts and succeeded.
    assert len({run.logical_time for run in runs}) == len(runs) == ticks
    assert {(run.state, run.counts) for run in runs} == {(RunState.SUCCEEDED, True)}
    assert {effect.run for effect in effects} == {run.id for run in runs}

    begun = Counter((e.run, e.task, e.attempt) for e in effects if e.what == "begin")
    assert not [effect for effect in effects if effect.what == "overlap"], "an attempt met its predecessor"
    assert set(begun.values()) == {1}, "an attempt was executed twice"
    for run in runs:
        attempts = store.list_attempts(run.id)
        assert not [one for one in attempts if one.ended_at is None], "an attempt without an end on record"
        recorded = {(run.id, one.task, one.attempt): one.outcome for one in attempts}
        assert {key for key in begun if key[0] == run.id} <= set(recorded), "acted before it was durable"
        for task in SPEC.tasks:
            outcomes = [recorded[key] for key in sorted(recorded) if key[1] == task.name]
            assert set(outcomes[:-1]) <= {Outcome.LOST}, "executed again though it had ended"
            assert outcomes[-1] is Outcome.SUCCEEDED
        # The history explains the rows.
        machine = RunMachine.replay(SPEC, store.get_events(run.id))
        assert machine.state is run.state
        done = {(e.task, e.attempt) for e in effects if e.what == "end" and e.run == run.id}
        assert {(one.task, one.attempt) for one in attempts if one.outcome is Outcome.SUCCEEDED} <= done

    # Files are complete, no process and no half-written file of an attempt is left.
    data = world.store_folder / "data" / "p" / "local"
    whole = "".join(f"{number}\n" for number in range(1, 201))
    assert {path.read_text() for path in data.glob("*.value")} == {whole}
    assert len(list(data.glob("*.value"))) == 2 * ticks
    wait_until(lambda: not world.processes(), "the end of all processes")
    assert not store.list_owners()
    for kind in ("attempts", "owners", "sockets"):
        assert not list((world.store_folder / kind).iterdir()), f"{kind} of dead processes are left"
    store.close()


@pytest.mark.parametrize("seed", [1])
def test_a_backfill_survives_kill_9_at_any_moment(tmp_path: Path, seed: int) -> None:
    """One run for each logical time, nothing succeeded executes again, no process is left."""
    world = make_world(tmp_path)
    store = world.open()
    world.add_backfill(store, SPEC, 40)
    store.close()

    assert kill_and_resume(world, seed, 10) >= 5

    check(world, 40)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_a_longer_backfill_survives_kill_9_at_any_moment(tmp_path: Path, seed: int) -> None:
    """The same with more ticks, more kills, and ten seeds."""
    world = make_world(tmp_path)
    store = world.open()
    world.add_backfill(store, SPEC, 120)
    store.close()

    assert kill_and_resume(world, seed, 30) >= 15

    check(world, 120)
