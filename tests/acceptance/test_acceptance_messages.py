"""What is wrong is said once, clearly, with its place and its remedy: in files, repositories and stores."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance_world import Shop

GOOD = """\
workflow "w" {
  schedule {
    cron = "0 4 * * *"
  }
  task "a" {
    command = ["sh", "-c", "echo hello"]
  }
}
"""
PROJECT = 'project "weather" { }\n'

BROKEN = {
    "a cycle": (
        """\
workflow "w" {
  task "a" {
    command    = ["true"]
    depends_on = [task.c]
  }
  task "b" {
    command    = ["true"]
    depends_on = [task.a]
  }
  task "c" {
    command = ["echo", task.b.output.x]
  }
}
""",
        4,
        ["tasks wait for each other in a circle: a → c → b → a", "task.c waits for task.b (w.hcl line 11)"],
    ),
    "an unknown task": (
        GOOD.replace("command", "depends_on = [task.extrat]\n    command") + "",
        6,
        ['unknown task "extrat"', "There is no task of that name in this workflow."],
    ),
    "a wrong type": (
        GOOD.replace('["sh", "-c", "echo hello"]', '"ls -l"'),
        6,
        ["unsuitable value for command", 'Write it in brackets: ["a", "b"].'],
    ),
    "an unclosed block": (
        GOOD.removesuffix("}\n"),
        1,
        ["this block is never closed", "Add it where the block ends"],
    ),
    "an unclosed block before another": (
        GOOD.removesuffix("}\n") + GOOD.replace('"w"', '"v"'),
        1,
        ["this block is never closed", "line 8"],
    ),
    "a heredoc without end": (
        GOOD.replace('command = ["sh", "-c", "echo hello"]', "script = <<-EOT\n      echo hello"),
        6,
        ["heredoc `EOT` is never closed", "No line up to the end of the file holds just the closing `EOT`."],
    ),
    "a duplicate task": (
        GOOD.removesuffix("}\n") + '  task "a" {\n    command = ["true"]\n  }\n}\n',
        8,
        ['task "a" is declared twice', "It is declared in w.hcl line 5 already."],
    ),
    "a duplicate attribute": (
        GOOD.replace("    command", '    command = ["true"]\n    command'),
        7,
        ["`command` is set twice", "It is set on line 6 already."],
    ),
    "a local that refers to itself": (
        "locals {\n  x = upper(local.x)\n}\n" + GOOD,
        2,
        ["local.x refers to itself", "Give one of the two another name."],
    ),
    "a task that refers to itself": (
        GOOD.replace('"echo hello"', "task.a.output.x"),
        6,
        ['task "a" refers to itself', "What a task gives is known after it has ended"],
    ),
    "a variable that refers to itself": (
        'variable "x" {\n  default = var.x\n}\n' + GOOD.replace('"echo hello"', "var.x"),
        2,
        ["var.x may not be used here", "Write it out, or make it a local."],
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_mistake_in_a_file_is_told_once_with_its_place_and_what_to_do(what: str, shop: Shop) -> None:
    text, line, parts = BROKEN[what]
    shop.commit({"cronicle.hcl": PROJECT, "w.hcl": text})

    said = shop.cronicle("validate")

    said.is_clear_error(*parts)
    marked = text.splitlines()[line - 1].strip()
    assert re.search(rf"on w\.hcl line {line}[,:]", said.err), said.err
    assert f"{line} │ " in said.err
    assert marked in said.err
    assert "^" in said.err
    assert said.err.rstrip().endswith("1 error in 2 files.")
    assert shop.cronicle("apply", "--auto-approve") == said
    assert not (shop.folder / ".cronicle").exists()


def test_outside_of_a_repository_and_in_an_empty_one_nothing_can_be_planned(shop: Shop, place: Path) -> None:
    alone = Shop(place / "alone", shop.home)
    alone.folder.mkdir()
    for one in (shop, alone):
        one.write({"cronicle.hcl": PROJECT, "w.hcl": GOOD})

    for words in (["plan"], ["apply", "--auto-approve"], ["run", "w", "--dirty"]):
        alone.cronicle(*words).is_clear_error(
            f"{alone.folder} is not inside a git repository", "cronicle init"
        )
        shop.cronicle(*words).is_clear_error("has no commit yet", "git commit")
    assert alone.good("validate").out == "1 workflow in 2 files: valid\n"
    assert not (alone.folder / ".cronicle").exists()
    assert not (shop.folder / ".cronicle").exists()


def test_outside_of_a_project_there_is_nothing_to_do(shop: Shop) -> None:
    shop.commit({"README": "nothing here"})

    for words in (
        ["plan"],
        ["validate"],
        ["graph", "w"],
        ["apply", "--auto-approve"],
        ["run", "w", "--dirty"],
    ):
        shop.cronicle(*words).is_clear_error("this folder is in no project", "cronicle init")
    shop.cronicle("runs").is_clear_error("this folder is in no project", "--store PATH")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_repository_of_somebody_else_is_not_trusted(shop: Shop) -> None:
    shop.commit({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    for folder, folders, files in os.walk(shop.folder):
        for name in (".", *folders, *files):
            os.chown(Path(folder, name), 12345, 12345)

    for words in (["plan"], ["run", "w", "--dirty"]):
        shop.cronicle(*words).is_clear_error(
            "dubious ownership", str(shop.folder), "git config --global --add safe.directory"
        )
    shop.write({"../home/.gitconfig": f"[safe]\n\tdirectory = {shop.folder}\n"})
    shop.good("plan")


def test_a_missing_identity_is_no_error(shop: Shop) -> None:
    assert not (shop.home / ".gitconfig").exists()
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    shop.write({"w.hcl": GOOD.replace("hello", "there")})

    assert shop.good("logs", shop.good("run", "w", "--dirty").run).out == "there\n"


@pytest.mark.parametrize(
    "text", ["gone", "--x", "@/etc/passwd", "-", ":/text", "", "HEAD~9", "HEAD:w.hcl", "@{-1}"]
)
def test_what_names_no_revision_is_told_so(shop: Shop, text: str) -> None:
    shop.commit({"cronicle.hcl": PROJECT, "w.hcl": GOOD}, "Some text")

    said = shop.cronicle("plan", f"--revision={text}")

    said.is_clear_error(repr(text), "Give a branch, a tag, a commit id or a prefix of one, or HEAD")
    assert "root:" not in said.err
    assert shop.cronicle("plan", "--revision", text).err == said.err
    assert shop.cronicle("apply", "--auto-approve", "--revision", text).err == said.err
    assert shop.cronicle("run", "w", "--revision", text).err == said.err


def test_a_working_directory_that_differs_is_told_by_plan_and_refused_by_apply(shop: Shop) -> None:
    revision = shop.commit({"cronicle.hcl": PROJECT, "w.hcl": GOOD, "notes.txt": "old"})
    shop.write(
        {"w.hcl": GOOD.replace("hello", "there"), "new.hcl": "locals { x = 1 }\n", "untracked.txt": "x"}
    )

    planned = shop.good("plan")
    assert "warning: files in the working directory differ from HEAD" in planned.err
    assert planned.err.rstrip().endswith("w.hcl, new.hcl")
    shop.cronicle("apply", "--auto-approve").is_clear_error(
        "files in the working directory differ from HEAD: w.hcl, new.hcl", "cronicle apply --revision HEAD"
    )
    assert "deployed" in shop.good("apply", "--auto-approve", "--revision", "HEAD").out
    run = shop.json("run", "w")
    assert (run["revision"], run["dirty"]) == (revision, False)


def test_before_anything_was_deployed_a_run_says_what_to_do(shop: Shop, place: Path) -> None:
    shop.commit({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    dates = ("--from", "2020-01-01", "--to", "2020-01-02")

    for words in (("run", "w"), ("backfill", "w", *dates), ("runs",), ("show", "ABC"), ("rollback",)):
        shop.cronicle(*words).is_clear_error("nothing has been deployed", "cronicle apply")
    assert not (shop.folder / ".cronicle").exists()

    other = Shop(place / "other", shop.home, store=place / "store")
    other.folder.mkdir()
    other.init().deploy({"cronicle.hcl": 'project "other" { }\n', "w.hcl": GOOD})
    shop.store = other.store
    shop.cronicle("run", "w").is_clear_error(
        "nothing of this project has been deployed yet", "cronicle apply"
    )
    shop.deploy()
    shop.cronicle("run", "v").is_clear_error(
        "no workflow 'v' is deployed to weather/local", "Deployed are: w."
    )


def test_a_name_that_another_repository_holds_is_refused_with_both_places(shop: Shop, place: Path) -> None:
    shop.store = place / "store"
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    other = Shop(place / "other", shop.home, store=shop.store)
    other.folder.mkdir()
    other.init().commit({"cronicle.hcl": PROJECT + "# another\n", "w.hcl": GOOD})

    for words in (["apply", "--auto-approve"], ["plan"], ["run", "w", "--dirty"]):
        other.cronicle(*words).is_clear_error(
            "the name 'weather' is taken in this store", str(shop.folder), str(other.folder), "--store PATH"
        )


def test_a_command_that_cannot_start_fails_its_task_and_its_log_says_why(shop: Shop) -> None:
    shop.deploy(
        {
            "cronicle.hcl": PROJECT,
            "w.hcl": """
                workflow "w" {
                  task "gone" { command = ["no-such-program", "x"] }
                  task "plain" { command = ["./plain.sh"] }
                }
                """,
            "plain.sh": "echo never\n",
        }
    )

    said = shop.cronicle("run", "w")

    assert said.code == 1
    assert said.err.count("there is no such program in PATH") == 2  # as it happens, and at the end
    assert "[cronicle:" not in said.err
    assert f"cronicle retry {said.run}" in said.err
    log = shop.good("logs", f"{said.run}/gone").out
    assert log.startswith("[cronicle: Cannot start 'no-such-program': there is no such program in PATH")
    assert "it is not executable (chmod +x)" in shop.good("logs", f"{said.run}/plain").out


# Stores


def test_a_store_of_a_newer_program_is_left_alone(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    with sqlite3.connect(shop.folder / ".cronicle" / "store.sqlite3") as store:
        (version,) = store.execute("PRAGMA user_version").fetchone()
        store.execute(f"PRAGMA user_version = {version + 1}")
    store.close()

    for words in (["runs"], ["plan"], ["apply", "--auto-approve"], ["run", "w"]):
        shop.cronicle(*words).is_clear_error(
            f"has schema version {version + 1}; this program knows versions up to {version}",
            "Upgrade cronicle",
        )


def test_a_damaged_store_is_told_as_such(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    with (shop.folder / ".cronicle" / "store.sqlite3").open("r+b") as file:
        file.write(b"not a database" * 100)

    for words in (["runs"], ["run", "w"]):
        shop.cronicle(*words).is_clear_error("is damaged", "backup")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own for a store, which only root can make."""
    with tempfile.TemporaryDirectory(prefix="cronicle-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "cronicle", folder], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("no disk can be mounted here")
        yield Path(folder)
        subprocess.run(["umount", folder], check=True)


def test_a_store_on_a_read_only_disk_is_told_as_such(shop: Shop, small_disk: Path) -> None:
    shop.store = small_disk / "store"
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    for words in (["run", "w"], ["apply", "--auto-approve"]):
        shop.cronicle(*words).is_clear_error("mounted read-only", "--store")
    assert shop.cronicle("runs").code == 0, "history can be read there"
    shop.store = small_disk / "another"
    said = shop.cronicle("apply", "--auto-approve")
    assert said.code == 1
    assert "Read-only file system" in said.err
    assert "Choose another one with --store" in said.err


def test_a_full_disk_is_told_as_such(shop: Shop, small_disk: Path) -> None:
    shop.store = small_disk / "store"
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(bytes(8_000_000))

    shop.cronicle("run", "w").is_clear_error("is full", "Make room")


def test_a_store_that_refuses_to_be_written_is_told_as_such(shop: Shop, place: Path) -> None:
    """For those who cannot mount: SQLite's own answer, injected at its library."""
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": GOOD})
    shop.write({"../inject/sitecustomize.py": INJECTED})

    path = f"{place / 'inject'}{os.pathsep}{shop.environ['PYTHONPATH']}"
    shop.cronicle("run", "w", PYTHONPATH=path).is_clear_error("is read-only", "--store")


INJECTED = '''
import apsw

class Connection(apsw.Connection):
    """A connection to a file that cannot be written."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.exec_trace = self.refuse

    def refuse(self, cursor, statement, bindings):
        if statement.upper().startswith("BEGIN IMMEDIATE"):
            raise apsw.ReadOnlyError("attempt to write a readonly database")
        return True

apsw.Connection = Connection
'''
