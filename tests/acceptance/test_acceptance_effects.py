"""Before anything is deployed it is told how many runs that will cause, and which ticks of the past make none."""

from __future__ import annotations

from typing import Any

from acceptance_world import Shop

PROJECT = 'project "weather" { }\n'
TASK = 'task "extract" {\n    command = ["true"]\n  }\n'


def daily(schedule: str, *, name: str = "daily", more: str = "", task: str = TASK) -> dict[str, str]:
    text = f'workflow "{name}" {{\n  {more}\n  schedule {{\n{schedule}\n  }}\n  {task}}}\n'
    return {"cronicle.hcl": PROJECT, "daily.hcl": text}


def caused(shop: Shop) -> Any:
    return shop.json("plan")["runs_caused"]


PAST = 'cron  = "0 4 * * *"\nstart = "2012-01-01"\n'


def test_removing_the_end_of_a_schedule_makes_no_run_and_says_how_to_have_them(shop: Shop) -> None:
    shop.deploy(daily(PAST + 'end = "2016-01-01"'))
    shop.commit(daily(PAST))

    said = shop.good("plan").out

    found = caused(shop)
    assert found["total"] == 0
    (series,) = found["series"]
    assert series["past"]["from"] == "2016-01-01"
    assert series["past"]["command"] in said
    assert "no runs by itself" in said
    assert series["past"]["command"] in shop.good("apply", "--auto-approve").out
    dry = shop.good(*series["past"]["command"].split()[1:], "--dry-run").out
    assert f"{series['past']['ticks']:,}" in dry or str(series["past"]["ticks"]) in dry
    assert shop.json("runs") == []


def test_a_plan_that_changes_nothing_causes_nothing_and_does_not_say_so(shop: Shop) -> None:
    shop.deploy(daily(PAST))

    assert "Causes" not in shop.good("plan").out
    assert caused(shop) == {
        "total": 0,
        "problem": None,
        "on_deploy": [],
        "series": [
            {"workflow": "daily", "instance": None, "series": None, "runs": 0, "dropped": 0, "past": None}
        ],
    }


def test_a_workflow_that_runs_on_deploy_runs_when_it_changes_and_not_when_it_is_renamed(shop: Shop) -> None:
    schedule = 'cron = "0 4 * * *"'
    shop.commit(daily(schedule, more="on_deploy = true"))
    assert caused(shop)["on_deploy"] == ["daily"]
    assert "1 of daily for the deployment itself" in shop.good("apply", "--auto-approve").out
    assert caused(shop)["on_deploy"] == []

    moved = "moved {\n  from = workflow.daily\n  to   = workflow.weather\n}\n"
    shop.commit(daily(schedule, name="weather", more="on_deploy = true") | {"moved.hcl": moved})
    said = shop.good("plan").out
    assert "~ workflow weather   (was daily: its history stays)" in said
    assert "0 to add, 1 to change, 0 to remove." in said
    assert caused(shop)["total"] == 0
    assert shop.json("apply", "--auto-approve")["runs_caused"]["total"] == 0
    assert "Nothing to change" in shop.good("plan").out


def test_a_renamed_task_is_shown_as_one_change(shop: Shop) -> None:
    schedule = 'cron = "0 4 * * *"'
    shop.deploy(daily(schedule))
    moved = "moved {\n  from = workflow.daily.task.extract\n  to   = workflow.daily.task.fetch\n}\n"
    shop.commit(daily(schedule, task=TASK.replace("extract", "fetch")) | {"moved.hcl": moved})

    said = shop.good("plan").out

    assert "~ task fetch   (was extract: its history stays)" in said
    assert "- task" not in said


def test_a_retry_at_the_deployed_revision_carries_over_what_has_another_name_now(shop: Shop) -> None:
    tasks = """
  task "extract" {
    command = ["sh", "-c", "echo rows=3 >> $CRONICLE_OUTPUT"]
  }
  task "report" {
    command = ["sh", "-c", "exit ${task.extract.output.rows}"]
  }
"""
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": f'workflow "daily" {{\n{tasks}}}\n'})
    failed = shop.cronicle("run", "daily", "--json").json
    assert failed["state"] == "failed"

    renamed = tasks.replace("extract", "fetch").replace("exit ", "echo ")
    moved = "moved {\n  from = workflow.daily.task.extract\n  to   = workflow.daily.task.fetch\n}\n"
    shop.deploy({"daily.hcl": f'workflow "daily" {{\n{renamed}}}\n{moved}'})
    retried = shop.json("retry", failed["id"], "--revision", "deployed")

    assert retried["state"] == "succeeded"
    fetch = next(task for task in retried["tasks"] if task["task"] == "fetch")
    assert fetch["carried_from"] == failed["id"]
    assert fetch["output"] == {"rows": "3"}
