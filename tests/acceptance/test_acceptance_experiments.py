"""Runs of a part of a workflow, and runs of what is not deployed: marked as what they are, and harmless."""

from __future__ import annotations

from typing import Any

import pytest
from acceptance_world import Shop

PROJECT = 'project "weather" { }\n'
CHAIN = """
workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  task "extract" {
    script = "echo rows of $CRONICLE_DATE; echo extract >> $CRONICLE_DATA/done"
  }
  task "clean" {
    script = "sed s/rows/lines/; echo clean >> $CRONICLE_DATA/done"
    stdin  = task.extract.stdout
  }
  task "report" {
    script = "cat; echo report >> $CRONICLE_DATA/done"
    stdin  = task.clean.stdout
  }
}
"""
DAY = ("daily", "--time", "2020-01-02")


@pytest.fixture
def chain(shop: Shop) -> Shop:
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": CHAIN})
    return shop


def done(shop: Shop) -> list[str]:
    path = shop.folder / ".cronicle" / "data" / "weather" / "local" / "done"
    return path.read_text().split() if path.exists() else []


def ends(run: Any) -> dict[str, tuple[str, str | None]]:
    return {task["task"]: (task["state"], task["reason"] or task["carried_from"]) for task in run["tasks"]}


def test_what_is_not_chosen_is_carried_over_from_the_result(chain: Shop) -> None:
    whole = chain.json("run", *DAY)

    part = chain.json("run", *DAY, "--only", "report")

    assert ends(part) == {
        "extract": ("succeeded", whole["id"]),
        "clean": ("succeeded", whole["id"]),
        "report": ("succeeded", None),
    }
    assert done(chain) == ["extract", "clean", "report", "report"]
    assert chain.good("logs", f"{part['id']}/report").out == "lines of 2020-01-02\n"

    without = chain.json("run", *DAY, "--except", "extract", "--except", "report")
    assert [task["carried_from"] for task in without["tasks"]] == [whole["id"], None, part["id"]]
    assert [run["id"] for run in chain.json("runs")] == [without["id"], part["id"], whole["id"]]


def test_what_is_not_chosen_and_has_no_result_is_left_out(chain: Shop) -> None:
    assert ends(chain.json("run", *DAY, "--only", "+clean")) == {
        "extract": ("succeeded", None),
        "clean": ("succeeded", None),
        "report": ("skipped", "not_selected"),
    }

    said = chain.cronicle("run", "daily", "--time", "2020-01-03", "--only", "report")

    assert said.code == 1
    assert "The run left out clean (--only, --except), and no earlier result stands for it." in said.err


def test_a_backfill_of_chosen_tasks_carries_over_tick_by_tick(chain: Shop) -> None:
    days = ("--from", "2020-01-01", "--to", "2020-01-02")
    chain.good("backfill", "daily", *days)
    before = {run["date"]: run["id"] for run in chain.json("runs")}

    chain.good("backfill", "daily", *days, "--all", "--only", "report")

    for run in chain.json("runs")[:2]:
        assert ends(chain.show(run["id"])) == {
            "extract": ("succeeded", before[run["date"]]),
            "clean": ("succeeded", before[run["date"]]),
            "report": ("succeeded", None),
        }
        assert chain.good("logs", f"{run['id']}/report").out == f"lines of {run['date']}\n"


def test_a_selector_that_means_nothing_is_refused_with_the_nearest(chain: Shop) -> None:
    for words in (["--only", "extrac"], ["--except", "extrac"]):
        chain.cronicle("run", *DAY, *words).is_clear_error(
            "unknown name 'extrac'", "Did you mean extract?", code=64
        )
    chain.cronicle("run", *DAY, "--only", "tag:x").is_clear_error("nothing has tag:x", code=64)
    assert chain.json("runs") == []


def test_a_dirty_run_is_marked_counts_for_nothing_and_touches_no_lasting_data(chain: Shop) -> None:
    result = chain.json("run", *DAY)
    deployed = result["revision"]
    chain.write({"daily.hcl": CHAIN.replace("rows of", "ROWS of"), "untracked.txt": "x"})

    said = chain.good("run", *DAY, "--dirty")
    run = chain.show(said.run)

    assert "dirty, does not count" in said.err
    assert (run["dirty"], run["counts"], run["deployment"]) == (True, False, None)
    assert run["revision"] != deployed
    assert done(chain) == ["extract", "clean", "report"]
    assert chain.good("logs", f"{said.run}/extract").out == "ROWS of 2020-01-02\n"
    assert chain.show("daily@2020-01-02")["id"] == result["id"]  # the result is what it was

    chain.write({"daily.hcl": CHAIN})
    again = chain.json("retry", said.run, "--from", "clean")
    assert (again["dirty"], again["counts"], again["revision"]) == (True, False, run["revision"])
    assert chain.good("logs", f"{again['id']}/report").out == "ROWS of 2020-01-02\n"  # as it was then
    isolated = chain.folder / ".cronicle" / "isolated"
    assert (isolated / said.run / "done").read_text().split() == ["extract", "clean", "report"]
    assert (isolated / again["id"] / "done").read_text().split() == [
        "extract",
        "clean",
        "report",
        "clean",
        "report",
    ]
    assert chain.json("run", *DAY, "--dirty")["revision"] != run["revision"]


def test_a_run_of_what_was_never_deployed_counts_for_nothing_until_it_is(chain: Shop) -> None:
    new = chain.commit({"daily.hcl": CHAIN.replace("rows of", "all of")})

    said = chain.good("run", *DAY, "--revision", "HEAD")
    run = chain.show(said.run)

    assert "does not count" in said.err
    assert (run["revision"], run["counts"], run["dirty"], run["deployment"]) == (new, False, False, None)
    assert done(chain) == []
    assert chain.json("runs", "daily")[0]["id"] == said.run

    chain.good("apply", "--auto-approve")
    counted = chain.json("run", *DAY, "--revision", new[:8])
    assert counted["counts"] is True
    assert chain.json("retry", said.run, "--from", "extract")["counts"] is True
    assert done(chain) == ["extract", "clean", "report"] * 2


def test_an_experiment_needs_no_deployment(shop: Shop) -> None:
    shop.commit({"cronicle.hcl": PROJECT, "daily.hcl": CHAIN})

    assert shop.json("run", *DAY, "--dirty")["state"] == "succeeded"
    assert shop.json("run", *DAY, "--revision", "HEAD")["state"] == "succeeded"
    shop.cronicle("run", *DAY).is_clear_error(
        "nothing has been deployed to weather/local yet", "cronicle apply"
    )


def test_values_for_another_revision_are_those_of_the_deployment_unless_given(shop: Shop) -> None:
    variable = 'variable "city" { default = "none" }\n'
    workflow = 'workflow "w" {\n  task "a" {\n    command = ["echo", var.city, "%s"]\n  }\n}\n'
    shop.commit({"cronicle.hcl": variable, "w.hcl": workflow % "old"})
    shop.good("apply", "--auto-approve", "--var", "city=oslo")
    shop.commit({"w.hcl": workflow % "new"})

    def said(*words: str) -> str:
        return shop.good("logs", shop.good("run", "w", *words).run).out

    assert said() == "oslo old\n"
    assert said("--revision", "HEAD") == "oslo new\n"
    assert said("--revision", "HEAD", "--var", "city=rome") == "rome new\n"
    assert said("--dirty") == "oslo new\n"
    shop.cronicle("run", "w", "--var", "city=rome").is_clear_error("--var has no effect", code=64)
