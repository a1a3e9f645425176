"""Names of instances, and the addresses of their runs, whatever characters a key has."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cronicle.names import (
    RunAddress,
    as_workflow,
    instance_label,
    is_workflow,
    parse_run_address,
    parse_task_address,
    split_instance,
    split_move,
    typed,
)

NAMES = st.from_regex("[A-Za-z_][A-Za-z0-9_-]{0,6}", fullmatch=True)
KEYS = st.text(st.sampled_from("ab\"[]@~/#. '$\\日"), min_size=1, max_size=8) | st.text(
    min_size=1, max_size=8
)


@given(NAMES, KEYS)
@example("sync", '"quoted"')
@example("sync", '"')
@example("sync", "a]@latest/x[")
def test_a_label_gives_back_name_and_key(name: str, key: str) -> None:
    label = instance_label(name, key)

    assert split_instance(label) == (name, key)
    assert is_workflow(label)


@given(NAMES, KEYS)
def test_labels_differ_where_names_or_keys_do(name: str, key: str) -> None:
    assert instance_label(name, key) != instance_label(name, key + "x") != instance_label(name, None)


@given(NAMES, st.text(st.sampled_from("ab\"[]@~/#. '日"), min_size=1, max_size=8))
@example("sync", "a]@b")
@example("sync", "x]~1/y")
def test_the_run_of_an_instance_is_addressed_by_its_label(name: str, key: str) -> None:
    label = instance_label(name, key)

    for end, wanted in (
        ("@latest", RunAddress(workflow=label, time="latest")),
        ("@2026-11-23T04:30:00+01:00", RunAddress(workflow=label, time="2026-11-23T04:30:00+01:00")),
        ("~2", RunAddress(workflow=label, back=2)),
    ):
        found = parse_task_address(f"{label}{end}/report[{key}]#3")
        assert found is not None
        if found.run == wanted:
            assert (found.task, found.attempt, found.run_text) == ("report", 3, label + end)
        else:  # the key holds what looks like the end of an address, and a task with its key
            assert re.search(r"\].*\[", key)


@pytest.mark.parametrize(
    ("text", "workflow"),
    [
        ('sync["eu"]', "sync[eu]"),
        ("sync[eu]", "sync[eu]"),
        ("sync[a/b c]", "sync[a/b c]"),
        ('sync[""x""]', 'sync[""x""]'),
        ("sync[u\u0308]", "sync[ü]"),  # a file system or a keyboard may take an accent apart
        ("sync", "sync"),
    ],
)
def test_what_is_typed_becomes_the_name_that_is_kept(text: str, workflow: str) -> None:
    assert as_workflow(text) == workflow
    assert parse_run_address(f"{text}@latest") == RunAddress(workflow=workflow, time="latest")
    assert parse_run_address(f"{text}~1") == RunAddress(workflow=workflow, back=1)


@pytest.mark.parametrize(
    "text", ["sync[]@latest", "sync[eu]", "sync[eu]@", "sync[eu]~x", "[eu]@latest", "1x@latest"]
)
def test_what_is_no_address_of_a_run_is_none(text: str) -> None:
    assert parse_run_address(text) is None


@given(NAMES, KEYS)
def test_a_shell_reads_what_is_told_to_type(name: str, key: str) -> None:
    label = instance_label(name, key)

    assert shlex.split(f"cronicle run {typed(label)}") == ["cronicle", "run", label]


def test_a_plain_name_is_typed_as_it_is() -> None:
    assert typed("daily@2026-11-23T04:30:00+01:00") == "daily@2026-11-23T04:30:00+01:00"
    assert typed("sync[eu]") == "'sync[eu]'"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("workflow.a", ("a", None)),
        ("workflow.a.task.x", ("a", "x")),
        ("workflow.a[b.task.c]", ("a[b.task.c]", None)),
        ("workflow.a[b.task.c].task.x", ("a[b.task.c]", "x")),
    ],
)
def test_a_rename_names_a_workflow_or_a_task(text: str, parts: tuple[str, str | None]) -> None:
    assert split_move(text) == parts
    with pytest.raises(ValueError, match="names no workflow"):
        split_move(text.removeprefix("workflow."))
