"""Which earlier successes stand for tasks with `reuse`; what is planned is driven, too."""

from __future__ import annotations

from runs_worlds import START, Driver, task, workflow

from cronicle.runs.reuse import origins_of, plan_reuse, reuse_facts, uses_previous
from cronicle.runs.selection import TaskResult
from cronicle.runs.spec import RunSpec, UpstreamSpec
from cronicle.runs.states import RunState, TaskState

R = {"reuse": True}
CHAIN = workflow(task("a", **R), task("b", "a", **R), task("c", "b"))
ALL = frozenset({"a", "b", "c", "m", "all"})


def result(name: str, run: str = "OLD", state: str = "succeeded", **rest: object) -> TaskResult:
    return TaskResult(task=name, state=TaskState(state), run_id=run, **rest)


def taken(spec: RunSpec, *earlier: list[TaskResult], standing: dict | None = None, **rest) -> list[object]:
    found = plan_reuse(spec, ALL, standing or {}, earlier, **rest)
    return [
        (one.task if one.key is None else f"{one.task}[{one.key}]", one.carried_from or one.run_id)
        for one in found
    ]


def test_what_had_succeeded_stands_if_all_above_it_does():
    assert taken(CHAIN, [result("a"), result("b"), result("c")]) == [("a", "OLD"), ("b", "OLD")]


def test_below_what_executes_nothing_is_taken():
    assert taken(CHAIN, [result("a", state="failed"), result("b")]) == []
    plain = workflow(task("a"), task("b", "a", **R))
    assert taken(plain, [result("a"), result("b")]) == []
    assert taken(plain, [result("a"), result("b")], standing={"a": {None: "OLD"}}) == [("b", "OLD")]


def test_what_was_computed_from_another_execution_is_not_taken():
    newest = [result("a", "NEW"), result("b", "NEW", "failed")]
    oldest = [result("a"), result("b")]

    assert taken(CHAIN, newest, oldest) == [("a", "NEW")]
    # Where the newer run had carried it over, it is the same execution.
    carried = [result("a", "NEW", carried_from="OLD"), result("b", "NEW", "failed")]
    assert taken(CHAIN, carried, oldest) == [("a", "OLD"), ("b", "OLD")]


def test_another_fingerprint_is_another_task():
    spec = workflow(task("a", deep_fingerprint="1:new", **R))

    assert taken(spec, [result("a", deep_fingerprint="1:old")]) == []
    assert taken(
        spec, [result("a", deep_fingerprint="1:old")], [result("a", "OLDER", deep_fingerprint="1:new")]
    ) == [("a", "OLDER")]


def test_only_successes_are_taken_and_only_of_what_says_so():
    assert taken(workflow(task("a", **R)), [result("a", state="skipped", reason="condition_false")]) == []
    assert taken(workflow(task("a")), [result("a")]) == []
    assert plan_reuse(CHAIN, {"b"}, {}, [[result("a"), result("b")]]) == ()


def test_what_is_not_there_any_more_is_not_taken():
    found = taken(CHAIN, [result("a"), result("b")], is_there=lambda spec, _: spec.name != "b")

    assert found == [("a", "OLD")]


def test_instances_are_taken_one_by_one():
    mapped = {"for_each": {"known": {"x": "x", "y": "y"}}, **R}
    spec = workflow(
        task("m", **mapped), task("all", "m", **R), task("c", UpstreamSpec(task="m", key="x"), **R)
    )
    both = [result("m", key="x"), result("m", key="y"), result("m"), result("all"), result("c")]
    half = [
        result("m", key="x"),
        result("m", state="failed", key="y"),
        result("m", state="failed"),
        result("c"),
    ]

    assert [name for name, _ in taken(spec, both)] == ["m[x]", "m[y]", "m", "all", "c"]
    assert [name for name, _ in taken(spec, half)] == ["m[x]", "c"]


def test_a_task_that_uses_the_previous_run_is_known():
    refers = {"expression": ["attr", ["attr", ["var", "previous"], "run"], "time"]}

    assert uses_previous(task("a", env={"SINCE": refers}))
    assert not uses_previous(task("a", env={"A": {"known": ["var", "previous"]}}))
    assert not uses_previous(task("a", when={"expression": ["attr", ["var", "task"], "previous"]}))


def test_the_facts_let_a_run_succeed_without_executing_anything_and_say_why():
    spec = workflow(task("a", **R), task("b", "a", **R))
    facts = reuse_facts(plan_reuse(spec, ALL, {}, [[result("a", output={"n": "1"}), result("b")]]), START)

    run = Driver(spec, *facts)

    assert run.machine.state is RunState.SUCCEEDED
    unit = run.machine.units["a", None]
    assert (unit.reason, unit.carried_from, unit.output, unit.attempt) == ("reused", "OLD", {"n": "1"}, 0)


def test_the_whole_of_a_for_each_was_executed_nowhere():
    here = origins_of([result("m", "NEW", key="x", carried_from="OLD"), result("m", "NEW")])

    assert here == {"m": {"x": "OLD", None: "NEW"}}
    spec = workflow(task("m", for_each={"known": {"x": "x"}}), task("all", "m", **R))
    assert taken(spec, [result("m", key="x"), result("m"), result("all")], standing=here) == [("all", "OLD")]
