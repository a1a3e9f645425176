"""Planning and deploying: what would change is told task by task, and nothing is changed by telling it."""

from __future__ import annotations

from typing import Any

from acceptance_world import Shop

FILES = {
    "cronicle.hcl": 'project "weather" { }\n',
    "daily.hcl": """
workflow "daily" {
  schedule {
    cron     = "55 23 * * *"
    timezone = "America/Los_Angeles"
  }
  task "extract" {
    command = ["python3", "extract.py", "--date", run.date]
    retry {
      attempts = 3
    }
  }
  task "summarise" {
    for_each = toset(["rain", "wind"])
    command  = ["python3", "summarise.py", each.key]
    stdin    = task.extract.stdout
  }
  task "report" {
    depends_on = [task.summarise]
    script     = "sh report.sh"
  }
}
""",
    "old.hcl": 'workflow "old" {\n  task "a" {\n    command = ["true"]\n  }\n}\n',
    "extract.py": "import station\nprint('row')\n",
    "station.py": "name = 'seattle'\n",
    "summarise.py": "print('mean')\n",
    "report.sh": "echo report\n",
    "notes.txt": "nothing that runs\n",
}


def change_of(plan: Any, workflow: str) -> Any:
    return next(change for change in plan["workflows"] if change["name"] == workflow)


def test_a_plan_makes_nothing_and_says_by_its_exit_code_whether_there_is_something_to_do(shop: Shop) -> None:
    shop.commit(FILES)

    first = shop.cronicle("plan", "--detailed-exitcode")

    assert first.code == 2
    assert "nothing deployed yet" in first.out
    assert "+ workflow daily" in first.out
    assert "2 to add, 0 to change, 0 to remove." in first.out
    assert first.out.rstrip().endswith("To deploy it: cronicle apply")
    assert not (shop.folder / ".cronicle").exists()
    assert shop.cronicle("plan").code == 0

    shop.good("apply", "--auto-approve")
    after = shop.cronicle("plan", "--detailed-exitcode")
    assert (after.code, after.err) == (0, "")
    assert "Nothing to change" in after.out
    assert "Nothing to change" in shop.good("apply", "--auto-approve").out
    assert len(shop.json("deployments")) == 1


def test_a_plan_tells_task_by_task_what_changes_and_why(shop: Shop) -> None:
    old = shop.deploy(FILES)
    (shop.folder / "old.hcl").unlink()
    new = shop.commit(
        {
            "station.py": "name = 'boston'\n",  # imported by extract.py, named nowhere
            "report.sh": "echo a report\n",  # a word of a script
            "notes.txt": "still nothing\n",
            "daily.hcl": FILES["daily.hcl"].replace("attempts = 3", "attempts = 5"),
            "new.hcl": FILES["old.hcl"].replace('"old"', '"new"'),
        },
        "Move to Boston",
    )

    said = shop.cronicle("plan", "--detailed-exitcode")

    assert said.code == 2
    lines = [line.strip() for line in said.out.splitlines()]
    assert old[:7] in lines[0]
    assert new[:7] in lines[0]
    assert "Move to Boston" in lines[0]
    text = "\n".join(lines)
    for part in ("~ workflow daily", "~ task extract", "station.py", "retry.attempts", "3 → 5",
                 "summarise", "extract changed, above it", "~ task report", "report.sh",
                 "+ workflow new", "- workflow old", "1 to add, 1 to change, 1 to remove."):  # fmt: skip
        assert part in text, f"{part!r} is not in:\n{said.out}"
    assert "notes.txt" not in said.out
    assert "summarise.py" not in said.out

    plan = shop.json("plan")
    assert plan["revision"] == new
    told = said.out.split("\n\nTo deploy it")[0].partition("\n")[2]
    assert told in shop.good("apply", "--auto-approve").out
    assert shop.cronicle("plan", "--detailed-exitcode").code == 0


def test_a_change_that_touches_nothing_that_runs_says_so(shop: Shop) -> None:
    shop.deploy(FILES)
    shop.commit({"notes.txt": "other notes\n", "daily.hcl": "# a comment\n" + FILES["daily.hcl"]})

    said = shop.cronicle("plan", "--detailed-exitcode")

    assert said.code == 2
    assert "No workflow changes; only the revision does." in said.out


def test_rolling_back_goes_further_back_each_time_and_changes_no_history(shop: Shop) -> None:
    revisions = [
        shop.deploy(FILES | {"station.py": f"name = '{city}'\n"}) for city in ("rome", "oslo", "bonn")
    ]
    run = shop.json("run", "old")

    back = shop.json("rollback", "--auto-approve")
    assert back["revision"] == revisions[1]
    assert shop.json("rollback", "--auto-approve")["revision"] == revisions[0]
    shop.cronicle("rollback", "--auto-approve").is_clear_error(
        "there is no deployment before", "cronicle deployments"
    )

    assert shop.show(run["id"]) == run
    assert shop.json("run", "old")["revision"] == revisions[0]
    assert [one["revision"] for one in shop.json("deployments")] == [
        revisions[0], revisions[1], revisions[2], revisions[1], revisions[0],
    ]  # fmt: skip


def test_what_is_deployed_can_be_seen_in_git(shop: Shop) -> None:
    assert shop.repository is not None
    revision = shop.deploy(FILES)

    commit = shop.repository.revparse_single("refs/cronicle/deployments/weather/local")

    assert str(commit.parents[-1].id) == revision
    assert "Cronicle-Deployment: 1" in commit.message
    assert shop.repository.status() == {}  # the store is seen by nobody


def test_without_a_terminal_nothing_is_deployed_unasked(shop: Shop) -> None:
    shop.commit(FILES)

    said = shop.cronicle("apply")

    assert said.code == 1
    assert "there is no terminal to ask for approval, so nothing was deployed" in said.err
    assert "cronicle apply --auto-approve" in said.err
    assert not (shop.folder / ".cronicle").exists()
