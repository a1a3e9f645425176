"""A workflow with `for_each`: each instance is compiled as a workflow of its own, and what is wrong is told once."""

from __future__ import annotations

from typing import Any

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import Loaded, load_project
from cronicle.names import split_instance
from cronicle.runs.policy import Overlap
from cronicle.runs.spec import RunSpec

TASK = 'task "t" {\n command = ["true"]\n }\n'


def load(text: str) -> Loaded:
    return load_project(DictTree({"w.hcl": text}), folder_name="p")


def specs(text: str) -> dict[str, RunSpec]:
    tree = DictTree({"w.hcl": text})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    return {
        name: compile_workflow(loaded.project, workflow, tree)
        for name, workflow in loaded.project.workflows.items()
    }


def regional(inner: str, for_each: str = 'toset(["eu", "us"])') -> str:
    return f'workflow "sync" {{\n for_each = {for_each}\n {inner}\n}}\n'


def told(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.code, each.summary, each.within) for each in load(text).diagnostics]


def test_each_instance_is_a_workflow_named_by_its_key() -> None:
    found = specs(regional(TASK, '{ eu = 1, "a b" = 2 }'))

    assert [split_instance(name) for name in found] == [("sync", "a b"), ("sync", "eu")]
    assert {spec.workflow for spec in found.values()} == {"sync[a b]", "sync[eu]"}


def test_no_instances_are_no_workflow() -> None:
    assert specs(regional(TASK, "toset([])")) == {}


def test_what_each_stands_for_is_folded_into_the_spec() -> None:
    text = regional(
        """
        overlap  = each.value.overlap
        priority = each.value.priority
        lock     = "sync-${each.key}"
        param "tables" {
          default = each.value.tables
          validation {
            condition     = length(param.tables) <= length(each.value.tables)
            error_message = "too many for ${each.key}"
          }
        }
        task "t" {
          command = ["sync", each.key, "${each.key} ${run.date}"]
          env     = { TABLES = join(",", each.value.tables) }
          timeout = "${each.value.priority}m"
        }
        on_failure {
          command = ["notify", each.key]
        }
        """,
        '{ eu = { overlap = "skip", priority = 3, tables = ["a"] },'
        ' us = { overlap = "allow", priority = 4, tables = [] } }',
    )

    eu = specs(text)["sync[eu]"]

    assert (eu.policy.overlap, eu.policy.priority, eu.policy.lock) == (Overlap.SKIP, 3, {"known": "sync-eu"})
    assert eu.params["tables"].default == ["a"]
    assert eu.params["tables"].validations[0].message == {"known": "too many for eu"}
    (task,) = eu.tasks
    assert "each" not in str(task.command)
    assert task.env == {"TABLES": {"known": "a"}}
    assert task.timeout == 180.0
    assert eu.hooks[0].command == {"known": ["notify", "eu"]}


def test_the_each_of_a_task_hides_that_of_its_workflow_and_its_for_each_sees_it() -> None:
    text = regional(
        """
        defaults {
          env = { KEY = each.key }
        }
        task "plain" {
          command = ["true"]
        }
        task "table" {
          for_each = { a = each.key }
          command  = ["load", each.key, each.value]
        }
        """
    )

    plain, table = specs(text)["sync[eu]"].tasks

    assert plain.env == {"KEY": {"known": "eu"}}  # the same expression as below means something else there
    assert "expression" in table.env["KEY"]
    assert table.for_each == {"known": {"a": "eu"}}
    assert "expression" in (table.command or {})


def test_a_for_each_that_is_known_later_keeps_what_is_known_of_the_instance() -> None:
    text = regional(
        'task "t" {\n for_each = toset([run.date, each.key])\n command = ["echo", each.key]\n }\n'
    )

    (task,) = specs(text)["sync[us]"].tasks

    assert '"us"' in str(task.for_each).replace("'", '"')
    assert "each" not in str(task.for_each)


def test_equal_instances_have_equal_fingerprints_and_others_do_not() -> None:
    found = specs(regional('task "t" {\n command = ["sync", each.value]\n}', '{ a = "x", b = "x", c = "y" }'))
    prints = {name: spec.tasks[0].fingerprint for name, spec in found.items()}

    assert prints["sync[a]"] == prints["sync[b]"] != prints["sync[c]"]


def test_an_h_of_a_schedule_spreads_instances() -> None:
    loaded = load(
        regional(f'schedule {{\n cron = "H * * * *"\n }}\n{TASK}', 'toset(["a", "b", "c", "d", "e"])')
    )
    assert loaded.project is not None

    seeds = {workflow.schedules[0].crons for workflow in loaded.project.workflows.values()}
    ticks = {str(workflow.schedules[0]) for workflow in loaded.project.workflows.values()}

    assert len(seeds) == 1
    assert len(ticks) > 1


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("workflow.load", ("load[eu]", "load[us]")),
        ('workflow.load["eu"]', ("load[eu]",)),
        ("workflow.load[local.one]", ("load[us]",)),
        ("workflow.none", ()),
    ],
)
def test_a_reference_means_one_instance_or_all(reference: str, meant: tuple[str, ...]) -> None:
    text = f"""
    locals {{
      one = "us"
    }}
    workflow "load" {{
      for_each = toset(["eu", "us"])
      {TASK}
    }}
    workflow "none" {{
      for_each = {{}}
      {TASK}
    }}
    workflow "total" {{
      requires = [{reference}]
      {TASK}
    }}
    """

    assert specs(text)["total"].policy.requires == meant


def test_an_instance_follows_its_counterpart() -> None:
    text = regional(TASK) + regional(f"after = [workflow.sync[each.key]]\n{TASK}").replace(
        '"sync"', '"report"'
    )

    assert specs(text)["report[us]"].policy.after == ("sync[us]",)


def test_what_is_wrong_with_all_instances_is_told_once_and_names_none() -> None:
    text = regional('task "t" {\n command = ["echo", each.kye]\n}\n', 'toset(["a", "b", "c"])')

    assert told(text) == [
        ("unknown-reference", 'unknown attribute of each "kye"', ('workflow "sync"', 'task "t"'))
    ]


def test_what_is_wrong_with_one_instance_names_it() -> None:
    text = regional('task "t" {\n command = ["true"]\n timeout = each.value\n}\n', '{ a = "5m", b = "five" }')

    ((code, summary, within),) = told(text)

    assert code == "invalid-value"
    assert "five" in summary
    assert within == ('workflow "sync"["b"]', 'task "t"')


def test_without_instances_what_is_wrong_in_the_block_is_told_all_the_same() -> None:
    assert [code for code, _, _ in told(regional('task "t" {\n command = [var.none]\n}\n', "{}"))] == [
        "unknown-reference"
    ]


def test_ten_thousand_instances_are_the_most() -> None:
    assert told(regional(TASK, "toset([for i in range(10001) : tostring(i)])"))[0][0] == "invalid-value"


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ('workflow.sync["eu"]', 'workflow.sync["us"]', [("workflow.sync[eu]", "workflow.sync[us]")]),
        ("workflow.sync", 'workflow.sync["us"]', [("workflow.sync", "workflow.sync[us]")]),
        ('workflow.other["a.b"]', "workflow.total", [("workflow.other[a.b]", "workflow.total")]),
        (
            "workflow.old",
            "workflow.sync",
            [("workflow.old[asia]", "workflow.sync[asia]"), ("workflow.old[us]", "workflow.sync[us]")],
        ),
        (
            "workflow.sync.task.x",
            "workflow.sync.task.t",
            [
                ("workflow.sync[asia].task.x", "workflow.sync[asia].task.t"),
                ("workflow.sync[us].task.x", "workflow.sync[us].task.t"),
            ],
        ),
    ],
)
def test_instances_and_whole_workflows_may_be_renamed(old: str, new: str, pairs: list[Any]) -> None:
    loaded = load(
        regional(TASK, 'toset(["asia", "us"])')
        + f'workflow "total" {{\n{TASK}}}\nmoved {{\n from = {old}\n to = {new}\n}}\n'
    )

    assert loaded.project is not None, loaded.diagnostics
    assert [move.pair for move in loaded.project.moved] == pairs
