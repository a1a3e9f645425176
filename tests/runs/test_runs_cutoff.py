"""Whether what stands above a task has come to the same as in an earlier run, while the run goes on."""

from __future__ import annotations

from typing import Any

import pytest
from runs_worlds import START, UNKNOWN, Driver, task, workflow

from cronicle.runs import events as ev
from cronicle.runs.cutoff import Earlier, Inputs, Undecided
from cronicle.runs.products import Product
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import UpstreamSpec
from cronicle.runs.states import Outcome, TaskState

MAKES = {"produces": {"known": []}}
FILE = Product("a.csv", 3, "ab")


def result(name: str, key: str | None = None, state: str = "succeeded", **rest: Any) -> TaskResult:
    return TaskResult(task=name, key=key, state=TaskState(state), run_id="OLD", **rest)


def inputs(run: Driver, *results: TaskResult, products: dict[Any, Any] | None = None) -> Inputs:
    by_unit = {(one.task, one.key): one for one in results}
    made = {("OLD", *unit): some for unit, some in (products or {}).items()}
    return Inputs(run.machine, Earlier(run_id="OLD", results=by_unit, made=made))


def execute(run: Driver, name: str, key: str | None = None, **rest: Any) -> None:
    run.start(name, key)
    run.finish(name, key=key, **rest)


def carry(run: Driver, name: str, origin: str = "OLD", **rest: Any) -> None:
    run.take(ev.TaskCarriedOver(at=START, task=name, key=None, from_run=origin, **rest))


def test_what_was_executed_anew_and_makes_the_same_is_as_it_was():
    run = Driver(workflow(task("a", **MAKES), task("b", "a")))
    execute(run, "a", output={"x": 1, "y": [1, 2]}, products=(FILE,))
    same = result("a", output={"y": [1, 2], "x": 1})

    assert inputs(run, same, products={("a", None): (FILE,)}).are_as_they_were("b")
    assert not inputs(run, same).are_as_they_were("b")
    other = Product("a.csv", 3, "ac")
    assert not inputs(run, same, products={("a", None): (other,)}).are_as_they_were("b")
    less = result("a", output={"x": 1})
    assert not inputs(run, less, products={("a", None): (FILE,)}).are_as_they_were("b")


@pytest.mark.parametrize("before", [{"x": True}, {"x": 1.5}, {"x": "1"}, {}])
def test_outputs_are_the_same_only_if_their_bytes_are(before):
    run = Driver(workflow(task("a", **MAKES), task("b", "a")))
    execute(run, "a", output={"x": 1})

    assert not inputs(run, result("a", output=before)).are_as_they_were("b")


def test_of_what_does_not_say_what_it_makes_nobody_knows():
    run = Driver(workflow(task("a"), task("b", "a")))
    execute(run, "a")

    assert not inputs(run, result("a")).are_as_they_were("b")


def test_everything_above_must_be_as_it_was_not_only_what_is_next():
    run = Driver(workflow(task("a", **MAKES), task("b", "a", **MAKES), task("c", "b")))
    execute(run, "a", output={"x": 2})
    execute(run, "b")

    assert not inputs(run, result("a", output={"x": 1}), result("b")).are_as_they_were("c")
    assert inputs(run, result("a", output={"x": 2}), result("b")).are_as_they_were("c")


def test_what_was_carried_over_is_as_it_was_if_it_is_the_same_execution():
    spec = workflow(task("a"), task("b", "a"))
    run = Driver(spec, start=False)
    carry(run, "a", origin="OLDER")
    run.take(ev.RunStarted(at=START))

    assert inputs(run, result("a", carried_from="OLDER")).are_as_they_were("b")
    assert not inputs(run, result("a")).are_as_they_were("b")


def test_what_was_carried_over_from_another_execution_is_compared_as_if_it_were_executed_here():
    run = Driver(workflow(task("a", **MAKES), task("b", "a")), start=False)
    carry(run, "a", origin="NEWER", output={"x": 1})
    run.take(ev.RunStarted(at=START))

    assert inputs(run, result("a", output={"x": 1})).are_as_they_were("b")
    assert not inputs(run, result("a", output={"x": 2})).are_as_they_were("b")


def test_what_was_carried_over_in_its_turn_lets_the_next_be_asked_about():
    run = Driver(workflow(task("a", **MAKES), task("b", "a"), task("c", "b")))
    there = inputs(run, result("a"), result("b"), result("c"))
    execute(run, "a")
    assert there.are_as_they_were("b")
    carry(run, "b")

    assert there.are_as_they_were("c")


def test_a_stdout_that_is_data_is_to_be_compared_first():
    run = Driver(workflow(task("a", stdout_is_data=True, **MAKES), task("b", "a")))
    execute(run, "a")
    there = inputs(run, result("a", attempt=1))

    with pytest.raises(Undecided) as caught:
        there.are_as_they_were("b")
    assert caught.value.units == (("a", None),)

    there.same_stdout["a", None] = True
    assert there.are_as_they_were("b")
    other = inputs(run, result("a", attempt=1))
    other.same_stdout["a", None] = False
    assert not other.are_as_they_were("b")


def test_of_instances_all_must_be_there_and_have_come_to_the_same():
    spec = workflow(task("m", for_each=UNKNOWN, **MAKES), task("b", "m"))
    run = Driver(spec)
    run.take(ev.InstancesExpanded(at=START, task="m", instances={"x": 1, "y": 2}))
    execute(run, "m", "x", output={"n": 1})
    execute(run, "m", "y", output={"n": 2})
    x, y, whole = result("m", "x", output={"n": 1}), result("m", "y", output={"n": 2}), result("m")

    assert inputs(run, x, y, whole).are_as_they_were("b")
    assert not inputs(run, x, whole).are_as_they_were("b")
    assert not inputs(run, x, y, result("m", "z"), whole).are_as_they_were("b")
    assert not inputs(run, x, result("m", "y", output={"n": 3}), whole).are_as_they_were("b")


def test_of_one_instance_that_is_named_the_others_do_not_matter():
    spec = workflow(task("m", for_each=UNKNOWN, **MAKES), task("b", UpstreamSpec(task="m", key="x")))
    run = Driver(spec)
    run.take(ev.InstancesExpanded(at=START, task="m", instances={"x": 1, "y": 2}))
    execute(run, "m", "x")

    assert inputs(run, result("m", "x"), result("m", "y", state="failed"), result("m")).are_as_they_were("b")


def test_what_failed_or_has_not_ended_is_never_as_it_was():
    spec = workflow(
        task("a", allow_failure=True, **MAKES),
        task("z", **MAKES),
        task("b", "a", "z", trigger_rule="any_succeeded"),
    )
    run = Driver(spec)
    execute(run, "a", outcome=Outcome.FAILED)
    run.start("z")

    assert not inputs(run, result("a", state="failed"), result("z")).are_as_they_were("b")


def test_what_was_skipped_for_the_same_reason_is_as_it_was():
    spec = workflow(task("a", when=UNKNOWN), task("b", "a", trigger_rule="all_done"))
    run = Driver(spec)
    run.take(ev.ConditionEvaluated(at=START, task="a", key=None, condition=False))
    skipped = result("a", state="skipped", reason="condition_false")

    assert inputs(run, skipped).are_as_they_were("b")
    assert not inputs(run, result("a", state="skipped", reason="exit_code")).are_as_they_were("b")
    assert not inputs(run, result("a")).are_as_they_were("b")


def test_a_chain_of_ten_thousand_tasks_is_looked_at_without_recursion():
    names = [f"t{number}" for number in range(10_000)]
    chain = [task(name, *names[max(at - 1, 0) : at]) for at, name in enumerate(names)]
    run = Driver(workflow(*chain), start=False)
    for name in names[:-1]:
        carry(run, name)
    run.take(ev.RunStarted(at=START))

    assert inputs(run, *(result(name) for name in names)).are_as_they_were(names[-1])
