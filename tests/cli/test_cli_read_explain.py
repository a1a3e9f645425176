"""`cronicle explain`: why something is as it is, as a chain from the answer to the person who asked."""

from __future__ import annotations

import json

import pytest
from cli_world import DAILY_JSON, World, spec, task

from cronicle.runs import events as ev
from cronicle.runs.spec import RetrySpec, WaitSpec
from cronicle.runs.states import BackfillState, Cause, Outcome, RunState
from cronicle.store.records import Transition

UNKNOWN = {"expression": ["reference", "run", "date"]}


@pytest.fixture(autouse=True)
def deployed(world: World) -> None:
    world.deploy()


def test_a_skipped_task_is_explained_by_the_upstream_that_failed(world, cronicle):
    world.run(id="7K2M9QX4TA").fail()

    said = cronicle("explain", "7k2/report")

    assert said.code == 0
    assert said.out == (
        "report did not run: its upstream summarise[rain] failed (trigger rule all_succeeded)\n"
        "  ← summarise[rain] failed: exit code 1, attempt 3 of 3\n"
        "  ← run 7K2M9QX4TA was asked for by ana on host pluto, 2016-01-01 00:00:01 (7 s ago): "
        "cronicle run daily --time 2015-12-31\n"
        "  ← at 8d41e07, because that is deployed to local since 2015-12-01 01:00 (30 days ago) (deployment 1, ana)\n"
    )


def test_a_failed_run_is_explained_with_the_commands_that_come_next(world, cronicle):
    world.run(id="7K2M9QX4TA").fail()

    said = cronicle("explain", "daily@2015-12-31")

    assert said.lines[0] == "daily@2015-12-31 (run 7K2M9QX4TA) failed: summarise[rain] failed"
    assert "  ← report did not run: below what failed" in said.lines
    assert said.lines[-2:] == ["  cronicle logs '7K2M9QX4TA/summarise[rain]'", "  cronicle retry 7K2M9QX4TA"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("exit", "b skipped itself: it ended with its skip_exit_code 99"),
        ("condition", "b did not run: its condition (`when`) was false"),
        ("evaluation", "b failed: there is no such output"),
        ("carried", "b was not executed in this run: its result is carried over from run 4C0V8E5N2R"),
        ("excluded", "b did not run: it was not chosen (--only, --except)"),
    ],
)
def test_each_reason_for_not_running_is_said(world, cronicle, change, said):
    when = UNKNOWN if change in ("condition", "evaluation") else None
    run_spec = spec(task("a"), task("b", when=when, skip_exit_code=99))
    at = world.now
    facts = {
        "carried": (ev.TaskCarriedOver(at=at, task="b", key=None, from_run="4C0V8E5N2R"),),
        "excluded": (ev.TasksExcluded(at=at, tasks=("b",)),),
    }
    run = world.run(run_spec=run_spec, id="7K2M9QX4TA", facts=lambda run: facts.get(change, ()))
    if change == "exit":
        run.do("b", Outcome.SKIPPED, exit_code=99)
    elif change == "condition":
        run.take(ev.ConditionEvaluated(at=at, task="b", key=None, condition=False))
    elif change == "evaluation":
        run.take(
            ev.EvaluationFailed(
                at=at, task="b", key=None, reason="bad_reference", detail="there is no such output"
            )
        )

    assert cronicle("explain", "7K2/b").lines[0] == said


def test_a_skip_that_was_handed_down_names_what_was_skipped(world, cronicle):
    run = world.run(run_spec=spec(task("a", skip_exit_code=99), task("b", "a")), id="7K2M9QX4TA")
    run.do("a", Outcome.SKIPPED, exit_code=99)

    lines = cronicle("explain", "7K2/b").lines

    assert lines[0] == "b did not run: its upstream a was skipped (trigger rule all_succeeded)"
    assert lines[1] == "  ← a skipped itself: it ended with its skip_exit_code 99"


def test_a_cancelled_task_is_explained_by_who_cancelled(world, cronicle):
    run = world.run(id="7K2M9QX4TA")
    run.take(ev.CancelRequested(at=world.clock(), by="bob@pluto", reason="wrong day"))

    lines = cronicle("explain", "7K2/report").lines

    assert lines[0] == "report did not run: the run was cancelled"
    assert lines[1].startswith("  ← bob@pluto asked for its end")
    assert lines[1].endswith(": wrong day")


def test_a_waiting_task_names_what_it_waits_for(world, cronicle):
    world.run(id="7K2M9QX4TA").begin("extract")

    lines = cronicle("explain", "7K2/report").lines

    assert lines[0] == "report waits for summarise (trigger rule all_succeeded)"
    assert lines[1] == "  ← summarise waits for extract (trigger rule all_succeeded)"
    assert lines[2].startswith("  ← extract is running, attempt 1 since 2016-01-01")


def test_a_task_that_backs_off_says_until_when_and_why(world, cronicle):
    retry = RetrySpec(attempts=3, delay=300.0)
    run = world.run(run_spec=spec(task("a", retry=retry)), id="7K2M9QX4TA")
    run.do("a", Outcome.FAILED)

    said = cronicle("explain", "7K2/a").lines[0]

    assert said == "a backs off until 2016-01-01 00:05:03 (in 5 min), then comes attempt 2, after exit code 1"


@pytest.mark.parametrize(
    ("attributes", "of_run", "said"),
    [
        ({"pool": "db"}, {"pools": {"db": 2}}, "b waits for 1 slot of pool db"),
        ({}, {"max_parallel": 1}, "b waits: 1 run already, which is the workflow's max_parallel"),
        ({}, {}, "b is ready: it starts when the process of its run has a free slot"),
    ],
)
def test_what_a_ready_task_lacks_is_named(world, cronicle, attributes, of_run, said):
    world.run(run_spec=spec(task("a"), task("b", **attributes), **of_run), id="7K2M9QX4TA").begin("a")

    assert cronicle("explain", "7K2/b").lines[0] == said


def test_a_run_without_a_process_says_how_to_go_on(world, cronicle):
    world.run(id="7K2M9QX4TA").begin("extract")
    world.die()

    said = cronicle("explain", "7K2")

    assert said.lines[0] == "daily@2015-12-31 (run 7K2M9QX4TA) is running, and no process drives it"
    assert "  cronicle resume 7K2M9QX4TA" in said.lines


def test_a_retry_and_a_backfill_are_followed_to_the_person(world, cronicle):
    made = world.backfill("2015-12-31")
    world.run(id="4C0V8E5N2R", cause=Cause.BACKFILL, backfill=made.id).fail()
    world.run(id="7K2M9QX4TA", cause=Cause.RETRY, retry_of="4C0V8E5N2R").succeed()

    text = cronicle("explain", "7K2").out

    assert "daily@2015-12-31 (run 7K2M9QX4TA) succeeded: 4 tasks" in text
    assert "run 7K2M9QX4TA is a retry of 4C0V8E5N2R, asked for by ana" in text
    assert f"run 4C0V8E5N2R is one of backfill {made.id}, which was asked for by ana" in text


def test_a_revision_is_explained_by_where_it_came_from(world, cronicle):
    world.run(id="7K2M9QX4TA").succeed()
    world.run(id="4C0V8E5N2R", dirty=True, deployment=None, counts=False).succeed()
    world.run(id="5C0V8E5N2R", deployment=None).succeed()
    world.deploy(revision="f" * 40, at=world.clock())

    assert "that was deployed to local on 2015-12-01 01:00" in cronicle("explain", "7K2").out
    assert "now it is fffffff" in cronicle("explain", "7K2").out
    assert "at 8d41e07, the working tree as it was then" in cronicle("explain", "4C0").out
    assert "it does not count: an experiment" in cronicle("explain", "4C0").out
    assert "at 8d41e07, which was chosen for it" in cronicle("explain", "5C0").out


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("daily@2015-12-30", "nobody has asked for it"),
        ("daily@2015-12-31T07:55:00Z", "nobody has asked for it"),
        ("daily@2011-12-30", "it lies before the first deployment of daily, and nobody asked for it"),
        ("daily@2016-01-02", "it is due Sat 2016-01-02 23:55, in 1 day"),
        ("daily@2015-12-30T00:00:00Z", "daily has no tick then"),
    ],
)
def test_a_logical_time_without_a_run_says_why(cronicle, address, said):
    found = cronicle("explain", address)

    assert found.code == 0
    assert found.lines[0] == f"{address} has no run: {said}"


def test_a_time_that_is_no_tick_names_its_neighbours_and_the_bounds(world, cronicle):
    world.deploy(world.workflow(schedules=[{**DAILY_JSON, "end": "2015-12-20T00:00:00Z"}]), at=world.clock())

    text = cronicle("explain", "daily@2015-12-30").out

    assert "daily has no tick then" in text
    assert "its schedule ended 2015-12-19 16:00" in text
    assert "the last tick before is Fri 2015-12-18 23:55" in text


def test_the_command_for_a_time_without_a_run_is_one_that_works(cronicle):
    text = cronicle("explain", "daily@2015-12-30").out

    assert "  cronicle run daily --time 2015-12-30T23:55:00-08:00\n" in text
    assert "  cronicle backfill daily --from 2015-12-30 --to 2015-12-30\n" in text


def test_a_date_with_several_ticks_asks_which(world, cronicle):
    world.deploy(world.workflow(schedules=[{"cron": ["0 */8 * * *"], "timezone": "UTC"}]), at=world.clock())

    said = cronicle("explain", "daily@2015-12-30")

    assert said.code == 1
    assert "daily has 3 ticks on 2015-12-30, and no run for any: 2015-12-30T00:00:00+00:00" in said.err


def test_a_tick_of_an_unfinished_backfill_waits_for_its_turn(world, cronicle):
    made = world.backfill("2015-12-29", "2015-12-30")

    running = cronicle("explain", "daily@2015-12-30").out
    world.store.set_backfill_state(
        made.id, BackfillState.PAUSED, "too many failures", world.now, owner="owner-1"
    )
    paused = cronicle("explain", "daily@2015-12-30").out

    assert f"its turn in backfill {made.id} has not come" in running
    assert f"it is one of backfill {made.id}, which is paused: too many failures" in paused
    assert f"  cronicle resume {made.id}\n" in paused


def test_a_workflow_without_a_schedule_has_no_ticks(world, cronicle):
    world.deploy(world.workflow(schedules=[]), at=world.clock())

    assert "daily has no schedule" in cronicle("explain", "daily@2015-12-30").out


def test_the_json_has_the_same_answer(world, cronicle):
    world.run(id="7K2M9QX4TA").fail()

    value = json.loads(cronicle("explain", "7K2/report", "--json").out)

    assert value["subject"] == "7K2M9QX4TA/report"
    assert value["summary"].startswith("report did not run")
    assert len(value["because"]) == 3


@pytest.mark.parametrize(
    ("address", "message", "remedy"),
    [
        ("7k2/repor", "run 7K2M9QX4TA of daily has no task 'repor'", "Did you mean report?"),
        (
            "7k2/summarise[rian]",
            "task 'summarise' of run 7K2M9QX4TA has no instance 'rian'",
            "Did you mean rain?",
        ),
        ("7k2/extract[x]", "task 'extract' has no instances", "Write it as 7K2M9QX4TA/extract."),
        ("daily@lates", "'lates' is neither a date nor an instant", "Write a date like"),
        ("dailly@latest", "no workflow 'dailly' is deployed to weather/local", "Did you mean daily?"),
    ],
)
def test_a_slip_of_the_pen_is_named_with_what_was_meant(world, cronicle, address, message, remedy):
    world.run(id="7K2M9QX4TA").fail()

    said = cronicle("explain", address)

    assert said.code in (1, 64)
    assert said.out == ""
    assert f"error: {message}\n" in said.err
    assert remedy in said.err


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("too_late", "it could not start in time (start_within)"),
        ("overlap", "an earlier run had not ended (overlap)"),
        ("queue_limit", "newer ones stand in the queue, which holds no more (queue_limit)"),
    ],
)
def test_a_run_that_policy_dropped_says_which(world, cronicle, reason, said):
    run = world.run(id="7K2M9QX4TA", start=False)
    ended = ev.RunFinished(at=world.now, state=RunState.SKIPPED, reason=reason)
    world.store.append([Transition(run_id=run.id, owner="owner-1", events=(ended,))])

    (first, *_) = cronicle("explain", "7K2").lines
    assert first == f"daily@2015-12-31 (run 7K2M9QX4TA) was skipped: {said}"


def test_a_failed_upstream_that_is_tolerated_is_not_blamed(world, cronicle):
    run_spec = spec(task("a", allow_failure=True), task("b"), task("c", "a", "b"))
    world.run(run_spec=run_spec, id="7K2M9QX4TA").do("a", Outcome.FAILED).do("b", Outcome.FAILED)

    assert cronicle("explain", "7K2/c").lines[0] == (
        "c did not run: its upstream b failed (trigger rule all_succeeded)"
    )
    assert cronicle("explain", "7K2").lines[0].endswith("failed: b failed")
    assert cronicle("explain", "7K2/a").lines[0] == (
        "a failed: exit code 1; that does not fail the run (allow_failure)"
    )


def test_of_a_wide_failure_the_first_few_are_named(world, cronicle):
    run = world.run(run_spec=spec(*(task(f"t{number}") for number in range(8))), id="7K2M9QX4TA")
    for number in range(8):
        run.do(f"t{number}", Outcome.FAILED)

    said = cronicle("explain", "7K2")

    assert said.lines[0].endswith("failed: t0, t1, t2, t3, t4 and 3 more failed")
    assert said.out.count("failed: exit code 1") == 5


# -- what the clock decides --------------------------------------------------------------------------------------


def waiting(world: World, **wait: object):
    run_spec = spec(task("a", wait=WaitSpec(every=60.0, **wait)))
    run = world.run(run_spec=run_spec, id="7K2M9QX4TA")
    for _ in range(2):
        run.do("a", Outcome.NOT_YET, exit_code=75)
    return run


def test_a_task_that_asks_again_says_how_often_it_has_and_when_it_gives_up(world, cronicle):
    waiting(world, timeout=3600.0)

    (first, *_) = cronicle("explain", "7K2/a").lines

    assert first.startswith("a waits: not yet there, after asking 2 times; asks again 2016-01-01 00:0")
    assert first.endswith("and gives up 2016-01-01 01:00:03")


@pytest.mark.parametrize(
    ("on_timeout", "said"),
    [
        ("fail", "a failed: what it waits for was not there within 2 min, after asking 2 times"),
        ("skip", "a was skipped: what it waits for was not there within 2 min, after asking 2 times"),
    ],
)
def test_a_task_that_gave_up_says_after_how_long(world, cronicle, on_timeout, said):
    run = waiting(world, timeout=120.0, on_timeout=on_timeout)
    run.take(ev.WaitTimedOut(at=world.now, task="a", key=None))

    assert cronicle("explain", "7K2/a").lines[0] == said


def test_a_task_that_succeeded_after_asking_says_so(world, cronicle):
    waiting(world).do("a")

    (first, *_) = cronicle("explain", "7K2/a").lines

    assert first.startswith("a ran and succeeded at attempt 1 of 1, after asking 2 times")


def test_a_run_that_timed_out_says_when_and_what_it_ended(world, cronicle):
    run = world.run(run_spec=spec(task("a"), task("b", "a"), timeout=60.0), id="7K2M9QX4TA")
    run.begin("a")
    run.take(ev.RunTimedOut(at=world.now)).end("a", Outcome.CANCELLED)

    lines = cronicle("explain", "7K2").lines
    assert lines[0] == "daily@2015-12-31 (run 7K2M9QX4TA) failed: it ran longer than its timeout"
    assert "its time was over 2016-01-01 00:00" in lines[1]
    assert lines[1].endswith("1 min after its start")
    assert (
        cronicle("explain", "7K2/b").lines[0]
        == "b did not run: its run took longer than the workflow's timeout"
    )
    assert cronicle("explain", "7K2/a").lines[0].startswith("a was ended while it ran: its run took longer")
    assert "it ran longer than its timeout" in cronicle("runs").out
    assert "it ran longer than its timeout" in cronicle("show", "7K2").out


def test_a_run_that_a_newer_one_replaced_says_so(world, cronicle):
    run = world.run(id="7K2M9QX4TA")
    run.take(ev.CancelRequested(at=world.now, by="scheduler", reason="superseded"))

    assert cronicle("explain", "7K2").lines[0].endswith("was cancelled: a newer run took its place")


@pytest.mark.parametrize(("lock", "said"), [({"known": "db"}, "its lock 'db'"), (UNKNOWN, "its lock")])
def test_a_task_that_lacks_its_lock_says_so(world, cronicle, lock, said):
    world.run(run_spec=spec(task("a", lock=lock)), id="7K2M9QX4TA")

    assert cronicle("explain", "7K2/a").lines[0] == f"a waits for {said}"


def test_what_is_deployed_and_cannot_be_read_keeps_nobody_from_an_explanation(world, cronicle):
    world.run("2015-12-30", id="7K2M9QX4TA").succeed()
    now = world.deploy(world.workflow(run_spec=spec(task("extract", fingerprint="1:bb"))))
    said = cronicle("explain", "7K2")
    assert said.lines[-1].startswith("  ← it is stale now that 8d41e07 is deployed (extract: ")

    damaged = now.workflows[0].spec_hash
    world.store._connection.execute("UPDATE spec SET body = ? WHERE hash = ?", (b"{", damaged))

    assert cronicle("explain", "7K2").lines == said.lines[:-1]
    asked = cronicle("stale")
    assert (asked.code, asked.out) == (1, "")
    assert "what is deployed of daily cannot be read" in asked.err
    assert "cronicle apply" in asked.err
