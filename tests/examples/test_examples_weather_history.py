"""The weather of Seattle over three deployments: each day as it was deployed then, and what of it is stale since.

The history is that of the example with a `produces` in its tasks: without it nobody knows what a task leaves behind.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pygit2
import pytest
from examples_world import Project, new_project

ANA = pygit2.Signature("Ana", "ana@example.org", 1_700_000_000, 0)
CUTS = ("2011-12-31", "2012-01-05", "2012-01-09")
"""When the three deployments of the small history were made: at noon in UTC."""
SMALL = ("2012-01-01", "2012-01-12", CUTS)
FOUR_YEARS = ("2012-01-01", "2015-12-31", ("2011-12-31", "2013-03-10", "2014-11-02"))


@attrs.frozen
class History:
    """A project with three deployments, and the range of days that it is about."""

    project: Project
    first: str
    last: str
    cuts: tuple[str, ...]
    revisions: list[str]

    @property
    def range(self) -> tuple[str, ...]:
        return "--from", self.first, "--to", self.last

    def write(self, name: str, *changes: tuple[str, str]) -> None:
        """Change a file."""
        path = self.project.folder / name
        text = path.read_text()
        for old, new in changes:
            assert old in text, f"{old!r} is not in {name}"
            text = text.replace(old, new)
        path.write_text(text)

    def deploy(self, message: str) -> str:
        """Commit what was changed, and deploy it."""
        revision = commit(self.project.folder, message)
        self.project.cronicle("apply", "--auto-approve")
        return revision

    def stale(self) -> dict[str, int]:
        """How many results are stale in each task."""
        planned = self.project.json("backfill", "daily", "--stale", "--dry-run")
        return dict(Counter(name for names in planned["stale_tasks"] or () for name in names))

    def runs(self) -> dict[str, Any]:
        """The result of each day."""
        found: dict[str, Any] = {}
        for run in self.project.json("runs", "daily", "--limit", "20000"):  # the newest first
            if run["state"] == "succeeded":
                found.setdefault(run["date"], run)
        return found


def commit(folder: Path, message: str) -> str:
    repository = pygit2.Repository(str(folder))
    index = repository.index
    index.read()
    index.add_all()
    index.write()
    parents = [repository.head.target]
    return str(repository.create_commit("HEAD", ANA, ANA, message, index.write_tree(), parents))


def deployed_on(project: Project, days: tuple[str, ...]) -> None:
    """Have the deployments been made at noon of these days: they get their moments from the clock."""
    with closing(sqlite3.connect(project.folder / ".cronicle" / "store.sqlite3")) as file:
        triggers = file.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'deployment'"
        ).fetchall()
        for name, _ in triggers:  # a deployment is never edited
            file.execute(f'DROP TRIGGER "{name}"')
        for number, day in enumerate(days, 1):
            at = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
            file.execute(
                "UPDATE deployment SET created_at = ? WHERE number = ?",
                (int(at.timestamp()) * 1_000_000, number),
            )
        for _, sql in triggers:
            file.execute(sql)
        file.commit()


def three_deployments(parent: Path, first: str, last: str, cuts: tuple[str, ...]) -> History:
    """The example, whose summaries are rounded in two more ways as time goes by."""
    project = new_project(parent, "weather")
    history = History(project, first, last, cuts, [])
    history.write(
        "daily.hcl",
        ("    for_each = toset(local.measures)\n", "    for_each = toset(local.measures)\n    produces = []\n"),
        ('    inputs  = ["extract.py"]', '    produces = []\n    inputs  = ["extract.py"]'),
    )
    for number in (1, 2, 3):
        history.write("cronicle.hcl", ("# This file", f"# Version {number}. This file") if number == 1 else (
            f"# Version {number - 1}.", f"# Version {number}."))
        history.write("summarise.py", _version(number))
        history.revisions.append(history.deploy(f"Version {number}"))
    deployed_on(project, cuts)
    return history


def _version(number: int) -> tuple[str, str]:
    """A change of `summarise.py` that each deployment brings, in a comment."""
    first = "import"
    return (f"# version {number - 1}\nimport" if number > 1 else first, f"# version {number}\nimport")


def check_each_day_has_the_revision_of_its_day(history: History) -> None:
    made = history.project.json("backfill", "daily", *history.range, "--as-deployed")

    assert made["state"] == "succeeded"
    assert made["done"] == made["total"]
    for date, run in history.runs().items():
        # A day's tick is at 23:55 in Los Angeles, which is the next morning in UTC.
        deployed = [cut for cut in history.cuts if f"{cut}T12:00:00Z" < run["logical_time"]]
        assert run["revision"] == history.revisions[len(deployed) - 1], date
    assert history.project.json("backfill", "daily", *history.range, "--as-deployed")["total"] == 0


def check_what_is_stale(history: History) -> None:
    days = len(history.runs())
    older = sum(run["deployment"] != 3 for run in history.runs().values())
    both = {"summarise": days, "report": days}

    # What the older deployments have made is stale; made anew, it comes to the same, so that no report is made.
    assert history.stale() == {"summarise": older, "report": older}
    remade = history.project.json("backfill", "daily", "--stale")
    assert (remade["state"], remade["total"]) == ("succeeded", older)
    reasons = Counter(
        task["reason"]
        for run in history.project.json("runs", "daily", "--backfill", remade["id"], "--limit", "20000")[:50]
        for task in history.project.json("show", run["id"])["tasks"]
        if task["task"] == "report"
    )
    assert set(reasons) == {"same_inputs"}
    assert history.stale() == {}

    # A change of comments or formatting makes nothing stale.
    history.write("daily.hcl", ("# extract ─┬─▶", "# In words: extract ─┬─▶"), ("    timeout    = ", "    timeout = "))
    history.deploy("Comments and formatting")
    assert history.stale() == {}

    # A changed script makes exactly the tasks stale that execute it, and those below.
    history.write("summarise.py", ("# version 3", "# version 4"))
    history.deploy("A changed script")
    assert history.stale() == both

    # What is accepted is current; revoked, it is stale again.
    accepted = history.project.json("accept", "daily/summarise", "--reason", "a comment")
    assert history.stale() == {}
    number = accepted[0]["id"] if isinstance(accepted, list) else accepted["acceptances"][0]["id"]
    history.project.cronicle("accept", "--revoke", str(number), "--reason", "looked again")
    assert history.stale() == both

    # Made anew are just these.
    remade = history.project.json("backfill", "daily", "--stale")
    assert (remade["state"], remade["total"]) == ("succeeded", days)
    run = next(iter(history.runs().values()))
    tasks = history.project.json("show", run["id"])["tasks"]
    executed = {(task["task"], task["key"]) for task in tasks if not task["carried_from"]}
    assert executed <= {("summarise", key) for key in ("rain", "temperature", "wind", None)} | {("report", None)}
    assert ("summarise", "rain") in executed
    assert history.stale() == {}


def test_twelve_days_over_three_deployments(tmp_path: Path) -> None:
    history = three_deployments(tmp_path, *SMALL)

    check_each_day_has_the_revision_of_its_day(history)
    check_what_is_stale(history)


@pytest.mark.slow
def test_four_years_over_three_deployments(tmp_path: Path) -> None:
    history = three_deployments(tmp_path, *FOUR_YEARS)

    check_each_day_has_the_revision_of_its_day(history)
    assert len(history.runs()) == 1461
    check_what_is_stale(history)
