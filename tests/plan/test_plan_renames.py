"""Renames: what is called otherwise and does the same is no change of what it does."""

from __future__ import annotations

from datetime import UTC, datetime

from plan_sides import sides

from cronicle.operations.deploy import moved_back
from cronicle.plan.changes import Action, Plan
from cronicle.plan.compare import plan_changes
from cronicle.plan.renames import Renames, with_renamed_results, with_renamed_tasks
from cronicle.runs.selection import TaskResult, plan_retry
from cronicle.runs.states import TaskState
from cronicle.store.records import Actor, DeployedWorkflow, DeploymentRecord

BEFORE = """
workflow "load" {
  schedule {
    cron = "30 4 * * *"
  }
  task "extract" {
    command = ["sh", "extract.sh"]
  }
  task "report" {
    command = ["sh", "-c", "cat; echo ${task.extract.output.rows} ${task["extract"].output.rows}"]
    stdin   = task.extract.stdout
    when    = length([for task in ["extract"] : task]) == 1 && task.extract.state == "succeeded"
    env     = { ROWS = task.extract.output.rows }
  }
  task "send" {
    command    = ["sh", "send.sh"]
    depends_on = [task.report]
  }
}
workflow "after" {
  after = [workflow.load]
  task "t" {
    command = ["true"]
  }
}
"""
AFTER = (
    BEFORE.replace("extract", "fetch")
    .replace("fetch.sh", "extract.sh")
    .replace('["fetch"] :', '["extract"] :')
)


def compared(before: str, after: str, *pairs: tuple[str, str]) -> Plan:
    return plan_changes(sides(before, {}), sides(after, {}), moved=Renames.of(pairs))


def test_a_renamed_task_is_one_change_and_turns_nothing_stale() -> None:
    plan = compared(BEFORE, AFTER, ("workflow.load.task.extract", "workflow.load.task.fetch"))

    load = plan.changes[0]
    assert load.action is Action.UPDATE
    assert [(task.name, task.action, task.moved_from) for task in load.tasks] == [
        ("fetch", Action.UPDATE, "extract"),
        ("report", Action.NO_OP, None),
        ("send", Action.NO_OP, None),
    ]
    assert load.stale_tasks == ()
    assert [task.name for task in load.changed_tasks] == ["fetch"]


def test_without_being_told_a_new_name_is_another_task() -> None:
    plan = compared(BEFORE, AFTER)

    assert [(task.name, task.action) for task in plan.changes[0].tasks] == [
        ("fetch", Action.CREATE),
        ("report", Action.UPDATE),
        ("send", Action.UPDATE),
        ("extract", Action.DELETE),
    ]


def test_a_renamed_task_that_also_changes_says_what() -> None:
    after = AFTER.replace('"extract.sh"', '"extract.sh", "-v"')
    plan = compared(BEFORE, after, ("workflow.load.task.extract", "workflow.load.task.fetch"))

    fetch, report, _ = plan.changes[0].tasks
    assert (fetch.moved_from, fetch.parts) == ("extract", ("command",))
    assert report.changed_above == ("fetch",)
    assert plan.changes[0].stale_tasks == ("fetch", "report", "send")


def test_a_renamed_workflow_is_one_change_and_those_after_it_are_none() -> None:
    after = BEFORE.replace('"load"', '"ingest"').replace("workflow.load", "workflow.ingest")
    plan = compared(BEFORE, after, ("workflow.load", "workflow.ingest"))

    assert [(each.name, each.action, each.moved_from) for each in plan.changes] == [
        ("ingest", Action.UPDATE, "load"),
        ("after", Action.NO_OP, None),
    ]
    assert plan.changes[0].stale_tasks == ()
    assert [schedule.action for schedule in plan.changes[0].schedules] == [Action.NO_OP]
    assert plan.has_changes


def test_a_hashed_minute_moves_with_the_name_and_is_told() -> None:
    before = BEFORE.replace('"30 4 * * *"', '"H 4 * * THU"')
    after = before.replace('"load"', '"ingest"').replace("workflow.load", "workflow.ingest")
    plan = compared(before, after, ("workflow.load", "workflow.ingest"))

    assert [change.name for change in plan.changes[0].schedules[0].attributes] == ["seed"]


def test_a_rename_that_was_deployed_before_changes_nothing() -> None:
    moved = (
        ("workflow.first", "workflow.load"),
        ("workflow.load.task.extract", "workflow.load.task.fetch"),
    )

    assert not compared(AFTER, AFTER, *moved).has_changes


def test_both_may_be_renamed_at_once() -> None:
    after = AFTER.replace('"load"', '"ingest"').replace("workflow.load", "workflow.ingest")
    plan = compared(
        BEFORE,
        after,
        ("workflow.load", "workflow.ingest"),
        ("workflow.ingest.task.extract", "workflow.ingest.task.fetch"),
    )

    assert plan.changes[0].moved_from == "load"
    assert plan.changes[0].tasks[0].moved_from == "extract"
    assert plan.changes[0].stale_tasks == ()
    assert plan.count(Action.DELETE) == 0


def test_names_that_a_loop_gives_stay() -> None:
    """A spec in which tasks have other names is the one that would have been compiled with them."""
    before, after = sides(BEFORE, {})["load"].spec, sides(AFTER, {})["load"].spec

    assert with_renamed_tasks(before, {"extract": "fetch"}) == after


def test_results_under_former_names_are_results_of_what_is_called_otherwise_now() -> None:
    before, after = sides(BEFORE, {})["load"].spec, sides(AFTER, {})["load"].spec
    results = [
        TaskResult(
            task=task.name,
            state=TaskState.SUCCEEDED,
            run_id="r",
            fingerprint=task.fingerprint,
            deep_fingerprint=task.deep_fingerprint,
        )
        for task in before.tasks
    ]

    found = with_renamed_results(results, before, {"extract": "fetch"})

    assert [(one.task, one.fingerprint, one.deep_fingerprint) for one in found] == [
        (task.name, task.fingerprint, task.deep_fingerprint) for task in after.tasks
    ]
    assert plan_retry(after, found).executed == ()


def deployment(number: int, *workflows: str, moved: tuple[tuple[str, str], ...] = ()) -> DeploymentRecord:
    return DeploymentRecord(
        project="p",
        environment="local",
        number=number,
        revision="0" * 40,
        created_at=datetime(2026, 11, 25, tzinfo=UTC),
        actor=Actor(user="ana", host="desk", command="cronicle apply"),
        values={},
        workflows=tuple(DeployedWorkflow(name=name, spec_hash="", schedules=[]) for name in workflows),
        moved=moved,
    )


def test_going_back_takes_renames_back() -> None:
    """The last name is followed to the one that it had in the deployment that is repeated."""
    moved = (("workflow.first", "workflow.third"), ("workflow.second", "workflow.third"))
    current = deployment(3, "third", "other", moved=moved)

    assert moved_back(current, deployment(1, "first", "other")) == (("workflow.third", "workflow.first"),)
    assert moved_back(current, deployment(2, "second", "other")) == (("workflow.third", "workflow.second"),)
    assert moved_back(current, deployment(2, "third")) == ()


SEVERAL = """
workflow "sync" {
  for_each = toset(["eu", "us"])
  schedule {
    cron = "0 4 * * *"
  }
  task "load" {
    command = ["load", each.value == "eu" ? "a" : "b"]
  }
}
workflow "total" {
  after = [workflow.sync["eu"]]
  task "t" {
    command = ["true"]
  }
}
"""


def test_an_instance_that_is_renamed_keeps_what_it_did() -> None:
    after = SEVERAL.replace('"eu"', '"e.task.u"')

    plan = compared(SEVERAL, after, ("workflow.sync[eu]", "workflow.sync[e.task.u]"))

    changes = {change.name: change for change in plan.changes}
    assert changes["sync[e.task.u]"].moved_from == "sync[eu]"
    assert changes["sync[e.task.u]"].stale_tasks == ()
    assert {name: change.action for name, change in changes.items()} == {
        "sync[e.task.u]": Action.UPDATE,
        "sync[us]": Action.NO_OP,
        "total": Action.NO_OP,
    }


def test_a_task_is_renamed_in_every_instance() -> None:
    after = SEVERAL.replace('task "load"', 'task "fetch"')
    pairs = [(f"workflow.sync[{key}].task.load", f"workflow.sync[{key}].task.fetch") for key in ("eu", "us")]

    plan = compared(SEVERAL, after, *pairs)

    moved = {change.name: [task.moved_from for task in change.tasks] for change in plan.changes}
    assert moved == {"sync[eu]": ["load"], "sync[us]": ["load"], "total": [None]}
    assert not any(change.stale_tasks for change in plan.changes)


def test_instances_are_added_and_removed_by_their_keys() -> None:
    plan = compared(SEVERAL, SEVERAL.replace('"us"', '"asia"'))

    assert {change.name: change.action for change in plan.changes} == {
        "sync[asia]": Action.CREATE,
        "sync[eu]": Action.NO_OP,
        "sync[us]": Action.DELETE,
        "total": Action.NO_OP,
    }
