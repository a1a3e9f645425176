"""Remaking history: each day as it was deployed then, a few runs first, and what follows."""

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
  task "report" {
    script = <<-EOT
      mkdir -p "$CRONICLE_DATA/reports"
      echo "VERSION" > "$CRONICLE_DATA/reports/$CRONICLE_DATE"
    EOT
  }
}
"""
RANGE = ("--from", "2020-01-01", "--to", "2020-01-08")


def data(shop: Shop) -> Path:
    return shop.folder / ".cronicle" / "data" / "weather" / "local"


def reports(shop: Shop) -> dict[str, str]:
    """What is in each day's report."""
    return {path.name[-2:]: path.read_text().strip() for path in sorted((data(shop) / "reports").iterdir())}


def daily(version: str) -> str:
    return WORKFLOW.replace("VERSION", version)


@pytest.fixture
def three(shop: Shop) -> list[str]:
    """Three deployments: before the third of January, before the fifth, and before the seventh."""
    revisions = [
        shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": daily(version)}, version)
        for version in ("one", "two", "three")
    ]
    shop.deployed_at("2020-01-02T12:00:00Z", "2020-01-04T12:00:00Z", "2020-01-06T12:00:00Z")
    return revisions


# -- as deployed -------------------------------------------------------------------------------------------------


def test_each_day_gets_the_revision_that_was_deployed_then(shop: Shop, three: list[str]) -> None:
    said = shop.good("backfill", "daily", *RANGE, "--as-deployed", "--dry-run").out
    assert "6 ticks, 2020-01-01 to 2020-01-08, as deployed at the time" in said
    assert f"2 runs at {three[1][:7]} (deployment 2)" in said
    assert "2 ticks left out: nothing was deployed yet" in said

    made = shop.good("backfill", "daily", *RANGE, "--as-deployed", "--json")

    assert reports(shop) == {
        "03": "one",
        "04": "one",
        "05": "two",
        "06": "two",
        "07": "three",
        "08": "three",
    }
    assert made.json["revisions"] == [
        {"revision": revision, "deployment": number, "ticks": 2} for number, revision in enumerate(three, 1)
    ]
    runs = shop.json("runs", "daily")[::-1]
    assert [run["revision"] for run in runs] == [one for one in three for _ in range(2)]
    assert [run["deployment"] for run in runs] == [1, 1, 2, 2, 3, 3]
    assert all(run["counts"] and run["cause"] == "backfill" for run in runs)
    shown = shop.good("show", made.backfill).out
    assert f"{three[0]}   deployment 1, 2 ticks" in shown


def test_repeating_it_does_nothing_and_only_what_is_of_another_revision_is_remade(
    shop: Shop, three: list[str]
) -> None:
    shop.good("backfill", "daily", *RANGE)  # all at the third

    assert shop.json("backfill", "daily", *RANGE, "--as-deployed")["total"] == 4
    assert set(reports(shop).values()) == {"one", "two", "three"}
    nothing = shop.good("backfill", "daily", *RANGE, "--as-deployed")
    assert "6 have a result at the revision of their time already" in nothing.out
    assert "nothing to do" in nothing.out
    assert shop.json("backfill", "daily", *RANGE, "--as-deployed", "--all")["total"] == 6


def test_the_ticks_are_those_of_the_schedule_of_then_and_a_former_name_is_followed(shop: Shop) -> None:
    former = daily("one").replace('workflow "daily"', 'workflow "old"').replace("0 4 * * *", "0 4,16 * * *")
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": former})
    moved = "moved {\n  from = workflow.old\n  to   = workflow.daily\n}\n"
    shop.deploy({"daily.hcl": daily("two") + moved})
    shop.deploy({"daily.hcl": daily("two").replace('workflow "daily"', 'workflow "other"')})
    shop.deploy({"daily.hcl": daily("four")})
    shop.deployed_at(
        "2020-01-01T12:00:00Z", "2020-01-03T12:00:00Z", "2020-01-05T12:00:00Z", "2020-01-07T12:00:00Z"
    )

    planned = shop.json("backfill", "daily", *RANGE, "--as-deployed", "--dry-run")

    assert [time[8:13] for time in planned["logical_times"]] == [
        "01T16",
        "02T04",
        "02T16",
        "03T04",
        "04T04",
        "05T04",
        "08T04",
    ]
    assert {one["reason"]: one["ticks"] for one in planned["impossible"]} == {
        "nothing was deployed yet": 1,
        "deployment 3 did not have the workflow": 2,
    }
    shop.good("backfill", "daily", *RANGE, "--as-deployed")
    assert {run["workflow"] for run in shop.json("runs", "--limit", "100")} == {"daily"}
    assert reports(shop) == {"01": "one", "02": "one", "03": "one", "04": "two", "05": "two", "08": "four"}


def test_values_and_parameters_are_those_of_then(shop: Shop) -> None:
    variable = 'variable "city" {\n  type    = string\n  default = "oslo"\n}\n'
    text = daily("${var.city} ${param.size}").replace(
        'task "report"', 'param "size" {\n default = "SIZE"\n}\ntask "report"'
    )
    shop.deploy({"cronicle.hcl": PROJECT + variable, "daily.hcl": text.replace("SIZE", "small")})
    shop.commit({"daily.hcl": text.replace("SIZE", "large")})
    shop.good("apply", "--auto-approve", "--var", "city=rome")
    shop.deployed_at("2019-12-31T00:00:00Z", "2020-01-02T12:00:00Z")
    days = ("--from", "2020-01-02", "--to", "2020-01-03", "--as-deployed")

    shop.good("backfill", "daily", *days)
    assert reports(shop) == {"02": "oslo small", "03": "rome large"}

    shop.good("backfill", "daily", *days, "--all", "--param", "size=huge")
    assert reports(shop) == {"02": "oslo huge", "03": "rome huge"}


def test_a_failed_one_is_retried_at_its_own_revision(shop: Shop, three: list[str], place: Path) -> None:
    broken = daily("one").replace("script = <<-EOT", f"script = <<-EOT\n      test -e {place}/there")
    shop.deploy({"daily.hcl": broken})
    shop.deployed_at(
        "2020-01-02T12:00:00Z", "2020-01-04T12:00:00Z", "2020-01-05T12:00:00Z", "2020-01-07T12:00:00Z"
    )
    said = shop.cronicle("backfill", "daily", *RANGE, "--as-deployed")
    assert said.code == 1
    again = "cronicle backfill daily --from 2020-01-01 --to 2020-01-08 --as-deployed --failed"
    assert again in said.err

    (place / "there").touch()
    shop.good(*again.split()[1:])

    (last, *_) = shop.json("runs", "daily")
    assert (last["date"], last["deployment"], last["state"]) == ("2020-01-08", 4, "succeeded")


@pytest.mark.slow
def test_it_excludes_another_revision(shop: Shop, three: list[str]) -> None:
    shop.cronicle("backfill", "daily", *RANGE, "--as-deployed", "--revision", "HEAD").is_clear_error(
        "--as-deployed and --revision exclude each other", code=64
    )


# -- a canary ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_rest_waits_for_the_canaries_and_resuming_tries_them_again(shop: Shop, place: Path) -> None:
    tried = daily("x").replace("script = <<-EOT", f"script = <<-EOT\n      test -e {place}/there")
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": tried})
    dry = shop.good("backfill", "daily", *RANGE, "--canary", "2", "--dry-run").out
    assert "the first 2 before the others (--canary)" in dry

    said = shop.cronicle("backfill", "daily", *RANGE, "--canary", "2", "--slots", "1")

    assert said.code == 1
    first = shop.json("runs", "daily")[-1]
    assert f"canary run {first['id']} of 2020-01-01 failed; the other 6 ticks wait for it" in said.err
    assert f"cronicle resume {said.backfill}" in said.err
    shown = shop.show(said.backfill)
    assert (shown["state"], shown["canary"]) == ("paused", 2)
    assert len(shop.json("runs", "daily")) <= 2

    (place / "there").touch()
    resumed = shop.good("resume", said.backfill, "--json").json
    assert (resumed["state"], resumed["done"], resumed["failed"]) == ("succeeded", 8, 0)


# -- downstream --------------------------------------------------------------------------------------------------

FOLLOWED = """
workflow "hourly" {
  schedule {
    cron  = "0 */6 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  task "load" {
    script = "echo hourly $CRONICLE_TIME >> $CRONICLE_DATA/done; test ! -e $CRONICLE_DATA/broken"
  }
}
workflow "check" {
  after = [workflow.hourly]
  task "look" { script = "echo check $CRONICLE_TIME >> $CRONICLE_DATA/done" }
}
workflow "daily" {
  schedule {
    cron  = "0 0 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  requires = [workflow.hourly]
  task "sum" { script = "echo daily $CRONICLE_TIME >> $CRONICLE_DATA/done" }
}
workflow "weekly" {
  after = [workflow.daily]
  task "sum" { script = "echo weekly $CRONICLE_TIME >> $CRONICLE_DATA/done" }
}
workflow "alarm" {
  after       = [workflow.hourly]
  after_state = "failed"
  task "tell" { script = "echo alarm >> $CRONICLE_DATA/done" }
}
workflow "apart" {
  schedule { cron = "0 0 * * *" }
  task "a" { script = "echo apart >> $CRONICLE_DATA/done" }
}
"""
DAY = ("--from", "2020-01-05T06:00:00Z", "--to", "2020-01-06T00:00:00Z")


def done(shop: Shop) -> list[str]:
    return (data(shop) / "done").read_text().splitlines()


@pytest.fixture
def chain(shop: Shop) -> Shop:
    """Workflows that follow each other, with something to read for each hour."""
    shop.deploy({"cronicle.hcl": PROJECT, "all.hcl": FOLLOWED})
    return shop


@pytest.mark.slow
def test_all_that_follows_is_remade_after_it_in_order(chain: Shop) -> None:
    dry = chain.good("backfill", "hourly", *DAY, "--downstream", "--dry-run")
    assert [line.split()[0] for line in dry.out.splitlines() if not line.startswith(" ")] == [
        "hourly",
        "check",
        "daily",
        "weekly",
        "alarm",
    ]
    assert "alarm   follows, and is left out" in dry.out
    assert chain.json("runs") == []

    made = chain.good("backfill", "hourly", *DAY, "--downstream", "--json")

    kinds = [line.split()[0] for line in done(chain)]
    assert kinds == ["hourly"] * 4 + ["check"] * 4 + ["daily"] + ["weekly"]
    assert "daily 2020-01-06T00:00:00+00:00" in done(chain)
    assert "weekly 2020-01-06T00:00:00+00:00" in done(chain)
    first, *others = made.json, *made.json["downstream"]
    assert [one["workflow"] for one in others] == ["check", "daily", "weekly"]
    assert [one["waits_for"] for one in (first, *others)] == [
        None,
        *(one["id"] for one in (first, *others[:-1])),
    ]
    assert {one["state"] for one in (first, *others)} == {"succeeded"}

    nothing = chain.good("backfill", "hourly", *DAY, "--downstream")
    assert nothing.out.count("nothing to do") == 4


@pytest.mark.slow
def test_what_is_made_from_something_that_is_made_anew_is_made_anew(chain: Shop) -> None:
    chain.good("backfill", "hourly", *DAY, "--downstream")
    before = len(done(chain))

    chain.good("backfill", "hourly", "--from", DAY[1], "--to", DAY[1], "--downstream", "--all")

    assert [line.split()[0] for line in done(chain)[before:]] == ["hourly", "check", "daily", "weekly"]


@pytest.mark.slow
def test_a_failure_pauses_those_that_wait_and_one_command_resumes_them_all(chain: Shop) -> None:
    data(chain).mkdir(parents=True)
    (data(chain) / "broken").touch()

    said = chain.cronicle("backfill", "hourly", *DAY, "--downstream", "--max-failures", "1")

    assert said.code == 1
    states = {one["workflow"]: one for one in chain.json("backfills")}
    assert {one["state"] for one in states.values()} == {"paused"}
    assert f"it waits for backfill {said.backfill} of hourly, which is paused" in states["check"]["reason"]
    assert f"go on with them   cronicle resume {said.backfill}" in said.err

    (data(chain) / "broken").unlink()
    failed = chain.cronicle("resume", states["weekly"]["id"])  # any of them means all
    assert failed.code == 1  # what had failed has failed
    states = {one["workflow"]: one for one in chain.json("backfills")}
    assert states["hourly"]["state"] == "failed"
    assert states["check"]["state"] == "paused"

    again = ("backfill", "hourly", *DAY, "--failed")
    chain.good(*again)
    chain.good("resume", states["check"]["id"])
    assert {one["state"] for one in chain.json("backfills")} == {"succeeded", "failed"}
    assert "weekly 2020-01-06T00:00:00+00:00" in done(chain)


@pytest.mark.slow
def test_ctrl_c_pauses_them_all(chain: Shop, start: Callable[..., Started]) -> None:
    slow = FOLLOWED.replace("test ! -e $CRONICLE_DATA/broken", "sleep 0.3")
    chain.deploy({"all.hcl": slow})
    began = start("backfill", "hourly", *DAY, "--downstream", "--slots", "1")
    began.until("hourly@2020-01-05")

    began.interrupt()
    said = began.end()

    assert said.code == 130
    found = chain.json("backfills")
    assert {(one["state"], one["reason"]) for one in found} == {("paused", "interrupted")}
    first = next(one["id"] for one in found if one["workflow"] == "hourly")
    assert f"cronicle resume {first}" in said.err
    chain.good("resume", first)
    assert {one["state"] for one in chain.json("backfills")} == {"succeeded"}


@pytest.mark.slow
def test_detached_they_are_left_to_be_gone_on_with(chain: Shop) -> None:
    left = chain.good("backfill", "hourly", *DAY, "--downstream", "--detach", "--json")

    assert [one["workflow"] for one in left.json["downstream"]] == ["check", "daily", "weekly"]
    chain.good("resume", left.json["id"])
    assert {one["state"] for one in chain.json("backfills")} == {"succeeded"}


@pytest.mark.slow
def test_another_revision_runs_all_of_them(chain: Shop) -> None:
    revision = chain.commit({"all.hcl": FOLLOWED.replace("echo ", "echo new-")})

    chain.good("backfill", "hourly", *DAY, "--downstream", "--revision", revision)

    assert {line.split()[0] for line in done(chain)} == {
        "new-hourly",
        "new-check",
        "new-daily",
        "new-weekly",
    }


@pytest.mark.slow
def test_as_deployed_holds_for_what_follows_too(chain: Shop) -> None:
    chain.deploy({"all.hcl": FOLLOWED.replace("echo ", "echo new-")})
    chain.deployed_at("2020-01-01T00:00:00Z", "2020-01-05T13:00:00Z")

    chain.good("backfill", "hourly", *DAY, "--downstream", "--as-deployed")

    assert [line.split()[0] for line in done(chain)].count("new-hourly") == 2
    assert [line.split()[0] for line in done(chain)].count("check") == 2
    assert "new-daily 2020-01-06T00:00:00+00:00" in done(chain)
