"""Fingerprints: each attribute of a task is on the side that the schema says, and spelling is on none."""

from __future__ import annotations

import pytest
from attrs import evolve
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.fingerprint import FINGERPRINT_PARTS
from cronicle.config.load import load_project
from cronicle.config.project import Pinned
from cronicle.config.schema import BEHAVIOUR, LIMITS, OPERATION, RETRY, SIDE, TASK, WAIT
from cronicle.plan.compare import MATTERS
from cronicle.runs.spec import RunSpec, TaskSpec

FILES = {"a.py": "import lib\n", "lib.py": "x = 1\n", "sub/b.txt": "b", "other.txt": "o"}

BASE = {
    "command": '["python3", "a.py"]',
    "depends_on": "[task.above]",
    "retry": "{\n}",
    "wait": "{\n}",
    "limits": "{\n}",
}

CHANGED = {
    "command": '["python3", "a.py", "-v"]',
    "script": '"python3 a.py"',
    "depends_on": "[task.above, task.beside]",
    "for_each": 'toset(["x"])',
    "description": '"new"',
    "interpreter": '["/bin/bash"]',
    "when": "run.date == environment",
    "trigger_rule": '"all_done"',
    "env": '{ A = "1" }',
    "workdir": '"sub"',
    "stdin": '"sub/b.txt"',
    "merge_output": "true",
    "inputs": '["*.txt"]',
    "source": "source.lib",
    "produces": '["out/*.csv"]',
    "reuse": "true",
    "timeout": '"1h"',
    "grace_period": '"1m"',
    "on_lost": '"fail"',
    "allow_failure": "true",
    "skip_exit_code": "3",
    "rerun": '"never"',
    "pool": "pool.db",
    "pool_slots": "2",
    "lock": "run.id",
    "priority": "1",
    "runs_on": '["gpu"]',
    "group": '"g"',
    "tags": '["t"]',
    "retry.attempts": "3",
    "retry.delay": '"1s"',
    "retry.backoff": "2",
    "retry.max_delay": '"2h"',
    "retry.jitter": '"1s"',
    "retry.on_exit_codes": "[1]",
    "wait.every": '"5m"',
    "wait.timeout": '"1h"',
    "wait.not_yet": "3",
    "wait.on_timeout": '"skip"',
    "limits.memory": '"1GiB"',
    "limits.cpu_time": '"1h"',
    "limits.open_files": "100",
    "limits.log_size": '"1MiB"',
    "limits.stdout_size": '"1MiB"',
}

SIDES = {name: schema.metadata[SIDE] for name, schema in TASK.attributes.items()}
SIDES |= {
    f"{block.type}.{name}": schema.metadata[SIDE]
    for block in (RETRY, WAIT, LIMITS)
    for name, schema in block.attributes.items()
}


def text_of(attributes: dict[str, str]) -> str:
    """Attributes as text; a value that begins with a brace and a line end is a block."""
    return "\n    ".join(
        f"{name} {value}" if value.startswith("{\n") else f"{name} = {value}"
        for name, value in attributes.items()
    )


def compiled(
    attributes: dict[str, str],
    files: dict[str, str] = FILES,
    around: str = "",
    source: dict[str, str] | None = None,
    revision: str = "a" * 40,
) -> RunSpec:
    text = f"""
pool "db" {{
  slots = 2
}}
source "lib" {{
  git = "../lib"
}}
workflow "w" {{
  {around}
  task "above" {{
    command = ["true"]
  }}
  task "beside" {{
    command = ["false"]
  }}
  task "t" {{
    {text_of(attributes)}
  }}
  task "below" {{
    command    = ["true"]
    depends_on = [task.t]
  }}
}}
"""
    tree = DictTree({"w.hcl": text, **files})
    lib = Pinned(git="/lib", revision=revision, tree=DictTree(source or files))
    loaded = load_project(tree, folder_name="p", pins={"lib": lib})
    assert loaded.project is not None, loaded.diagnostics
    return compile_workflow(loaded.project, loaded.project.workflows["w"], tree)


def with_change(name: str) -> dict[str, str]:
    block, _, inner = name.rpartition(".")
    if block:
        return {**BASE, block: f"{{\n{inner} = {CHANGED[name]}\n}}"}
    changed = {**BASE, name: CHANGED[name]}
    if name == "script":
        del changed["command"]
    return changed


def task(spec: RunSpec, name: str = "t") -> TaskSpec:
    return spec.task(name)


def test_every_attribute_of_a_task_says_on_which_side_it_is() -> None:
    assert set(SIDES) == set(CHANGED)
    assert set(SIDES.values()) == {BEHAVIOUR, OPERATION}


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_a_change_moves_the_fingerprint_exactly_if_it_is_behaviour(name: str) -> None:
    before, after = compiled(BASE), compiled(with_change(name))
    matters = SIDES[name] == BEHAVIOUR

    assert before != after
    assert (task(before).deep_fingerprint != task(after).deep_fingerprint) == matters
    if name != "depends_on":  # an edge is part of the deep form only
        assert (task(before).fingerprint != task(after).fingerprint) == matters


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_a_comparison_says_the_same_of_an_attribute_as_the_schema(name: str) -> None:
    field = {
        "depends_on": "upstreams",
        "limits.memory": "memory",
        "limits.cpu_time": "cpu_time",
        "limits.open_files": "open_files",
        "limits.log_size": "log_size",
        "limits.stdout_size": "stdout_size",
    }.get(name, name.partition(".")[0])

    if field != "inputs":  # its files are compared one by one
        assert MATTERS.get(name, MATTERS[field]) == (SIDES[name] == BEHAVIOUR)


def test_a_task_that_waits_does_something_else_and_others_keep_the_fingerprints_that_they_had() -> None:
    waits, waits_not = task(compiled(BASE)), task(compiled({k: v for k, v in BASE.items() if k != "wait"}))

    assert waits.fingerprint != waits_not.fingerprint
    assert set(waits.fingerprint_parts) - set(waits_not.fingerprint_parts) == {"wait.not_yet"}


def test_each_part_is_hashed_by_itself() -> None:
    before, after = task(compiled(BASE)), task(compiled({**BASE, "env": '{ A = "1" }'}))

    differing = [
        name for name in FINGERPRINT_PARTS if before.fingerprint_parts[name] != after.fingerprint_parts[name]
    ]
    assert differing == ["env"]


def test_what_changes_above_changes_the_deep_form_below_only() -> None:
    before, after = compiled(BASE), compiled({**BASE, "env": '{ A = "1" }'})

    assert task(before, "below").fingerprint == task(after, "below").fingerprint
    assert task(before, "below").deep_fingerprint != task(after, "below").deep_fingerprint
    assert task(before, "above") == task(after, "above")


@pytest.mark.parametrize(
    "command",
    [
        '[ "python3",\n  "a.py", # the script\n]',
        '["python${1 + 2}", "${"a"}.py"]',
        '(["python3", ("a.py")])',
        'split(" ", "python3 a.py")',
    ],
)
def test_spelling_makes_no_difference(command: str) -> None:
    assert task(compiled({**BASE, "command": command})).fingerprint == task(compiled(BASE)).fingerprint


def test_open_expressions_differ_by_meaning_and_not_by_spelling() -> None:
    first = task(compiled({**BASE, "command": '["echo", "on ${run.date}"]'}))
    same = task(compiled({**BASE, "command": '["echo", "o${"n"} ${ run.date }"]'}))
    other = task(compiled({**BASE, "command": '["echo", "on ${run.time}"]'}))

    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_the_content_of_an_imported_module_is_part_of_it() -> None:
    after = compiled(BASE, {**FILES, "lib.py": "x = 2\n"})

    assert list(task(after).inputs) == ["a.py", "lib.py"]
    assert task(after).fingerprint != task(compiled(BASE)).fingerprint


def test_a_file_that_is_no_input_is_not() -> None:
    assert task(compiled(BASE, {**FILES, "other.txt": "new"})) == task(compiled(BASE))


def test_declared_and_inferred_inputs_that_are_the_same_do_the_same() -> None:
    declared = task(compiled({**BASE, "inputs": '["*.py"]'}))

    assert declared.inputs_declared
    assert declared.fingerprint == task(compiled(BASE)).fingerprint


def test_schedules_and_descriptions_of_the_workflow_are_not_part_of_it() -> None:
    schedule = 'description = "x"\n schedule {\n cron = "0 4 * * *"\n }'
    assert compiled(BASE, around=schedule).tasks == compiled(BASE).tasks


def test_defaults_count_as_if_they_stood_in_the_task() -> None:
    around = 'defaults {\n env = { A = "1" }\n retry {\n attempts = 4\n }\n }'
    with_defaults = task(
        compiled({**BASE, "env": "{ B = run.date }", "retry": '{\n delay = "1s"\n}'}, around=around)
    )
    written = task(
        compiled({**BASE, "env": '{ A = "1", B = run.date }', "retry": '{\n attempts = 4\n delay = "1s"\n}'})
    )

    alike = evolve(with_defaults, deep_fingerprint="")  # the tasks above have the defaults, too
    assert alike == evolve(written, deep_fingerprint="")


def test_fingerprints_carry_the_version_of_their_algorithm() -> None:
    """This value may change only together with the version: stored fingerprints would be compared wrongly."""
    assert task(compiled(BASE)).fingerprint.startswith("1:")
    assert (
        task(compiled({"command": '["true"]'}), "t").fingerprint == task(compiled(BASE), "above").fingerprint
    )


FROM_SOURCE = {**BASE, "source": "source.lib"}


def test_of_a_source_any_commit_counts_where_its_inputs_are_inferred() -> None:
    """Nobody knows what else of it the task uses."""
    before, after = (task(compiled(FROM_SOURCE, revision=revision * 40)) for revision in "ab")

    assert list(before.inputs) == ["a.py", "lib.py"]
    assert before.inputs == after.inputs
    assert before.fingerprint != after.fingerprint
    assert {
        name for name, part in after.fingerprint_parts.items() if before.fingerprint_parts.get(name) != part
    } == {"source"}


def test_of_a_source_only_the_declared_inputs_count_where_there_are_some() -> None:
    declared = {**FROM_SOURCE, "inputs": '["*.py"]'}
    before = task(compiled(declared))
    readme = task(compiled(declared, source={**FILES, "README": "new"}, revision="b" * 40))
    code = task(compiled(declared, source={**FILES, "lib.py": "x = 2\n"}, revision="b" * 40))

    assert before.fingerprint == readme.fingerprint != code.fingerprint


def test_inputs_of_a_task_with_a_source_are_files_of_the_source() -> None:
    other = {"a.py": "import more\n", "more.py": ""}
    found = task(compiled(FROM_SOURCE, source={**other, "sub/x": ""}))

    assert list(found.inputs) == ["a.py", "more.py"]


def test_null_takes_the_source_of_defaults_back() -> None:
    around = "defaults {\n source = source.lib\n }"

    assert task(compiled(BASE, around=around)).source is not None
    taken_back = task(compiled({**BASE, "source": "null"}, around=around))
    assert taken_back.source is None
    assert taken_back.fingerprint == task(compiled(BASE)).fingerprint


def test_what_a_source_is_pinned_to_is_known_at_plan() -> None:
    command = '["echo", substr(source.lib.revision, 0, 7)]'

    assert task(compiled({**BASE, "command": command})).command == {"known": ["echo", "aaaaaaa"]}
