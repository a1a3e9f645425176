"""Locals that depend on a run: they mean what is written in them, wherever they are used."""

from __future__ import annotations

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import Loaded, load_project
from cronicle.runs.spec import RunSpec, TaskSpec

SETUP = """
variable "station" {
  default = "seattle"
}
"""


def load(text: str) -> Loaded:
    return load_project(DictTree({"w.hcl": SETUP + text}), folder_name="p")


def spec_of(text: str) -> RunSpec:
    tree = DictTree({"w.hcl": SETUP + text})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    return compile_workflow(loaded.project, loaded.project.workflows["w"], tree)


def task_with(locals_: str, command: str) -> TaskSpec:
    """The task `t` of a workflow, beside a task `list`, a parameter `n` and the given locals."""
    spec = spec_of(
        f"""
        locals {{
          {locals_}
        }}
        workflow "w" {{
          param "n" {{ default = 1 }}
          task "list" {{ command = ["ls", var.station] }}
          task "t" {{ command = {command} }}
        }}
        """
    )
    return next(task for task in spec.tasks if task.name == "t")


@pytest.mark.parametrize(
    ("locals_", "with_local", "written_out"),
    [
        ('day = "on ${run.date}"', '["x", local.day]', '["x", "on ${run.date}"]'),
        ('day = "on ${run.date}"', '["x", local["day"]]', '["x", "on ${run.date}"]'),
        ("a = local.b\nb = [run.id, var.station]", "local.a", "[run.id, var.station]"),
        ("m = { k = task.list.output }", '["x", local.m.k.rows]', '["x", { k = task.list.output }.k.rows]'),
        ("n = param.n + 1", '["x", local.n * 2]', '["x", (param.n + 1) * 2]'),
        ("y = [for x in [run.date] : upper(x)]", '[for x in local.y : "${x}!"]',
         '[for x in [for x in [run.date] : upper(x)] : "${x}!"]'),
    ],
)  # fmt: skip
def test_a_local_that_depends_on_a_run_is_as_if_it_were_written_out(
    locals_: str, with_local: str, written_out: str
) -> None:
    one, other = task_with(locals_, with_local), task_with("unused = 1", written_out)

    assert (one.command, one.upstreams) == (other.command, other.upstreams)
    assert one.fingerprint == other.fingerprint


def test_the_names_of_a_loop_around_a_local_do_not_change_what_it_means() -> None:
    shadowed = task_with(
        "day = run.date",
        '[for run, var in { a = "b" } : "${run}${var}${local.day}${join("", [for run in [1] : run])}"]',
    )
    plain = task_with(
        "day = run.date",
        '[for k, v in { a = "b" } : "${k}${v}${run.date}${join("", [for x in [1] : x])}"]',
    )

    from cronicle.runs.scope import InstanceView, RunView, evaluate_lazy

    view = RunView(
        run={"date": "2020-01-02"},
        params={},
        project="p",
        environment="e",
        task=lambda name: None,
        task_names=(),
    )
    for task in (shadowed, plain):
        assert task.command is not None
        assert evaluate_lazy(task.command, view, InstanceView()) == ["ab2020-01-021"]


def test_a_reference_in_a_local_makes_an_edge_where_it_is_used_and_only_there() -> None:
    spec = spec_of(
        """
        locals {
          rows = task.a.output.rows
        }
        workflow "w" {
          task "a" { command = ["true"] }
          task "b" { command = ["echo", local.rows] }
          task "c" { command = ["true"] }
        }
        """
    )

    edges = {task.name: [up.task for up in task.upstreams] for task in spec.tasks}
    assert edges == {"a": [], "b": ["a"], "c": []}


def test_defaults_may_use_such_a_local() -> None:
    spec = spec_of(
        """
        locals {
          day = run.date
        }
        workflow "w" {
          defaults {
            env = { DAY = local.day }
          }
          task "a" { command = ["true"] }
        }
        """
    )

    assert "expression" in spec.tasks[0].env["DAY"]


@pytest.mark.parametrize(
    ("text", "summary", "line"),
    [
        ('locals {\n  a = local.b\n  b = "${local.a}${run.id}"\n}', "locals refer to each other in a circle", 6),
        ("locals {\n  a = run.dat\n}", 'unknown attribute of run "dat"', 6),
        ("locals {\n  a = [run.id, var.x]\n}", 'unknown variable "x"', 6),
        ('locals {\n  a = run.id\n}\npool "p" {\n  slots = local.a\n}',
         "slots must be known when the DAG is drawn", 9),
        ('locals {\n  a = task.gone.output.x\n}\nworkflow "w" {\n  task "t" {\n    command = [local.a]\n  }\n}',
         'unknown task "gone"', 6),
        ('locals {\n  a = run.id\n}\nworkflow "w" {\n  tags = [local.a]\n  task "t" {\n    command = ["a"]\n  }\n}',
         "run.id may not be used here", 6),
        ('locals {\n  a = task.t.state\n}\nworkflow "w" {\n  task "t" {\n    command = [local.a]\n  }\n}',
         'task "t" refers to itself', 6),
    ],
)  # fmt: skip
def test_what_is_wrong_in_such_a_local_is_told_once_at_its_place(text: str, summary: str, line: int) -> None:
    loaded = load(text)

    errors = [each for each in loaded.diagnostics if each.is_error]
    assert [each.summary for each in errors] == [summary]
    assert errors[0].subject is not None
    assert errors[0].subject.line == line
