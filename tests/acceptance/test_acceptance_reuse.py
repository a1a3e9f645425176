"""`reuse` through the command line: what has been done for a logical time is not done again, and one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance_world import Shop

WORKFLOW = """
workflow "daily" {
  schedule {
    cron  = "0 4 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  param "size" {
    default = "1"
  }
  defaults {
    reuse = true
  }
  task "extract" {
    script   = <<-EOT
      echo extract >> $CRONICLE_DATA/done
      echo rows ${shellquote(param.size)} > $CRONICLE_DATA/$CRONICLE_DATE.csv
    EOT
    produces = ["${run.date}.csv"]
  }
  task "summarise" {
    depends_on = [task.extract]
    command    = ["sh", "summarise.sh"]
  }
  task "report" {
    stdin  = task.summarise.stdout
    script = "echo report >> $CRONICLE_DATA/done; cat"
  }
}
"""
SCRIPT = "echo summarise >> $CRONICLE_DATA/done\necho 3 rows\n"
DAY = ("daily", "--time", "2020-01-02")
TASKS = ("extract", "summarise", "report")


@pytest.fixture
def first(shop: Shop) -> str:
    """A run that has executed everything."""
    files = {"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": WORKFLOW, "summarise.sh": SCRIPT}
    shop.deploy(files)
    return shop.good("run", *DAY).run


def data(shop: Shop) -> Path:
    return shop.folder / ".cronicle" / "data" / "weather" / "local"


def executed(shop: Shop, *words: str) -> tuple[list[str], str]:
    """What a run executes beyond what had been; and the run."""
    before = (data(shop) / "done").read_text().splitlines()
    run = shop.good("run", *DAY, *words).run
    return (data(shop) / "done").read_text().splitlines()[len(before) :], run


def test_a_second_run_of_the_same_executes_nothing_and_says_from_where(shop: Shop, first: str) -> None:
    done, run = executed(shop)

    assert done == []
    tasks = shop.show(run)["tasks"]
    assert [(one["state"], one["reason"], one["carried_from"]) for one in tasks] == [
        ("succeeded", "reused", first)
    ] * 3
    explained = shop.good("explain", f"{run}/report").out
    assert (
        f"report was not executed in this run: run {first} had done the same for its logical time"
        in explained
    )
    assert "an earlier run had done the same (reuse)" in shop.good("show", run).out
    # What is reused of a run that had reused it goes back to where it was executed.
    assert shop.show(executed(shop)[1])["tasks"][0]["carried_from"] == first


def test_a_changed_script_is_executed_with_what_is_below_it(shop: Shop, first: str) -> None:
    shop.deploy({"summarise.sh": SCRIPT.replace("3", "4")})

    done, run = executed(shop)

    assert done == ["summarise", "report"]
    assert shop.good("logs", f"{run}/report").out == "4 rows\n"
    explained = shop.good("explain", f"{run}/summarise").out
    assert (
        f"could not reuse what run {first} has: it did something else there: summarise.sh changed: 1 line"
        in explained
    )
    assert (
        "a task above it did something else there: summarise above it, summarise.sh changed: 1 line"
        in shop.good("explain", f"{run}/report").out
    )


def test_other_parameters_another_time_and_experiments_reuse_nothing(shop: Shop, first: str) -> None:
    done, run = executed(shop, "--param", "size=2")
    assert done == list(TASKS)
    assert (
        "no earlier run of this logical time and these parameters"
        in shop.good("explain", f"{run}/extract").out
    )
    other = shop.good("run", "daily", "--time", "2020-01-03").run
    dirty = shop.good("run", *DAY, "--dirty").run
    for each in (other, dirty):
        assert [one["carried_from"] for one in shop.show(each)["tasks"]] == [None] * 3
    assert "only runs that count do" in shop.good("explain", f"{dirty}/extract").out


def test_what_has_been_changed_or_removed_is_made_again(shop: Shop, first: str) -> None:
    (data(shop) / "2020-01-02.csv").write_text("by hand\n")

    done, run = executed(shop)

    # Made again it is as it was before, so that nothing below it has to be.
    assert done == ["extract"]
    assert (
        "what it had made there, or its stdout, was not there any more"
        in shop.good("explain", f"{run}/extract").out
    )
    assert (
        f"what was executed above it has come to the same as before, so that what run {first} had done stands"
        in shop.good("explain", f"{run}/summarise").out
    )
    for path in (shop.folder / ".cronicle" / "stdout" / first).iterdir():
        path.unlink()
    done, run = executed(shop)
    assert done == ["summarise", "report"]
    assert "summarise above it was executed in another run" in shop.good("explain", f"{run}/report").out


def test_what_is_named_is_executed(shop: Shop, first: str) -> None:
    done, run = executed(shop, "--only", "report")

    assert done == ["report"]
    assert "report was named to be executed" in shop.good("explain", f"{run}/report").out
    said = shop.good("retry", run, "--from", "summarise")
    assert "executes summarise, report" in said.err
    assert (data(shop) / "done").read_text().splitlines()[-2:] == ["summarise", "report"]


def test_a_backfill_remakes_only_what_is_not_done(shop: Shop, first: str) -> None:
    days = ("--from", "2020-01-01", "--to", "2020-01-02", "--all")

    shop.good("backfill", "daily", *days)

    assert (data(shop) / "done").read_text().splitlines() == [*TASKS, *TASKS]


def test_what_was_computed_after_another_run_is_computed_again(shop: Shop) -> None:
    text = WORKFLOW.replace('command    = ["sh", "summarise.sh"]', 'command = ["sh", "summarise.sh", SINCE]')
    text = text.replace("SINCE", 'try(previous.run.id, "none")')
    shop.deploy({"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": text, "summarise.sh": SCRIPT})
    shop.good("run", "daily", "--time", "2020-01-01")
    shop.good("run", *DAY)
    assert executed(shop)[0] == []

    shop.good("run", "daily", "--time", "2020-01-01", "--only", "report")
    done, run = executed(shop)

    assert done == ["summarise", "report"]
    assert "the run before it was another one then" in shop.good("explain", f"{run}/summarise").out


def test_what_makes_the_difference_is_named_by_attribute_and_upstream(shop: Shop, first: str) -> None:
    text = WORKFLOW.replace("echo rows", "echo a row").replace(
        '["sh", "summarise.sh"]', '["sh", "summarise.sh", "x"]'
    )
    shop.deploy({"daily.hcl": text})

    run = executed(shop)[1]

    extract, summarise, report = (shop.good("explain", f"{run}/{name}").out for name in TASKS)
    assert f"could not reuse what run {first} has: it did something else there: script " in extract
    assert 'command ["sh", "summarise.sh"] → ["sh", "summarise.sh", "x"]' in summarise
    assert "extract above it, script " in report
    assert 'summarise above it, command ["sh", "summarise.sh"]' in report


def test_a_task_that_does_not_say_reuse_is_told_what_earlier_runs_have_done(shop: Shop) -> None:
    files = {"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": WORKFLOW.replace("reuse = true", "")}
    shop.deploy({**files, "summarise.sh": SCRIPT})
    first = shop.good("run", *DAY).run
    assert "had done the same" not in shop.good("explain", f"{first}/extract").out

    same = shop.good("run", *DAY).run
    shop.deploy({"summarise.sh": SCRIPT.replace("3", "4")})
    other = shop.good("run", *DAY).run

    said = shop.good("explain", f"{same}/extract").out
    assert (
        f"run {first} had done the same, with an equal fingerprint: extract does not say `reuse = true`"
        in said
    )
    said = shop.good("explain", f"{other}/summarise").out
    assert (
        f"run {same} had a result of summarise: it did something else there: summarise.sh changed: 1 line"
        in said
    )


def test_inputs_say_why_they_are_inputs(shop: Shop, first: str) -> None:
    inputs = [
        {
            "path": "summarise.sh",
            "declared": False,
            "why": "named",
            "of": "summarise.sh",
            "text": "argument of command",
        }
    ]

    assert shop.json("explain", f"{first}/summarise")["inputs"] == inputs
    assert shop.show(f"{first}/summarise")["tasks"][0]["inputs"] == inputs
    assert shop.show(first)["tasks"][1]["inputs"] is None
    for words in (("explain", f"{first}/summarise"), ("show", f"{first}/summarise"), ("plan", "--inputs")):
        assert "summarise.sh  argument of command" in shop.good(*words).out
    [planned] = shop.json("plan")["inputs"]
    assert (planned["workflow"], planned["task"], planned["inputs"]) == ("daily", "summarise", inputs)
    shop.commit({"summarise.sh": SCRIPT + "\n"})
    assert "summarise.sh   changed: 1 line   (inferred input: argument of command)" in shop.good("plan").out
