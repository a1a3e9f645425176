"""`prepare` blocks in specs: only those that are used, each with a key of all that defines what is made."""

from __future__ import annotations

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.runs.spec import RunSpec, spec_from_bytes, spec_to_bytes

FILES = {"lock.txt": "one", "other.txt": "o", "setup.sh": "#!/bin/sh\n", "wheels/a.whl": "a", "report.py": ""}

BLOCK = """
  script = "pip install --requirement lock.txt"
  env    = { LEVEL = var.level }
  inputs = ["lock.txt", "wheels/*"]
"""


def compiled(
    block: str = BLOCK,
    *,
    name: str = "venv",
    files: dict[str, str] | None = None,
    before: str = "",
    task: str | None = None,
) -> RunSpec:
    text = f"""
variable "level" {{
  default = 3
}}
{before}
prepare "{name}" {{
  {block}
}}
prepare "another" {{
  command = ["make"]
}}
workflow "w" {{
  task "t" {{
    {task or f'command = ["${{prepare.{name}.path}}/bin/python", "report.py"]'}
  }}
  task "below" {{
    command    = ["true"]
    depends_on = [task.t]
  }}
}}
"""
    tree = DictTree({"w.hcl": text, **FILES, **(files or {})})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    return compile_workflow(loaded.project, loaded.project.workflows["w"], tree)


def key(block: str = BLOCK, name: str = "venv", files: dict[str, str] | None = None) -> str:
    return compiled(block, name=name, files=files).prepares[name].key


def test_a_spec_has_the_preparations_that_its_tasks_use_with_all_that_makes_them() -> None:
    spec = compiled()

    (prepare,) = spec.prepares.values()
    assert spec.task("t").prepares == {"venv": prepare.key}
    assert spec.task("below").prepares == {}
    assert prepare.script == "pip install --requirement lock.txt"
    assert prepare.env == {"LEVEL": "3"}
    assert list(prepare.inputs) == ["lock.txt", "wheels/a.whl"]
    assert prepare.inputs_declared
    assert prepare.timeout == 3600
    assert spec_from_bytes(spec_to_bytes(spec)) == spec


@pytest.mark.parametrize(
    "task",
    [
        'script = "$${PATH} ${prepare.venv.path}"',
        'command = ["x"]\nenv = { PATH = "${prepare.venv.path}/bin" }',
        'command = ["x"]\nstdin = "${prepare.venv.path}/words"',
        'command = ["x", local.tool]',
        'command = [prepare["venv"].path]',
    ],
)
def test_a_task_uses_what_any_of_its_expressions_refers_to(task: str) -> None:
    spec = compiled(task=task, before='locals {\n  tool = "${prepare.venv.path}/tool"\n}')

    assert list(spec.task("t").prepares) == list(spec.prepares) == ["venv"]


def test_inputs_are_inferred_as_those_of_a_task_are() -> None:
    (prepare,) = compiled('command = ["sh", "setup.sh", "wheels"]').prepares.values()

    assert list(prepare.inputs) == ["setup.sh", "wheels/a.whl"]
    assert not prepare.inputs_declared


@pytest.mark.parametrize(
    ("block", "files"),
    [
        (BLOCK.replace("pip", "uv pip"), {}),
        (BLOCK.replace("var.level", '"4"'), {}),
        (BLOCK.replace("{ LEVEL = var.level }", "{ LEVEL = null }"), {}),
        (BLOCK.replace('"wheels/*"', ""), {}),
        (BLOCK, {"lock.txt": "two"}),
        (BLOCK, {"wheels/b.whl": "b"}),
        (BLOCK.replace("script", "command").replace('"pip', '["pip').replace('.txt"\n', '.txt"]\n', 1), {}),
    ],
)
def test_the_key_is_another_when_something_else_is_made(block: str, files: dict[str, str]) -> None:
    assert key(block, files=files) != key()


@pytest.mark.parametrize(
    ("block", "name", "files"),
    [
        (BLOCK + 'timeout = "5m"\n', "venv", {}),
        (BLOCK, "libraries", {}),
        (BLOCK, "venv", {"other.txt": "changed", "report.py": "changed"}),
        (BLOCK.replace("var.level", '"${1 + 2}"'), "venv", {}),
    ],
)
def test_the_key_is_the_same_when_the_same_is_made(block: str, name: str, files: dict[str, str]) -> None:
    assert key(block, name, files) == key()


def test_what_is_prepared_is_a_part_of_the_fingerprint_of_whoever_uses_it_and_below() -> None:
    before, after = compiled(), compiled(files={"lock.txt": "two"})

    for name, is_its_own in (("t", True), ("below", False)):
        old, new = before.task(name), after.task(name)
        assert (old.fingerprint != new.fingerprint) == is_its_own
        assert old.deep_fingerprint != new.deep_fingerprint
    parts = {name for name, part in before.task("t").fingerprint_parts.items()}
    assert "prepare.venv" in parts
    assert {
        name
        for name in parts
        if before.task("t").fingerprint_parts[name] != after.task("t").fingerprint_parts[name]
    } == {"prepare.venv"}


def test_a_task_that_uses_nothing_prepared_has_the_fingerprint_that_it_always_had() -> None:
    assert not [name for name in compiled().task("below").fingerprint_parts if name.startswith("prepare")]
