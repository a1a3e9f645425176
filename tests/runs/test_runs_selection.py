"""Which tasks a retry and a chosen run execute, and what they carry over; the plans are driven, too."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs_worlds import KEYS, START, UNKNOWN, Driver, run_specs, task, workflow

from cronicle.errors import UsageError
from cronicle.runs import events as ev
from cronicle.runs.actions import EvaluateTask, Question, RequestSlot, StartAttempt, WakeAt
from cronicle.runs.selection import (
    TaskResult,
    as_of_spec,
    below,
    changed_tasks,
    is_mixed,
    plan_remake,
    plan_retry,
    plan_selection,
    with_recorded,
)
from cronicle.runs.spec import RunSpec, UpstreamSpec
from cronicle.runs.states import Outcome, TaskState


def result(name: str, state: str = "succeeded", reason: str | None = None, **rest: object) -> TaskResult:
    return TaskResult(task=name, state=TaskState(state), reason=reason, run_id="OLD", **rest)


def carried(selection) -> list[str | tuple[str, str]]:
    return [r.task if r.key is None else (r.task, r.key) for r in selection.carried]


CHAIN = workflow(task("a"), task("b", "a"), task("c", "b"), task("x"))


def test_a_retry_executes_what_failed_and_all_below_it():
    selection = plan_retry(
        CHAIN,
        [
            result("a"),
            result("b", "failed", "exit_code"),
            result("c", "skipped", "upstream_failed"),
            result("x"),
        ],
    )

    assert carried(selection) == ["a", "x"]
    assert selection.executed == ("b", "c")
    assert selection.excluded == ()


@pytest.mark.parametrize(
    ("state", "reason"),
    [("failed", "lost"), ("cancelled", "cancelled"), ("skipped", "upstream_failed"), ("failed", "exit_code")],
)
def test_whatever_did_not_come_to_a_good_end_executes(state, reason):
    assert plan_retry(CHAIN, [result("a", state, reason)]).executed == ("a", "b", "c", "x")


def test_what_succeeded_below_a_failure_executes_again():
    selection = plan_retry(CHAIN, [result("a", "failed"), result("b"), result("c"), result("x")])

    assert carried(selection) == ["x"]


def test_from_a_task_it_and_all_below_execute_and_what_failed_elsewhere():
    results = [result("a"), result("b"), result("c"), result("x", "failed")]

    assert plan_retry(CHAIN, results, from_task="b").executed == ("b", "c", "x")


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="no task 'y'") as refusal:
        plan_retry(CHAIN, [], from_task="y")
    assert "a, b, c, x" in str(refusal.value)

    with pytest.raises(UsageError, match="no task 'y'"):
        plan_selection(CHAIN, [], chosen=["y"])


def test_skips_that_would_come_out_the_same_stand():
    results = [
        result("a", "skipped", "condition_false"),
        result("b", "skipped", "upstream_skipped"),
        result("c"),
        result("x", "failed"),
    ]

    assert carried(plan_retry(CHAIN, results)) == ["a", "b", "c"]


def test_what_was_carried_over_before_names_the_run_that_executed_it():
    selection = plan_retry(CHAIN, [result("a", carried_from="OLDEST", output={"n": 1}), result("x")])

    first, second = selection.events(START)
    assert (first.from_run, first.output, second.from_run) == ("OLDEST", {"n": 1}, "OLD")


def test_at_another_revision_only_equal_deep_fingerprints_are_carried_over():
    spec = workflow(
        task("a", fingerprint="1:a", deep_fingerprint="1:A"),
        task("b", "a", fingerprint="1:b", deep_fingerprint="1:changed"),
        task("c", "b", fingerprint="1:other", deep_fingerprint="1:C"),
    )
    old = [
        result("a", fingerprint="1:a", deep_fingerprint="1:A"),
        result("b", fingerprint="1:b", deep_fingerprint="1:B"),
        result("c", fingerprint="1:c", deep_fingerprint="1:C"),
    ]

    assert carried(plan_retry(spec, old)) == ["a"]
    assert changed_tasks(spec, old) == ("c",)


MAPPED = workflow(
    task("m", for_each=UNKNOWN),
    task("one", UpstreamSpec(task="m", key="")),
    task("two", UpstreamSpec(task="m", key="x")),
    task("all", "m"),
)


def test_instances_are_carried_over_one_by_one_and_edges_to_them_count_alone():
    results = [
        result("m", key=""),
        result("m", "failed", key="x"),
        result("m", "failed"),
        result("one"),
        result("two", "skipped", "upstream_failed"),
        result("all", "skipped", "upstream_failed"),
    ]

    selection = plan_retry(MAPPED, results)

    assert carried(selection) == [("m", ""), "one"]
    assert selection.executed == ("m", "two", "all")


def test_a_for_each_task_all_of_whose_instances_succeeded_is_carried_over_whole():
    results = [result("m"), result("m", key=""), result("m", key="x"), result("all")]

    assert carried(plan_retry(MAPPED, results)) == [("m", ""), ("m", "x"), "m", "all"]


def test_a_retry_leaves_out_again_what_the_run_had_left_out():
    results = [result("a", "skipped", "not_selected"), result("b", "failed")]

    selection = plan_retry(CHAIN, results)

    assert (selection.excluded, selection.executed) == (("a",), ("b", "c", "x"))
    assert plan_retry(CHAIN, results, from_task="a").excluded == ()


def test_a_chosen_run_carries_over_the_rest_from_the_result_or_leaves_it_out():
    results = [result("a"), result("b", "failed", "exit_code"), result("x", "skipped", "not_selected")]

    selection = plan_selection(CHAIN, results, chosen=["c"])

    assert carried(selection) == ["a", "b"]
    assert (selection.excluded, selection.executed) == (("x",), ("c",))
    run = Driver(CHAIN, *selection.events(START))
    assert run.state("c") == ("skipped", "upstream_failed")


def test_without_a_result_all_but_the_chosen_is_left_out_and_nothing_waits_for_it():
    selection = plan_selection(CHAIN, [], chosen=["b"])
    run = Driver(CHAIN, *selection.events(START))

    assert selection.excluded == ("a", "c", "x")
    assert run.machine.next_actions(START) == (StartAttempt("b", None, 1),)
    run.execute("b")
    assert run.machine.state == "succeeded"


def test_a_result_of_another_kind_than_the_task_is_no_result():
    spec = workflow(task("a", for_each=UNKNOWN), task("b"), task("c"))
    results = [result("a", output={"n": 1}), result("b"), result("b", key="x")]

    assert plan_selection(spec, results, chosen=["c"]).excluded == ("a", "b")
    assert carried(plan_retry(spec, results)) == []


def drive(run: Driver, outcomes: dict[tuple[str, str | None], Outcome]) -> set[str]:
    """Drive a run to its end; the names of the tasks of which an attempt was made."""
    executed: set[str] = set()
    now = START
    while not run.machine.finished:
        match run.machine.next_actions(now)[0]:
            case EvaluateTask(name, None, Question.INSTANCES):
                instances = dict.fromkeys(KEYS, 1)
                run.take(ev.InstancesExpanded(at=now, task=name, instances=instances))
            case EvaluateTask(name, key, Question.CONDITION):
                run.take(ev.ConditionEvaluated(at=now, task=name, key=key, condition=True))
            case RequestSlot(name, key, attempt):
                run.take(ev.SlotGranted(at=now, task=name, key=key, attempt=attempt))
            case StartAttempt(name, key, _):
                run.execute(name, outcomes.get((name, key), Outcome.SUCCEEDED), key)
                executed.add(name)
            case WakeAt(at):
                now = at
    return executed


def results_of(run: Driver) -> list[TaskResult]:
    return [
        TaskResult(
            task=unit.id[0],
            key=unit.id[1],
            state=unit.state,
            reason=unit.reason,
            output=unit.output,
            carried_from=unit.carried_from,
            run_id="RUN0000001",
        )
        for unit in run.machine.units.values()
    ]


@settings(max_examples=40)
@given(run_specs(most=5), st.data())
def test_a_retry_in_which_nothing_fails_any_more_executes_only_what_is_planned(spec: RunSpec, data):
    units = [(one.name, key) for one in spec.tasks for key in (None, *KEYS)]
    odd = data.draw(
        st.dictionaries(st.sampled_from(units), st.sampled_from([Outcome.FAILED, Outcome.SKIPPED]))
    )
    first = Driver(spec)
    drive(first, odd)

    selection = plan_retry(spec, results_of(first))
    second = Driver(spec, *selection.events(START))
    executed = drive(second, {})

    assert executed <= set(selection.executed)
    assert {r.task for r in selection.carried if r.key is None}.isdisjoint(selection.executed)
    carried_over = {(r.task, r.key): r.state for r in selection.carried}
    assert all(second.machine.units[unit].state is state for unit, state in carried_over.items())
    if first.machine.state == "failed":
        assert selection.executed


@settings(max_examples=40)
@given(run_specs(most=5), st.data())
def test_a_chosen_run_executes_nothing_else(spec: RunSpec, data):
    names = [one.name for one in spec.tasks]
    chosen = data.draw(st.sets(st.sampled_from(names)))
    first = Driver(spec)
    drive(first, {})
    results = results_of(first) if data.draw(st.booleans()) else []

    run = Driver(spec, *plan_selection(spec, results, chosen).events(START))

    assert drive(run, {}) <= chosen


# What a run consists of


def test_a_run_is_mixed_if_it_carries_over_what_its_spec_does_otherwise_or_leaves_something_out():
    same, other = result("a"), result("a", deep_fingerprint="1:other")

    def mixed(*results: TaskResult, chosen: tuple[str, ...] = ("b", "c", "x")) -> bool:
        return is_mixed(CHAIN, plan_selection(CHAIN, results, chosen))

    assert not is_mixed(CHAIN, None)
    assert not mixed(same)
    assert mixed(other)
    assert mixed()  # `a` is left out
    assert not mixed(other, chosen=("a", "b", "c", "x"))


def test_what_a_run_had_carried_over_is_carried_over_again_as_it_was_recorded():
    results = (result("a", deep_fingerprint="1:other"), result("b", "failed"), result("x"))

    selection = with_recorded(plan_retry(CHAIN, as_of_spec(CHAIN, results)), results)

    assert selection.carried == (results[0], results[2])
    assert is_mixed(CHAIN, selection)
    assert plan_retry(CHAIN, results).executed == ("a", "b", "c")


# -- making the stale tasks of a result anew ------------------------------------------------------------------

DIAMOND = workflow(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c"))
WHOLE = [result("a"), result("b"), result("c"), result("d")]


def test_stale_tasks_execute_with_all_below_them_and_the_rest_is_carried_over():
    selection = plan_remake(DIAMOND, WHOLE, {"b"})

    assert selection.executed == ("b", "d")
    assert carried(selection) == ["a", "c"]
    assert selection.excluded == ()


def test_what_the_result_does_not_have_executes_with_all_below_it():
    assert plan_remake(DIAMOND, [result("a"), result("c"), result("d")], {"c"}).executed == ("b", "c", "d")
    assert plan_remake(DIAMOND, [], {"c"}).executed == ("a", "b", "c", "d")


def test_what_is_not_stale_stands_however_it_ended():
    spec = workflow(task("a", allow_failure=True), task("b"), task("c"), task("d", "c"))
    results = [
        result("a", "failed", "exit_code"),
        result("b", "skipped", "condition_false"),
        result("c"),
        result("d"),
    ]

    selection = plan_remake(spec, results, {"d"})

    assert selection.executed == ("d",)
    assert [(one.task, one.state) for one in selection.carried][:2] == [("a", "failed"), ("b", "skipped")]


def test_what_was_left_out_is_left_out_again_unless_it_is_stale():
    results = [result("a"), result("b", "skipped", "not_selected"), result("c"), result("d")]

    selection = plan_remake(DIAMOND, results, {"a"})

    assert (selection.executed, selection.excluded) == (("a", "c", "d"), ("b",))
    assert plan_remake(DIAMOND, results, {"b"}).executed == ("b", "d")


def test_only_chosen_tasks_are_made_anew():
    selection = plan_remake(DIAMOND, WHOLE, {"b", "c"}, chosen={"b"})

    assert selection.executed == ("b",)
    assert carried(selection) == ["a", "c", "d"]
    none = plan_remake(DIAMOND, WHOLE[:3], {"b"}, chosen={"b"})
    assert none.excluded == ("d",)


def test_all_instances_of_a_stale_task_execute_and_those_of_others_stand():
    spec = workflow(task("m", for_each=UNKNOWN), task("n", for_each=UNKNOWN), task("z", "m", "n"))
    results = [result(name, key=key) for name in "mn" for key in ("x", "y")]
    results += [result("m"), result("n"), result("z")]

    selection = plan_remake(spec, results, {"m"})

    assert selection.executed == ("m", "z")
    assert carried(selection) == [("n", "x"), ("n", "y"), "n"]


def test_what_is_below_some_tasks():
    assert below(DIAMOND, {"b"}) == {"b", "d"}
    assert below(DIAMOND, ()) == frozenset()
