"""Why inputs were inferred: found anew from a spec and the files, for exactly the files that the spec names."""

from __future__ import annotations

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.inputs import InputFinder, InputReason, Why, words_to_execute
from cronicle.config.load import load_project
from cronicle.runs.spec import RunSpec

FILES = {
    "report.py": "import shared.dates\nfrom shared import money\n",
    "shared/__init__.py": "",
    "shared/dates.py": "from . import zones\n",
    "shared/zones.py": "",
    "shared/money.py": "",
    "tool/__init__.py": "",
    "tool/__main__.py": "",
    "sql/a.sql": "",
    "sql/deep/b.sql": "",
    "3": "",
    "work/notes.txt": "",
    "token.txt": "",
}

TASKS = """
variable "token" {
  sensitive = true
  default   = "token.txt"
}
prepare "tools" {
  command = ["sh", "-c", "cp sql/a.sql $CRONICLE_PREPARED", "report.py"]
}
workflow "w" {
  param "p" {
    default = "sql"
  }
  task "command" {
    command = ["python3", "report.py", "3", 3, run.date, "${param.p}/a.sql", "sql/a.sql"]
  }
  task "module" {
    command = ["python3", "-m", "tool", prepare.tools.path]
  }
  task "folder" {
    script = "for f in sql/*; do cat $f; done; ls sql ${run.date}"
  }
  task "late" {
    command = concat(["cat"], [run.date], ["sql/a.sql"])
  }
  task "workdir" {
    workdir = "work"
    script  = "cat notes.txt ../report.py"
  }
  task "hidden" {
    command = ["cat", var.token, "sql/a.sql"]
  }
  task "told" {
    script = "echo ${var.token}; cat sql/deep/b.sql"
  }
  task "declared" {
    command = ["python3", "report.py"]
    inputs  = ["sql/**"]
  }
  task "each" {
    for_each = toset(["a", "b"])
    command  = ["cat", "sql/${each.key}.sql", "work"]
  }
}
"""


@pytest.fixture(scope="module")
def spec() -> RunSpec:
    tree = DictTree({"workflows.hcl": TASKS, **FILES})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    return compile_workflow(loaded.project, loaded.project.workflows["w"], tree)


def reasons(spec: RunSpec, name: str) -> dict[str, InputReason]:
    task = spec.task(name)
    return InputFinder(DictTree(FILES)).reasons(words_to_execute(task), task.workdir)


@pytest.mark.parametrize("name", ["module", "folder", "late", "workdir", "hidden", "told", "each"])
def test_there_is_a_reason_for_exactly_the_inputs_of_the_spec(spec: RunSpec, name: str) -> None:
    assert sorted(reasons(spec, name)) == sorted(spec.task(name).inputs)


def test_every_input_has_a_reason_where_a_number_looks_like_a_name(spec: RunSpec) -> None:
    assert set(reasons(spec, "command")) >= set(spec.task("command").inputs)


def test_a_preparation_has_reasons_too(spec: RunSpec) -> None:
    prepare = spec.prepares["tools"]
    found = InputFinder(DictTree(FILES)).reasons(words_to_execute(prepare))
    assert sorted(found) == sorted(prepare.inputs)


@pytest.mark.parametrize(
    ("name", "path", "why", "of"),
    [
        ("command", "report.py", Why.NAMED, "report.py"),
        ("command", "shared/dates.py", Why.IMPORTED, "report.py"),
        ("command", "shared/zones.py", Why.IMPORTED, "shared/dates.py"),
        ("command", "sql/a.sql", Why.NAMED, "sql/a.sql"),
        ("module", "tool/__main__.py", Why.MODULE, "tool"),
        ("folder", "sql/deep/b.sql", Why.BELOW, "sql"),
        ("workdir", "work/notes.txt", Why.NAMED, "notes.txt"),
        ("workdir", "report.py", Why.NAMED, "../report.py"),
        ("each", "work/notes.txt", Why.BELOW, "work"),
    ],
)
def test_each_reason_is_the_first_that_there_is(
    spec: RunSpec, name: str, path: str, why: Why, of: str
) -> None:
    assert reasons(spec, name)[path] == InputReason(why=why, of=of)
