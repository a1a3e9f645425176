"""What a new run keeps of tasks that are not executed again; the selections are driven, too."""

from __future__ import annotations

import pytest
from runs_worlds import START, Driver, task, workflow

from cronicle.runs import events as ev
from cronicle.runs.actions import StartAttempt
from cronicle.runs.rerun import Rerun, RerunRules, done_of, is_done, keep_done
from cronicle.runs.selection import Selection, TaskResult, plan_retry
from cronicle.runs.spec import RunSpec
from cronicle.runs.states import RunState, TaskState

NEVER = {"rerun": "never"}
CHAIN = workflow(task("a"), task("mail", "a", **NEVER), task("after", "mail"), task("x"))


def result(name: str, state: str = "succeeded", **rest: object) -> TaskResult:
    return TaskResult(task=name, state=TaskState(state), run_id=str(rest.pop("run_id", "OLD")), **rest)


def retried(spec: RunSpec, *results: TaskResult, from_task: str | None = None) -> Selection:
    selection = plan_retry(spec, results, from_task)
    return keep_done(spec, selection, done_of([results], RerunRules.of(spec).never), from_task)


def carried(selection: Selection) -> dict[str, tuple[str, str | None]]:
    return {one.task: (one.state, one.reason) for one in selection.carried}


def test_what_succeeded_stands_also_below_what_executes_again():
    selection = retried(CHAIN, result("a", "failed"), result("mail"), result("after"), result("x"))

    assert selection.executed == ("a", "after")
    assert carried(selection)["mail"] == ("succeeded", "rerun_never")
    assert [one.task for one in selection.kept] == ["mail"]


def test_what_failed_after_it_had_begun_stays_failed_and_nothing_that_needs_it_is_promised():
    failed = result("mail", "failed", reason="exit_code", has_acted=True)

    selection = retried(CHAIN, result("a"), failed, result("after", "skipped"), result("x", "failed"))

    assert selection.executed == ("x",)
    assert carried(selection)["mail"] == ("failed", "exit_code")


def test_what_was_cancelled_or_lost_may_have_done_its_work_too():
    for state, reason in (("cancelled", "cancelled"), ("failed", "lost")):
        ended = result("mail", state, reason=reason, has_acted=True)

        assert carried(retried(CHAIN, result("a"), ended, result("x")))["mail"] == ("failed", reason)


def test_what_never_had_a_process_executes():
    selection = retried(CHAIN, result("a"), result("mail", "failed", reason="start_error"), result("x"))

    assert selection.executed == ("mail", "after")


def test_who_names_a_failed_task_has_it_executed_and_a_succeeded_one_not():
    failed = result("mail", "failed", has_acted=True)

    assert retried(CHAIN, result("a"), failed, from_task="mail").executed == ("mail", "after", "x")
    done = retried(CHAIN, result("a"), result("mail"), result("after"), result("x"), from_task="mail")
    assert (done.executed, [one.task for one in done.kept]) == (("after",), ["mail"])


def test_instances_stand_one_by_one():
    spec = workflow(task("a"), task("mail", "a", for_each={"known": {"x": "x", "y": "y", "z": "z"}}, **NEVER))
    instances = [
        result("mail", key="x"),
        result("mail", "failed", key="y", has_acted=True),
        result("mail", "skipped", key="z", reason="upstream_failed"),
        result("mail", "failed"),
    ]

    selection = retried(spec, result("a", "failed"), *instances)

    assert [(one.task, one.key, str(one.state)) for one in selection.carried] == [
        ("mail", "x", "succeeded"),
        ("mail", "y", "failed"),
    ]
    assert selection.executed == ("a", "mail")
    run = Driver(spec, *selection.events(START))
    run.execute("a")
    actions = run.machine.next_actions(START, 9)
    assert [(one.task, one.key) for one in actions if isinstance(one, StartAttempt)] == [("mail", "z")]


def test_what_is_kept_as_failed_fails_the_run_and_does_not_run_what_is_below():
    failed = result("mail", "failed", reason="exit_code", has_acted=True)
    selection = retried(CHAIN, result("a"), failed, result("x", "failed"))

    run = Driver(CHAIN, *selection.events(START))
    run.execute("x")

    assert run.machine.state is RunState.FAILED
    units = run.machine.units
    assert (units["mail", None].carried_from, units["mail", None].attempt) == ("OLD", 0)
    assert units["after", None].reason == "upstream_failed"


def test_the_last_success_of_several_runs_stands_before_any_failure():
    runs = [
        [result("mail", "failed", has_acted=True, run_id="NEWEST"), result("a", run_id="NEWEST")],
        [result("mail", run_id="MIDDLE")],
        [result("mail", run_id="OLDEST")],
    ]

    assert [(one.task, one.run_id) for one in done_of(runs, {"mail"})] == [("mail", "MIDDLE")]
    assert done_of(runs, set()) == ()


@pytest.mark.parametrize(
    ("state", "has_acted", "done"),
    [
        ("succeeded", False, True),
        ("failed", True, True),
        ("failed", False, False),
        ("cancelled", True, True),
        ("skipped", True, False),
    ],
)
def test_done_is_what_may_have_had_an_effect(state, has_acted, done):
    assert is_done(result("mail", state, has_acted=has_acted)) is done


def test_of_two_specs_the_stricter_word_holds():
    own = workflow(task("a", rerun="confirm"), task("b"), task("c", rerun="never"))
    deployed = workflow(task("a", rerun="never"), task("b", rerun="confirm"), rerun="confirm")

    rules = RerunRules.of(own, deployed)

    assert (rules.workflow, rules.never) == (Rerun.CONFIRM, {"a", "c"})
    assert rules.tasks["b"] is Rerun.CONFIRM
    assert rules.to_confirm(["a", "b"]) == ("a", "b")
    assert RerunRules.of(own, None).to_confirm(["a", "b"]) == ("a",)
    assert RerunRules.of(workflow(task("a")), None).is_silent


def test_a_fact_that_carries_over_says_why():
    selection = retried(CHAIN, result("a", "failed"), result("mail", output={"id": "7"}), result("x"))

    [fact] = [
        one for one in selection.events(START) if isinstance(one, ev.TaskCarriedOver) and one.task == "mail"
    ]
    assert (fact.reason, fact.output, fact.from_run) == ("rerun_never", {"id": "7"}, "OLD")
