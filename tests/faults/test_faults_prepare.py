"""Preparations whose processes are killed with `kill -9`, and those that several commands need at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from faults_world import wait_until

PROJECT = """
prepare "tool" {
  script = <<-EOT
    echo "$$ $CRONICLE_ATTEMPT_TOKEN" >> "$EVIDENCE/begun"
    setsid sh -c 'while sleep 0.01; do touch "$CRONICLE_PREPARED/stray-$CRONICLE_ATTEMPT_TOKEN"; done' &
    while test ! -e "$EVIDENCE/go"; do sleep 0.02; done
    rm -f "$CRONICLE_PREPARED"/half
    cp lock.txt "$CRONICLE_PREPARED/lock.txt"
  EOT
  inputs = ["lock.txt"]
}
workflow "w" {
  task "t" {
    script = <<-EOT
      echo "$CRONICLE_RUN_ID" >> "$EVIDENCE/used"
      while test -e "$EVIDENCE/hold"; do sleep 0.02; done
      cat "$PREPARED/lock.txt"
    EOT
    env = { PREPARED = prepare.tool.path }
  }
}
"""
SETTINGS = 'pass_environment = ["EVIDENCE"]\n'


@attrs.frozen
class Place:
    """A deployed project, and a folder in which its processes leave evidence."""

    folder: Path
    evidence: Path
    environ: dict[str, str]

    def cronicle(self, *words: str, code: int = 0) -> str:
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

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """What it says is added to a file of the evidence, for whoever reads that a test has failed."""
        with (self.evidence / "said").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "cronicle", *words],
                cwd=self.folder,
                env=self.environ,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def lines(self, name: str) -> list[str]:
        path = self.evidence / name
        return path.read_text().splitlines() if path.exists() else []

    def go(self) -> None:
        (self.evidence / "go").touch()

    def prepared(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob(".cronicle/prepared/*/*/*/files/*"))

    def waiting(self) -> int:
        """How many attempts have said that they wait."""
        logs = self.folder.glob(".cronicle/logs/*/*.log")
        return sum(b"waits for" in path.read_bytes() for path in logs)

    def survivors(self) -> list[int]:
        """Living processes that any preparation has started."""
        tokens = [line.split()[1].encode() for line in self.lines("begun")]
        return [pid for pid in _processes() if any(token in _environ(pid) for token in tokens)]


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder, evidence = tmp_path / "jobs", tmp_path / "evidence"
    folder.mkdir()
    evidence.mkdir()
    (folder / "cronicle.hcl").write_text(PROJECT)
    (folder / "lock.txt").write_text("libraries\n")
    (tmp_path / "settings.toml").write_text(SETTINGS)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CRONICLE_")}
    environ |= {"EVIDENCE": str(evidence), "CRONICLE_SETTINGS": str(tmp_path / "settings.toml")}
    made = Place(folder, evidence, environ)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, env=environ)
    made.cronicle("apply", "--auto-approve")
    yield made
    for pid in made.survivors():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def start(place: Place) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts commands, and ends those that are left at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*words: str) -> subprocess.Popen[bytes]:
        started.append(place.start(*words))
        return started[-1]

    yield begin
    for one in started:
        one.kill()
        one.wait()


def test_two_commands_at_once_make_it_once(place, start):
    both = [start("run", "w") for _ in range(2)]
    wait_until(
        lambda: place.waiting() == 1 and len(place.lines("begun")) == 1, "one that makes it, one that waits"
    )
    place.go()

    assert [one.wait() for one in both] == [0, 0], place.lines("said")
    assert len(place.lines("begun")) == 1
    assert len(set(place.lines("used"))) == 2


def test_one_that_was_killed_half_way_is_made_anew_by_the_next_command(place, start):
    killed = start("run", "w")
    wait_until(place.prepared, "the stray that writes into the folder")
    killed.kill()
    killed.wait()
    assert place.survivors()

    place.go()
    place.cronicle("run", "w")

    first, second = (line.split()[1] for line in place.lines("begun"))
    assert f"stray-{first}" not in place.prepared()
    assert "lock.txt" in place.prepared()
    assert first != second
    assert place.survivors() == []


def test_who_waits_for_one_that_is_killed_ends_what_is_left_of_it_and_makes_it_itself(place, start):
    """Nobody settles the dead meanwhile: the one that waits did so when it began."""
    maker = start("run", "w")
    wait_until(place.prepared, "the stray that writes into the folder")
    waiter = start("run", "w")
    wait_until(lambda: place.waiting() == 1, "the one that waits")
    maker.kill()
    maker.wait()
    wait_until(lambda: len(place.lines("begun")) == 2, "the second that makes it")
    place.go()

    assert waiter.wait() == 0, place.lines("said")
    first = place.lines("begun")[0].split()[1]
    assert f"stray-{first}" not in place.prepared()
    assert "lock.txt" in place.prepared()
    assert place.survivors() == []


def test_what_the_survivors_of_a_killed_command_use_is_not_removed_before_they_are_ended(place, start):
    place.go()
    (place.evidence / "hold").touch()
    killed = start("run", "w")
    wait_until(lambda: place.lines("used"), "the task that uses it")
    assert "nothing" in place.cronicle("db", "prune", "--prepared")
    killed.kill()
    killed.wait()

    assert "nothing" in place.cronicle("db", "prune", "--prepared")
    assert "lock.txt" in place.prepared()

    (place.evidence / "hold").unlink()
    place.cronicle("run", "w")  # settles the dead one
    assert len(place.lines("begun")) == 1
    assert "1 preparation" in place.cronicle("db", "prune", "--prepared")
    assert place.prepared() == []
