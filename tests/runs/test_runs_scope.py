"""What expressions see at a run: compiled with the language, evaluated with plain values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from cronicle.runs.scope import (
    BadReference,
    InstanceView,
    PreviousView,
    RunView,
    TaskView,
    evaluate_attempt,
    evaluate_condition,
    evaluate_lazy,
    for_each_instances,
)
from cronicle.runs.spec import Lazy, TaskSpec
from grammar.parse import parse_expression
from grammar.serial import expression_to_json
from grammar.source import SourceFile

TASKS: Mapping[str, TaskView | Mapping[str, TaskView]] = {
    "extract": TaskView(
        output={"rows": 3, "share": 0.1, "text": "a b", "flag": "true", "list": [1, {"a": None}]},
        stdout="/spool/extract",
        state="succeeded",
    ),
    "sum": {
        key: TaskView(output={"max": number}, stdout=f"/spool/{key}", state="succeeded")
        for number, key in enumerate(["rain", "wind"])
    },
}
VIEW = RunView(
    run={"id": "R1", "date": "2026-11-23", "interval": {"start": "s", "end": "e", "date": "d"}},
    params={"mode": "fast", "share": {"$decimal": "0.5"}},
    project="weather",
    environment="local",
    task=TASKS.get,
    task_names=tuple(TASKS),
    prepared={"venv": "/files/prepared/venv"},
)
ALONE = InstanceView(attempt=2)


def lazy(text: str) -> Lazy:
    expr, diagnostics = parse_expression(SourceFile("test", text))
    assert not diagnostics
    return {"expression": expression_to_json(expr)}


def value(text: str, instance: InstanceView = ALONE) -> Any:
    return evaluate_lazy(lazy(text), VIEW, instance)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run.date", "2026-11-23"),
        ("run.interval.end", "e"),
        ("param.mode", "fast"),
        ("param.share * 2", 1),
        ('"${project.name}/${environment}"', "weather/local"),
        ("attempt.number", 2),
        ('"${prepare.venv.path}/bin"', "/files/prepared/venv/bin"),
        ("task.extract.output.rows + 1", 4),
        ("task.extract.output.share", {"$decimal": "0.1"}),
        ("task.extract.output.list[1].a", None),
        ("task.extract.stdout", "/spool/extract"),
        ('task.sum["wind"].output.max', 1),
        ("[for key, one in task.sum : one.stdout]", ["/spool/rain", "/spool/wind"]),
        ("values(task.sum)[*].output.max", [0, 1]),
        ("length(task.sum)", 2),
        ('try(task.extract.output.missing, "none")', "none"),
        ('can(task.sum["snow"])', False),
    ],
)
def test_expressions_see_the_run_and_what_its_tasks_gave(text: str, expected: object) -> None:
    assert value(text) == expected


def test_an_instance_sees_its_key_and_its_value() -> None:
    instance = InstanceView(key="rain", value={"$decimal": "0.5"}, attempt=1)

    assert value('"${each.key}: ${each.value + 1}"', instance) == "rain: 1.5"
    assert value("task.sum[each.key].output.max", instance) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task.extract.output.missing", "rows"),
        ('task.sum["snow"].output.max', "rain"),
        ("task.sum.output", "rain"),
        ("each.key", "each"),
        ("1 / 0", "zero"),
    ],
)
def test_a_bad_reference_names_what_there_is(text: str, said: str) -> None:
    with pytest.raises(BadReference, match=said):
        value(text)


def test_only_what_is_referred_to_is_looked_at() -> None:
    asked = []

    class Instances(dict[str, TaskView]):
        def __getitem__(self, key: str) -> TaskView:
            asked.append(key)
            return super().__getitem__(key)

    many = Instances({str(n): TaskView(output={"n": n}, stdout=None, state="succeeded") for n in range(1000)})
    view = RunView(run={}, params={}, project="p", environment="e", task={"t": many}.get, task_names=("t",))

    assert evaluate_lazy(lazy('task.t["7"].output.n'), view, ALONE) == 7
    assert set(asked) == {"7"}


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("1 > 2", False), ("task.extract.output.flag", True)]
)
def test_a_condition_is_true_or_false_and_so_is_its_text(text: str, expected: bool) -> None:
    assert evaluate_condition(lazy(text), VIEW, ALONE) is expected


@pytest.mark.parametrize("text", ["1", "null", '"yes"', "[]"])
def test_a_condition_that_is_neither_is_a_mistake_and_not_false(text: str) -> None:
    with pytest.raises(BadReference, match="when must be true or false"):
        evaluate_condition(lazy(text), VIEW, ALONE)


def test_an_attempt_has_its_argv_environment_and_input() -> None:
    task = TaskSpec(
        name="t",
        command=lazy('["echo", task.extract.output.rows, task.extract.output.share, true]'),
        env={"A": lazy("run.id"), "B": {"known": None}, "C": {"known": "x"}},
        stdin=(lazy("values(task.sum)[*].stdout"), {"known": "data.txt"}),
    )
    evaluated = evaluate_attempt(task, VIEW, ALONE)

    assert evaluated.argv == ("echo", "3", "0.1", "true")
    assert evaluated.env == {"A": "R1", "B": None, "C": "x"}
    assert evaluated.stdin == ("/spool/rain", "/spool/wind", "data.txt")


@pytest.mark.parametrize("text", ["[]", '"echo"', "[null]", "[[]]", '["a${jsondecode("\\"\\\\u0000\\"")}"]'])
def test_a_command_that_no_program_can_be_started_with_is_a_bad_reference(text: str) -> None:
    with pytest.raises(BadReference):
        evaluate_attempt(TaskSpec(name="t", command=lazy(text)), VIEW, ALONE)


def test_a_script_is_the_last_word_of_its_interpreter() -> None:
    task = TaskSpec(name="t", script=lazy('"echo ${run.date}\\n"'))
    assert evaluate_attempt(task, VIEW, ALONE).argv == ("/bin/sh", "-eu", "echo 2026-11-23\n")


def test_instances_are_a_map_or_a_set_of_strings() -> None:
    assert for_each_instances(value('toset(["b", "a"])')) == {"a": "a", "b": "b"}
    assert for_each_instances(value("{ x = 1, y = 0.5 }")) == {"x": 1, "y": {"$decimal": "0.5"}}
    assert for_each_instances(value('{ "$set" = [1] }')) == {"$set": [1]}
    for text in ("null", "1", "[1]", '["a", "a"]', "range(10001)"):
        with pytest.raises(BadReference):
            for_each_instances(value(text))


def test_what_is_known_costs_no_evaluator() -> None:
    """In a process of its own, since others in this one have imported it."""
    program = (
        "import sys\n"
        "from cronicle.runs.scope import *\n"
        "from cronicle.runs.spec import TaskSpec\n"
        "view = RunView(run={}, params={}, project='p', environment='e', task=dict().get, task_names=())\n"
        "task = TaskSpec(name='t', command={'known': ['true']}, env={'A': {'known': '1'}})\n"
        "evaluate_attempt(task, view, InstanceView())\n"
        "assert not [name for name in sys.modules if name.startswith(('grammar', 'hcl2', 'networkx'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


PREVIOUS = PreviousView(
    run={"id": "R0", "time": "2026-11-22T00:00:00Z", "interval": {"start": "a", "end": "b", "date": "c"}},
    tasks={
        "load": {"output": {"last": 7, "name": "x"}},
        "sum": {"instances": {"rain": {"max": 1}, "wind": {"max": 2}}},
    },
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("previous.run.time", "2026-11-22T00:00:00Z"),
        ("previous.run.interval.date", "c"),
        ("previous.task.load.output.last + 1", 8),
        ('previous.task.sum["wind"].output.max', 2),
        ("values(previous.task.sum)[*].output.max", [1, 2]),
        ("can(previous.task.load.output.other)", False),
    ],
)
def test_previous_is_what_the_run_before_has_left(text: str, expected: Any) -> None:
    view = evolve(VIEW, previous=PREVIOUS)

    assert evaluate_lazy(lazy(text), view, ALONE) == expected


def test_without_a_run_before_previous_is_a_bad_reference_that_try_can_answer() -> None:
    first = evolve(VIEW, previous=PreviousView(run={}, tasks={}))

    assert (
        evaluate_lazy(lazy('try(previous.task.load.output.last, previous.run.time, "none")'), first, ALONE)
        == "none"
    )
    for text in ("previous.run.time", "previous.task.load.output.last"):
        with pytest.raises(BadReference, match=r"there is none: try\(previous"):
            evaluate_lazy(lazy(text), first, ALONE)
