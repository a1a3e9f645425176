"""`shell`: a person, or a command, in a task's place, of which nothing is seen by others."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from acceptance_world import PATIENCE, Said, Shop, Terminal

from cronicle.cli.shell_script import again_words, quoted
from cronicle.store.location import open_reader

SECRET, TOKEN = "correct-horse-battery", "swordfish-4711"
PROJECT = """
project "weather" { }
secret "password" {
  env = "THE_PASSWORD"
}
variable "token" {
  sensitive = true
}
"""
WORKFLOW = """
workflow "daily" {
  schedule {
    cron     = "0 4 * * *"
    start    = "2020-01-01"
    end      = "2020-02-01"
    timezone = "America/Los_Angeles"
  }
  task "extract" {
    script = <<-EOT
      echo "it's $CRONICLE_TASK of $CRONICLE_DATE \\$HOME \\"${run.date}\\""
      echo left > $CRONICLE_RUN_DATA/left
      echo lasting > $CRONICLE_DATA/lasting
      echo rows=3 >> $CRONICLE_OUTPUT
      pwd > /dev/null; test -w $CRONICLE_SCRATCH
    EOT
    env = { "QUOTED" = "a 'b' \\"c\\" $(touch pwned) `id` ; \\n second line" }
  }
  task "lines" {
    command = ["sh", "lines.sh", task.extract.output.rows, "it's; $(id)", "two\\nlines", ""]
    env     = { "MODE" = "fast", "LANG" = null }
    workdir = "tools"
  }
  task "read" {
    stdin = [task.lines.stdout, "notes.txt"]
    script = "cat; cat $CRONICLE_RUN_DATA/left; exit 3"
    merge_output = true
    allow_failure = true
  }
  task "each" {
    for_each = { "no rth" = 1, "it's" = 2 }
    command  = ["sh", "-c", "echo $CRONICLE_KEY $0", each.value]
    limits {
      open_files = 50
    }
  }
}
workflow "told" {
  task "t" {
    script = "printf %s \\"$PASSWORD$TOKEN\\" | wc -c; cat | wc -c; echo $PLAIN"
    env    = { PASSWORD = secret.password, TOKEN = "x${var.token}", PLAIN = "plain" }
    stdin  = secret.password
  }
}
"""
FILES = {
    "cronicle.hcl": PROJECT,
    "daily.hcl": WORKFLOW,
    "tools/lines.sh": 'for one; do echo "<$one>"; done\necho $MODE ${LANG-none}\n',
    "notes.txt": "a note\n",
    "local.vars.hcl": f'token = "{TOKEN}"\n',
}
TASKS = ("extract", "lines", "read", "each[no rth]", "each[it's]")


@pytest.fixture
def ran(shop: Shop) -> str:
    shop.environ["THE_PASSWORD"] = SECRET
    shop.deploy(FILES)
    return shop.good("run", "daily", "--time", "2020-01-02").run


def left(shop: Shop) -> list[Path]:
    """What is left of shells."""
    folder = shop.folder / ".cronicle" / "shells"
    return list(folder.iterdir()) if folder.exists() else []


def stdout_of(shop: Shop, run: str, task: str) -> str:
    return shop.good("logs", f"{run}/{task}").out


@pytest.mark.parametrize("task", TASKS)
def test_its_command_gives_there_what_the_attempt_gave(shop: Shop, ran: str, task: str) -> None:
    said = shop.cronicle("shell", f"{ran}/{task}", "--", "cronicle-task")

    assert said.out == stdout_of(shop, ran, task)
    assert said.code == (3 if task == "read" else 0)
    assert left(shop) == []


@pytest.mark.parametrize("task", TASKS)
def test_the_printed_script_gives_the_same(shop: Shop, place: Path, ran: str, task: str) -> None:
    printed = shop.good("shell", f"{ran}/{task}", "--print").out
    temporary = place / "temporary"
    temporary.mkdir()

    done = subprocess.run(
        ["/bin/sh"],
        input=printed,
        env=shop.environ | {"TMPDIR": str(temporary), "MODE": "of somebody else"},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.stdout == stdout_of(shop, ran, task)
    assert done.returncode == (3 if task == "read" else 0), done.stderr
    assert list(temporary.iterdir()) == []
    assert not (place / "pwned").exists()


def test_the_environment_is_that_of_the_attempt(shop: Shop) -> None:
    shop.deploy(
        {
            **FILES,
            "daily.hcl": WORKFLOW.replace(
                'script = "cat; cat $CRONICLE_RUN_DATA/left; exit 3"', 'script = "env"'
            ),
        }
    )
    run = shop.good("run", "daily", "--time", "2020-01-02", CRONICLE_X="not passed on").run
    own = {"CRONICLE_COMMAND", "CRONICLE_STDIN", "PATH", "_", "PWD", "OLDPWD", "SHLVL"}
    places = {
        "CRONICLE_" + name for name in ("ATTEMPT_TOKEN", "OUTPUT", "SUMMARY", "SCRATCH", "DATA", "RUN_DATA")
    }

    then = variables(stdout_of(shop, run, "read"))
    there = variables(shop.good("shell", f"{run}/read", "--", "env", CRONICLE_X="not passed on").out)
    printed = variables(shop.good("shell", f"{run}/read", "--", "cronicle-task").out)

    assert set(then) - own == set(there) - own == set(printed) - own
    assert {name for name in set(then) - own if then[name] != there[name]} == places
    assert printed["PATH"] == then["PATH"]
    assert there["PATH"].startswith(then["PATH"] + ":")
    assert then["CRONICLE_FENCE"] == there["CRONICLE_FENCE"]
    assert there["TZ"] == "America/Los_Angeles"


def variables(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)


def test_nothing_that_is_done_there_is_seen_by_others(shop: Shop, ran: str) -> None:
    script = (
        "cat $CRONICLE_RUN_DATA/left; ls $CRONICLE_DATA; echo bad > $CRONICLE_RUN_DATA/left;"
        "echo bad > $CRONICLE_DATA/lasting; echo bad > ../notes.txt; rm lines.sh; chmod 0 ."
    )

    said = shop.good("shell", f"{ran}/lines", "--", "sh", "-c", script)

    assert said.out == "left\n"
    assert left(shop) == []
    folder = shop.folder / ".cronicle"
    assert (folder / "run-data" / ran / "left").read_text() == "left\n"
    assert (folder / "data" / "weather" / "local" / "lasting").read_text() == "lasting\n"
    assert shop.good("run", "daily", "--time", "2020-01-03").code == 0
    assert len(shop.json("runs")) == 2


def test_the_lasting_data_is_empty_a_copy_or_the_real_one(shop: Shop, ran: str) -> None:
    real = shop.folder / ".cronicle" / "data" / "weather" / "local" / "lasting"
    words = ("--", "sh", "-c", "cat $CRONICLE_DATA/lasting; echo new > $CRONICLE_DATA/lasting")

    assert "No such file" in shop.cronicle("shell", f"{ran}/extract", *words).err
    assert shop.good("shell", f"{ran}/extract", "--data", "copy", *words).out == "lasting\n"
    assert real.read_text() == "lasting\n"
    said = shop.good("shell", f"{ran}/extract", "--data", "real", *words)
    assert said.out == "lasting\n"
    assert "warning: $CRONICLE_DATA is the lasting folder" in said.err
    assert real.read_text() == "new\n"


@pytest.mark.slow
def test_the_files_are_those_of_the_run_whatever_is_deployed(shop: Shop, place: Path, ran: str) -> None:
    shop.deploy({"notes.txt": "another note\n", "tools/lines.sh": "echo other\n"})

    assert shop.good("shell", f"{ran}/read", "--", "cat", "notes.txt").out == "a note\n"
    target = place / "copied"
    shop.good("shell", f"{ran}/read", "--files-to", str(target))
    assert (target / "notes.txt").read_text() == "a note\n"
    said = shop.cronicle("shell", f"{ran}/read", "--files-to", str(target))
    said.is_clear_error("cannot be written", "not there yet")


@pytest.mark.slow
def test_a_shell_on_a_terminal(shop: Shop, ran: str, terminals: list[Terminal]) -> None:
    shop.environ["SHELL"] = "/bin/sh"
    shop.environ["PS1"] = "here> "
    terminals.append(Terminal(shop, "shell", f"{ran}/each[it's]"))
    terminal = terminals[-1]

    terminal.until("to execute it +cronicle-task")
    terminal.type("cronicle-task; echo code $?\n")
    terminal.until("it's 2\r\ncode 0")
    terminal.type("exit 7\n")

    assert terminal.end() == 7
    assert "daily@2020-01-02/each[it's]" in terminal.seen
    assert left(shop) == []


@pytest.mark.slow
def test_without_a_terminal_a_command_is_asked_for(shop: Shop, ran: str) -> None:
    shop.cronicle("shell", f"{ran}/read").is_clear_error("there is no terminal", "--print", code=64)
    shop.cronicle("shell", f"{ran}/read", "--print", "--secrets").is_clear_error("--print", code=64)
    shop.cronicle("shell", ran, "--", "true").is_clear_error("several places", f"{ran}/extract", code=64)
    said = shop.cronicle("shell", f"{ran}/each", "--", "true")
    said.is_clear_error("has instances", "each[it", code=64)
    shop.cronicle("shell", f"{ran}/read#9", "--", "true").is_clear_error("no attempt 9")
    said = shop.cronicle("shell", f"{ran}/read", "--", "no-such-program")
    said.is_clear_error("no such program")
    assert left(shop) == []


@pytest.mark.slow
def test_the_exit_code_of_what_a_signal_ends_is_that_of_a_shell(shop: Shop, ran: str) -> None:
    assert shop.cronicle("shell", f"{ran}/read", "--", "sh", "-c", "kill -9 $$").code == 137


@pytest.mark.slow
def test_what_was_not_reached_has_no_place_yet(shop: Shop) -> None:
    text = WORKFLOW.replace("echo rows=3 >> $CRONICLE_OUTPUT", "exit 1")
    shop.deploy({**FILES, "daily.hcl": text})
    run = shop.cronicle("run", "daily", "--time", "2020-01-02").run

    said = shop.cronicle("shell", f"{run}/lines", "--", "true")

    said.is_clear_error("cannot be evaluated", "cronicle explain")


@pytest.mark.slow
def test_a_task_that_was_carried_over_has_the_place_of_its_own_run(shop: Shop, ran: str) -> None:
    retried = shop.good("retry", ran, "--from", "read").run

    assert (
        shop.good("shell", f"{retried}/extract", "--", "sh", "-c", "echo $CRONICLE_RUN_ID").out == f"{ran}\n"
    )


@pytest.mark.slow
def test_secrets_are_there_only_if_they_are_asked_for(shop: Shop, ran: str) -> None:
    run = shop.good("run", "told").run
    length = f"{len(SECRET + 'x' + TOKEN)}\n{len(SECRET)}\nplain\n"
    assert stdout_of(shop, run, "t") == length

    without = shop.good("shell", f"{run}/t", "--", "cronicle-task")
    printed = shop.good("shell", f"{run}/t", "--print")
    env = shop.good("shell", f"{run}/t", "--", "env")
    given = shop.good("shell", f"{run}/t", "--secrets", "--", "cronicle-task")

    assert without.out == "0\n0\nplain\n"
    assert "PASSWORD, TOKEN are not set: secret (--secrets)" in without.err
    assert "its stdin is a secret, and is left out" in without.err
    assert "# PASSWORD is not set: its value is secret." in printed.out
    assert given.out == length
    for said in (without, printed, env):
        shows_nothing(said)
    for path in (shop.folder / ".cronicle").rglob("*"):
        if path.is_file() and not path.name.startswith("store.sqlite3"):
            assert SECRET.encode() not in path.read_bytes(), path


def shows_nothing(said: Said) -> None:
    for value in (SECRET, TOKEN):
        assert value not in said.out + said.err


@pytest.mark.slow
def test_it_is_an_act_on_record_and_no_run(shop: Shop, ran: str) -> None:
    shop.good("shell", f"{ran}/each[it's]", "--", "true")
    shop.good("shell", f"{ran}/read", "--print")

    store = open_reader(str(shop.folder / ".cronicle"))
    try:
        acts = [(one.act, one.subject, one.detail) for one in store.list_audit()]
    finally:
        store.close()
    assert [act for act in acts if act[0] == "shell"] == [("shell", ran, "each[it's]")]
    assert len(shop.json("runs")) == 1


def at_work(shop: Shop, run: str) -> subprocess.Popen[bytes]:
    """A command in the place of a task that goes on until it is ended."""
    process = subprocess.Popen(
        shop.words("shell", f"{run}/read", "--", "sh", "-c", "echo there; exec sleep 60 >/dev/null"),
        cwd=shop.folder,
        env=shop.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    process.stdout.close()
    return process


@pytest.mark.slow
def test_an_interrupted_one_leaves_nothing(shop: Shop, ran: str) -> None:
    process = at_work(shop, ran)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    assert process.wait(PATIENCE) == 130

    process = at_work(shop, ran)
    process.terminate()  # which is passed on
    assert process.wait(PATIENCE) == 143

    assert left(shop) == []


@pytest.mark.slow
def test_what_a_killed_one_has_left_is_removed_by_the_next(shop: Shop, ran: str) -> None:
    process = at_work(shop, ran)
    held = left(shop)
    assert shop.good("shell", f"{ran}/read", "--", "true").code == 0
    assert left(shop) == held  # it is in use
    os.killpg(process.pid, signal.SIGKILL)  # nobody is left to tidy up
    process.wait(PATIENCE)
    assert held[0].is_dir()

    shop.good("shell", f"{ran}/read", "--", "true")

    assert left(shop) == []


@pytest.mark.slow
def test_what_it_prepares_is_there_if_it_was_made(shop: Shop) -> None:
    files = {
        "cronicle.hcl": 'project "weather" { }\nprepare "tool" {\n  command = ["sh", "make.sh"]\n}\n',
        "w.hcl": 'workflow "w" {\n  task "t" {\n    script = "cat ${prepare.tool.path}/made"\n  }\n}\n',
        "make.sh": "echo made > $CRONICLE_PREPARED/made\n",
    }
    shop.deploy(files)
    run = shop.good("run", "w").run

    assert shop.good("shell", f"{run}/t", "--", "cronicle-task").out == "made\n"
    shop.good("db", "prune", "--prepared")
    said = shop.cronicle("shell", f"{run}/t", "--", "cronicle-task")
    assert said.code == 1
    assert "tool is not prepared on this machine" in said.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["", "it's", "a b", "$(id) `id` ${IFS}", "\n", "\\", '"', "ü\u202e", "*", "-n"]
)
def test_any_text_is_one_word_of_a_shell(text: str) -> None:
    script = f"place=/there; printf '<%s>' {quoted(text)} {quoted(chr(0) + text)}"

    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == f"<{text}></there{text}>"


@pytest.mark.slow
def test_the_printed_script_names_the_program_that_wrote_it(shop: Shop, ran: str) -> None:
    printed = shop.good("shell", f"{ran}/read", "--print").out
    assert re.search(
        rf"^/\S+ -m cronicle shell --store {shop.folder}/.cronicle {ran}/read --files-to ",
        printed,
        re.MULTILINE,
    )


@pytest.mark.slow
def test_no_password_of_a_store_is_printed() -> None:
    words = again_words("postgresql://ana:s3cret@h/db", Path("/files"), "7K2/t")

    assert "s3cret" not in " ".join(words)
    assert words[4:] == ["--files", "/files", "7K2/t", "--files-to"]
    assert "--store" in again_words("postgresql://ana@h/db", Path("/files"), "7K2/t")


@pytest.mark.slow
def test_the_folder_of_a_project_that_is_not_the_root_of_its_repository(shop: Shop) -> None:
    text = 'workflow "w" {\n  task "t" {\n    script = "cat notes ../outside"\n  }\n}\n'
    shop.commit(
        {"jobs/cronicle.hcl": 'project "jobs" { }\n' + text, "jobs/notes": "in\n", "outside": "out\n"}
    )
    jobs = shop.folder / "jobs"
    shop.good("apply", "--auto-approve", cwd=jobs)
    run = shop.good("run", "w", cwd=jobs).run

    there = shop.good("shell", f"{run}/t", "--", "sh", "-c", "pwd; cronicle-task", cwd=jobs).out.splitlines()
    printed = shop.good("shell", f"{run}/t", "--print", cwd=jobs).out
    done = subprocess.run(
        ["/bin/sh"], input=printed, env=shop.environ, capture_output=True, text=True, check=True
    )

    assert there[0].endswith("/files/jobs")
    assert there[1:] == ["in", "out"]
    assert done.stdout == "in\nout\n"
