"""`mark`: the outcome of a logical time set by hand, as a run that executes nothing."""

from __future__ import annotations

import json

import pytest

from cronicle.runs import events as ev
from cronicle.runs.machine import RunMachine
from cronicle.runs.spec import spec_from_bytes
from cronicle.runs.states import Cause, RunState
from cronicle.store.records import RunFilter

FAILED, GOOD = "4C0V8E5N2R", "7K2M9QX4TA"


def result_of(world, run):
    return world.store.find_result(run.project, run.environment, run.workflow, run.series, run.logical_time)


def test_a_failed_run_is_marked_by_a_run_of_its_logical_time_that_counts_and_executes_nothing(
    world, cronicle
):
    failed = world.run(id=FAILED).fail().now()

    said = cronicle("mark", FAILED, "--succeeded", "--reason", "done by hand", "--json")

    assert said.code == 0
    told = json.loads(said.out)
    made = world.store.find_run(told["id"])
    assert (made.state, made.reason, made.cause) == (RunState.SUCCEEDED, "marked", Cause.MANUAL)
    assert (made.logical_time, made.retry_of, made.counts) == (failed.logical_time, FAILED, True)
    assert world.store.list_attempts(made.id) == ()
    assert result_of(world, failed).run_id == made.id
    assert world.store.find_run(FAILED) == failed
    events = world.store.get_events(made.id)
    assert [type(event) for event in events] == [
        ev.RunQueued,
        ev.TasksExcluded,
        ev.RunMarked,
        ev.RunFinished,
    ]
    machine = RunMachine.replay(spec_from_bytes(world.store.get_spec(made.spec_hash)), events)
    assert machine.state is RunState.SUCCEEDED


def test_who_did_it_and_why_is_audited_shown_and_explained(world, cronicle):
    world.run(id=FAILED).fail()
    made = json.loads(cronicle("mark", FAILED, "--succeeded", "--reason", "done by hand", "--json").out)["id"]

    (entry,) = [one for one in world.store.list_audit() if one.subject == made]
    assert (entry.act, entry.reason, entry.workflow) == ("mark", "done by hand", "daily")
    assert entry.detail == "2015-12-31T23:55:00 succeeded"
    assert "done by hand" in cronicle("show", made).out
    explained = cronicle("explain", made).out
    assert "succeeded: its outcome was set by hand" in explained
    assert "done by hand; nothing was executed" in explained


def test_what_is_marked_as_failed_is_the_result_no_longer(world, cronicle):
    good = world.run(id=GOOD).succeed().now()
    assert result_of(world, good).run_id == GOOD

    made = json.loads(cronicle("mark", GOOD, "--failed", "--reason", "wrong input", "--json").out)["id"]

    assert result_of(world, good) is None
    assert world.store.find_run(GOOD).state is RunState.SUCCEEDED
    assert not world.store.find_run(GOOD).counts
    assert f"run {made} has marked its logical time as failed" in cronicle("explain", GOOD).out
    assert f"no longer: run {made}" in cronicle("show", GOOD).out
    assert "failed: its outcome was set by hand" in cronicle("explain", made).out


def test_a_time_without_a_run_is_marked_for_the_workflow_as_it_is_deployed(world, cronicle):
    world.deploy()

    said = cronicle("mark", "daily@2015-12-30", "--succeeded", "--reason", "made by the old system")

    assert said.code == 0, said.err
    (made,) = world.store.list_runs(RunFilter())
    assert said.lines == [f"daily@2015-12-30: marked as succeeded   run {made.id}"]
    assert result_of(world, made).run_id == made.id
    assert made.deployment == 1


def test_a_time_with_a_live_run_cannot_be_marked(world, cronicle):
    world.run(id=GOOD)

    said = cronicle("mark", GOOD, "--succeeded", "--reason", "x")

    assert said.code == 1
    assert "same logical time" in said.err
    assert len(world.store.list_runs(RunFilter())) == 1


def test_of_several_those_that_cannot_be_marked_are_said_and_the_others_are_marked(world, cronicle):
    world.run(id=FAILED).fail()

    said = cronicle("mark", "nobody@latest", FAILED, "--succeeded", "--reason", "x")

    assert said.code == 1
    assert "error: nobody@latest" in said.err
    assert len(world.store.list_runs(RunFilter())) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["--reason", "x"],
        ["--succeeded", "--failed", "--reason", "x"],
        ["--succeeded"],
        ["--succeeded", "--reason", " "],
    ],
)
def test_a_mark_needs_one_outcome_and_a_reason(world, cronicle, words):
    world.run(id=FAILED).fail()

    assert cronicle("mark", FAILED, *words).code == 64
    assert len(world.store.list_runs(RunFilter())) == 1
