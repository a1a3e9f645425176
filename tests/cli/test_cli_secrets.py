"""Secrets: they reach the program, and nothing of them reaches a disk, whatever the program prints."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

FROM_ENV, FROM_FILE, FROM_COMMAND = "correct-horse-battery", "Tr0ub4dor&3 with blanks", "ünïcode+/=staple"

BEFORE = "before\n"


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


PROJECT = f"""
secret "from_env" {{
  env = "THE_PASSWORD"
}}
secret "from_file" {{
  file = "~/token"
}}
secret "from_command" {{
  command = ["cat", "../third"]
}}
workflow "told" {{
  task "t" {{
    script = <<-EOT
      same() {{ test "$(printf %s "$1" | sha256sum | cut -c1-64)" = "$2"; }}
      same "$A" {hash_of(FROM_ENV)}
      same "$B" {hash_of(f"Bearer {FROM_FILE}")}
      same "$C" {hash_of(FROM_COMMAND)}
      echo "plain $A" "$B" "$C"
      printf 'corr'; sleep 0.1; printf 'ect-hor'; sleep 0.1; printf 'se-battery in pieces\\n'
      printf %s "$A" | base64
      printf %s "user:$A" | base64
      set -x
      true "$A"
      echo "on stderr: $B" >&2
      exit 3
    EOT
    env = {{
      A = secret.from_env
      B = "Bearer ${{secret.from_file}}"
      C = secret.from_command
    }}
  }}
}}
workflow "stdin" {{
  task "t" {{
    script = "test $(sha256sum | cut -c1-64) = {hash_of(BEFORE + FROM_ENV)}"
    stdin  = ["before", secret.from_env]
  }}
}}
workflow "argument" {{
  task "t" {{
    command = ["/bin/sh", "-c", "printf %s $1 | sha256sum | grep {hash_of(FROM_ENV)}", "sh", secret.from_env]
  }}
}}
workflow "encoded" {{
  task "t" {{
    script = "test $AUTH = $(printf %s \\"u:$A\\" | base64)"
    env    = {{ AUTH = base64encode("u:${{secret.from_env}}"), A = secret.from_env }}
  }}
}}
workflow "hook" {{
  task "t" {{
    command = ["true"]
  }}
  on_success {{
    script = "echo hook $A; test $(printf %s $A | sha256sum | cut -c1-64) = {hash_of(FROM_ENV)}"
    env    = {{ A = secret.from_env }}
  }}
}}
workflow "output" {{
  task "t" {{
    script = "echo value=$A > $CRONICLE_OUTPUT"
    env    = {{ A = secret.from_env }}
  }}
}}
"""


@attrs.frozen
class Place:
    """A project that is deployed."""

    folder: Path
    environ: dict[str, str]

    def cronicle(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cronicle", *words],
            cwd=self.folder,
            env={**self.environ, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, workflow: str, code: int = 0, **more: str) -> str:
        """Run a workflow; all that is said."""
        done = self.cronicle("run", workflow, **more)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def log(self, workflow: str) -> str:
        return self.cronicle("logs", f"{workflow}@latest").stdout

    def found(self) -> list[str]:
        """Where on the disk the value of a secret is."""
        values = [value.encode() for value in (FROM_ENV, FROM_FILE, FROM_COMMAND)]
        values += [base64.b64encode(value).rstrip(b"=")[:-1] for value in values]
        return [
            f"{path}: {value!r}"
            for path in self.folder.rglob("*")
            if path.is_file()
            for value in values
            if value in path.read_bytes()
        ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "jobs"
    folder.mkdir()
    (tmp_path / "token").write_text(f"{FROM_FILE}\n")
    (tmp_path / "third").write_text(f"{FROM_COMMAND}\n", "utf-8")
    (folder / "before").write_text(BEFORE)
    (folder / "cronicle.hcl").write_text(PROJECT.replace("../third", str(tmp_path / "third")))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CRONICLE_")}
    made = Place(folder, {**environ, "HOME": str(tmp_path), "THE_PASSWORD": FROM_ENV})
    for words in (
        ["init"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=made.environ)
    done = made.cronicle("apply", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_a_secret_reaches_the_program_and_no_disk_however_it_is_printed(place: Place) -> None:
    said = place.run("told", code=1)

    log = place.log("told")
    assert "exit code 3" in said
    for hidden in ("plain *** Bearer *** ***", "*** in pieces", "on stderr: Bearer ***"):
        assert hidden in log
    assert place.found() == []
    assert FROM_ENV not in said


def test_a_secret_is_read_from_stdin_behind_a_file(place: Place) -> None:
    place.run("stdin")

    assert place.found() == []


def test_a_secret_in_a_command_is_warned_of_and_the_history_does_not_have_it(place: Place) -> None:
    assert "secret.from_env stands in a command" in place.cronicle("validate").stderr

    place.run("argument")

    shown = json.loads(place.cronicle("show", "argument@latest", "--json").stdout)
    assert "***" in json.dumps(shown)
    assert place.found() == []


def test_functions_of_a_secret_have_its_value(place: Place) -> None:
    place.run("encoded")

    assert place.found() == []


def test_a_hook_may_have_a_secret(place: Place) -> None:
    place.run("hook")

    shown = place.cronicle("show", "hook@latest").stdout
    assert "on_success" in shown
    assert place.found() == []


def test_an_output_that_holds_a_secret_fails_the_task(place: Place) -> None:
    said = place.run("output", code=1)

    assert "holds the value of a secret" in said
    assert place.found() == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"THE_PASSWORD": ""}, "its value is empty"),
        ({"HOME": "/nowhere"}, "the file /nowhere/token cannot be read"),
    ],
)
def test_a_secret_that_cannot_be_had_fails_the_attempt_and_is_named(
    place: Place, change: dict[str, str], why: str
) -> None:
    said = place.run("told", code=1, **change)

    assert why in said


def test_a_change_of_where_a_secret_comes_from_is_planned(place: Place) -> None:
    path = place.folder / "cronicle.hcl"
    path.write_text(path.read_text().replace("THE_PASSWORD", "ANOTHER"))

    said = place.cronicle("plan", "--dirty")

    assert "secret.from_env" in said.stdout, said.stderr
