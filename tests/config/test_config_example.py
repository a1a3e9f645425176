"""The example of the language's own page: it loads, compiles, and has the edges that it declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.graph import task_graph
from cronicle.config.load import Loaded, load_project
from cronicle.runs.spec import RunSpec, UpstreamSpec, spec_from_bytes, spec_to_bytes

EXAMPLE = Path(__file__).parent.parent / "language" / "valid" / "weather.hcl"
SCRIPTS = {
    "extract.py": "import csv\n",
    "summarise.py": "from shared import means\n",
    "shared/means.py": "import json\n",
    "report.py": "",
    "notify.sh": "#!/bin/sh\n",
}


@pytest.fixture
def tree() -> DictTree:
    return DictTree({"weather.hcl": EXAMPLE.read_bytes(), **SCRIPTS}, executable=frozenset({"notify.sh"}))


@pytest.fixture
def loaded(tree: DictTree) -> Loaded:
    return load_project(tree, folder_name="elsewhere")


@pytest.fixture
def spec(loaded: Loaded, tree: DictTree) -> RunSpec:
    assert loaded.project is not None
    return compile_workflow(loaded.project, loaded.project.workflows["daily"], tree)


def test_the_example_has_nothing_wrong(loaded: Loaded) -> None:
    assert loaded.diagnostics == ()


def test_the_project_block_names_it(loaded: Loaded) -> None:
    assert loaded.project is not None
    assert loaded.project.name == "weather"
    assert loaded.project.environment == "local"
    assert loaded.project.values == {"station": "seattle"}


def test_edges_come_from_depends_on_and_from_references(loaded: Loaded) -> None:
    assert loaded.project is not None
    graph = task_graph(loaded.project.workflows["daily"])

    assert set(graph.edges) == {("extract", "summarise"), ("summarise", "report")}


def test_waiting_for_a_whole_task_covers_a_reference_to_one_instance(spec: RunSpec) -> None:
    assert spec.task("report").upstreams == (UpstreamSpec(task="summarise"),)


def test_tasks_stand_after_their_upstreams(spec: RunSpec) -> None:
    assert [task.name for task in spec.tasks] == ["extract", "summarise", "report"]


def test_a_known_set_becomes_instances(spec: RunSpec) -> None:
    known = {name: name for name in ("rain", "temperature", "wind")}
    assert spec.task("summarise").for_each == {"known": known}


def test_stdout_that_others_read_is_data(spec: RunSpec) -> None:
    assert [task.stdout_is_data for task in spec.tasks] == [True, False, False]


def test_variables_are_folded_and_the_run_stays_open(spec: RunSpec) -> None:
    command = spec.task("extract").command
    assert command is not None
    assert "seattle" in str(command["expression"])
    assert "var', 'run" in str(command["expression"])


def test_inputs_are_declared_or_inferred(spec: RunSpec, tree: DictTree) -> None:
    assert spec.task("extract").inputs == {"extract.py": f"100644:{tree.blob_id('extract.py')}"}
    assert spec.task("extract").inputs_declared
    assert list(spec.task("summarise").inputs) == ["shared/means.py", "summarise.py"]
    assert not spec.task("summarise").inputs_declared
    assert list(spec.task("report").inputs) == ["report.py"]


def test_the_spec_survives_storing(spec: RunSpec) -> None:
    assert spec_from_bytes(spec_to_bytes(spec)) == spec
    assert spec.timezone == "America/Los_Angeles"
    assert spec.hooks[0].event == "on_failure"
    assert spec.task("report").timeout == 300
    assert spec.task("summarise").retry.attempts == 3
