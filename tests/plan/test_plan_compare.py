"""Comparing what is deployed with what is proposed: every change with its reason, and whether it matters."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_sides import FILES, sides

from cronicle.plan.changes import Action, AttributeChange, Plan, TaskChange, WorkflowChange, plan_from_json
from cronicle.plan.compare import plan_changes

EXAMPLE = (Path(__file__).parent.parent / "language" / "valid" / "weather.hcl").read_text()
SIMPLE = """
workflow "cleanup" {
  schedule {
    cron = "30 4 * * 0"
  }
  task "find" {
    command = ["find", run.date]
    env     = { MODE = "fast", OLD = "1" }
  }
  task "remove" {
    command    = ["rm"]
    depends_on = [task.find]
  }
}
"""


def only(plan: Plan) -> WorkflowChange:
    assert len(plan.changes) == 1
    return plan.changes[0]


def task(change: WorkflowChange, name: str) -> TaskChange:
    return next(each for each in change.tasks if each.name == name)


def changed(before: str, after: str, text: str = SIMPLE) -> WorkflowChange:
    assert before in text
    return only(plan_changes(sides(text), sides(text.replace(before, after))))


def test_nothing_changes_between_equal_sides() -> None:
    plan = plan_changes(sides(EXAMPLE), sides("# a comment\n" + EXAMPLE.replace("  ", " ")))

    assert not plan.has_changes
    assert only(plan).action is Action.NO_OP
    assert only(plan).changed_tasks == ()


def test_a_first_deployment_creates_everything() -> None:
    change = only(plan_changes(None, sides(SIMPLE)))

    assert change.action is Action.CREATE
    assert change.place == "workflows.hcl:2"
    assert [each.name for each in change.tasks] == ["find", "remove"]
    assert {each.action for each in (*change.tasks, *change.schedules)} == {Action.CREATE}
    assert change.stale_tasks == ()


def test_a_workflow_that_is_gone_is_deleted() -> None:
    plan = plan_changes(sides(SIMPLE + EXAMPLE), sides(EXAMPLE))

    assert [each.name for each in plan.changes] == ["daily", "cleanup"]
    assert [each.action for each in plan.changes] == [Action.NO_OP, Action.DELETE]
    assert [each.action for each in plan.changes[1].tasks] == [Action.DELETE, Action.DELETE]
    assert plan.count(Action.DELETE) == 1


def test_the_picture_of_a_plan_a_changed_script_and_more_attempts() -> None:
    """summarise.py has other lines and is tried more often; report lies below, extract stays as it was."""
    old = sides(EXAMPLE)
    new = sides(EXAMPLE.replace("attempts = 3", "attempts = 5"), {**FILES, "summarise.py": "new"})
    change = only(plan_changes(old, new, count_lines=lambda _old, _new: 9))

    summarise, report = task(change, "summarise"), task(change, "report")
    assert change.action is Action.UPDATE
    assert summarise.keys == ("rain", "temperature", "wind")
    assert [(each.path, each.action, each.lines) for each in summarise.files] == [
        ("summarise.py", Action.UPDATE, 9)
    ]
    assert summarise.attributes == (AttributeChange(name="retry.attempts", old=3, new=5, matters=False),)
    assert summarise.parts == ("inputs",)
    assert (report.action, report.changed_above, report.does_differ) == (Action.UPDATE, ("summarise",), False)
    assert (report.attributes, report.files) == ((), ())
    assert task(change, "extract").action is Action.NO_OP
    assert change.stale_tasks == ("summarise", "report")
    assert [each.action for each in change.schedules] == [Action.NO_OP]


def test_how_a_task_is_run_makes_nothing_stale() -> None:
    change = changed('["rm"]', '["rm"]\n    timeout = "1m"\n    priority = 3')

    remove = task(change, "remove")
    assert {each.name: (each.old, each.new, each.matters) for each in remove.attributes} == {
        "timeout": (None, 60.0, False),
        "priority": (0, 3, False),
    }
    assert change.action is Action.UPDATE
    assert change.stale_tasks == ()


@pytest.mark.parametrize(
    ("before", "after", "name", "old", "new"),
    [
        ('"fast"', '"slow"', "env.MODE", "fast", "slow"),
        ('"fast", OLD = "1"', '"fast"', "env.OLD", "1", None),
        (
            '["find", run.date]',
            '["find", run.time]',
            "command",
            {"expression": '["find", run.date]'},
            {"expression": '["find", run.time]'},
        ),
        ('["find", run.date]', '["find"]', "command", {"expression": '["find", run.date]'}, ["find"]),
    ],
)
def test_behaviour_is_shown_as_it_was_and_will_be(
    before: str, after: str, name: str, old: object, new: object
) -> None:
    change = changed(before, after)

    assert task(change, "find").attributes == (AttributeChange(name=name, old=old, new=new, matters=True),)
    assert change.stale_tasks == ("find", "remove")


def test_a_lost_edge_is_told_and_matters() -> None:
    change = changed("depends_on = [task.find]", "")

    assert task(change, "remove").attributes == (
        AttributeChange(name="depends_on", old=["task.find"], new=[], matters=True),
    )
    assert task(change, "remove").does_differ is False
    assert change.stale_tasks == ("remove",)


def test_a_new_task_above_makes_what_is_below_stale_and_a_removed_one_stands_last() -> None:
    text = SIMPLE.replace("[task.find]", "[task.look]").replace('task "find"', 'task "look"')
    change = only(plan_changes(sides(SIMPLE), sides(text)))

    assert [(each.name, each.action) for each in change.tasks] == [
        ("look", Action.CREATE),
        ("remove", Action.UPDATE),
        ("find", Action.DELETE),
    ]
    assert task(change, "remove").changed_above == ("look",)


def test_inputs_that_come_and_go_are_told() -> None:
    before = sides(SIMPLE.replace('["rm"]', '["rm", "a"]'), {"a": "1", "b": "1"})
    after = sides(SIMPLE.replace('["rm"]', '["rm", "b"]'), {"a": "1", "b": "1"})
    files = task(only(plan_changes(before, after)), "remove").files

    assert [(each.path, each.action) for each in files] == [("a", Action.DELETE), ("b", Action.CREATE)]


def test_a_changed_schedule_is_an_update_without_stale_results() -> None:
    change = changed("30 4 * * 0", "0 5 * * 0")

    assert change.action is Action.UPDATE
    assert [(each.action, each.attributes) for each in change.schedules] == [
        (
            Action.UPDATE,
            (AttributeChange(name="cron", old=["30 4 * * 0"], new=["0 5 * * 0"], matters=False),),
        )
    ]
    assert change.stale_tasks == ()


def test_schedules_are_paired_by_label_and_unlabelled_ones_by_what_they_say() -> None:
    one, two = 'schedule {\n    cron = "0 1 * * *"\n  }\n', 'schedule {\n    cron = "0 2 * * *"\n  }\n'
    named = 'schedule "n" {\n    cron = "0 3 * * *"\n  }\n'
    original = 'schedule {\n    cron = "30 4 * * 0"\n  }'
    before = sides(SIMPLE.replace(original, one + named))
    after = sides(SIMPLE.replace(original, two + one))
    change = only(plan_changes(before, after))

    assert [(each.name, each.action) for each in change.schedules] == [
        (None, Action.CREATE),
        (None, Action.NO_OP),
        ("n", Action.DELETE),
    ]


def test_descriptions_and_limits_of_a_workflow_are_told_and_do_not_matter() -> None:
    change = changed(
        'workflow "cleanup" {', 'workflow "cleanup" {\n  description = "new"\n  max_parallel = 2'
    )

    assert change.attributes == (
        AttributeChange(name="description", old="", new="new", matters=False),
        AttributeChange(name="max_parallel", old=None, new=2, matters=False),
    )
    assert change.stale_tasks == ()


def test_variables_that_differ_are_told() -> None:
    plan = plan_changes(sides(SIMPLE), sides(SIMPLE), old_values={"a": 1}, new_values={"a": 2, "b": 3})

    assert [(each.name, each.old, each.new) for each in plan.variables] == [("a", 1, 2), ("b", None, 3)]
    assert plan.has_changes


def test_a_plan_survives_storing() -> None:
    plan = plan_changes(sides(SIMPLE), sides(SIMPLE.replace("fast", "slow") + EXAMPLE))

    assert plan_from_json(plan.to_json()) == plan


def test_what_the_scheduler_needs_of_the_project_is_compared_key_by_key() -> None:
    old = {"heartbeat": None, "retention": {"logs": 1.0, "runs": None}}
    new = {"heartbeat": {"every": 300.0, "command": ["true"]}, "retention": {"logs": 2.0, "runs": None}}
    plan = plan_changes(sides(SIMPLE), sides(SIMPLE), old_settings=old, new_settings=new)

    assert plan.has_changes
    assert [(change.name, change.old, change.new) for change in plan.settings] == [
        ("heartbeat.every", None, 300.0),
        ("heartbeat.command", None, ["true"]),
        ("retention.logs", 1.0, 2.0),
    ]
    assert not plan_changes(sides(SIMPLE), sides(SIMPLE), old_settings=old, new_settings=old).has_changes


def test_rules_of_a_workflow_are_compared_and_do_not_matter_to_what_it_does() -> None:
    change = changed('workflow "cleanup" {', 'workflow "cleanup" {\n  overlap = "skip"\n  timeout = "1h"')

    assert [(one.name, one.old, one.new, one.matters) for one in change.attributes] == [
        ("timeout", None, 3600.0, False),
        ("overlap", "allow", "skip", False),
    ]
    assert change.stale_tasks == ()


def test_how_often_a_task_asks_does_not_matter_and_what_means_not_yet_does() -> None:
    waits = SIMPLE.replace('command = ["find", run.date]', 'command = ["find", run.date]\n    wait {\n    }')
    often = task(changed("wait {\n", 'wait {\n every = "5m"\n', waits), "find")
    other = task(changed("wait {\n", "wait {\n not_yet = 3\n", waits), "find")

    assert [(one.name, one.matters) for one in often.attributes] == [("wait.every", False)]
    assert not often.does_differ
    assert [(one.name, one.matters) for one in other.attributes] == [("wait.not_yet", True)]
    assert other.parts == ("wait.not_yet",)


# Preparations

PREPARED = """
prepare "venv" {
  command = ["make", "venv"]
  env     = { LEVEL = "1" }
  inputs  = ["report.py"]
}
prepare "other" {
  command = ["make", "other"]
}
workflow "a" {
  task "t" {
    command = ["${prepare.venv.path}/bin/python"]
  }
  task "u" {
    command = ["true"]
  }
}
workflow "b" {
  task "t" {
    command = ["${prepare.venv.path}/bin/python"]
  }
}
"""


def test_a_preparation_that_differs_is_shown_once_with_why_and_who_uses_it() -> None:
    after = PREPARED.replace('"venv"]', '"all"]').replace('"1"', '"2"')
    plan = plan_changes(
        sides(PREPARED), sides(after, {**FILES, "report.py": "new"}), count_lines=lambda *_: 3
    )

    (change,) = plan.prepares
    assert (change.name, change.action) == ("venv", Action.UPDATE)
    assert change.used_by == ("a/t", "b/t")
    assert [one.name for one in change.attributes] == ["command", "env.LEVEL"]
    assert [(file.path, file.lines) for file in change.files] == [("report.py", 3)]
    assert change.is_made_anew
    assert change.inputs_declared
    assert plan_from_json(plan.to_json()) == plan


def test_a_task_is_stale_whose_preparation_differs_and_says_which() -> None:
    before, after = sides(PREPARED), sides(PREPARED, {**FILES, "report.py": "new"})
    change = plan_changes(before, after).changes[0]

    assert change.stale_tasks == ("t",)
    assert task(change, "t").parts == ("prepare.venv",)
    (attribute,) = task(change, "t").attributes
    assert attribute.name == "prepare.venv"
    assert attribute.matters
    assert task(change, "u").action is Action.NO_OP


def test_a_longer_time_for_a_preparation_changes_nothing_that_is_made() -> None:
    after = PREPARED.replace('["make", "venv"]', '["make", "venv"]\n  timeout = "2h"')
    plan = plan_changes(sides(PREPARED), sides(after))

    (change,) = plan.prepares
    assert not change.is_made_anew
    assert [(one.name, one.matters) for one in change.attributes] == [("timeout", False)]
    assert plan.has_changes
    assert plan.changes[0].stale_tasks == ()


def test_a_preparation_that_a_task_begins_or_ceases_to_use() -> None:
    uses_other = PREPARED.replace("prepare.venv", "prepare.other")
    plan = plan_changes(sides(PREPARED), sides(uses_other))

    assert [(one.name, one.action) for one in plan.prepares] == [
        ("other", Action.CREATE),
        ("venv", Action.DELETE),
    ]
    assert not plan.prepares[1].is_made_anew


def test_a_plan_of_before_there_were_preparations_can_be_read() -> None:
    stored = plan_changes(sides(SIMPLE), sides(SIMPLE)).to_json()
    del stored["prepares"]

    assert plan_from_json(stored).prepares == ()
