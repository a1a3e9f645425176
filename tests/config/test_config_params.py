"""Parameters of a run: what is chosen must satisfy what the workflow says of it."""

from __future__ import annotations

import pytest
from trees import DictTree

from cronicle.config.compile import compile_workflow
from cronicle.config.load import load_project
from cronicle.errors import UsageError
from cronicle.operations.params import param_values
from cronicle.runs.spec import RunSpec, spec_from_bytes, spec_to_bytes

FLOW = """
locals {
  largest = 3
}
workflow "w" {
  param "level" {
    type    = number
    default = 1
    validation {
      condition     = param.level <= local.largest
      error_message = "at most ${local.largest}, and not ${param.level}"
    }
    validation {
      condition     = param.level == floor(param.level)
      error_message = "no fractions"
    }
  }
  param "broken" {
    type    = map(number)
    default = {}
    validation {
      condition     = try(param.broken.x, 1) / 1 == 1
      error_message = "never"
    }
  }
  task "t" {
    command = ["true"]
  }
}
"""


@pytest.fixture
def spec() -> RunSpec:
    """As it comes out of a store."""
    tree = DictTree({"w.hcl": FLOW})
    loaded = load_project(tree, folder_name="p")
    assert loaded.project is not None, loaded.diagnostics
    made = compile_workflow(loaded.project, loaded.project.workflows["w"], tree)
    return spec_from_bytes(spec_to_bytes(made))


def test_a_good_value_is_taken(spec: RunSpec) -> None:
    assert param_values(spec, ["level=2"])["level"] == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("level=4", "at most 3, and not 4"),
        ("level=1.5", "no fractions"),
        ('broken={"x": 2}', "never"),
    ],
)
def test_a_bad_value_is_refused_with_the_message_of_its_workflow(spec: RunSpec, given: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        param_values(spec, [given])
