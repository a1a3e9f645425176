"""Libraries: a virtual environment for each content of its inputs, and each revision with its own."""

from __future__ import annotations

import pytest
from examples_world import Project, new_project
from test_examples_repo_health import git

DAYS = ("--from", "2012-01-02", "--to", "2012-01-06")
OLD = [
    "2012-01-01   4.7 m/s  gentle breeze",
    "2012-01-02   4.5 m/s  gentle breeze",
    "2012-01-03   2.3 m/s  light breeze",
    "2012-01-04   4.7 m/s  gentle breeze",
    "2012-01-05   6.1 m/s  moderate breeze",
]


@pytest.fixture
def project(tmp_path) -> Project:
    made = new_project(tmp_path, "libraries")
    made.cronicle("apply", "--auto-approve")
    return made


@pytest.mark.slow
def test_on_postgresql_it_is_made_once_as_well(tmp_path, make_database):
    project = new_project(tmp_path, "libraries", make_database())
    project.cronicle("apply", "--auto-approve")
    for day in ("2012-01-02", "2012-01-03"):
        project.cronicle("run", "wind", "--time", day)

    assert days(project) == OLD[:2]
    assert len(environments(project)) == len(made_by(project)) == 1
    assert project.json("db", "prune", "--prepared")["prepared"] == 1
    assert environments(project) == set()


def days(project: Project) -> list[str]:
    return [path.read_text().rstrip("\n") for path in sorted((project.data / "days").iterdir())]


def environments(project: Project) -> set[str]:
    return {path.name for path in project.folder.glob(".cronicle/prepared/*/libraries/*")}


def made_by(project: Project) -> list[str]:
    """The runs that had to make something."""
    runs = [run["id"] for run in project.json("runs", "wind")]
    return [run for run in runs if "is prepared, after" in project.cronicle("logs", run)]


def test_each_revision_has_its_own_libraries_made_once_and_old_ones_are_used_again(project):
    project.cronicle("backfill", "wind", *DAYS)
    assert days(project) == OLD
    assert len(made_by(project)) == 1
    (first,) = environments(project)

    library = project.folder / "beaufort" / "beaufort.py"
    library.write_text(library.read_text().replace("gentle breeze", "mild breeze"))
    git(project.folder, "commit", "--quiet", "--all", "--message", "Mild")
    (change,) = project.json("plan")["prepares"]
    assert (change["name"], change["action"], change["used_by"]) == ("venv", "update", ["wind/force"])
    assert [file["path"] for file in change["files"]] == ["beaufort/beaufort.py"]
    project.cronicle("apply", "--auto-approve")
    project.cronicle("backfill", "wind", *DAYS)
    assert days(project) == [day.replace("gentle", "mild") for day in OLD]

    project.cronicle("backfill", "wind", *DAYS, "--revision", "HEAD~1")
    assert days(project) == OLD
    assert len(environments(project)) == 2
    assert first in environments(project)
    assert len(made_by(project)) == 2
