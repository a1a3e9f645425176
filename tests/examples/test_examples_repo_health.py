"""The health of a repository: figures of a history that the test has made, read from the mirror."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from examples_world import COMMAND, Project, environment, give

DAYS = {
    "2026-03-01T12:00:00Z": ("ana", {"a.txt": "one\ntwo\n"}),
    "2026-03-01T18:30:00Z": ("bo", {"a.txt": "one\n", "b.txt": "three\nfour\nfive\n"}),
    "2026-03-02T02:59:59Z": ("ana", {"b.bin": "\0\1"}),
    "2026-03-02T03:00:00Z": ("cy", {"c.txt": "six\n"}),
}
"""Commits: when, by whom, with which files. The last is the first of the next interval."""


def git(folder: Path, *words: str, author: str = "ana", when: str = "2026-01-01T00:00:00Z") -> None:
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", author), ("EMAIL", f"{author}@pluto"), ("DATE", when))
    }
    subprocess.run(
        ["git", *words], cwd=folder, env={**environment(), **who}, check=True, stdout=subprocess.DEVNULL
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The example in a folder of a repository with some history before it."""
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for when, (author, files) in DAYS.items():
        for name, text in files.items():
            (folder / name).write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "work", author=author, when=when)
    give("init", "health", "--example", "repo-health", folder=folder)
    git(folder, "add", "health")
    git(folder, "commit", "--quiet", "--message", "health", when="2026-03-03T12:00:00Z")
    made = Project(folder / "health")
    made.cronicle("apply", "--auto-approve")
    return made


def test_each_day_has_its_own_figures(project):
    project.cronicle("backfill", "health", "--from", "2026-03-01", "--to", "2026-03-03")

    days = {path.name: path.read_text() for path in (project.data / "days").iterdir()}
    assert days == {  # day, files, bytes, authors, commits, lines added, lines deleted
        "2026-02-28": "2026-02-28,0,0,0,0,0,0\n",
        "2026-03-01": "2026-03-01,3,22,2,3,5,1\n",
        "2026-03-02": "2026-03-02,4,26,1,1,1,0\n",
    }


def test_without_git_a_task_says_so(project, tmp_path):
    """The tasks get the PATH of whoever runs them."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "awk", "mkdir", "mv"):
        found = next(
            Path(place, name)
            for place in environment()["PATH"].split(os.pathsep)
            if Path(place, name).exists()
        )
        (programs / name).symlink_to(found)
    run = subprocess.run(
        [*COMMAND, "run", "health", "--time", "2026-03-02"],
        cwd=project.folder,
        env={**environment(), "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "with the git program, which is not installed" in run.stderr
