"""What the run machine decides by the clock: tasks that ask again, runs that take too long; and locks of tasks."""

from __future__ import annotations

import pytest
from runs_worlds import START, UNKNOWN, Driver, after, finished, started, task, workflow

from cronicle.runs import events as ev
from cronicle.runs import obstacles as ob
from cronicle.runs.actions import GiveUpWaiting, KillAttempt, RequestSlot, StartAttempt, TimeOutRun, WakeAt
from cronicle.runs.machine import IllegalEventError, RunMachine
from cronicle.runs.spec import RetrySpec, WaitSpec
from cronicle.runs.states import Outcome, RunState, TaskState

PATIENT = WaitSpec(every=10.0, timeout=60.0)


def ask(run: Driver, at: float, outcome: Outcome = Outcome.NOT_YET, name: str = "t") -> None:
    """An attempt that starts and ends so many seconds after the start of the run."""
    attempt = run.machine.units[name, None].attempt + 1
    run.take(started(name, attempt=attempt, at=after(at)))
    run.take(finished(name, attempt=attempt, outcome=outcome, at=after(at), reason="exit_code"))


# -- wait --------------------------------------------------------------------------------------------------------


def test_a_task_that_is_told_not_yet_backs_off_and_asks_again_with_another_number():
    run = Driver(workflow(task("t", wait=PATIENT)))

    ask(run, 0)

    assert run.state("t") == ("backing_off", None)
    assert run.machine.live_attempts == 0
    assert run.machine.next_actions(after(9)) == (WakeAt(after(10)),)
    assert run.machine.next_actions(after(10)) == (StartAttempt("t", None, 2), WakeAt(after(60)))
    assert run.machine.explain("t", None, after(1)) == (ob.BackingOff(after(10), 2, True, after(60)),)


def test_asking_again_uses_up_no_attempt():
    run = Driver(workflow(task("t", wait=PATIENT, retry=RetrySpec(attempts=2))))

    for at in (0, 10, 20):
        ask(run, at)
    ask(run, 30, Outcome.FAILED)
    assert run.state("t") == ("backing_off", None)
    ask(run, 30, Outcome.FAILED)

    assert run.state("t") == ("failed", "exit_code")
    assert run.machine.units["t", None].attempt == 5


def test_asking_again_ends_a_series_of_lost_attempts():
    run = Driver(workflow(task("t", wait=WaitSpec(every=0.0))))

    for _ in range(3):
        for _ in range(2):
            run.start("t")
            run.lose("t")
        ask(run, 0)

    assert run.state("t") == ("backing_off", None)


@pytest.mark.parametrize(("on_timeout", "state"), [("fail", TaskState.FAILED), ("skip", TaskState.SKIPPED)])
def test_the_time_to_wait_counts_from_the_start_of_the_first_attempt(on_timeout, state):
    run = Driver(workflow(task("t", wait=WaitSpec(every=25.0, timeout=60.0, on_timeout=on_timeout))))
    ask(run, 5)
    ask(run, 30)
    ask(run, 55)

    assert run.machine.next_actions(after(64)) == (WakeAt(after(65)),)
    assert run.machine.next_actions(after(65)) == (GiveUpWaiting("t", None),)
    run.take(ev.WaitTimedOut(at=after(65), task="t", key=None))

    assert run.state("t") == (state, "wait_timed_out")
    assert run.machine.state is (RunState.FAILED if on_timeout == "fail" else RunState.SUCCEEDED)


def test_an_answer_that_comes_after_the_time_to_wait_is_the_last():
    run = Driver(workflow(task("t", wait=PATIENT)))
    run.start("t")

    run.finish("t", Outcome.NOT_YET, at=after(60))

    assert run.state("t") == ("failed", "wait_timed_out")


def test_an_attempt_that_asks_when_the_time_to_wait_is_over_may_still_succeed():
    run = Driver(workflow(task("t", wait=PATIENT)))
    ask(run, 0)
    run.start("t", at=after(59))

    assert run.machine.next_actions(after(70)) == ()
    run.finish("t", at=after(70))

    assert run.machine.state is RunState.SUCCEEDED


def test_a_task_that_backs_off_after_a_failure_is_tried_again_whatever_its_time_to_wait():
    run = Driver(workflow(task("t", wait=PATIENT, retry=RetrySpec(attempts=2, delay=100.0))))
    ask(run, 0)
    ask(run, 10, Outcome.FAILED)

    assert run.machine.next_actions(after(109)) == (WakeAt(after(110)),)
    with pytest.raises(IllegalEventError, match="waits for nothing"):
        run.take(ev.WaitTimedOut(at=after(60), task="t", key=None))


def test_a_lost_attempt_of_a_task_that_waits_is_made_up_within_the_time_to_wait():
    run = Driver(workflow(task("t", wait=PATIENT)))
    ask(run, 0)
    run.start("t", at=after(10))
    run.lose("t")

    assert run.machine.next_actions(after(60)) == (GiveUpWaiting("t", None),)


def test_the_slots_of_a_task_that_gave_up_are_free():
    run = Driver(workflow(task("t", wait=PATIENT, pool="p"), pools={"p": 1}))
    run.take(ev.SlotGranted(at=START, task="t", key=None, attempt=1))
    ask(run, 0)
    run.take(ev.SlotGranted(at=after(10), task="t", key=None, attempt=2))

    run.take(ev.WaitTimedOut(at=after(60), task="t", key=None))

    assert run.machine.finished
    assert not run.machine.units["t", None].slot_granted


def test_only_a_task_that_waits_may_be_told_not_yet():
    run = Driver(workflow(task("t")))
    run.start("t")

    with pytest.raises(IllegalEventError, match="waits for nothing"):
        run.finish("t", Outcome.NOT_YET)

    assert run.machine.has_live_attempt("t", None, 1)


def test_a_task_that_asks_again_is_cancelled_with_its_run():
    run = Driver(workflow(task("t", wait=PATIENT), task("u", wait=PATIENT)))
    ask(run, 0)
    run.start("u")
    run.cancel()
    run.finish("u", Outcome.NOT_YET)

    assert run.state("t") == run.state("u") == ("cancelled", "cancelled")
    assert run.machine.state is RunState.CANCELLED


# -- the timeout of a run ----------------------------------------------------------------------------------------


def test_a_run_times_out_so_long_after_its_first_start_however_it_waits():
    run = Driver(workflow(task("a", retry=RetrySpec(attempts=2, delay=500.0)), task("b", "a"), timeout=100.0))
    run.execute("a", Outcome.FAILED)

    assert run.machine.next_actions(after(99)) == (WakeAt(after(100)),)
    assert run.machine.next_actions(after(100)) == (TimeOutRun(),)
    run.take(ev.RunTimedOut(at=after(100)))

    assert (run.machine.state, run.machine.reason) == (RunState.FAILED, "timed_out")
    assert run.state("a") == run.state("b") == ("cancelled", "run_timed_out")


def test_a_run_that_times_out_ends_its_attempts_and_starts_nothing_more():
    run = Driver(workflow(task("a"), task("b", "a"), task("c"), timeout=100.0))
    run.start("a")
    run.take(ev.RunTimedOut(at=after(100)))

    assert run.machine.next_actions(after(100)) == (KillAttempt("a", None, 1),)
    assert run.state("b") == run.state("c") == ("cancelled", "run_timed_out")
    run.finish("a", Outcome.CANCELLED)

    assert run.state("a") == ("cancelled", "run_timed_out")
    assert (run.machine.state, run.machine.reason) == (RunState.FAILED, "timed_out")


def test_a_run_that_times_out_has_failed_also_if_its_last_attempt_succeeds():
    run = Driver(workflow(task("a"), timeout=100.0))
    run.start("a")
    run.take(ev.RunTimedOut(at=after(100)))
    run.finish("a")

    assert run.state("a") == ("succeeded", None)
    assert (run.machine.state, run.machine.reason) == (RunState.FAILED, "timed_out")


def test_the_time_of_a_run_goes_on_while_nobody_drives_it():
    run = Driver(workflow(task("a"), timeout=100.0))
    run.start("a")
    machine = RunMachine.replay(run.spec, run.log)
    machine.advance(ev.RunAdopted(at=after(200), owner="next"))
    machine.advance(ev.AttemptLost(at=after(200), task="a", key=None, attempt=1))

    assert machine.next_actions(after(200)) == (TimeOutRun(),)


def test_of_a_cancel_and_a_timeout_the_first_decides():
    spec = workflow(task("a"), timeout=100.0)
    run = Driver(spec)
    run.start("a")
    run.cancel("enough")
    run.take(ev.RunTimedOut(at=after(100)))
    run.finish("a", Outcome.CANCELLED)
    assert (run.machine.state, run.machine.reason) == (RunState.CANCELLED, "enough")

    run = Driver(spec)
    run.start("a")
    run.take(ev.RunTimedOut(at=after(100)))
    run.cancel("enough")
    run.finish("a", Outcome.CANCELLED)
    assert (run.machine.state, run.machine.reason) == (RunState.FAILED, "timed_out")


@pytest.mark.parametrize("spec", [workflow(task("a")), workflow(task("a"), timeout=5.0)])
def test_a_run_that_has_not_started_or_may_take_any_time_cannot_time_out(spec):
    run = Driver(spec, start=spec.timeout is None)

    with pytest.raises(IllegalEventError, match="RunTimedOut"):
        run.take(ev.RunTimedOut(at=after(100)))


# -- locks -------------------------------------------------------------------------------------------------------


def test_a_task_with_a_lock_and_a_pool_asks_for_both_at_once_and_starts_when_it_has_them():
    run = Driver(workflow(task("t", lock={"known": "k"}, pool="p", pool_slots=2), pools={"p": 2}))

    assert run.machine.next_actions(START) == (RequestSlot("t", None, 1, "p", 2, 0, True),)
    assert run.machine.explain("t", None, START) == (ob.LockNeeded("k"), ob.PoolSlotsNeeded("p", 2))
    with pytest.raises(IllegalEventError, match="lock"):
        run.start("t")

    run.take(ev.SlotGranted(at=START, task="t", key=None, attempt=1))

    assert run.machine.next_actions(START) == (StartAttempt("t", None, 1),)


def test_a_lock_is_asked_for_again_with_each_attempt():
    run = Driver(workflow(task("t", lock=UNKNOWN, retry=RetrySpec(attempts=2))))
    run.take(ev.SlotGranted(at=START, task="t", key=None, attempt=1))
    run.execute("t", Outcome.FAILED)

    assert run.machine.next_actions(START) == (RequestSlot("t", None, 2, None, 1, 0, True),)


def test_a_lock_whose_key_cannot_be_told_fails_its_task():
    run = Driver(workflow(task("t", lock=UNKNOWN)))

    run.take(ev.EvaluationFailed(at=START, task="t", key=None, reason="bad_reference", detail="no output"))

    assert run.state("t") == ("failed", "bad_reference")
