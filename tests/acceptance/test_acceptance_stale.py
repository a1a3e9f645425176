"""What is stale, why, and what is done about it: through the program, as a user would."""

from __future__ import annotations

import json
from typing import Any

import pytest
from acceptance_world import ANA, Shop

FILES = {
    "cronicle.hcl": """
project "weather" {
}
variable "place" {
  default = "/data"
}
""",
    "daily.hcl": """
workflow "daily" {
  schedule {
    cron  = "0 2 * * *"
    start = "2026-01-01"
  }
  task "extract" {
    command = ["sh", "extract.sh", run.date]
  }
  task "summarise" {
    for_each   = toset(["rain", "wind"])
    command    = ["sh", "summarise.sh", each.key]
    depends_on = [task.extract]
  }
  task "report" {
    command    = ["sh", "report.sh"]
    depends_on = [task.summarise]
  }
  task "aside" {
    command = ["sh", "-c", "true"]
  }
}
""",
    "extract.sh": "exit 0\n",
    "summarise.sh": "exit 0\n",
    "report.sh": "exit 0\n",
}
RANGE = ("--from", "2026-01-01", "--to", "2026-01-06")


@pytest.fixture
def history(shop: Shop) -> Shop:
    """Six days of results."""
    shop.deploy(FILES)
    shop.good("backfill", "daily", *RANGE, "--parallel", "4")
    return shop


def stale(shop: Shop, *words: str) -> list[Any]:
    found: list[Any] = shop.json("stale", *words)
    return found


def tasks_of(found: list[Any]) -> list[list[str]]:
    """The stale tasks of each result."""
    return [[task["task"] for task in one["tasks"]] for one in found]


def test_a_changed_script_makes_exactly_the_tasks_downstream_of_it_stale(history: Shop) -> None:
    assert stale(history) == []
    assert "nothing is stale: all 6 results are as they would be made today" in history.good("stale").err

    history.deploy({"summarise.sh": "exit  0\n"})

    found = stale(history)
    assert tasks_of(found) == [["summarise", "report"]] * 6
    assert [one["logical_time"][:10] for one in found] == [f"2026-01-0{day}" for day in (6, 5, 4, 3, 2, 1)]
    summarise, report = found[0]["tasks"]
    assert (summarise["files"], summarise["parts"], summarise["above"]) == (["summarise.sh"], ["inputs"], [])
    assert (report["files"], report["attributes"], report["above"]) == ([], [], ["summarise"])

    said = history.good("stale").out
    assert "daily   6 results stale, 2026-01-01 02:00 to 2026-01-06 02:00" in said
    assert "summarise   summarise.sh changed     git diff " in said
    assert "report      summarise above it is stale" in said
    assert "as they would be today: extract, aside" in said
    assert "to remake them:   cronicle backfill daily --stale" in said
    assert "from the last 6 runs" in said
    assert 'cronicle accept daily/summarise --reason "…"' in said
    assert "accept daily/report" not in said


def test_stale_runs_go_into_pipes(history: Shop) -> None:
    history.deploy({"report.sh": "exit  0\n"})

    ids = history.good("stale", "daily", "--ids").lines
    assert len(ids) == 6
    shown = history.good("show", "-", "--json", stdin="\n".join(ids)).json
    assert [run["id"] for run in shown] == ids
    lines = [json.loads(line) for line in history.good("stale", "--jsonl", "--limit", "2").lines]
    assert [line["id"] for line in lines] == ids[:2]
    assert [one["id"] for one in stale(history, "--from", "2026-01-02", "--to", "2026-01-03")] == ids[3:5]
    history.cronicle("stale", "--limit", "2").is_clear_error("--limit is for lists", code=64)
    history.cronicle("stale", "dayly").is_clear_error("no workflow 'dayly' is deployed", "daily")


def test_comments_and_layout_make_nothing_stale(history: Shop) -> None:
    text = (
        FILES["daily.hcl"]
        .replace("    command", "      command")
        .replace("  task", "\n  # done daily\n  task")
    )
    history.commit({"daily.hcl": f"# of ana\n{text}"})

    assert history.json("plan")["history"] == []
    assert "stale" not in history.good("plan").out
    history.good("apply", "--auto-approve")

    assert stale(history) == []


def test_values_that_differ_by_environment_but_not_in_what_is_done_make_no_difference(shop: Shop) -> None:
    shop.deploy(FILES)
    shop.good("run", "daily", "--time", "2026-01-01")
    shop.good("apply", "--auto-approve", "--var", "place=/elsewhere")
    assert stale(shop) == []

    shop.good("apply", "--auto-approve", "-e", "staging", "--var", "place=/staging")
    shop.good("run", "daily", "--time", "2026-01-01", "-e", "staging")

    runs = [shop.json("show", "daily@2026-01-01", *words) for words in ((), ("-e", "staging"))]
    here, there = ([task["fingerprint"] for task in run["tasks"]] for run in runs)
    assert here == there
    assert stale(shop, "-e", "staging") == []


# Accepting


def test_accepting_makes_results_current_and_revoking_stale_again(history: Shop) -> None:
    history.deploy({"summarise.sh": "exit  0\n"})

    said = history.good("accept", "daily/summarise", "--reason", "only blanks").out
    assert "daily: summarise accepted" in said
    assert "6 results are current by it" in said
    assert stale(history) == []

    (accepted,) = history.json("accept", "--list")
    assert (accepted["workflow"], accepted["task"], accepted["reason"]) == (
        "daily",
        "summarise",
        "only blanks",
    )
    assert (accepted["before"], accepted["revoked_at"], accepted["revoked_by"]) == (None, None, None)
    assert accepted["actor"]["user"]
    assert accepted["new"] != accepted["old"][0]
    listed = history.good("accept", "--list").out
    assert "daily/summarise" in listed
    assert "only blanks" in listed

    back = history.good("accept", "--revoke", str(accepted["id"]), "--reason", "they matter").out
    assert "6 results are stale now" in back
    assert tasks_of(stale(history)) == [["summarise", "report"]] * 6
    (revoked,) = history.json("accept", "--list")
    assert revoked["revoked_at"] is not None
    assert revoked["revoked_by"].startswith(accepted["actor"]["user"])
    history.cronicle("accept", "--revoke", str(accepted["id"]), "--reason", "x").is_clear_error(
        "no acceptance", "cronicle accept --list"
    )


def test_only_what_was_made_before_a_date_is_accepted(history: Shop) -> None:
    history.deploy({"summarise.sh": "exit  0\n"})

    said = history.good("accept", "daily", "--before", "2026-01-04", "--reason", "nobody reads them").out

    assert "3 results are current by it" in said
    assert [one["logical_time"][:10] for one in stale(history)] == ["2026-01-06", "2026-01-05", "2026-01-04"]
    assert "3 results stale, 2026-01-04 02:00 to 2026-01-06 02:00" in history.good("stale").out


def test_what_is_accepted_holds_for_changes_after_it_and_when_going_back(history: Shop) -> None:
    history.deploy({"extract.sh": "exit  0\n"})
    history.good("accept", "daily", "--reason", "blanks")
    history.deploy({"extract.sh": "exit   0\n"})
    assert tasks_of(stale(history)) == [["extract", "summarise", "report"]] * 6
    history.good("accept", "daily/extract", "--reason", "more blanks")
    assert stale(history) == []

    history.good("rollback", "--auto-approve")
    assert stale(history) == []


def test_what_is_not_stale_cannot_be_accepted_and_the_error_says_what_can(history: Shop) -> None:
    history.cronicle("accept", "daily", "--reason", "x").is_clear_error(
        "nothing of daily is stale", "cronicle stale"
    )
    history.deploy({"summarise.sh": "exit  0\n"})
    history.cronicle("accept", "daily/report", "--reason", "x").is_clear_error(
        "stale because of what is above it: summarise", "cronicle accept daily/summarise"
    )
    history.cronicle("accept", "daily/aside", "--reason", "x").is_clear_error(
        "daily/aside is not stale", "cronicle accept daily/summarise"
    )
    history.cronicle("accept", "daily/sumarise", "--reason", "x").is_clear_error("has no task", "summarise")
    history.cronicle("accept", "nightly", "--reason", "x").is_clear_error("no workflow 'nightly'", "daily")
    history.cronicle("accept", "daily").is_clear_error("need a reason", code=64)
    history.cronicle("accept", "--reason", "x").is_clear_error("say what to accept", code=64)
    history.cronicle("accept", "daily", "--before", "soon", "--reason", "x").is_clear_error(
        "--before", code=64
    )
    assert history.json("accept", "--list") == []
    assert tasks_of(stale(history)) == [["summarise", "report"]] * 6


# Plans


def test_a_plan_says_what_turns_stale_and_what_to_do_about_it(history: Shop) -> None:
    revision = history.commit({"summarise.sh": "exit  0\n"})

    (change,) = history.json("plan")["history"]
    assert (change["workflow"], change["turn_stale"], change["stay_stale"]) == ("daily", 6, 0)
    assert [task["task"] for task in change["tasks"]] == ["summarise", "report"]
    assert change["current"] == ["extract", "aside"]
    assert change["first"] == "2026-01-01T02:00:00Z"
    assert change["measured_runs"] == 6
    assert change["commands"] == {
        "remake": ["cronicle backfill daily --stale"],
        "accept": ['cronicle accept daily/summarise --reason "…"'],
    }
    said = history.good("plan").out
    assert "History   6 results of daily turn stale (summarise and report; extract and aside stay)." in said
    assert "cronicle backfill daily --stale     about " in said
    assert "from the last 6 runs" in said
    assert 'cronicle accept daily/summarise --reason "…"' in said

    would = stale(history, "--revision", revision)
    assert tasks_of(would) == [["summarise", "report"]] * 6
    assert stale(history) == []


def test_results_that_are_stale_already_do_not_turn_stale_and_some_turn_current(history: Shop) -> None:
    history.deploy({"summarise.sh": "exit  0\n"})
    history.commit({"report.sh": "exit  0\n"})

    assert history.json("plan")["history"] == []  # report is stale already, of all that there are

    history.good("run", "daily", "--time", "2026-01-01")
    (change,) = history.json("plan")["history"]
    assert (change["turn_stale"], change["stay_stale"]) == (1, 5)

    history.commit({"report.sh": FILES["report.sh"], "summarise.sh": FILES["summarise.sh"]})
    (change,) = history.json("plan")["history"]
    assert (change["turn_stale"], change["turn_current"]) == (1, 5)
    assert "5 stale results of daily are current again." in history.good("plan").out


def test_what_a_deployment_changes_can_be_accepted_with_it(history: Shop) -> None:
    history.commit({"summarise.sh": "exit  0\n"})

    said = history.good("apply", "--auto-approve", "--accept", "only blanks").out

    assert "6 results of daily stay current: what changes in summarise is accepted." in said
    assert "turn stale" not in said
    assert stale(history) == []
    (accepted,) = history.json("accept", "--list")
    assert (accepted["task"], accepted["reason"]) == ("summarise", "only blanks")
    assert accepted["revision"] == history.json("deployments")[0]["revision"]


def test_commits_since_the_deployed_one_can_say_that_they_make_no_difference(history: Shop) -> None:
    history.commit(
        {"summarise.sh": "exit  0\n"},
        "Blanks\n\nThey please.\n\nCronicle-Accept: daily/summarise only blanks\n",
    )
    history.commit(
        {"extract.sh": "exit  0\n"},
        "More\n\nCronicle-Accept: daily/sumarise x\nCronicle-Accept: daily/extract\nReviewed-by: Ben <b@x.org>\n",
    )

    said = history.good("plan")
    assert "commit" in said.err
    assert "workflow daily has no task sumarise" in said.err
    assert "it gives no reason" in said.err
    (change,) = history.json("plan")["history"]
    assert change["accepted_tasks"] == ["summarise"]
    assert (change["turn_stale"], [task["task"] for task in change["tasks"]]) == (
        6, ["extract", "summarise", "report"],
    )  # fmt: skip

    history.good("apply", "--auto-approve")
    history.good("accept", "daily/extract", "--reason", "blanks as well")
    assert stale(history) == []
    reasons = {one["task"]: one["reason"] for one in history.json("accept", "--list")}
    assert reasons["summarise"].startswith("only blanks (")
    assert ANA.name in reasons["summarise"]


# What runs consist of


@pytest.mark.slow
def test_what_was_carried_over_makes_a_new_result_stale(history: Shop) -> None:
    history.deploy({"extract.sh": "exit  0\n"})

    history.good("run", "daily", "--time", "2026-01-02", "--only", "report")
    history.good("run", "daily", "--time", "2026-01-03", "--only", "extract+")
    history.good("run", "daily", "--time", "2026-01-04", "--only", "extract")

    found = {one["logical_time"][:10]: [task["task"] for task in one["tasks"]] for one in stale(history)}
    assert found == {
        "2026-01-01": ["extract", "summarise", "report"],
        "2026-01-02": ["extract", "summarise", "report"],
        "2026-01-04": ["summarise", "report"],
        "2026-01-05": ["extract", "summarise", "report"],
        "2026-01-06": ["extract", "summarise", "report"],
    }

    history.good("accept", "daily/extract", "--reason", "blanks")
    assert stale(history) == []


@pytest.mark.slow
def test_what_was_made_on_top_of_what_was_carried_over_is_stale_wherever_it_is_carried_to(
    history: Shop,
) -> None:
    """`summarise` is made from the old `extract`; then `extract` alone is made anew beside it."""
    history.deploy({"extract.sh": "exit  0\n"})
    for task in ("summarise+", "extract"):
        history.good("run", "daily", "--time", "2026-01-02", "--only", task)

    (found,) = stale(history, "--from", "2026-01-02", "--to", "2026-01-02")
    assert [task["task"] for task in found["tasks"]] == ["summarise", "report"]

    failed = history.cronicle("run", "daily", "--time", "2026-01-02", "--only", "aside", "--json").json
    again = history.json("retry", failed["id"], "--from", "aside")
    (found,) = stale(history, "--from", "2026-01-02", "--to", "2026-01-02")
    assert (found["id"], [task["task"] for task in found["tasks"]]) == (again["id"], ["summarise", "report"])


@pytest.mark.slow
def test_a_retry_of_a_run_that_has_carried_something_over_stays_as_stale(history: Shop) -> None:
    history.deploy({"extract.sh": "exit  0\n", "report.sh": "exit 1\n"})
    failed = history.cronicle("run", "daily", "--time", "2026-01-02", "--only", "report", "--json").json
    history.deploy({"report.sh": "exit 0\n"})

    again = history.json("retry", failed["id"], "--revision", "deployed")
    assert {task["task"] for task in again["tasks"] if task["carried_from"] is None} >= {"extract", "report"}
    assert "2026-01-02" not in [one["logical_time"][:10] for one in stale(history)]


@pytest.mark.slow
def test_what_was_carried_over_is_not_reused_as_if_it_had_been_executed(shop: Shop) -> None:
    reusing = FILES["daily.hcl"].replace("run.date]", "run.date]\n    reuse   = true")
    shop.deploy(FILES | {"daily.hcl": reusing})
    shop.good("run", "daily", "--time", "2026-01-02")
    shop.deploy({"extract.sh": "exit  0\n"})
    only = shop.json("run", "daily", "--time", "2026-01-02", "--only", "report")
    assert [task["carried_from"] is None for task in only["tasks"]] == [False, False, False, True, False]

    again = shop.json("run", "daily", "--time", "2026-01-02")

    assert again["tasks"][0]["carried_from"] is None
    assert stale(shop) == []
    assert shop.json("run", "daily", "--time", "2026-01-02")["tasks"][0]["carried_from"] == again["id"]


@pytest.mark.slow
def test_what_was_marked_by_hand_is_never_stale(history: Shop) -> None:
    history.good("mark", "daily@2026-01-02", "--succeeded", "--reason", "made on the old machine")
    history.deploy({"extract.sh": "exit  0\n"})

    assert "2026-01-02" not in [one["logical_time"][:10] for one in stale(history)]
    assert len(stale(history)) == 5


@pytest.mark.slow
def test_a_renamed_task_is_not_stale_and_what_was_accepted_stays_so(history: Shop) -> None:
    history.deploy({"extract.sh": "exit  0\n"})
    history.good("accept", "daily", "--reason", "blanks")
    renamed = FILES["daily.hcl"].replace('"extract"', '"fetch"').replace("task.extract", "task.fetch")
    moved = "moved {\n  from = workflow.daily.task.extract\n  to   = workflow.daily.task.fetch\n}\n"
    history.commit({"daily.hcl": renamed + moved})

    assert history.json("plan")["history"] == []
    history.good("apply", "--auto-approve")

    assert stale(history) == []
    number = str(history.json("accept", "--list")[0]["id"])
    history.good("accept", "--revoke", number, "--reason", "x")
    assert tasks_of(stale(history)) == [["fetch", "summarise", "report"]] * 6


# Explaining


@pytest.mark.slow
def test_a_run_is_explained_to_be_stale_and_why(history: Shop) -> None:
    revision = history.deploy({"summarise.sh": "exit  0\n"})
    at = f"now that {revision[:7]} is deployed"

    run = history.good("explain", "daily@2026-01-02").out
    assert f"it is stale {at} (summarise: summarise.sh changed; report: summarise above it is stale)" in run
    id_ = history.show("daily@2026-01-02")["id"]
    task = history.good("explain", f"{id_}/summarise").out
    assert f"summarise is stale {at}: summarise.sh changed" in task
    assert "stale" not in history.good("explain", f"{id_}/extract").out

    history.good("accept", "daily", "--reason", "only blanks")
    accepted = history.good("explain", "daily@2026-01-02").out
    assert "is stale" not in accepted
    assert "summarise does something else now, and counts as current: accepted by" in accepted
    assert "only blanks" in accepted
