"""Notes on commits, as git keeps and shows them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from git_clones import ADA, WHEN, Clone

from cronicle.git.errors import GitError
from cronicle.git.notes import NOTES, notes_tip, read_notes, write_notes

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


def git(clone: Clone, *words: str) -> str:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(clone.path.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ben",
        "GIT_AUTHOR_EMAIL": "ben@example.org",
        "GIT_COMMITTER_NAME": "Ben",
        "GIT_COMMITTER_EMAIL": "ben@example.org",
    }
    done = subprocess.run(
        ["git", *words], cwd=clone.path, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_without_notes_there_are_none(clone: Clone) -> None:
    clone.commit({"a": "1"})

    assert notes_tip(clone.repository) is None
    assert read_notes(clone.repository, None) == {}


def test_notes_come_back_as_they_were_written(clone: Clone) -> None:
    commit = clone.commit({"a": "1"})

    tip = write_notes(clone.repository, {commit: "äöü\n"}, (), ADA, WHEN)

    assert notes_tip(clone.repository) == tip
    assert read_notes(clone.repository, tip) == {commit: "äöü\n"}


@needs_git
def test_git_log_shows_them(clone: Clone) -> None:
    commit = clone.commit({"a": "1"}, "First")
    write_notes(clone.repository, {commit: "shop/local: deployed\n"}, (), ADA, WHEN)

    said = git(clone, "log", "--notes=cronicle", "-1", commit)

    assert "Notes (cronicle):\n    shop/local: deployed\n" in said


@needs_git
def test_notes_that_git_has_spread_over_folders_are_read(clone: Clone) -> None:
    commits = [clone.commit({"a": str(n)}) for n in range(300)]
    write_notes(clone.repository, {commit: f"{n}\n" for n, commit in enumerate(commits)}, (), ADA, WHEN)
    git(clone, "notes", "--ref=cronicle", "append", "-m", "of Ben", commits[7])

    notes = read_notes(clone.repository, notes_tip(clone.repository))

    assert git(clone, "ls-tree", "--name-only", NOTES).splitlines()[0].isalnum()
    assert len(git(clone, "ls-tree", "--name-only", NOTES).splitlines()[0]) == 2
    assert len(notes) == 300
    assert notes[commits[7]] == "7\n\nof Ben\n"


def test_a_ref_that_moved_meanwhile_is_left_as_it_is(clone: Clone) -> None:
    commit = clone.commit({"a": "1"})
    first = write_notes(clone.repository, {commit: "1\n"}, (), ADA, WHEN)
    second = write_notes(clone.repository, {commit: "2\n"}, (first,), ADA, WHEN)

    with pytest.raises(GitError, match="has moved"):
        write_notes(clone.repository, {commit: "3\n"}, (first,), ADA, WHEN)

    assert notes_tip(clone.repository) == second


def test_a_damaged_ref_says_how_to_be_rid_of_it(clone: Clone) -> None:
    clone.commit({"a": "1"})
    file = Path(clone.git.path) / NOTES
    file.parent.mkdir(parents=True)
    file.write_text("garbage\n")

    with pytest.raises(GitError) as caught:
        notes_tip(clone.repository)

    assert f"git update-ref -d {NOTES}" in caught.value.remedy
