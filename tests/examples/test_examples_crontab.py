"""What people have in a crontab: each workflow once, with real processes, and what it leaves behind."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from examples_world import Project, new_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = new_project(tmp_path, "crontab")
    made.cronicle("apply", "--auto-approve")
    return made


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        count: int = database.execute("SELECT count(*) FROM visit").fetchone()[0]
        return count


def test_each_workflow_does_its_work(project):
    for name in ("playground", "backup", "logs", "disk[/]"):
        assert project.json("run", name)["state"] == "succeeded", name

    (copy,) = (project.data / "backups").iterdir()
    assert rows(copy) == rows(project.data / "app.sqlite3") == 1000
    assert {path.name for path in (project.data / "logs").iterdir()} == {"app.log", "app.log.1.gz"}
    with gzip.open(project.data / "logs" / "app.log.1.gz") as file:
        assert file.read() == b"GET /page/1 200\n" * 100_000
    assert (project.data / "logs" / "app.log").stat().st_size == 0
    assert not (project.data / "problems.txt").exists()


def test_each_may_be_done_again(project):
    for name in ("playground", "backup", "backup", "logs", "logs"):
        project.cronicle("run", name)

    assert len(list((project.data / "backups").iterdir())) == 1
    assert {path.name for path in (project.data / "logs").iterdir()} == {"app.log", "app.log.1.gz"}


def test_backups_are_rotated_only_when_the_new_one_was_restored(project):
    project.cronicle("run", "playground")
    backups = project.data / "backups"
    backups.mkdir()
    for month in range(1, 13):
        for day in (1, 15):
            (backups / f"2025-{month:02}-{day:02}.sqlite3").write_bytes(b"")
    (project.data / "app.sqlite3").rename(project.data / "good.sqlite3")
    (project.data / "app.sqlite3").write_bytes(b"")  # an empty database: it can be copied, and is of no use
    failed = project.json("run", "backup", code=1)
    assert {task["task"]: task["state"] for task in failed["tasks"]} == {
        "copy": "succeeded",
        "restore": "failed",
        "rotate": "skipped",
    }
    assert len(list(backups.iterdir())) == 25

    (project.data / "good.sqlite3").replace(project.data / "app.sqlite3")
    project.cronicle("run", "backup")

    left = sorted(path.stem for path in backups.iterdir())
    assert len(left) == 7 + 12 - 3 - 1  # the last seven; the first of each of 12 months, four of which are among them
    assert "2025-02-01" in left
    assert "2025-02-15" not in left


def test_a_failure_is_told_as_a_crontab_would_by_mail(project):
    project.cronicle("apply", "--auto-approve", "--var", 'disks={ "/" = 0, "." = 100 }')

    failed = project.json("run", "disk[/]", code=1)
    assert project.json("run", "disk[.]")["state"] == "succeeded"

    assert (project.data / "problems.txt").read_text().startswith(f"disk[/] {failed['date']} failed: cronicle show ")


@pytest.mark.slow
def test_what_is_missing_is_said_with_what_to_do(project):
    run = project.json("run", "logs", code=1)

    said = project.cronicle("logs", run["id"])
    assert "there is no folder" in said
    assert "cronicle run playground" in said
