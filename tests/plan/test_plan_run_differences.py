"""Two runs compared: what they were to do, what has come of it, and what of that is the same outcome."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from plan_sides import FILES, sides

from cronicle.plan.changes import Action
from cronicle.plan.outcomes import ComparedRun, Likeness, SpooledBytes, TaskOutcome
from cronicle.plan.run_differences import RunDifference, TaskDifference, compare_sides
from cronicle.runs.products import Product

TEXT = """
variable "token" {
  sensitive = true
  default   = "swordfish"
}
workflow "daily" {
  task "extract" {
    command = ["python3", "extract.py"]
    env     = { TOKEN = var.token }
  }
  task "summarise" {
    for_each   = toset(["rain", "wind"])
    command    = ["python3", "summarise.py", each.key]
    depends_on = [task.extract]
  }
}
"""
GOOD = TaskOutcome(
    state="succeeded",
    exit_code=0,
    command=("python3", "extract.py"),
    attempts=1,
    duration=1.5,
    output={"rows": 3, "name": "a"},
    products={"out.csv": Product("out.csv", 5, "aa")},
    stdout=SpooledBytes(size=4, sha256="bb"),
)
OUTCOMES = {("extract", None): GOOD, ("summarise", "rain"): GOOD, ("summarise", "wind"): GOOD}
FACTS = {"environment": "local", "logical_time": "2020-01-02", "state": "succeeded", "series": None}


def run(text: str = TEXT, files: dict[str, str] | None = None, **changes: Any) -> ComparedRun:
    side = ComparedRun(
        spec=sides(text, files)["daily"].spec,
        facts=FACTS,
        params={"size": 1},
        variables={"token": {"$sensitive": "swordfish"}, "mode": "fast"},
        outcomes=OUTCOMES,
        duration=4.0,
    )
    return evolve(side, **changes)


def with_outcome(**changes: Any) -> ComparedRun:
    return run(outcomes={**OUTCOMES, ("summarise", "rain"): evolve(GOOD, **changes)})


def task(difference: RunDifference, name: str) -> TaskDifference:
    return next(one for one in difference.tasks if one.task == name)


def test_a_run_is_the_same_as_itself() -> None:
    difference = compare_sides(run(), run())

    assert difference.outcome is Likeness.SAME
    assert difference.has_same_outcome
    assert all(one.is_same for one in difference.tasks)
    assert difference.facts == difference.params == difference.variables == difference.workflow == ()
    assert difference.same == ("environment", "logical_time", "state", "params", "variables")
    assert (difference.old_duration, difference.new_duration) == (4.0, 4.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 99.0},
        {"attempts": 3},
        {"command": ("python3", "other.py")},
        {"carried_from": "7K2M9QX4TA"},
        {"reason": "reused"},
    ],
)
def test_how_it_was_executed_is_no_part_of_the_outcome(changes: dict[str, Any]) -> None:
    assert compare_sides(run(), with_outcome(**changes)).outcome is Likeness.SAME


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "failed"},
        {"exit_code": 1},
        {"exit_code": None, "signal": 9},
        {"output": {"rows": 4, "name": "a"}},
        {"output": {"rows": 3}},
        {"output": {"rows": 3, "name": None}},
        {"output": {"rows": 3.0, "name": "a"}},
        {"output": {"rows": 3, "name": "a", "more": None}},
        {"products": {}},
        {"products": {"out.csv": Product("out.csv", 5, "cc")}},
        {"products": {**GOOD.products, "more.csv": Product("more.csv", 5, "cc")}},
        {"stdout": SpooledBytes(size=4, sha256="cc")},
        {"stdout": SpooledBytes(size=5, sha256=None)},
    ],
)
def test_what_has_come_of_it_is_the_outcome(changes: dict[str, Any]) -> None:
    difference = compare_sides(run(), with_outcome(**changes))

    assert difference.outcome is Likeness.DIFFERENT
    assert task(difference, "extract").outcome is Likeness.SAME
    summarise = task(difference, "summarise")
    assert [(one.key, one.outcome) for one in summarise.instances] == [
        ("rain", Likeness.DIFFERENT),
        ("wind", Likeness.SAME),
    ]
    assert not summarise.is_same


def test_what_is_not_kept_any_more_is_unknown() -> None:
    difference = compare_sides(run(), with_outcome(stdout=SpooledBytes(size=4, sha256=None)))

    assert difference.outcome is Likeness.UNKNOWN
    assert not difference.has_same_outcome
    assert difference.unknown == ("the stdout of summarise[rain] is not kept any more",)
    worse = evolve(GOOD, stdout=SpooledBytes(size=None, sha256=None), exit_code=1)
    both = compare_sides(run(), run(outcomes={**OUTCOMES, ("extract", None): worse}))
    assert both.outcome is Likeness.DIFFERENT


def test_a_stdout_that_one_of_them_does_not_keep_as_data_is_not_compared() -> None:
    assert compare_sides(run(), with_outcome(stdout=None)).outcome is Likeness.SAME


def test_a_changed_script_and_what_is_below_it() -> None:
    difference = compare_sides(run(), run(files={**FILES, "extract.py": "new"}), count_lines=lambda _a, _b: 7)

    extract, summarise = difference.tasks
    assert [(file.path, file.lines) for file in extract.definition.files] == [("extract.py", 7)]
    assert summarise.definition.changed_above == ("extract",)
    assert not extract.is_same
    assert not summarise.is_same
    assert difference.outcome is Likeness.SAME


def test_tasks_and_instances_that_only_one_run_has() -> None:
    more = TEXT.replace('["rain", "wind"]', '["rain", "snow"]') + "\n"
    more = more.replace(
        '  task "summarise"', '  task "check" {\n    command = ["true"]\n  }\n  task "summarise"'
    )
    outcomes = {("extract", None): GOOD, ("check", None): GOOD}
    outcomes |= {("summarise", "rain"): GOOD, ("summarise", "snow"): GOOD}

    difference = compare_sides(run(), run(more, outcomes=outcomes))
    back = compare_sides(run(more, outcomes=outcomes), run())

    assert [one.key for one in task(difference, "summarise").instances] == ["rain", "snow", "wind"]
    assert [one.action for one in task(difference, "summarise").instances] == [
        Action.NO_OP,
        Action.CREATE,
        Action.DELETE,
    ]
    assert task(difference, "check").definition.action is Action.CREATE
    assert task(back, "check").definition.action is Action.DELETE
    assert back.tasks[-1].task == "check"
    assert difference.outcome is back.outcome is Likeness.DIFFERENT


def test_a_renamed_task_is_compared_with_what_it_was() -> None:
    renamed = TEXT.replace('task "extract"', 'task "fetch"').replace("task.extract", "task.fetch")
    outcomes = {("fetch", None): GOOD, ("summarise", "rain"): GOOD, ("summarise", "wind"): GOOD}

    difference = compare_sides(run(names={"extract": "fetch"}), run(renamed, outcomes=outcomes))
    back = compare_sides(run(renamed, outcomes=outcomes), run(names={"extract": "fetch"}))

    assert [(one.task, one.definition.moved_from) for one in difference.tasks] == [
        ("fetch", "extract"),
        ("summarise", None),
    ]
    assert difference.outcome is back.outcome is Likeness.SAME
    assert not task(difference, "summarise").definition.changed_above
    assert [one.task for one in back.tasks] == ["fetch", "summarise"]


def test_a_sensitive_value_is_told_to_differ_and_not_shown() -> None:
    other = TEXT.replace("swordfish", "trombone")
    new = run(other, variables={"token": {"$sensitive": "trombone"}, "mode": "slow"})

    difference = compare_sides(run(), new)

    assert [change.name for change in difference.variables or ()] == ["token", "mode"]
    assert [change.name for change in task(difference, "extract").definition.attributes] == ["env.TOKEN"]
    assert "swordfish" not in repr(difference)
    assert "trombone" not in repr(difference)


def test_variables_are_not_compared_where_they_are_not_recorded() -> None:
    difference = compare_sides(run(variables=None), run())

    assert difference.variables is None
    assert "variables" not in difference.same


def test_facts_parameters_and_attributes_of_the_workflow_that_differ() -> None:
    text = TEXT.replace('workflow "daily" {', 'workflow "daily" {\n  timeout = "1h"')
    facts = {**FACTS, "logical_time": "2020-01-03", "series": "hourly"}

    difference = compare_sides(run(), run(text, facts=facts, params={"size": 2, "more": True}))

    assert [(one.name, one.matters) for one in difference.facts] == [
        ("logical_time", True),
        ("series", False),
    ]
    assert [(one.name, one.old, one.new) for one in difference.params] == [
        ("size", 1, 2),
        ("more", None, True),
    ]
    assert [one.name for one in difference.workflow] == ["timeout"]
    assert difference.same == ("environment", "state", "variables")


def test_only_one_task_or_instance() -> None:
    new = run(outcomes={**OUTCOMES, ("extract", None): evolve(GOOD, exit_code=1)})

    whole = compare_sides(run(), new, only=("summarise", None))
    one = compare_sides(run(), new, only=("summarise", "wind"))

    assert [task.task for task in whole.tasks] == ["summarise"]
    assert [instance.key for instance in whole.tasks[0].instances] == ["rain", "wind"]
    assert [instance.key for instance in one.tasks[0].instances] == ["wind"]
    assert whole.outcome is one.outcome is Likeness.SAME
