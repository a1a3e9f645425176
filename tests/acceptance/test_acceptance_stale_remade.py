"""`backfill --stale`: just what is stale is made anew, and what is below it if that came to something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance_world import Shop, Started

PROJECT = 'project "weather" { }\n'
WORKFLOW = """
workflow "daily" {
  schedule {
    cron  = "0 4 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  param "size" { default = "1" }
  task "extract" {
    command  = ["sh", "extract.sh", run.date]
    produces = ["rows/${run.date}"]
  }
  task "summarise" {
    depends_on = [task.extract]
    script     = "sh summarise.sh ${run.date} ${shellquote(param.size)}"
    inputs     = ["summarise.sh"]
    produces   = ["sums/${run.date}"]
  }
  task "report" {
    depends_on = [task.summarise]
    script     = "echo report $CRONICLE_DATE >> $CRONICLE_DATA/done"
  }
  task "apart" {
    script = "echo apart $CRONICLE_DATE >> $CRONICLE_DATA/done"
  }
}
"""
EXTRACT = """
echo extract $1 >> $CRONICLE_DATA/done
mkdir -p $CRONICLE_DATA/rows
echo row $1 > $CRONICLE_DATA/rows/$1
"""
SUMMARISE = """
echo summarise $1 >> $CRONICLE_DATA/done
mkdir -p $CRONICLE_DATA/sums
{ wc -l < $CRONICLE_DATA/rows/$1; echo size $2; } > $CRONICLE_DATA/sums/$1
"""
RANGE = ("--from", "2020-01-01", "--to", "2020-01-03")
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]


def data(shop: Shop) -> Path:
    return shop.folder / ".cronicle" / "data" / "weather" / "local"


def executed(shop: Shop, *words: str, code: int = 0) -> dict[str, list[str]]:
    """By task for which days a command executes it."""
    path = data(shop) / "done"
    before = len(path.read_text().splitlines()) if path.exists() else 0
    said = shop.cronicle(*words)
    assert said.code == code, said
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines()[before:]:
        task, day = line.split()
        found.setdefault(task, []).append(day)
    return {task: sorted(days) for task, days in found.items()}


@pytest.fixture
def made(shop: Shop) -> Shop:
    """Three days that have been done."""
    files = {"cronicle.hcl": PROJECT, "daily.hcl": WORKFLOW, "extract.sh": EXTRACT, "summarise.sh": SUMMARISE}
    shop.deploy(files)
    shop.good("backfill", "daily", *RANGE)
    return shop


def test_where_nothing_is_stale_nothing_is_done(made: Shop) -> None:
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out


def test_the_changed_task_and_what_is_below_it_are_made_anew(made: Shop) -> None:
    made.deploy({"summarise.sh": SUMMARISE.replace("echo size", "echo SIZE")})
    dry = made.good("backfill", "daily", "--stale", "--dry-run").out
    assert "3 stale results, 2020-01-01 to 2020-01-03" in dry
    assert "made anew: summarise, report; the rest of each is carried over" in dry
    planned = made.json("backfill", "daily", "--stale", "--dry-run")
    assert planned["stale_tasks"] == [["summarise", "report"]] * 3

    assert executed(made, "backfill", "daily", "--stale") == {"summarise": DAYS, "report": DAYS}

    tasks = {task["task"]: task for task in made.show("daily@2020-01-02")["tasks"]}
    assert {name for name, task in tasks.items() if task["carried_from"]} == {"extract", "apart"}
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out
    assert made.json("backfills")[0]["choice"] == "stale"


def test_what_comes_to_the_same_makes_nothing_below_it_stale(made: Shop) -> None:
    made.deploy({"summarise.sh": "# a remark\n" + SUMMARISE})

    assert executed(made, "backfill", "daily", "--stale") == {"summarise": DAYS}

    run = made.show("daily@2020-01-02")
    report = next(task for task in run["tasks"] if task["task"] == "report")
    assert (report["state"], report["reason"]) == ("succeeded", "same_inputs")
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out
    said = made.good("explain", f"{run['id']}/report").out
    assert "what was executed above it has come to the same as before" in said
    assert "what it needs is as it was" in made.good("show", run["id"]).out


def test_a_changed_product_above_makes_it_execute(made: Shop) -> None:
    made.deploy({"extract.sh": EXTRACT.replace("echo row", "echo a row")})

    # The rows differ, and though the sums do not, the report may read them as well.
    assert executed(made, "backfill", "daily", "--stale") == {
        "extract": DAYS,
        "summarise": DAYS,
        "report": DAYS,
    }


@pytest.mark.slow
def test_a_range_and_chosen_tasks_restrict_it(made: Shop) -> None:
    made.deploy({"summarise.sh": SUMMARISE.replace("echo size", "echo SIZE")})

    day = ("--from", "2020-01-02", "--to", "2020-01-02")
    assert executed(made, "backfill", "daily", "--stale", *day, "--only", "summarise") == {
        "summarise": ["2020-01-02"]
    }
    # Its report is stale still, and so is all of the other days.
    assert executed(made, "backfill", "daily", "--stale") == {
        "summarise": ["2020-01-01", "2020-01-03"],
        "report": DAYS,
    }
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out


@pytest.mark.slow
def test_each_result_keeps_its_parameters(made: Shop) -> None:
    made.good("run", "daily", "--time", "2020-01-02", "--param", "size=9")
    made.deploy({"summarise.sh": SUMMARISE.replace("echo size", "echo SIZE")})

    made.good("backfill", "daily", "--stale")

    sums = {path.name: path.read_text().split()[-1] for path in (data(made) / "sums").iterdir()}
    assert sums == {"2020-01-01": "1", "2020-01-02": "9", "2020-01-03": "1"}
    assert made.show("daily@2020-01-02")["params"] == {"size": "9"}


@pytest.mark.slow
def test_what_is_never_executed_again_stays_stale_and_is_left_out(made: Shop) -> None:
    never = WORKFLOW.replace('task "summarise" {', 'task "summarise" {\n    rerun = "never"')
    made.deploy({"daily.hcl": never, "summarise.sh": SUMMARISE.replace("echo size", "echo SIZE")})

    said = made.good("backfill", "daily", "--stale").out

    assert '3 results left out: what is stale of them is done, and says rerun = "never"' in said


@pytest.mark.slow
def test_what_wants_somebody_to_agree_is_asked_about(made: Shop) -> None:
    confirm = WORKFLOW.replace('task "summarise" {', 'task "summarise" {\n    rerun = "confirm"')
    made.deploy({"daily.hcl": confirm, "summarise.sh": SUMMARISE.replace("echo size", "echo SIZE")})

    refused = made.cronicle("backfill", "daily", "--stale")
    assert refused.code == 1
    assert "--auto-approve" in refused.err
    assert executed(made, "backfill", "daily", "--stale", "--auto-approve") == {
        "summarise": DAYS,
        "report": DAYS,
    }


@pytest.mark.slow
def test_what_is_accepted_is_not_made_anew_and_is_again_once_that_is_revoked(made: Shop) -> None:
    made.deploy({"summarise.sh": SUMMARISE.replace("echo size", "echo SIZE")})
    made.good("accept", "daily/summarise", "--reason", "the same figures")
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out

    # What is below it can be made anew all the same, and the accepted one stands beside it.
    made.deploy({"daily.hcl": WORKFLOW.replace("echo apart", "echo  apart")})
    assert executed(made, "backfill", "daily", "--stale") == {"apart": DAYS}
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out


@pytest.mark.slow
def test_killed_on_the_way_it_goes_on_to_the_same(made: Shop, start: Callable[..., Started]) -> None:
    made.deploy({"summarise.sh": "sleep 0.2\n" + SUMMARISE})
    began = start("backfill", "daily", "--stale", "--slots", "1")
    named = began.until("backfill ").split()[1]
    began.until("succeeded")
    began.kill()

    made.cronicle("resume", named)

    shown = made.show(named)
    assert (shown["state"], shown["done"], shown["failed"]) == ("succeeded", 3, 0)
    assert "no result is stale" in made.good("backfill", "daily", "--stale").out
    for day in DAYS:
        tasks = {task["task"]: task for task in made.show(f"daily@{day}")["tasks"]}
        assert tasks["report"]["reason"] == "same_inputs"
        assert tasks["extract"]["carried_from"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--missing",),
        ("--all",),
        ("--failed",),
        ("--as-deployed",),
        ("--revision", "HEAD"),
        ("--param", "size=1"),
        ("--downstream",),
    ],
)
def test_what_it_excludes(made: Shop, options: tuple[str, ...]) -> None:
    made.cronicle("backfill", "daily", "--stale", *options).is_clear_error("exclude each other", code=64)


@pytest.mark.slow
def test_one_bound_alone_is_refused(made: Shop) -> None:
    made.cronicle("backfill", "daily", "--stale", "--from", "2020-01-01").is_clear_error(
        "needs its first and its last day", "or none", code=64
    )
