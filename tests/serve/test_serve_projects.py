"""One scheduler for several projects, in two repositories: their workflows, tasks and pools have equal names."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from acceptance_world import Shop
from serve_world import Served

PROJECTS = ("shop", "north", "south")
"""The first in a repository of its own, the others in folders of one."""

FILES = """
pool "db" {
  slots = 1
}

workflow "w" {
  schedule {
    every = "1s"
  }
  overlap = "skip"
  lock    = "only-one"
  task "a" {
    script = <<-EOT
      echo "begin $CRONICLE_PROJECT $CRONICLE_RUN_ID" >> "$BOTH"
      sleep 0.05
      echo "end $CRONICLE_PROJECT $CRONICLE_RUN_ID" >> "$BOTH"
      echo "$CRONICLE_PROJECT $CRONICLE_WORKFLOW $CRONICLE_RUN_ID" >> "$CRONICLE_DATA/lines"
    EOT
    pool = pool.db
    env  = { BOTH = "ALL" }
  }
  on_success {
    script = "cat >> \\"$CRONICLE_DATA/told\\"; echo >> \\"$CRONICLE_DATA/told\\""
  }
}

workflow "then" {
  after = [workflow.w]
  task "a" {
    script = "echo \\"$CRONICLE_PROJECT $CRONICLE_WORKFLOW $CRONICLE_RUN_ID\\" >> \\"$CRONICLE_DATA/lines\\""
  }
}
"""


class Several:
    """Projects that share a store."""

    def __init__(self, place: Path) -> None:
        self.store, home = place / "store", place / "home"
        home.mkdir()
        self.outside = place / "outside"
        self.outside.mkdir()
        self.all = place / "all"
        files = FILES.replace("ALL", str(self.all))
        (place / "shop").mkdir()
        (place / "mono").mkdir()
        self.shop = Served(place / "shop", home, store=self.store)
        self.shop.init()
        mono = Shop(place / "mono", home, store=self.store).init()
        self.shop.deploy({"cronicle.hcl": 'project "shop" { }\n', "w.hcl": files})
        names = ("north", "south")
        mono.commit(
            {
                f"{name}/{file}": text
                for name in names
                for file, text in (("cronicle.hcl", ""), ("w.hcl", files))
            }
        )
        for name in names:
            mono.good("apply", "--auto-approve", cwd=place / "mono" / name)

    def data(self, project: str) -> Path:
        return self.store / "data" / project / "local"

    def lines(self, project: str) -> list[tuple[str, str, str]]:
        """Project, workflow and run, as the tasks of a project wrote them."""
        path = self.data(project) / "lines"
        found = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(who, workflow, run) for who, workflow, run in found]

    def executed(self, project: str, workflow: str) -> list[str]:
        return [run for _, of, run in self.lines(project) if of == workflow]


@pytest.fixture
def several(place: Path) -> Iterator[Several]:
    world = Several(place)
    yield world
    world.shop.close()


def test_one_scheduler_serves_all_projects_and_none_meets_another(several: Several) -> None:
    served = several.shop
    served.serve(cwd=several.outside)
    served.until(
        lambda: all(len(several.executed(name, "then")) >= 2 for name in PROJECTS), "runs of all projects"
    )
    served.schedulers[0].term()
    served.schedulers[0].end()

    runs = {run.id: run for run in served.runs()}
    for name in PROJECTS:
        lines = several.lines(name)
        assert {who for who, _, _ in lines} == {name}
        assert {runs[run].project for _, _, run in lines} == {name}
        told = [json.loads(line) for line in (several.data(name) / "told").read_text().splitlines() if line]
        assert {one["project"] for one in told} == {name}
        assert {one["last_success"]["project"] for one in told if one["last_success"]} <= {name}
        assert (several.store / "mirrors" / f"{name}.git").is_dir()
        times = [runs[run].logical_time for run in several.executed(name, "w")]
        assert len(set(times)) == len(times)
        followed = {runs[run].logical_time for run in several.executed(name, "then")}
        assert followed <= {
            run.logical_time for run in runs.values() if run.project == name and run.workflow == "w"
        }
    assert several.all.read_text().split()[0] == "begin"
    kinds = [line.split()[0] for line in several.all.read_text().splitlines()]
    assert kinds == ["begin", "end"] * (len(kinds) // 2), "pool and lock are those of the store"

    said = served.good("runs", cwd=several.outside)
    assert {line.split()[1] for line in said.lines[1:]} == {
        f"{name}/{workflow}" for name, workflow in itertools.product(PROJECTS, ("w", "then"))
    }
    assert {run["project"] for run in json.loads(served.good("runs", "--json").out)} == {"shop"}


def test_pausing_a_workflow_of_one_project_leaves_those_of_the_others_alone(several: Several) -> None:
    served = several.shop
    served.serve(cwd=several.outside)
    served.until(lambda: all(several.executed(name, "w") for name in PROJECTS), "runs of all projects")

    served.good("pause", "w", "--project", "north", cwd=several.outside)
    last = served.runs("w", project="north")[0].logical_time
    count = len(several.executed("south", "w"))
    served.until(lambda: len(several.executed("south", "w")) > count + 2, "runs of another project")

    assert (served.runs("w", project="north")[0].logical_time - last).total_seconds() <= 1.0
    spans = served.good("status", "--json", cwd=several.outside).json["workflows"]
    assert [one["project"] for one in spans if one["paused"]] == ["north"]


def test_a_scheduler_of_named_projects_leaves_the_others_alone(several: Several) -> None:
    served = several.shop
    left = served.good("run", "then", "--project", "south", "--detach", cwd=several.outside).run
    taken = served.good("run", "then", "--project", "north", "--detach", cwd=several.outside).run
    served.serve("--project", "north", cwd=several.outside)
    served.until(lambda: len(several.executed("north", "then")) >= 3, "runs of the named project")

    assert taken in several.executed("north", "then")
    assert several.lines("shop") == several.lines("south") == []
    assert {run.project for run in served.runs() if run.id != left} == {"north"}
    assert served.show(left)["state"] == "queued"
    assert served.show(left)["owner"] is None


def test_what_is_served_without_doing_it_names_the_project(several: Several) -> None:
    until = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()) + 3, UTC).isoformat()

    said = several.shop.good("serve", "--dry-run", "--once-until", until, cwd=several.outside)

    assert {line.split()[2] for line in said.lines if line.startswith("would run")} == {
        f"{name}/w" for name in PROJECTS
    }
