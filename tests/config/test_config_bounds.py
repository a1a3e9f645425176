"""Bounds of a project: what its files together must not be able to do is told, and soon."""

from __future__ import annotations

import time

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.config.paths import matching
from cronicle.config.sources import MAX_FILE
from grammar.render import render

SOON = 10.0
"""Seconds of the processor: each case takes two at most, on a machine that is not slow."""


@pytest.fixture(autouse=True)
def soon():
    begun = time.process_time()
    yield
    assert time.process_time() - begun < SOON


def load(*files: str, **others: str):
    tree = DictTree({"cronicle.hcl": "\n".join(files), **others})
    loaded = load_project(tree, folder_name="p")
    render(loaded.diagnostics)
    if loaded.project is not None:
        for workflow in loaded.project.workflows.values():
            compile_workflow(loaded.project, workflow, tree)
    return loaded


def told(*files: str, **others: str) -> dict[str, str]:
    """The codes of what is wrong, each with its first summary."""
    codes: dict[str, str] = {}
    for one in load(*files, **others).diagnostics:
        codes.setdefault(one.code, one.summary)
    return codes


def workflow(argument: str) -> str:
    return f'workflow "w" {{\n  task "t" {{\n    command = ["x", {argument}]\n  }}\n}}\n'


def locals_of(first: str, following: str, count: int) -> str:
    """Locals of which each is made of the one before."""
    rows = [f"  l0 = {first}"]
    rows += [
        f"  l{number} = {following.replace('LAST', f'local.l{number - 1}')}" for number in range(1, count)
    ]
    return "locals {\n" + "\n".join(rows) + "\n}\n"


def test_locals_of_a_run_that_double_with_every_line_are_told():
    said = told(locals_of("run.id", "[LAST, LAST]", 60), workflow("jsonencode(local.l59)"))

    assert said["evaluation-limit"] == "local.l11 stands for too much"


def test_locals_of_a_run_that_nest_with_every_line_are_told():
    said = told(locals_of("run.id", '"${LAST}x"', 500), workflow("local.l499"))

    assert said["evaluation-limit"].endswith("stands for too much")


def test_locals_of_a_run_that_are_used_very_often_are_told():
    many = "locals {\n  long = [" + ", ".join(["run.id"] * 3000) + "]\n}\n"
    uses = ", ".join(["jsonencode(local.long)"] * 200)

    assert told(many, workflow(uses))["evaluation-limit"] == "the locals used here stand for too much"


def test_locals_of_a_run_within_the_bounds_are_replaced():
    assert load(locals_of("run.id", '"${LAST}x"', 30), workflow("local.l29")).diagnostics == ()


def test_known_locals_that_double_with_every_line_are_told():
    assert "evaluation-limit" in told(locals_of('"x"', "[LAST, LAST]", 60), workflow("jsonencode(local.l59)"))


def test_known_locals_may_be_many():
    assert load(locals_of("1", "LAST + 1", 2000), workflow('"${local.l1999}"')).diagnostics == ()


def test_many_expressions_that_each_take_long_are_told(monkeypatch):
    monkeypatch.setattr("cronicle.config.load.STEPS", 2_000_000)
    heavy = "[for a in range(900) : [for b in range(900) : 1]]"
    rows = "\n".join(f"  l{number} = {heavy}" for number in range(40))

    assert "evaluation-limit" in told(f"locals {{\n{rows}\n}}\n")


def test_a_file_that_is_too_long_is_told_and_not_read():
    assert told("a = " + "1" * MAX_FILE) == {"file-too-large": "cronicle.hcl is too long"}


def test_very_many_unknown_attributes_are_told_soon():
    rows = "\n".join(f"  commandx{number} = 1" for number in range(5_000))

    assert "unknown-attribute" in told(f'workflow "w" {{\n{rows}\n}}\n')


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 25 + "*b", "a" * 200),
        ("**/a/" * 25 + "b", "a/" * 100 + "a"),
        ("**/*a*a*a/" * 10 + "b", ("a" * 20 + "/") * 60 + "a"),
        ("[a]*" * 25 + "b", "a" * 200),
    ],
)
def test_patterns_with_many_stars_do_not_hang(pattern, path):
    assert matching(pattern, [path, path + "b"]) in ((), (path + "b",))


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("**", ["a", "a/b", "a/b/c.py"]),
        ("**/*.py", ["a/b/c.py"]),
        ("a/**", ["a/b", "a/b/c.py"]),
        ("a/**/c.py", ["a/b/c.py"]),
        ("**/b/**/c.py", ["a/b/c.py"]),
        ("*", ["a"]),
        ("*/*", ["a/b"]),
        ("**/.hidden", ["a/.hidden"]),
        ("a/**/**/c*", ["a/b/c.py"]),
        ("*b*/**", []),
    ],
)
def test_patterns_with_stars_match_as_a_shell_does(pattern, matches):
    paths = ["a", "a/b", "a/b/c.py", "a/.hidden", ".git/c.py"]

    assert list(matching(pattern, paths)) == matches


def test_ignore_rules_with_many_stars_do_not_hang():
    said = told(workflow('"1"'), **{".cronicleignore": "*a" * 30 + "*b\n", "a" * 200 + ".hcl": ""})

    assert said == {}
