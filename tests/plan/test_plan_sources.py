"""Sources in a comparison: which commit matters to which task."""

from __future__ import annotations

import pytest
from plan_sides import sides

from cronicle.plan.changes import Action, AttributeChange, TaskChange
from cronicle.plan.compare import plan_changes

TEXT = """
source "lib" {
  git = "../lib"
}
workflow "w" {
  task "inferred" {
    source  = source.lib
    command = ["python3", "extract.py"]
  }
  task "declared" {
    source  = source.lib
    command = ["python3", "extract.py"]
    inputs  = ["*.py"]
  }
  task "own" {
    command = ["python3", "report.py"]
  }
}
"""


def changes(before: str, after: str, text: str = TEXT, revisions: str = "aa") -> dict[str, TaskChange]:
    assert before in text
    old, new = (
        sides(each, revision=revision * 40)
        for each, revision in zip((text, text.replace(before, after)), revisions, strict=True)
    )
    return {task.name: task for change in plan_changes(old, new).changes for task in change.tasks}


def test_another_commit_matters_where_nobody_knows_what_is_used_of_it() -> None:
    found = changes("", "", revisions="ab")

    def revision(matters: bool) -> AttributeChange:
        return AttributeChange(name="source.revision", old="a" * 40, new="b" * 40, matters=matters)

    assert found["inferred"].attributes == (revision(True),)
    assert (found["inferred"].parts, found["inferred"].turns_stale) == (("source",), True)
    assert found["declared"].attributes == (revision(False),)
    assert (found["declared"].parts, found["declared"].turns_stale) == ((), False)
    assert found["own"].action is Action.NO_OP


def test_the_name_of_a_source_is_only_a_name() -> None:
    for task in changes("lib", "jobs").values():
        assert not task.does_differ
        assert {(each.name, each.matters) for each in task.attributes} <= {("source.name", False)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            'source  = source.lib\n    command = ["python3", "extract.py"]\n  }',
            'command = ["python3", "extract.py"]\n  }',
        ),
        ('git = "../lib"', 'git    = "../lib"\n  subdir = "sub"'),
    ],
)
def test_other_files_matter(before: str, after: str) -> None:
    found = changes(before, after)["inferred"]

    assert found.turns_stale
    assert any(each.name.startswith("source.") and each.matters for each in found.attributes)


def test_where_a_source_lies_and_how_its_commit_is_called_changes_no_task() -> None:
    for before, after in (
        ('"../lib"', '"https://git.example.org/lib"'),
        ('"../lib"', '"../lib"\n  ref = "main"'),
    ):
        assert {task.action for task in changes(before, after).values()} == {Action.NO_OP}
