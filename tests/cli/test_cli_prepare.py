"""Preparations as a user sees them: in plans, on the screen of a run that failed, in `show`, and when they go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

PROJECT = """
project "jobs" {
  retention {
    prepared      = "2d"
    prepared_size = "1MB"
  }
}
prepare "tool" {
  script = <<-EOT
    echo "reads $(cat lock.txt)"
    cp lock.txt "$CRONICLE_PREPARED/made"
    grep -v broken lock.txt
  EOT
  inputs = ["lock.txt"]
}
workflow "w" {
  task "t" {
    command = ["cat", "${prepare.tool.path}/made"]
  }
}
"""
DAY = 86_400


@attrs.frozen
class Place:
    """A project in a repository."""

    folder: Path
    environ: dict[str, str]

    def cronicle(self, *words: str, code: int = 0) -> str:
        """Give a command; all that it said."""
        done = subprocess.run(
            [sys.executable, "-m", "cronicle", *words],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def deploy(self, lock: str) -> str:
        """Commit another lock file and apply it; the id of the commit."""
        (self.folder / "lock.txt").write_text(f"{lock}\n")
        self.git("add", ".")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", lock)
        self.cronicle("apply", "--auto-approve")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout

    def records(self) -> list[Path]:
        """What says that something is complete, of all that is."""
        return sorted(self.folder.glob(".cronicle/prepared/*/jobs/*/made.json"))

    def unused_for(self, days: float, of: Path) -> None:
        """Have it look as if nothing had used it for so long."""
        used = of.stat().st_mtime - days * DAY
        os.utime(of, (used, used))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CRONICLE_")}
    made = Place(tmp_path, environ)
    made.git("init", "-q")
    (tmp_path / "cronicle.hcl").write_text(PROJECT)
    made.deploy("one")
    return made


def test_a_plan_says_what_is_made_anew_and_for_whom(place):
    (place.folder / "lock.txt").write_text("two\n")

    said = place.cronicle("plan", "--dirty")

    assert "~ prepare tool   cronicle.hcl:8" in said
    assert "lock.txt   changed   (declared input)" in said
    assert "made when a task needs it and this machine has none: w/t" in said


def test_a_run_shows_what_it_used_and_each_revision_has_its_own(place):
    first = place.deploy("two")
    place.cronicle("run", "w")
    place.deploy("three")
    place.cronicle("run", "w")
    place.cronicle("run", "w", "--revision", first)

    shown = [json.loads(place.cronicle("show", f"w~{number}", "--json")) for number in range(3)]
    keys = [one["tasks"][0]["prepared"]["tool"] for one in shown]
    assert keys[0] == keys[2] != keys[1]
    assert {path.parent.name for path in place.records()} == set(keys)
    details = [one["tasks"][0]["attempts"][0]["detail"] for one in shown]
    assert details[0] is None
    assert "It prepared tool first" in details[2]
    assert f"tool   {keys[0]}   of lock.txt (declared)" in place.cronicle("show", "w@latest")
    assert place.cronicle("logs", "w~0") == "two\n"


def test_a_failure_says_what_one_needs_to_know(place):
    place.deploy("broken")

    said = place.cronicle("run", "w", code=1)

    assert 'The preparation "tool" failed. It ended with exit code 1.' in said
    assert "reads broken" in said
    assert place.records() == []
    (attempt,) = json.loads(place.cronicle("show", "w@latest", "--json"))["tasks"][0]["attempts"]
    assert (attempt["outcome"], attempt["reason"], attempt["exit_code"]) == ("failed", "prepare_failed", None)
    assert "tool" in place.cronicle("explain", "w@latest")


def test_what_nothing_has_used_for_its_time_is_removed(place):
    place.cronicle("run", "w")
    place.deploy("two")
    place.cronicle("run", "w")
    (old, used) = sorted(place.records(), key=lambda path: path.stat().st_mtime)
    place.unused_for(2.1, old)
    place.unused_for(1.9, used)

    assert "1 preparation" in place.cronicle("db", "prune", "--dry-run")
    assert json.loads(place.cronicle("db", "prune", "--json"))["prepared"] == 1
    assert place.records() == [used]
    assert "nothing" in place.cronicle("db", "prune")


def test_of_too_much_the_longest_unused_goes_and_what_was_just_used_stays(place):
    makes = 'cp lock.txt "$CRONICLE_PREPARED/made"'
    large = 'head -c 700000 /dev/urandom > "$CRONICLE_PREPARED/made"'
    (place.folder / "cronicle.hcl").write_text(PROJECT.replace(makes, large))
    known: list[Path] = []
    for lock in ("two", "three", "four"):
        place.deploy(lock)
        place.cronicle("run", "w")
        known += set(place.records()) - {*known}
    assert "nothing" in place.cronicle("db", "prune")  # all of it was used within the hour

    for hours, record in zip((2, 3, 0), known, strict=True):
        place.unused_for(hours / 24, record)
    assert json.loads(place.cronicle("db", "prune", "--json"))["prepared"] == 2
    assert place.records() == known[2:]
