"""Where projects, tasks and environments lie: folders of a repository, worktrees, odd names, bare surroundings."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from acceptance_world import Shop

WORKFLOW = """
workflow "w" {
  schedule {
    cron = "0 4 * * *"
  }
  task "each" {
    for_each = { "a/b" = 1, "ü x" = 2, "]" = 3 }
    command  = ["echo", each.key, each.value]
  }
  task "inside" {
    command = ["./show.sh"]
    workdir = "deep"
  }
}
"""
SHOW = """#!/bin/sh -eu
cat ../../../top
basename "$PWD"
ls -A "$CRONICLE_SCRATCH" | wc -l
env | grep -c SECRET || true
"""
PROJECT = 'project "weather" { }\n'
CITY = """
variable "city" { default = "nowhere" }
workflow "w" {
  task "a" {
    script = "echo $CITY $CRONICLE_ENVIRONMENT; ls $CRONICLE_DATA; touch $CRONICLE_DATA/seen"
    env    = { CITY = var.city }
  }
}
"""
ENV = """
workflow "w" {
  task "a" {
    command = ["env"]
  }
}
"""
PROMISED = (
    "PROJECT WORKFLOW ENVIRONMENT RUN_ID TASK ATTEMPT CAUSE TIME DATE REVISION OUTPUT SUMMARY RUN_DATA DATA SCRATCH "
    "REPOSITORY ATTEMPT_TOKEN FENCE"
)


@pytest.fixture
def inner(shop: Shop) -> Shop:
    """A project in a folder of a repository."""
    made = Shop(shop.folder / "jobs" / "weather", shop.home)
    made.write(
        {
            "cronicle.hcl": 'project "weather" { }\n',
            "w.hcl": WORKFLOW,
            "deep/show.sh": SHOW,
            "../../top": "top\n",
        }
    )
    (made.folder / "deep" / "show.sh").chmod(0o755)
    made.repository = shop.repository
    shop.commit()
    made.good("apply", "--auto-approve")
    return made


def test_a_project_in_a_folder_works_as_one_at_the_root(inner: Shop, shop: Shop) -> None:
    assert shop.repository is not None
    said = inner.good("run", "w", SECRET="hidden")

    assert inner.good("logs", f"{said.run}/inside").out == "top\ndeep\n0\n0\n"
    for key, value in {"a/b": 1, "ü x": 2, "]": 3}.items():
        assert inner.good("logs", f"{said.run}/each[{key}]").out == f"{key} {value}\n"
    assert shop.repository.status() == {}


def test_commands_work_from_a_folder_inside_of_the_project(inner: Shop) -> None:
    deep = inner.folder / "deep"

    run = inner.good("run", "w", "--json", cwd=deep).json

    assert [one["id"] for one in inner.good("runs", "--json", cwd=deep).json] == [run["id"]]
    assert inner.good("validate", cwd=deep).out == "1 workflow in 2 files: valid\n"


def test_all_worktrees_of_a_repository_share_a_store(shop: Shop, place: Path) -> None:
    assert shop.repository is not None
    shop.write({"deep/show.sh": SHOW, "cronicle.hcl": 'project "weather" { }\n', "top": "x\n"})
    shop.deploy({"w.hcl": WORKFLOW.replace("./show.sh", "pwd").replace('"deep"', '"."')})
    run = shop.json("run", "w")

    shop.repository.add_worktree("other", str(place / "other"))
    other = Shop(place / "other", shop.home)
    other.repository = pygit2.Repository(str(other.folder))

    assert [one["id"] for one in other.json("runs")] == [run["id"]]
    assert not (other.folder / ".cronicle").exists()
    assert other.json("retry", run["id"], "--from", "each")["retry_of"] == run["id"]


def test_environments_have_their_own_deployments_data_and_values(shop: Shop) -> None:
    shop.commit({"cronicle.hcl": PROJECT, "w.hcl": CITY, "production.vars.hcl": 'city = "seattle"\n'})
    shop.good("apply", "--auto-approve")

    shop.cronicle("-e", "production", "run", "w").is_clear_error(
        "nothing has been deployed to weather/production yet", "cronicle apply -e production"
    )
    shop.good("apply", "--auto-approve", "-e", "production")
    local, production = shop.good("run", "w").run, shop.good("run", "w", "-e", "production").run

    assert shop.good("logs", local).out == "nowhere local\n"
    assert shop.good("logs", production).out == "seattle production\n"
    assert [one["id"] for one in shop.json("runs", "-e", "production")] == [production]


def test_a_task_runs_with_the_surroundings_that_are_promised_and_no_others(shop: Shop) -> None:
    shop.deploy(
        {
            "cronicle.hcl": 'project "weather" { }\n',
            "w.hcl": 'workflow "w" {\n  task "a" {\n    command = ["env"]\n  }\n}\n',
        }
    )

    run = shop.good("run", "w", SECRET="hidden", PYTHONSTARTUP="x").run
    names = {line.partition("=")[0] for line in shop.good("logs", run).out.splitlines()}

    assert not {"SECRET", "PYTHONSTARTUP", "PYTHONPATH"} & names
    assert {f"CRONICLE_{name}" for name in PROMISED.split()} <= names
    assert {"PATH", "HOME", "TZ"} <= names
