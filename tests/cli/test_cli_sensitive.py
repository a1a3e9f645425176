"""Sensitive values: programs get them, and nobody reads them: in what is said, in git, in logs, or in events."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import apsw
import attrs
import pytest

TOKEN, PASSWORD, LATER = "swordfish-4711+/ü", "Tr0ub4dor&3 with blanks", "another-horse-battery"

PROJECT = """
project "safe" {
}
variable "token" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.token) > 5
    error_message = "${var.token} is too short."
  }
}
variable "databases" {
  type      = map(object({ user = string, password = string, port = number }))
  sensitive = true
  default   = null
}
locals {
  header    = "Authorization: Bearer ${var.token}"
  databases = coalesce(var.databases, {})
}
workflow "told" {
  task "t" {
    script = <<-EOT
      test "$A" = "$(cat ../../../../../told/token 2>/dev/null || printf %s "$A")"
      echo "plain $A" "$B"
      printf 'swordf'; sleep 0.1; printf 'ish-4711'; printf '+/ü in pieces\\n'
      printf %s "$A" | base64
      printf %s "user:$A" | base64
      set -x
      true "$A"
      echo "on stderr: $B" >&2
      exit 3
    EOT
    env = { A = var.token, B = local.header, C = "${run.date} ${var.token}" }
  }
  on_failure {
    script = "cat; echo hook $A"
    env    = { A = var.token }
  }
}
workflow "argument" {
  task "t" {
    command = ["/bin/sh", "-c", "printf %s \\"$1\\" | sha256sum; echo $2", "sh", var.token, upper(var.token)]
  }
  task "late" {
    command = ["echo", run.date, "${run.date} ${base64encode(var.token)}"]
  }
  task "script" {
    script = "echo ${shellquote("${run.date}: ${var.token}")}"
  }
}
workflow "each" {
  task "t" {
    for_each = { for name in nonsensitive(keys(local.databases)) : name => local.databases[name] }
    script   = "echo $NAME has $PASSWORD | sha256sum; echo $PASSWORD of $NAME"
    env      = { NAME = each.key, PASSWORD = each.value.password }
  }
}
workflow "output" {
  task "t" {
    script = "echo value=$A > $CRONICLE_OUTPUT"
    env    = { A = var.token }
  }
}
workflow "wrong" {
  task "t" {
    command = ["true"]
    env     = { A = run.date == "" ? "" : tostring(tonumber("${var.token}${run.id}")) }
  }
}
workflow "data" {
  task "t" {
    script = "echo $A"
    env    = { A = var.token }
  }
  task "reader" {
    command = ["cat", task.t.stdout]
  }
}
"""

DATABASES = json.dumps({"main": {"user": "u", "password": PASSWORD, "port": 5432}})


def forms(values: tuple[str, ...] = (TOKEN, PASSWORD, LATER)) -> list[bytes]:
    """What must not be found: the values, and their base64 as far as it is the same in any text."""
    plain = [value.encode() for value in values]
    return [*plain, *(base64.b64encode(value).rstrip(b"=")[:-1] for value in plain)]


@attrs.frozen
class Place:
    """A project that is deployed."""

    folder: Path
    environ: dict[str, str]

    def cronicle(self, *words: str, code: int | None = 0, **more: str) -> str:
        """All that a command says, or its JSON; nothing of it tells a value."""
        done = subprocess.run(
            [sys.executable, "-m", "cronicle", *words],
            cwd=self.folder,
            env={**self.environ, **more},
            capture_output=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert code in (None, done.returncode), said.decode()
        assert [form for form in forms() if form in said] == []
        assert TOKEN.encode("ascii", "backslashreplace") not in said  # as JSON may have it
        return done.stdout.decode() if "--json" in words else said.decode()

    def in_files(self) -> list[str]:
        """Where on the disk a value is, but for the store's database."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [
            f"{path}: {form!r}"
            for path in files
            if not path.name.startswith("store.sqlite3")
            for form in forms()
            if form in path.read_bytes()
        ]

    def in_git(self) -> list[bytes]:
        """Which forms of a value are in an object of git: of the clone, or of the store's mirror."""
        repositories = [self.folder / ".git", *self.folder.glob(".cronicle/mirrors/*")]
        assert len(repositories) > 1
        found = []
        for repository in repositories:
            listing = ["git", "--git-dir", str(repository), "cat-file", "--batch-all-objects", "--batch"]
            objects = subprocess.run(listing, check=True, capture_output=True).stdout
            assert b"Deploy" in objects or b"tree" in objects
            found += [form for form in forms() if form in objects]
        return found

    def in_store(self) -> set[str]:
        """The columns of the store's database that hold a value."""
        connection = apsw.Connection(str(self.folder / ".cronicle" / "store.sqlite3"))
        found = set()
        for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            names = [column[1] for column in connection.execute(f'PRAGMA table_info("{table}")')]
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for name, cell in zip(names, row, strict=True):
                    data = cell.encode() if isinstance(cell, str) else cell
                    if isinstance(data, bytes) and any(form in data for form in forms()):
                        found.add(f"{table}.{name}")
        return found


@pytest.fixture
def project(tmp_path: Path) -> Place:
    """One that is not deployed."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    (folder / "cronicle.hcl").write_text(PROJECT, "utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CRONICLE_")}
    given = {"CRONICLE_VAR_token": TOKEN, "CRONICLE_VAR_databases": DATABASES}
    made = Place(folder, {**environ, "HOME": str(tmp_path), **given})
    for words in (
        ["init"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=made.environ)
    return made


@pytest.fixture
def place(project: Place) -> Place:
    project.cronicle("apply", "--auto-approve")
    return project


def test_whatever_is_asked_for_nothing_tells_a_sensitive_value(place: Place) -> None:
    place.cronicle("run", "told", code=1)
    place.cronicle("run", "argument")
    place.cronicle("run", "each")
    place.cronicle("run", "wrong", code=1)

    for words in (
        ["show", "told@latest"],
        ["show", "argument@latest", "--json"],
        ["show", "each@latest", "--json"],
        ["show", "wrong@latest", "--json"],
        ["explain", "wrong@latest"],
        ["logs", "wrong@latest"],
        ["validate"],
        ["plan", "--json"],
        ["runs", "--json"],
        ["status", "--json"],
        ["deployments", "--json"],
        ["graph", "told"],
        ["console", "-e", "[local.header, var.databases]"],
        ["console", "-e", "var", "--json"],
        ["run", "each", "--dry-run", "--json"],
    ):
        place.cronicle(*words)

    log = place.cronicle("logs", "told@latest")
    for hidden in (
        "plain *** ***",
        "*** in pieces",
        "+ true ***",
        "on stderr: ***",
    ):
        assert hidden in log
    assert place.in_files() == []
    assert place.in_git() == []
    assert place.in_store() == {"spec.body", "deployment.variables"}


def test_a_program_gets_the_value(place: Place) -> None:
    place.cronicle("run", "argument")
    place.cronicle("run", "each")

    log = place.cronicle("logs", "argument@latest")
    assert hashlib.sha256(TOKEN.encode()).hexdigest() in log
    assert log.count("***") == 3  # upper(…), base64encode(…), the script
    assert hashlib.sha256(f"main has {PASSWORD}\n".encode()).hexdigest() in place.cronicle(
        "logs", "each@latest"
    )


def test_of_a_command_only_the_sensitive_words_are_hidden(place: Place) -> None:
    place.cronicle("run", "argument")

    tasks = json.loads(place.cronicle("show", "argument@latest", "--json"))["tasks"]
    commands = {task["task"]: task["attempts"][0]["command"] for task in tasks}
    assert commands["t"][3:] == ["sh", "***", "***"]
    assert commands["late"][::2] == ["echo", "***"]
    assert commands["script"] == ["/bin/sh", "-eu", "echo ***"]


@pytest.mark.parametrize("workflow", ["output", "data"])
def test_what_is_data_for_others_must_not_hold_it(place: Place, workflow: str) -> None:
    said = place.cronicle("run", workflow, code=1)

    assert "holds the value of a secret or sensitive variable" in said
    assert place.in_files() == []
    assert place.in_store() == {"spec.body", "deployment.variables"}


def test_a_changed_value_is_planned_as_changed_and_an_equal_one_is_not(place: Place) -> None:
    assert "Nothing to change" in place.cronicle("plan")

    said = place.cronicle("plan", CRONICLE_VAR_token=LATER)

    assert "token (sensitive) changed" in said
    assert "env.A (sensitive) changed" in said
    plan = json.loads(place.cronicle("plan", "--json", CRONICLE_VAR_token=LATER))
    changed = {change["name"]: change["tasks"] for change in plan["changes"]}
    assert changed["told"][0]["old_fingerprint"] != changed["told"][0]["new_fingerprint"]
    assert changed["each"][0]["old_fingerprint"] == changed["each"][0]["new_fingerprint"]
    assert plan["variables"] == [
        {"name": "token", "old": "(sensitive value)", "new": "(sensitive value)", "matters": True}
    ]


def test_no_hash_that_is_shown_can_be_made_from_a_guess(place: Place) -> None:
    values = {"databases": {"$sensitive": json.loads(DATABASES)}, "token": {"$sensitive": TOKEN}}
    guesses = [
        json.dumps(value, separators=(",", ":"), sort_keys=True) for value in (values, values["token"], TOKEN)
    ]
    hashes = {hashlib.sha256(guess.encode()).hexdigest() for guess in guesses}

    def trailer(at: Place) -> str:
        words = ["git", "log", "-1", "--format=%(trailers)", "refs/cronicle/deployments/safe/local"]
        return subprocess.run(words, cwd=at.folder, check=True, capture_output=True, text=True).stdout

    first = trailer(place)
    assert not any(each in first for each in hashes)
    place.cronicle("apply", "--auto-approve", CRONICLE_VAR_token=LATER)
    place.cronicle("apply", "--auto-approve")
    third = trailer(place)
    value = [line for line in third.splitlines() if line.startswith("Cronicle-Values")]
    assert value == [line for line in first.splitlines() if line.startswith("Cronicle-Values")]
    place.cronicle("apply", "--auto-approve", "--store", str(place.folder.parent / "second"))
    assert value[0] not in trailer(place)  # another store has another salt


def test_experiments_have_the_deployed_values_and_hide_them(place: Place) -> None:
    nothing = {"CRONICLE_VAR_token": "", "CRONICLE_VAR_databases": ""}
    path = place.folder / "cronicle.hcl"
    path.write_text(path.read_text("utf-8").replace("  sensitive = true\n", ""), "utf-8")

    place.cronicle("run", "argument", "--revision", "HEAD", **nothing)
    place.cronicle(
        "run", "argument", "--dirty", **nothing
    )  # not declared as sensitive there, and deployed as that

    assert place.in_files() == []
    assert place.in_store() == {"spec.body", "deployment.variables"}


REFUSED = [
    ("sword", DATABASES, 'value of variable "token" is not valid'),
    (TOKEN, PASSWORD, 'the value of variable "databases"'),
    (TOKEN, f'"{PASSWORD}"', 'unsuitable value for variable "databases"'),
    (TOKEN, f'{{a = {{user = "", password = "", port = "{PASSWORD}"}}}}', "unsuitable value"),
    (TOKEN, f'{{a = "{PASSWORD}"', 'the value of variable "databases"'),
]


def test_a_value_that_is_refused_is_not_told(project: Place) -> None:
    for token, databases, why in REFUSED:
        said = project.cronicle(
            "validate", code=1, CRONICLE_VAR_token=token, CRONICLE_VAR_databases=databases
        )

        assert why in said
        assert "sword is" not in said


FILES = [
    (f'token = "{TOKEN}', "is not HCL"),
    (f'tokn = "{TOKEN}"', '"tokn", which is no variable'),
    (f'token = ["{TOKEN}"]', 'unsuitable value for variable "token"'),
    (f'token = nothing["{TOKEN}"]', 'the value of variable "token" cannot be evaluated'),
]


def test_no_line_of_a_file_of_sensitive_values_is_shown(project: Place) -> None:
    path = project.folder.parent / "given.hcl"
    for text, why in FILES:
        path.write_text(text + "\n", "utf-8")

        assert why in project.cronicle("plan", "--var-file", str(path), code=1)


def test_that_a_value_is_in_git_is_a_warning(project: Place) -> None:
    (project.folder / "local.vars.hcl").write_text(f'token = "{TOKEN}"\n', "utf-8")

    said = project.cronicle("validate")

    assert 'the value of the sensitive variable "token" is in git' in said
    assert "local.vars.hcl line 1" in said
