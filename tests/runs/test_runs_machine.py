"""What the run machine decides, case by case: the table of ends, retries, cancels, instances, pools."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import Any

import pytest
from runs_worlds import START, UNKNOWN, Driver, after, finished, snapshot, started, task, workflow

from cronicle.runs import events as ev
from cronicle.runs import obstacles as ob
from cronicle.runs.actions import EvaluateTask, KillAttempt, Question, RequestSlot, StartAttempt, WakeAt
from cronicle.runs.machine import IllegalEventError, RunMachine
from cronicle.runs.products import Product
from cronicle.runs.spec import RetrySpec, UpstreamSpec, WaitSpec
from cronicle.runs.states import ENDED_TASK, Outcome, RunState, TaskState
from cronicle.runs.units import EXPECTED_IN, TRANSITIONS, Unit, may_retry, retry_delay

# -- the table of ends ---------------------------------------------------------------------------------------

ENDS = ("good", "allowed", "bad", "skipped", "unselected")
RULES: dict[str, Any] = {
    "all_succeeded": lambda ends: all(end in ("good", "allowed", "unselected") for end in ends),
    "none_failed": lambda ends: "bad" not in ends,
    "all_done": lambda ends: True,
    "any_succeeded": lambda ends: any(end in ("good", "allowed", "unselected") for end in ends),
    "any_failed": lambda ends: "bad" in ends,
}


@pytest.mark.parametrize("trigger_rule", RULES)
@pytest.mark.parametrize("ends", list(product(ENDS, repeat=2)))
def test_each_trigger_rule_is_met_by_the_ends_that_the_table_says(trigger_rule, ends):
    above = [task(f"u{i}", allow_failure=end == "allowed") for i, end in enumerate(ends)]
    spec = workflow(*above, task("t", "u0", "u1", trigger_rule=trigger_rule))
    excluded = tuple(f"u{i}" for i, end in enumerate(ends) if end == "unselected")
    run = Driver(spec, *([ev.TasksExcluded(at=START, tasks=excluded)] if excluded else []))
    outcomes = {"good": Outcome.SUCCEEDED, "skipped": Outcome.SKIPPED}
    for i, end in enumerate(ends):
        if end != "unselected":
            run.execute(f"u{i}", outcomes.get(end, Outcome.FAILED))

    if RULES[trigger_rule](ends):
        assert run.state("t") == ("ready", None)
        run.execute("t")
        assert run.machine.state == ("failed" if "bad" in ends else "succeeded")
    else:
        reason = "upstream_failed" if "bad" in ends else "upstream_skipped"
        reason = "nothing_failed" if trigger_rule == "any_failed" else reason
        assert run.state("t") == ("skipped", reason)
        assert run.machine.state == ("failed" if "bad" in ends else "succeeded")


def test_a_task_skipped_for_a_failure_is_bad_and_one_skipped_for_a_skip_is_skipped():
    run = Driver(
        workflow(task("a"), task("b", "a"), task("c", "b"), task("d", "b", trigger_rule="none_failed"))
    )
    run.execute("a", Outcome.FAILED)

    assert run.state("b") == run.state("c") == run.state("d") == ("skipped", "upstream_failed")

    run = Driver(
        workflow(task("a"), task("b", "a"), task("c", "b"), task("d", "b", trigger_rule="none_failed"))
    )
    run.execute("a", Outcome.SKIPPED)

    assert run.state("c") == ("skipped", "upstream_skipped")
    assert run.state("d") == ("ready", None)


# -- the table of transitions --------------------------------------------------------------------------------

POOLED = workflow(task("t", pool="p", retry=RetrySpec(attempts=2)), pools={"p": 1})
WAITING = workflow(task("t", wait=WaitSpec(every=10.0, timeout=60.0)))
LOCKED = workflow(task("t", lock=UNKNOWN, retry=RetrySpec(attempts=2)))
PLAIN = workflow(task("t", retry=RetrySpec(attempts=2)), task("other"))
MAPPED = workflow(task("t", for_each=UNKNOWN, when=UNKNOWN))
BELOW = workflow(task("u"), task("t", "u"), task("other"))


def in_state(state: TaskState) -> Driver:
    """A run whose task `t` is in that state, and for which no event of the list below is asked for."""
    match state:
        case TaskState.WAITING:
            return Driver(BELOW)
        case TaskState.READY:
            return Driver(PLAIN)
    run = Driver(PLAIN)
    run.start("t")
    match state:
        case TaskState.BACKING_OFF:
            run.finish("t", Outcome.FAILED)
        case TaskState.SUCCEEDED:
            run.finish("t")
        case TaskState.SKIPPED:
            run.finish("t", Outcome.SKIPPED)
        case TaskState.FAILED:
            run.finish("t", Outcome.FAILED)
            run.execute("t", Outcome.FAILED)
        case TaskState.CANCELLED:
            run.start("other")
            run.cancel()
            run.finish("t", Outcome.CANCELLED)
    return run


def about_t(kind: type[Any], attempt: int = 1) -> Any:
    """An event of that kind about the task `t`."""
    by_kind: dict[type[Any], Any] = {
        ev.TaskCarriedOver: ev.TaskCarriedOver(at=START, task="t", key=None, from_run="OLD"),
        ev.TasksExcluded: ev.TasksExcluded(at=START, tasks=("t",)),
        ev.TasksReady: ev.TasksReady(at=START, tasks=("t",)),
        ev.InstancesExpanded: ev.InstancesExpanded(at=START, task="t", instances={"a": 1}),
        ev.ConditionEvaluated: ev.ConditionEvaluated(at=START, task="t", key=None, condition=True),
        ev.EvaluationFailed: ev.EvaluationFailed(at=START, task="t", key=None, reason="x", detail="y"),
        ev.SlotGranted: ev.SlotGranted(at=START, task="t", key=None, attempt=attempt),
        ev.AttemptStarted: started("t", attempt=attempt),
        ev.AttemptFinished: finished("t", attempt=attempt),
        ev.AttemptLost: ev.AttemptLost(at=START, task="t", key=None, attempt=attempt),
        ev.RetryScheduled: ev.RetryScheduled(at=START, task="t", key=None, attempt=attempt, not_before=START),
        ev.WaitTimedOut: ev.WaitTimedOut(at=START, task="t", key=None),
        ev.TaskFinished: ev.TaskFinished(at=START, task="t", key=None, state=TaskState.SKIPPED),
        ev.TasksCancelled: ev.TasksCancelled(at=START, units=(("t", None),)),
    }
    return by_kind[kind]


def met_by(kind: type[Any], state: TaskState) -> tuple[RunMachine, Any]:
    """A machine in which an event of that kind may meet `t` in that state, and the event."""
    match kind, state:
        case (ev.TaskCarriedOver, TaskState.WAITING) | (ev.TasksExcluded, _):
            return Driver(PLAIN, start=False).machine, about_t(kind)
        case ev.TasksReady, _:
            run = Driver(BELOW)
            return RunMachine.replay(BELOW, [*run.log, started("u"), finished("u")]), about_t(kind)
        case ev.InstancesExpanded, _:
            return Driver(MAPPED).machine, about_t(kind)
        case ev.EvaluationFailed, TaskState.BACKING_OFF:
            run = Driver(LOCKED)
            run.take(about_t(ev.SlotGranted))
            run.execute("t", Outcome.FAILED)
            return run.machine, about_t(kind)
        case ev.EvaluationFailed, _:
            return Driver(workflow(task("t", when=UNKNOWN))).machine, about_t(kind)
        case ev.ConditionEvaluated, _:
            return Driver(workflow(task("t", when=UNKNOWN))).machine, about_t(kind)
        case ev.SlotGranted, TaskState.READY:
            return Driver(POOLED).machine, about_t(kind)
        case ev.SlotGranted, TaskState.BACKING_OFF:
            run = Driver(POOLED)
            run.take(about_t(ev.SlotGranted))
            run.execute("t", Outcome.FAILED)
            return run.machine, about_t(kind, attempt=2)
        case ev.RetryScheduled, _:
            run = in_state(TaskState.RUNNING)
            machine = RunMachine.replay(PLAIN, [*run.log, finished("t", outcome=Outcome.FAILED)])
            return machine, about_t(kind, attempt=2)
        case (ev.WaitTimedOut, _) | (ev.TaskFinished, TaskState.BACKING_OFF):
            run = Driver(WAITING)
            run.execute("t", Outcome.NOT_YET)
            gave_up = [about_t(ev.WaitTimedOut)] if kind is ev.TaskFinished else []
            return RunMachine.replay(WAITING, [*run.log, *gave_up]), about_t(kind)
        case ev.TaskFinished, TaskState.RUNNING:
            run = in_state(TaskState.RUNNING)
            return RunMachine.replay(PLAIN, [*run.log, finished("t", outcome=Outcome.SKIPPED)]), about_t(kind)
        case ev.TasksCancelled, _:
            run = in_state(state)
            request = ev.CancelRequested(at=START, by="ann@host")
            return RunMachine.replay(run.spec, [*run.log, request]), about_t(kind)
    return in_state(state).machine, about_t(kind, attempt=2 if state is TaskState.BACKING_OFF else 1)


PAIRS = [(kind, state) for kind in TRANSITIONS for state in TaskState]


@pytest.mark.parametrize(
    ("kind", "state"), [pair for pair in PAIRS if pair[1] in EXPECTED_IN[pair[0]]], ids=str
)
def test_an_event_of_the_table_is_taken_and_leads_where_the_table_says(kind, state):
    machine, event = met_by(kind, state)
    assert machine.units["t", None].state is state

    machine.apply(event)

    assert machine.units["t", None].state in TRANSITIONS[kind][state]


@pytest.mark.parametrize(
    ("kind", "state"), [pair for pair in PAIRS if pair[1] not in EXPECTED_IN[pair[0]]], ids=str
)
def test_an_event_outside_the_table_is_refused_or_late_and_changes_nothing(kind, state):
    machine = in_state(state).machine
    assert machine.units["t", None].state is state
    attempt = machine.units["t", None].attempt
    before = snapshot(machine)

    for number in {1, attempt, attempt + 1} - {0}:
        event = about_t(kind, attempt=number)
        late = kind in (ev.AttemptFinished, ev.AttemptLost, ev.SlotGranted) and number <= attempt
        if late or (kind is ev.SlotGranted and state in ENDED_TASK):
            assert machine.advance(event) == (event,)
        else:
            with pytest.raises(IllegalEventError):
                machine.advance(event)
        assert snapshot(machine) == before


@pytest.mark.parametrize(
    "event",
    [
        ev.TasksExcluded(at=START, tasks=("t", "nobody")),
        ev.TasksExcluded(at=START, tasks=("t", "t")),
        ev.TaskCarriedOver(at=START, task="nobody", key=None, from_run="OLD"),
        ev.TaskCarriedOver(at=START, task="t", key="a", from_run="OLD"),
        ev.TaskCarriedOver(at=START, task="t", key=None, from_run="OLD", state=TaskState.CANCELLED),
        ev.TaskCarriedOver(at=START, task="t", key=None, from_run="OLD", state=TaskState.RUNNING),
        ev.RunQueued(at=START, run_id="AGAIN"),
        ev.TasksReady(at=START, tasks=("t",)),
        ev.TasksCancelled(at=START, units=(("t", None),)),
        ev.RunFinished(at=START, state=RunState.SUCCEEDED),
        ev.RunFinished(at=START, state=RunState.RUNNING),
        started("t"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_fact_that_cannot_be_before_the_start_changes_nothing(event):
    machine = Driver(PLAIN, start=False).machine
    before = snapshot(machine)

    with pytest.raises(IllegalEventError, match=type(event).__name__):
        machine.advance(event)

    assert snapshot(machine) == before


@pytest.mark.parametrize(
    "event",
    [
        ev.RunStarted(at=START),
        ev.TasksExcluded(at=START, tasks=("other",)),
        ev.TaskCarriedOver(at=START, task="other", key="a", from_run="OLD"),
        ev.TaskCarriedOver(at=START, task="other", key=None, from_run="OLD", state=TaskState.FAILED),
        ev.TasksReady(at=START, tasks=("t", "nobody")),
        ev.TasksCancelled(at=START, units=(("t", None),)),
        ev.PreviousFound(at=START, run_id=None),
        ev.RunFinished(at=START, state=RunState.SKIPPED),
        ev.AttemptFinished(at=START, task="t", key=None, attempt=1, outcome=Outcome.SUCCEEDED),
        started("t", attempt=2),
        started("nobody"),
        started("t", key="a"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_fact_that_cannot_be_while_the_run_goes_on_changes_nothing(event):
    machine = Driver(PLAIN).machine
    before = snapshot(machine)

    with pytest.raises(IllegalEventError, match=type(event).__name__):
        machine.advance(event)

    assert snapshot(machine) == before


def test_nothing_comes_before_the_run_was_queued():
    machine = RunMachine(PLAIN)

    with pytest.raises(IllegalEventError, match="before RunQueued"):
        machine.advance(ev.RunStarted(at=START))


def test_a_lost_outcome_is_not_taken_for_an_end():
    run = in_state(TaskState.RUNNING)

    with pytest.raises(IllegalEventError, match="AttemptLost"):
        run.finish("t", Outcome.LOST)


def test_a_run_may_be_skipped_before_it_starts():
    run = Driver(PLAIN, start=False)
    run.take(ev.RunFinished(at=START, state=RunState.SKIPPED, reason="overlap"))

    assert (run.machine.state, run.machine.reason) == ("skipped", "overlap")
    assert run.machine.next_actions(START) == ()


# -- retries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retry", "used", "seconds"),
    [
        (RetrySpec(delay=10, backoff=2), 1, 10),
        (RetrySpec(delay=10, backoff=2), 4, 80),
        (RetrySpec(delay=10, backoff=2, max_delay=60), 4, 60),
        (RetrySpec(delay=10, backoff=2, max_delay=60), 5000, 60),
        (RetrySpec(delay=0, backoff=2), 5000, 0),
        (RetrySpec(delay=1, backoff=1.5), 3, 2.25),
        (RetrySpec(delay=1e300, backoff=1, max_delay=1e300), 1, 10 * 365 * 86400),
    ],
)
def test_the_delay_grows_by_backoff_up_to_max_delay(retry, used, seconds):
    assert retry_delay(retry, "R", ("t", None), used).total_seconds() == seconds


def test_jitter_is_the_same_for_the_same_attempt_and_spreads_others():
    retry = RetrySpec(delay=10, jitter=5)
    delays = [retry_delay(retry, f"R{i}", ("t", None), 1).total_seconds() for i in range(200)]

    assert delays == [retry_delay(retry, f"R{i}", ("t", None), 1).total_seconds() for i in range(200)]
    assert all(10 <= delay < 15 for delay in delays)
    assert max(delays) - min(delays) > 4


@pytest.mark.parametrize(
    ("outcome", "rest", "again"),
    [
        (Outcome.FAILED, {"reason": "exit_code", "exit_code": 75}, True),
        (Outcome.FAILED, {"reason": "exit_code", "exit_code": 1}, False),
        (Outcome.FAILED, {"reason": "bad_reference", "exit_code": 75}, False),
        (Outcome.TIMED_OUT, {"exit_code": 75}, True),
        (Outcome.SUCCEEDED, {"exit_code": 75}, False),
        (Outcome.SKIPPED, {"exit_code": 75}, False),
    ],
)
def test_only_failures_with_the_named_exit_codes_are_tried_again(outcome, rest, again):
    unit = Unit(("t", None), used=1)

    assert (
        may_retry(RetrySpec(attempts=2, on_exit_codes=(75,)), unit, finished("t", outcome=outcome, **rest))
        is again
    )


def test_a_failed_attempt_backs_off_and_holds_no_slot_meanwhile():
    run = Driver(workflow(task("t", pool="p", retry=RetrySpec(attempts=2, delay=30)), pools={"p": 1}))
    run.take(ev.SlotGranted(at=START, task="t", key=None, attempt=1))
    run.start("t")
    run.finish("t", Outcome.FAILED)

    assert run.state("t") == ("backing_off", None)
    assert run.machine.live_attempts == 0
    assert run.machine.next_actions(after(29)) == (WakeAt(after(30)),)
    assert run.machine.next_actions(after(30)) == (RequestSlot("t", None, 2, "p", 1, 0),)

    run.take(ev.SlotGranted(at=after(30), task="t", key=None, attempt=2))

    assert run.machine.next_actions(after(30)) == (StartAttempt("t", None, 2),)


def test_three_attempts_lost_in_a_row_end_a_task_and_use_up_no_attempts():
    run = Driver(workflow(task("t", retry=RetrySpec(attempts=2))))
    for _ in range(2):
        run.start("t")
        run.lose("t")
    run.execute("t", Outcome.FAILED)  # breaks the row, and is the first that counts
    for _ in range(2):
        run.start("t")
        run.lose("t")
    assert run.state("t") == ("backing_off", None)

    run.start("t")
    run.lose("t")

    assert run.state("t") == ("failed", "lost")
    assert run.machine.units["t", None].used == 1
    assert run.machine.state is RunState.FAILED


def test_a_lost_attempt_of_a_task_that_must_not_repeat_fails_it():
    run = Driver(workflow(task("t", on_lost="fail", retry=RetrySpec(attempts=5))))
    run.start("t")
    run.lose("t")

    assert run.state("t") == ("failed", "lost")


# -- cancel --------------------------------------------------------------------------------------------------


def test_a_cancel_ends_what_waits_at_once_and_the_run_when_its_attempts_have_ended():
    run = Driver(
        workflow(
            task("a"), task("b", "a", trigger_rule="all_done"), task("c", for_each={"known": {"": 1, "x": 2}})
        )
    )
    run.start("a")
    run.start("c", "x")
    run.cancel("superseded")

    assert run.state("b") == run.state("c", "") == ("cancelled", "cancelled")
    assert run.machine.next_actions(START) == (KillAttempt("a", None, 1), KillAttempt("c", "x", 1))

    run.finish("a", Outcome.SUCCEEDED)
    run.finish("c", Outcome.CANCELLED, key="x")

    assert run.state("a") == ("succeeded", None)
    assert run.state("c") == ("cancelled", "cancelled")
    assert (run.machine.state, run.machine.reason) == ("cancelled", "superseded")


def test_a_run_can_be_cancelled_before_it_starts():
    run = Driver(BELOW, start=False)
    run.cancel()

    assert run.machine.state is RunState.CANCELLED
    assert all(unit.state is TaskState.CANCELLED for unit in run.machine.units.values())


def test_a_second_cancel_changes_nothing():
    run = in_state(TaskState.RUNNING)
    run.cancel()
    before = snapshot(run.machine)

    assert len(run.cancel("again")) == 1
    assert snapshot(run.machine) == before


def test_a_failure_after_a_cancel_is_not_tried_again():
    run = in_state(TaskState.RUNNING)
    run.cancel()
    run.finish("t", Outcome.FAILED, reason="exit_code", exit_code=1)

    assert run.state("t") == ("failed", "exit_code")
    assert run.machine.state is RunState.CANCELLED


def test_an_attempt_that_was_ended_without_a_cancel_leaves_no_succeeded_run():
    run = Driver(workflow(task("t")))
    run.execute("t", Outcome.CANCELLED)

    assert run.machine.state is RunState.CANCELLED


def test_slots_granted_to_a_cancelled_run_change_nothing_and_are_not_needed():
    run = Driver(POOLED)
    assert run.machine.needs_grant("t", None, 1)
    run.cancel()
    before = snapshot(run.machine)

    assert not run.machine.needs_grant("t", None, 1)
    run.take(about_t(ev.SlotGranted))

    assert snapshot(run.machine) == before


# -- for_each ------------------------------------------------------------------------------------------------


def expand(*keys: str) -> ev.InstancesExpanded:
    return ev.InstancesExpanded(at=START, task="t", instances=dict.fromkeys(keys, 1))


@pytest.mark.parametrize("allow_failure", [False, True])
@pytest.mark.parametrize(
    ("outcomes", "end"),
    [
        ((), ("succeeded", None)),
        ((Outcome.SUCCEEDED, Outcome.SKIPPED), ("succeeded", None)),
        ((Outcome.SKIPPED, Outcome.SKIPPED), ("skipped", "exit_code")),
        ((Outcome.FAILED, Outcome.SKIPPED), ("failed", None)),
        ((Outcome.FAILED, Outcome.SUCCEEDED), ("failed", None)),
    ],
)
def test_a_for_each_task_ends_as_its_instances_add_up(outcomes, end, allow_failure):
    keys = ["", "x"][: len(outcomes)]
    run = Driver(workflow(task("t", for_each=UNKNOWN, allow_failure=allow_failure), task("after", "t")))
    assert run.machine.next_actions(START) == (EvaluateTask("t", None, Question.INSTANCES),)
    run.take(expand(*keys))
    for key, outcome in zip(keys, outcomes, strict=True):
        run.execute("t", outcome, key)

    assert run.state("t") == end
    good = end[0] == "succeeded" or (end[0] == "failed" and allow_failure)
    bad = {"failed": "upstream_failed", "skipped": "upstream_skipped"}
    assert run.state("after") == (("ready", None) if good else ("skipped", bad[end[0]]))


@pytest.mark.parametrize(("allow_failure", "state"), [(False, "failed"), (True, "cancelled")])
def test_a_for_each_task_with_a_failed_instance_has_failed_even_if_the_rest_was_cancelled(
    allow_failure, state
):
    run = Driver(workflow(task("t", for_each={"known": {"": 1, "x": 2}}, allow_failure=allow_failure)))
    run.execute("t", Outcome.FAILED, key="")
    run.cancel()

    assert run.state("t")[0] == state
    assert run.machine.state is RunState.CANCELLED


def test_an_edge_to_one_instance_waits_for_that_instance_only():
    one = UpstreamSpec(task="t", key="")
    run = Driver(workflow(task("t", for_each=UNKNOWN), task("one", one), task("all", "t")))
    run.take(expand("", "x"))
    run.execute("t", key="")

    assert (run.state("one"), run.state("all")) == (("ready", None), ("waiting", None))
    assert run.machine.waiting_for("all") == (("t", None),)


def test_who_waits_for_an_instance_that_does_not_exist_is_told_that_it_failed():
    run = Driver(workflow(task("t", for_each=UNKNOWN), task("one", UpstreamSpec(task="t", key="gone"))))
    run.take(expand("x"))

    assert run.state("one") == ("skipped", "upstream_failed")


def test_who_waits_for_an_instance_of_a_skipped_task_is_skipped_as_if_it_waited_for_the_task():
    run = Driver(
        workflow(task("u"), task("t", "u", for_each=UNKNOWN), task("one", UpstreamSpec(task="t", key="x")))
    )
    run.execute("u", Outcome.SKIPPED)

    assert run.state("one") == ("skipped", "upstream_skipped")


def test_the_condition_is_asked_once_for_each_instance():
    run = Driver(MAPPED)
    run.take(expand("", "x"))
    assert run.machine.next_actions(START) == tuple(
        EvaluateTask("t", k, Question.CONDITION) for k in ("", "x")
    )

    run.take(ev.ConditionEvaluated(at=START, task="t", key="", condition=False))
    run.take(ev.ConditionEvaluated(at=START, task="t", key="x", condition=True))

    assert run.state("t", "") == ("skipped", "condition_false")
    assert run.machine.next_actions(START) == (StartAttempt("t", "x", 1),)


def test_outputs_of_a_for_each_task_are_a_map_by_key():
    run = Driver(workflow(task("t", for_each={"known": {"": 1, "x": 2}}), task("u")))
    run.start("t", "x")
    run.finish("t", key="x", output={"rows": 3})
    run.start("u")
    run.finish("u", output={"rows": 4})

    assert run.machine.outputs_of("t") == {"": {}, "x": {"rows": 3}}
    assert run.machine.outputs_of("u") == {"rows": 4}


# -- carried over and left out -------------------------------------------------------------------------------


def carried(name: str, key: str | None = None, **rest: Any) -> ev.TaskCarriedOver:
    return ev.TaskCarriedOver(at=START, task=name, key=key, from_run="OLD", **rest)


def test_a_run_of_which_everything_was_carried_over_ends_when_it_starts():
    run = Driver(workflow(task("a"), task("b", "a")), carried("a", output={"x": 1}), carried("b"))

    assert run.machine.state is RunState.SUCCEEDED
    assert run.machine.outputs_of("a") == {"x": 1}
    assert run.machine.units["a", None].carried_from == "OLD"


def test_carried_over_instances_do_not_execute_and_gone_ones_are_forgotten():
    spec = workflow(task("t", for_each=UNKNOWN), task("one", UpstreamSpec(task="t", key="a")))
    run = Driver(spec, carried("t", "a", output={"x": 1}), carried("t", "gone"))
    run.take(expand("a", "b"))

    assert run.state("one") == ("ready", None)
    assert [a.key for a in run.machine.next_actions(START) if a.task == "t"] == ["b"]
    assert ("t", "gone") not in run.machine.units

    run.execute("t", key="b")

    assert run.state("t") == ("succeeded", None)
    assert run.machine.outputs_of("t") == {"a": {"x": 1}, "b": {}}


def test_a_for_each_task_carried_over_as_a_whole_is_not_expanded():
    spec = workflow(
        task("t", for_each=UNKNOWN),
        task("one", UpstreamSpec(task="t", key="a")),
        task("none", UpstreamSpec(task="t", key="gone")),
    )
    run = Driver(spec, carried("t", "a", output={"x": 1}), carried("t"))

    assert run.machine.outputs_of("t") == {"a": {"x": 1}}
    assert (run.state("one"), run.state("none")) == (("ready", None), ("skipped", "upstream_failed"))
    assert run.machine.next_actions(START) == (StartAttempt("one", None, 1),)


def test_a_carried_over_skip_keeps_its_reason_and_its_meaning():
    spec = workflow(task("a"), task("b", "a"))
    run = Driver(spec, carried("a", state=TaskState.SKIPPED, reason="upstream_failed"))

    assert run.state("b") == ("skipped", "upstream_failed")


def test_a_task_whose_turn_has_come_may_be_carried_over_and_lets_the_next_go_on():
    run = Driver(workflow(task("a"), task("b", "a", when=UNKNOWN), task("c", "b")))
    with pytest.raises(IllegalEventError):
        run.take(carried("b"))  # it waits
    run.execute("a")

    run.take(carried("b", output={"x": 1}, reason="same_inputs"))

    assert run.state("b") == ("succeeded", "same_inputs")
    assert run.machine.outputs_of("b") == {"x": 1}
    assert run.machine.next_actions(START) == (StartAttempt("c", None, 1),)
    with pytest.raises(IllegalEventError):
        run.take(carried("b"))


def test_what_has_been_tried_is_not_carried_over():
    run = Driver(workflow(task("a", retry=RetrySpec(attempts=2))))
    run.execute("a", Outcome.FAILED)

    with pytest.raises(IllegalEventError):
        run.take(carried("a"))


def test_instances_are_carried_over_in_their_turn_one_by_one_and_the_whole_ends_with_them():
    run = Driver(workflow(task("t", for_each=UNKNOWN), task("u", "t")))
    with pytest.raises(IllegalEventError):
        run.take(carried("t"))  # nobody knows its instances yet
    run.take(expand("a", "b"))
    with pytest.raises(IllegalEventError):
        run.take(carried("t"))

    run.take(carried("t", "a", reason="same_inputs"))
    run.execute("t", key="b")

    assert run.state("t") == ("succeeded", None)
    assert run.state("t", "a") == ("succeeded", "same_inputs")
    assert run.state("u") == ("ready", None)


def test_nothing_is_carried_over_once_the_run_was_cancelled():
    run = Driver(workflow(task("a"), task("b", "a"), task("c")))
    run.execute("a")
    run.start("c")
    run.cancel()

    with pytest.raises(IllegalEventError):
        run.take(carried("b"))


def test_what_a_task_has_made_is_known_while_the_run_goes_on():
    made = Product("a.csv", 3, "ab")
    run = Driver(workflow(task("a"), task("b", "a")))
    run.start("a")
    run.finish("a", products=(made,))

    assert run.machine.units["a", None].products == (made,)


# -- order, limits, pools ------------------------------------------------------------------------------------


def test_starts_come_by_priority_then_in_the_order_of_becoming_ready_within_the_room():
    run = Driver(workflow(task("a"), task("b", priority=5), task("c"), task("d", priority=5), max_parallel=3))

    assert [a.task for a in run.machine.next_actions(START)] == ["b", "d", "a"]
    assert [a.task for a in run.machine.next_actions(START, slots=1)] == ["b"]
    assert run.machine.next_actions(START, slots=0) == ()


def test_more_attempts_than_max_parallel_are_refused():
    run = Driver(workflow(task("a"), task("b"), max_parallel=1))
    run.start("a")

    with pytest.raises(IllegalEventError, match="max_parallel"):
        run.start("b")


def test_slots_of_a_pool_are_asked_for_by_those_that_could_start_and_block_nobody_else():
    spec = workflow(
        task("low", pool="p"),
        task("high", pool="p", priority=9),
        task("free"),
        max_parallel=1,
        pools={"p": 9},
    )
    run = Driver(spec)

    assert run.machine.next_actions(START) == (
        RequestSlot("high", None, 1, "p", 1, 9),
        StartAttempt("free", None, 1),
    )

    run.start("free")

    assert run.machine.next_actions(START) == ()


def test_no_more_slots_are_asked_for_while_those_granted_take_up_the_room():
    run = Driver(workflow(task("a", pool="p"), task("b", pool="p"), max_parallel=1, pools={"p": 2}))
    run.take(ev.SlotGranted(at=START, task="a", key=None, attempt=1))

    assert run.machine.next_actions(START) == (StartAttempt("a", None, 1),)
    assert run.machine.next_actions(START, slots=0) == ()


def test_an_attempt_without_the_slots_of_its_pool_is_refused():
    with pytest.raises(IllegalEventError, match="slots"):
        Driver(POOLED).start("t")


def test_slots_that_nobody_asked_for_are_refused():
    run = Driver(workflow(task("t")))

    with pytest.raises(IllegalEventError, match="not asked"):
        run.take(about_t(ev.SlotGranted))


def test_the_next_wake_up_is_the_earliest_end_of_backing_off():
    retry = {"a": RetrySpec(attempts=2, delay=60), "b": RetrySpec(attempts=2, delay=20)}
    run = Driver(workflow(*(task(name, retry=retry[name]) for name in retry)))
    for name in retry:
        run.execute(name, Outcome.FAILED)

    assert run.machine.next_actions(START) == (WakeAt(after(20)),)
    assert run.machine.next_actions(after(20)) == (StartAttempt("b", None, 2), WakeAt(after(60)))


# -- explain -------------------------------------------------------------------------------------------------


def test_explain_says_everything_that_stands_in_the_way():
    retry = RetrySpec(attempts=2, delay=30)
    spec = workflow(
        task("a"),
        task("b", "a", "m", trigger_rule="none_failed"),
        task("m", for_each=UNKNOWN),
        task("c", when=UNKNOWN),
        task("p", pool="p", pool_slots=2, retry=retry),
        max_parallel=1,
        pools={"p": 2},
    )
    queued = Driver(spec, start=False)
    assert queued.machine.explain("a", None, START) == (ob.RunNotStarted(),)

    run = Driver(spec)

    def why(name: str, key: str | None = None, at: datetime = START) -> tuple[ob.Obstacle, ...]:
        return run.machine.explain(name, key, at)

    assert why("a") == (ob.ProcessSlotNeeded(),)
    assert why("b") == (ob.UpstreamsOpen("none_failed", (("a", None), ("m", None))),)
    assert why("m") == why("m", "unborn") == (ob.EvaluationPending(Question.INSTANCES),)
    assert why("c") == (ob.EvaluationPending(Question.CONDITION),)
    assert why("p") == (ob.PoolSlotsNeeded("p", 2),)

    run.take(ev.SlotGranted(at=START, task="p", key=None, attempt=1))
    run.execute("p", Outcome.FAILED)
    run.start("a")
    run.take(ev.InstancesExpanded(at=START, task="m", instances={"": 1, "x": 2}))

    assert why("a") == (ob.AttemptRunning(1),)
    assert why("p") == (
        ob.BackingOff(after(30), 2),
        ob.PoolSlotsNeeded("p", 2),
        ob.MaxParallelReached(1),
    )
    assert why("p", at=after(30)) == (ob.PoolSlotsNeeded("p", 2), ob.MaxParallelReached(1))
    assert why("m") == (ob.InstancesOpen(("", "x")),)

    run.finish("a")

    assert why("a") == (ob.HasEnded("succeeded", None),)
    assert why("m", "x") == (ob.ProcessSlotNeeded(),)


def test_slots_of_a_pool_are_gone_with_the_owner_to_which_they_were_granted():
    """Whoever adopts the run asks for them anew: the store has given them to others."""
    run = Driver(workflow(task("b", pool="db"), task("a", pool="db"), pools={"db": 2}))
    for name in ("a", "b"):
        run.take(ev.SlotGranted(at=START, task=name, key=None, attempt=1))
    assert {type(action) for action in run.machine.next_actions(START)} == {StartAttempt}

    run.take(ev.RunAdopted(at=START, owner="next"))

    wishes = run.machine.next_actions(START)
    assert [(type(wish), wish.task) for wish in wishes] == [(RequestSlot, "a"), (RequestSlot, "b")]


def test_what_previous_means_is_found_once_before_the_start() -> None:
    machine = Driver(PLAIN, start=False).machine
    found = ev.PreviousFound(at=START, run_id="OLD", run={"date": "2026-11-22"})

    machine.advance(found)

    assert machine.previous is found
    with pytest.raises(IllegalEventError, match="twice"):
        machine.advance(found)
