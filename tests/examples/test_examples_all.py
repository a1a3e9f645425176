"""Every example: valid, planned and deployed as it is, without a warning."""

from __future__ import annotations

import pytest
from examples_world import EXAMPLES, new_project

from cronicle.operations.init import DEFAULT_EXAMPLE, example_names, examples_folder

NAMES = example_names(EXAMPLES)


def test_the_examples_are_found_where_the_package_is():
    assert examples_folder() == EXAMPLES
    assert DEFAULT_EXAMPLE in NAMES
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_and_deploys(tmp_path, name):
    project = new_project(tmp_path, name)

    assert project.json("validate") == []
    project.cronicle("apply", "--auto-approve")
    assert not project.json("plan")["has_changes"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != DEFAULT_EXAMPLE])
def test_an_example_tells_what_it_is(name):
    text = (EXAMPLES / name / "README.md").read_text("utf-8")

    assert f"--example {name}" in text


def test_the_workflow_that_one_begins_with_runs(tmp_path):
    project = new_project(tmp_path, DEFAULT_EXAMPLE)
    project.cronicle("apply", "--auto-approve")

    run = project.json("run", "hello")

    assert run["state"] == "succeeded"
    assert (project.data / f"{run['date']}.txt").read_text() == f"On {run['date']} there were 2 files\n"
