"""`wait`: until runs and backfills have ended, whoever drives them."""

from __future__ import annotations

import io
import json

import pytest

from cronicle.cli import waiting
from cronicle.runs.states import BackfillState

GOOD, BAD = "7K2M9QX4TA", "4C0V8E5N2R"


def test_runs_that_have_succeeded_are_waited_for_no_longer(world, cronicle):
    world.run(id=GOOD).succeed()

    said = cronicle("wait", GOOD[:3])

    assert said.code == 0
    assert said.lines == [f"succeeded  run {GOOD}  daily@2015-12-31"]


def test_the_exit_code_tells_of_the_worst(world, cronicle):
    world.run(id=GOOD).succeed()
    world.run(id=BAD, day="2015-12-30").fail()

    assert cronicle("wait", GOOD, BAD).code == 1
    assert cronicle("wait", GOOD, BAD, "--timeout", "1h").code == 1


def test_a_run_that_goes_on_is_waited_for(world, cronicle, monkeypatch):
    run = world.run(id=GOOD)
    looks = []

    async def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            run.succeed()

    monkeypatch.setattr(waiting.trio, "sleep", sleep)

    assert cronicle("wait", GOOD).code == 0
    assert len(looks) == 3


def test_when_the_time_is_over_the_exit_code_is_124_and_says_how_many_have_not_ended(world, cronicle):
    world.run(id=GOOD)
    world.run(id=BAD, day="2015-12-30").fail()

    said = cronicle("wait", GOOD, BAD, "--timeout", "0s")

    assert said.code == 124
    assert "1 of 2 not ended" in said.err


def test_what_nobody_drives_is_said_with_the_command_that_goes_on_with_it(world, cronicle):
    world.run(id=GOOD)
    world.die()

    said = cronicle("wait", GOOD, "--timeout", "0s")

    assert f"no process drives {GOOD}. Go on with it: cronicle resume {GOOD}" in said.err


def test_a_backfill_is_waited_for_as_well(world, cronicle):
    backfill = world.backfill("2015-12-30", "2015-12-31")
    assert cronicle("wait", backfill.id, "--timeout", "0s").code == 124

    world.store.set_backfill_state(
        backfill.id, BackfillState.FAILED, "2 failed", world.now, owner=backfill.owner
    )

    said = cronicle("wait", backfill.id, "--json")
    assert said.code == 1
    assert [(one["id"], one["state"]) for one in json.loads(said.out)] == [(backfill.id, "failed")]


def test_the_list_may_come_from_stdin(world, cronicle, monkeypatch):
    world.run(id=GOOD).succeed()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD}\n\n{GOOD}\n"))

    said = cronicle("wait", "-")

    assert (said.code, len(said.lines)) == (0, 1)


@pytest.mark.parametrize(("words", "code"), [(["nobody@latest"], 1), ([GOOD, "--timeout", "soon"], 64)])
def test_what_cannot_be_waited_for_is_said(world, cronicle, words, code):
    world.run(id=GOOD)

    said = cronicle("wait", *words)

    assert said.code == code
    assert said.err.startswith("error: ")
