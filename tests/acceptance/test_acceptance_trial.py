"""A candidate for the last logical times: isolated, with a copy of the data, each compared with what counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from acceptance_world import Bell, Shop, Started
from long_history import production

PROJECT = 'project "weather" { }\n'
DAILY = """
workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  param "city" {
    type    = string
    default = "oslo"
  }
  task "extract" {
    script   = <<-EOT
      mkdir -p "$CRONICLE_DATA/out"
      echo "$CRONICLE_DATE" >> "$CRONICLE_DATA/seen"
      echo "rows of $CRONICLE_DATE in $CITY" > "$CRONICLE_DATA/out/$CRONICLE_DATE.txt"
    EOT
    env      = { CITY = param.city }
    produces = ["out/${run.date}.txt"]
  }
  task "count" {
    depends_on = [task.extract]
    script     = <<-EOT
      echo "days=$(wc -l < "$CRONICLE_DATA/seen")" >> "$CRONICLE_OUTPUT"
      echo "words=$(wc -w < "$CRONICLE_DATA/out/$CRONICLE_DATE.txt")" >> "$CRONICLE_OUTPUT"
    EOT
  }
}
"""
DAYS = ("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04")


@pytest.fixture
def past(shop: Shop) -> Shop:
    """Four days that have a result."""
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": without_days(DAILY)})
    for day in DAYS:
        shop.good("run", "daily", "--time", day)
    return shop


def without_days(text: str) -> str:
    return text.replace('days=$(wc -l < "$CRONICLE_DATA/seen")', "days=1")


def test_a_candidate_that_does_the_same_is_found_equal(past: Shop) -> None:
    past.commit({"daily.hcl": without_days(DAILY).replace('echo "rows', "echo 'rows'\"")})
    before = production(past)

    said = past.good("trial", "daily", "--revision", "HEAD")

    assert "3 of 3 have come to the same." in said.out
    assert "cronicle apply --revision" in said.out
    assert [line.split()[0] for line in said.lines[1:4]] == ["2020-01-04", "2020-01-03", "2020-01-02"]
    assert production(past) == before
    runs = past.json("runs", "--cause", "trial")
    assert [run["counts"] for run in runs] == [False] * 3
    assert len({run["experiment"]["session"] for run in runs}) == 1
    assert {run["experiment"]["data"] for run in runs} == {"copy"}
    assert runs[-1]["experiment"]["session"] in {run["id"] for run in runs}


def test_what_differs_is_told_for_each_logical_time(past: Shop) -> None:
    past.commit({"daily.hcl": without_days(DAILY).replace("rows of", "all rows of")})

    said = past.cronicle("trial", "daily", "--last", "2")
    document = past.cronicle("trial", "daily", "--last", "2", "--json")

    assert (said.code, document.code) == (1, 1)
    assert "0 of 2 have come to the same." in said.out
    assert "count: output.words" in said.out
    assert "extract: made out/2020-01-04.txt" in said.out
    assert "cronicle diff" in said.out
    trial = document.json
    assert (trial["outcome"], trial["data"]) == ("different", "copy")
    assert [one["outcome"] for one in trial["trials"]] == ["different"] * 2
    assert [one["result"]["date"] for one in trial["trials"]] == ["2020-01-04", "2020-01-03"]
    assert all(one["run"]["experiment"]["of"] == one["result"]["id"] for one in trial["trials"])


@pytest.mark.slow
def test_each_has_a_copy_of_the_data_of_its_own_unless_it_is_to_be_empty(past: Shop) -> None:
    past.commit({"daily.hcl": DAILY})
    past.cronicle("trial", "daily", "--last", "3")
    past.cronicle("trial", "daily", "--last", "1", "--data", "empty")

    runs = past.json("runs", "--cause", "trial")
    days = [past.show(run["id"])["tasks"][1]["output"]["days"] for run in runs]

    assert days == ["1", "5", "5", "5"]


@pytest.mark.slow
def test_the_working_directory_can_be_tried_and_chosen_times(past: Shop) -> None:
    past.write({"daily.hcl": without_days(DAILY).replace("rows of", "lines of")})

    said = past.cronicle(
        "trial", "daily", "--dirty", "--time", "2020-01-01", "--time", "2020-01-03", "--json"
    )

    assert said.code == 1
    trial = said.json
    assert trial["dirty"] is True
    assert [one["result"]["date"] for one in trial["trials"]] == ["2020-01-03", "2020-01-01"]
    past.cronicle("trial", "daily", "--time", "2021-05-05").is_clear_error("has no result for 2021-05-05")
    past.cronicle("trial", "daily", "--dirty", "--revision", "HEAD").is_clear_error(
        "exclude each other", code=64
    )


@pytest.mark.slow
def test_parameters_are_those_of_the_result_unless_given(past: Shop) -> None:
    past.good("run", "daily", "--time", "2020-01-04", "--param", "city=rome")
    past.commit({"daily.hcl": without_days(DAILY) + "# the same\n"})

    assert past.good("trial", "daily", "--last", "1").out.count("same") >= 1
    given = past.cronicle("trial", "daily", "--last", "1", "--param", "city=bergen", "--json")
    assert given.code == 1
    assert past.show(given.json["trials"][0]["run"]["id"])["params"] == {"city": "bergen"}


@pytest.mark.slow
def test_only_some_tasks_are_executed_the_others_stand_with_what_they_made(past: Shop) -> None:
    past.commit({"daily.hcl": without_days(DAILY).replace("wc -w", "wc -c")})

    said = past.cronicle("trial", "daily", "--last", "1", "--only", "count", "--data", "empty", "--json")

    assert said.code == 1
    run = past.show(said.json["trials"][0]["run"]["id"])
    assert run["tasks"][0]["carried_from"] == said.json["trials"][0]["result"]["id"]
    assert run["tasks"][1]["output"]["words"] == "27"


@pytest.mark.slow
def test_ctrl_c_cancels_it(past: Shop, bell: Bell, start: Callable[..., Started]) -> None:
    past.commit(
        {"daily.hcl": without_days(DAILY).replace("mkdir", f"echo here > {bell.path}; sleep 60; mkdir")}
    )
    begun = start("trial", "daily", "--last", "2")
    bell.wait()

    begun.interrupt()
    said = begun.end()

    assert said.code == 130
    assert "nothing of it counts" in said.err
    assert {run["state"] for run in past.json("runs", "--cause", "trial")} == {"cancelled"}


@pytest.mark.slow
def test_what_has_no_result_cannot_be_tried(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": DAILY})

    shop.cronicle("trial", "daily").is_clear_error("daily has no result", "cronicle run daily")
