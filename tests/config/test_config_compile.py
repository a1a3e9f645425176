"""Compiling: what is known stands in the spec, what is not stays an expression, and edges follow every reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.runs.scope import InstanceView, RunView, TaskView, evaluate_attempt, evaluate_lazy
from cronicle.runs.spec import RunSpec, TaskSpec, UpstreamSpec

HEAD = """
locals {
  base = { A = "1", B = "2" }
  keys = ["x", "y"]
}
pool "db" {
  slots = 4
}
pool "unused" {
  slots = 1
}
workflow "w" {
  task "one" {
    command = ["true"]
  }
  task "many" {
    for_each = toset(local.keys)
    command  = ["echo", each.key]
  }
"""
FILES = {"mail.txt": "Dear ${name}, on ${day}", "data.txt": ""}

SEEN: Mapping[str, TaskView | Mapping[str, TaskView]] = {
    "one": TaskView(output={"n": 1, "list": ["p", "q"]}, stdout="/one", state="succeeded"),
    "many": {key: TaskView(output={"n": key}, stdout=f"/{key}", state="succeeded") for key in ("x", "y")},
}
VIEW = RunView(
    run={"id": "R", "date": "2026-11-23"},
    params={},
    project="p",
    environment="local",
    task=SEEN.get,
    task_names=tuple(SEEN),
)


def spec_with(attributes: str) -> RunSpec:
    tree = DictTree({"w.hcl": HEAD + '  task "t" {\n' + attributes + "\n  }\n}\n", **FILES})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    return compile_workflow(loaded.project, loaded.project.workflows["w"], tree, folder="jobs")


def task_with(attributes: str) -> TaskSpec:
    return spec_with(attributes).task("t")


def at_run(task: TaskSpec) -> Any:
    return evaluate_attempt(task, VIEW, InstanceView(attempt=1))


@pytest.mark.parametrize(
    ("attributes", "command"),
    [
        ('command = ["echo", "${project.name}/${environment}", 1 + 1]', ["echo", "p/local", "2"]),
        ('command = concat(["echo"], local.keys)', ["echo", "x", "y"]),
        ("command = [for k in local.keys : upper(k)]", ["X", "Y"]),
        ('command = ["cat", templatefile("mail.txt", { name = "Ana", day = 1 })]', ["cat", "Dear Ana, on 1"]),
    ],
)
def test_what_is_known_at_plan_is_a_value(attributes: str, command: list[str]) -> None:
    assert task_with(attributes).command == {"known": command}


def test_a_template_file_with_later_values_needs_no_file_at_the_run() -> None:
    task = task_with('command = ["echo", templatefile("mail.txt", { name = "Ana", day = run.date })]')

    assert task.command is not None
    assert "expression" in task.command
    assert at_run(task).argv == ("echo", "Dear Ana, on 2026-11-23")


def test_the_names_of_env_are_known_and_each_value_is_open_or_not_by_itself() -> None:
    task = task_with('command = ["true"]\n env = merge(local.base, { B = null, C = run.date, D = 3 })')

    assert list(task.env) == ["A", "B", "C", "D"]
    assert (task.env["A"], task.env["B"], task.env["D"]) == ({"known": "1"}, {"known": None}, {"known": "3"})
    assert at_run(task).env == {"A": "1", "B": None, "C": "2026-11-23", "D": "3"}


@pytest.mark.parametrize(
    ("stdin", "count", "paths", "edges"),
    [
        ('"data.txt"', 1, ("data.txt",), []),
        ('["data.txt", task.one.stdout]', 2, ("data.txt", "/one"), [("one", None)]),
        ('task.many["y"].stdout', 1, ("/y",), [("many", "y")]),
        ("[for one in task.many : one.stdout]", 1, ("/x", "/y"), [("many", None)]),
        ("values(task.many)[*].stdout", 1, ("/x", "/y"), [("many", None)]),
        ("[for k in local.keys : task.many[k].stdout]", 2, ("/x", "/y"), [("many", None)]),
    ],
)
def test_stdin_is_one_or_several_in_order(
    stdin: str, count: int, paths: tuple[str, ...], edges: list[tuple[str, str | None]]
) -> None:
    spec = spec_with(f'command = ["cat"]\n stdin = {stdin}')
    task = spec.task("t")

    assert len(task.stdin) == count
    assert at_run(task).stdin == paths
    assert task.upstreams == tuple(UpstreamSpec(task=name, key=key) for name, key in edges)
    assert {each.name for each in spec.tasks if each.stdout_is_data} == {name for name, _ in edges}


@pytest.mark.parametrize(
    ("attributes", "edges"),
    [
        ("depends_on = [task.one]", [("one", None)]),
        ('depends_on = [task.many["x"], task.many[local.keys[1]]]', [("many", "x"), ("many", "y")]),
        ('depends_on = [task.many["x"], task.many]', [("many", None)]),
        ('when = task.one.state == "succeeded"', [("one", None)]),
        ('env = { A = task.many["x"].output.n }', [("many", "x")]),
        ("env = { for k in local.keys : k => task.many[k].output.n }", [("many", None)]),
        ("for_each = toset(task.one.output.list)", [("one", None)]),
        ("", []),
    ],
)
def test_every_reference_is_an_edge(attributes: str, edges: list[tuple[str, str | None]]) -> None:
    task = task_with(f'command = ["true"]\n{attributes}')
    assert task.upstreams == tuple(UpstreamSpec(task=name, key=key) for name, key in edges)


def test_for_each_is_expanded_as_soon_as_it_is_known() -> None:
    known = task_with('command = ["true"]\n for_each = { b = 1.5, a = local.keys }').for_each
    later = task_with('command = ["true"]\n for_each = { a = run.date }').for_each
    after = task_with('command = ["true"]\n for_each = toset(task.one.output.list)').for_each

    assert known == {"known": {"a": ["x", "y"], "b": {"$decimal": "1.5"}}}
    assert later is not None
    assert after is not None
    assert evaluate_lazy(later, VIEW, InstanceView()) == {"a": "2026-11-23"}
    assert evaluate_lazy(after, VIEW, InstanceView()) == {"$set": ["p", "q"]}


def test_too_many_instances_are_an_error_of_the_file() -> None:
    for number, is_good in ((10_000, True), (10_001, False)):
        for_each = f"{{ for n in range({number}) : n => n }}"
        text = HEAD + f'  task "t" {{\n    command = ["true"]\n    for_each = {for_each}\n  }}\n}}\n'
        assert load_project(DictTree({"w.hcl": text}), folder_name="p").has_errors is not is_good


def test_the_spec_has_the_pools_that_its_tasks_use_and_the_folder() -> None:
    spec = spec_with('command = ["true"]\n pool = pool.db')

    assert spec.pools == {"db": 4}
    assert (spec.folder, spec.project, spec.timezone) == ("jobs", "p", "UTC")


def test_conditions_are_values_or_open() -> None:
    assert task_with('command = ["true"]\n when = environment == "local"').when == {"known": True}
    assert task_with('command = ["true"]\n when = "false"').when == {"known": False}
    when = task_with('command = ["true"]\n when = run.date > task.one.output.n').when
    assert when is not None
    assert "expression" in when


@pytest.mark.parametrize("use", ["task.one.stdout", 'lookup(task.one, "stdout", "")', "[task.one][0].stdout"])
def test_stdout_is_data_where_an_expression_may_ask_for_it(use: str) -> None:
    assert spec_with(f'command = ["echo", {use}]').task("one").stdout_is_data
    assert not spec_with('command = ["echo", "stdout", task.one.output.n]').task("one").stdout_is_data


def test_the_labels_of_a_run_are_those_of_all_its_tasks_with_the_defaults() -> None:
    text = """
workflow "w" {
  defaults {
    runs_on = ["linux"]
  }
  task "load" {
    command = ["true"]
  }
  task "learn" {
    command = ["true"]
    runs_on = ["linux", "gpu"]
  }
  task "tell" {
    command = ["true"]
    runs_on = []
  }
}
"""
    tree = DictTree({"w.hcl": text})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    spec = compile_workflow(loaded.project, loaded.project.workflows["w"], tree)
    needed = {task.name: task.runs_on for task in spec.tasks}
    assert needed == {"load": ("linux",), "learn": ("gpu", "linux"), "tell": ()}
    assert spec.runs_on == ("gpu", "linux")
