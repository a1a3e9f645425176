"""`diff` through the command line: two runs side by side, whatever has become of their branch."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from acceptance_world import Said, Shop, Terminal

TOKEN, OTHER_TOKEN = "swordfish-4711", "trombone-0815"

PROJECT = """
project "weather" { }
variable "mode" {
  default = "fast"
}
variable "token" {
  sensitive = true
  default   = "nothing to see"
}
"""
WORKFLOW = """
workflow "daily" {
  schedule {
    cron  = "0 4 * * *"
    start = "2020-01-01"
    end   = "2020-02-01"
  }
  param "size" {
    default = "1"
  }
  task "extract" {
    command  = ["sh", "extract.sh", run.date]
    env      = { MODE = var.mode, TOKEN = var.token }
    produces = ["${run.date}.csv"]
  }
  task "summarise" {
    depends_on = [task.extract]
    script     = "sh summarise.sh"
  }
  task "report" {
    stdin  = task.summarise.stdout
    script = "cat"
  }
  task "each" {
    for_each = toset(["rain", "wind"])
    script   = "echo ${each.key} $SIZE"
    env      = { SIZE = param.size }
  }
}
"""
OTHER = 'workflow "other" {\n  task "a" {\n    script = "true"\n  }\n}\n'
EXTRACT = "echo rows=3 >> $CRONICLE_OUTPUT\necho 1,2,3 > $CRONICLE_DATA/$1.csv\necho extracted $MODE\n"
SUMMARISE = "echo a summary\necho to the log >&2\n"
FILES = {
    "cronicle.hcl": PROJECT,
    "daily.hcl": WORKFLOW,
    "other.hcl": OTHER,
    "extract.sh": EXTRACT,
    "summarise.sh": SUMMARISE,
}
DAY = ("daily", "--time", "2020-01-02")


@pytest.fixture
def first(shop: Shop) -> str:
    shop.deploy(FILES, "The first")
    return run(shop)


def run(shop: Shop, *words: str) -> str:
    return shop.good("run", *(words or DAY)).run


def changed(shop: Shop, files: dict[str, str], message: str = "A change") -> str:
    """A run of the same day at another revision."""
    shop.deploy(files, message)
    return run(shop)


def differing(found: dict[str, object]) -> dict[str, object]:
    """By task what differs in its outcome."""
    return {
        task["task"]: [one for one in task["instances"] if one["action"] != "no_op"]
        for task in found["tasks"]
        if task["outcome"] != "same"
    }


def test_runs_that_have_come_to_the_same(shop: Shop, first: str) -> None:
    second = run(shop)

    said = shop.good("diff", first, second, "--exit-code")
    found = shop.json("diff", first, second)

    assert "They have come to the same" in said.out
    assert "the same: revision" in said.out
    assert "extract" in said.out.split("  the same:")[1]
    assert found["outcome"] == "same"
    assert (found["old"]["id"], found["new"]["id"]) == (first, second)
    assert found["files"] == []
    assert {task["outcome"] for task in found["tasks"]} == {"same"}
    assert found["tasks"][0]["instances"][0]["old_duration"] > 0
    assert shop.json("diff", "daily~0", f"{first}")["outcome"] == "same"


def test_a_changed_script_with_its_lines_what_it_printed_gave_and_made(shop: Shop, first: str) -> None:
    text = EXTRACT.replace("rows=3", "rows=4").replace("1,2,3", "1,2,3,4").replace("extracted", "had")
    second = changed(shop, {"extract.sh": text}, "Four of them")

    said = shop.cronicle("diff", first, second, "--patch", "--logs", "--exit-code")
    found = shop.json("diff", first, second)

    assert said.code == 1
    assert "They have come to something else: extract." in said.out
    assert '1 commit further   "Four of them", Ana' in said.out
    for part in (
        "extract.sh changed: 3 lines   (inferred input)",
        'output.rows "3" → "4"',
        "made 2020-01-02.csv 6 B → 8 B   sha256",
        "extract changed, above it",
        "-echo rows=3 >> $CRONICLE_OUTPUT\n+echo rows=4 >> $CRONICLE_OUTPUT"[:30],
        "+echo had $MODE",
        f"--- {first}/extract\n+++ {second}/extract\n",
        "-extracted fast\n+had fast\n",
    ):
        assert part in said.out, part
    assert list(differing(found)) == ["extract"]
    assert [(one["path"], one["role"], one["used_by"], one["added"]) for one in found["files"]] == [
        ("extract.sh", "input", ["extract"], 3)
    ]
    assert found["revision"]["added"] == 1
    assert found["revision"]["new"]["subject"] == "Four of them"
    # The other way round it is a commit back.
    assert "1 commit back" in shop.good("diff", second, first).out


def test_values_commands_states_and_exit_codes(shop: Shop, first: str) -> None:
    text = WORKFLOW.replace('["sh", "extract.sh", run.date]', '["sh", "extract.sh", run.date, "again"]')
    files = {"cronicle.hcl": PROJECT.replace("fast", "slow"), "daily.hcl": text, "summarise.sh": "exit 3\n"}
    shop.deploy(files)
    second = shop.cronicle("run", *DAY, "--param", "size=2").run

    said = shop.good("diff", first, second).out
    found = shop.json("diff", first, second)

    for part in (
        "var.mode",
        '"fast" → "slow"',
        "param.size",
        'env.MODE "fast" → "slow"',
        "state succeeded → failed",
        "exit code 0 → 3",
        'command ["sh", "extract.sh", "2020-01-02"] → ["sh", "extract.sh", "2020-01-02", "again"]',
        "deployment",
    ):
        assert part in said, part
    assert [one["name"] for one in found["variables"]] == ["mode"]
    assert [(one["old"], one["new"]) for one in found["params"]] == [("1", "2")]
    changes = {one["name"]: one for one in differing(found)["summarise"][0]["changes"]}
    assert (changes["exit_code"]["old"], changes["exit_code"]["new"]) == (0, 3)
    # Who of two runs of no deployment knows which values they had?
    dirty = run(shop, *DAY, "--revision", "HEAD~1")
    assert shop.json("diff", first, dirty)["variables"] is None
    assert f"not recorded with a run of no deployment: {dirty}" in shop.good("diff", first, dirty).out


def test_another_day_is_another_command_and_another_product(shop: Shop, first: str) -> None:
    second = run(shop, "daily", "--time", "2020-01-03")

    said = shop.good("diff", "daily@2020-01-02", "daily@2020-01-03").out

    assert "2020-01-02T04:00:00+00:00 → 2020-01-03T04:00:00+00:00" in said
    assert "has not made 2020-01-02.csv   6 B" in said
    assert "made 2020-01-03.csv, which the first has not   6 B" in said
    assert shop.json("diff", first, second)["outcome"] == "different"


def test_files_of_other_workflows_and_other_files_are_left_out(shop: Shop, first: str) -> None:
    second = changed(shop, {"other.hcl": OTHER.replace("true", "false"), "README": "more\n", "x.py": "1\n"})

    found = shop.json("diff", first, second, "--patch")

    assert found["files"] == []
    assert found["revision"]["added"] == 1
    assert "no file differs that they used" in shop.good("diff", first, second, "--stat").out
    third = changed(shop, {"daily.hcl": WORKFLOW.replace("# ", "") + "# a comment\n"})
    [file] = shop.json("diff", first, third, "--patch")["files"]
    assert (file["path"], file["role"], file["added"], file["removed"]) == ("daily.hcl", "definition", 1, 0)
    assert "+# a comment\n" in file["patch"]


def test_names_of_files_may_hold_anything(shop: Shop, first: str) -> None:
    (shop.folder / os.fsdecode(b"odd\xff<\x1b[2J>.hcl")).write_text("# nothing\n")
    second = changed(shop, {})

    [file] = shop.json("diff", first, second, "--patch")["files"]

    assert file["path"] == "odd\\xff<\x1b[2J>.hcl"
    assert "odd\\xff<\\x1b[2J>.hcl" in shop.good("diff", first, second, "--patch").out


def test_a_branch_that_was_force_pushed_away_and_another_clone(shop: Shop, place: Path, first: str) -> None:
    second = changed(shop, {"extract.sh": EXTRACT + "echo more\n"})
    before = shop.json("diff", first, second, "--patch", "--logs")
    # Nothing is left of the commits in the clone, and the clone itself moves.
    for folder in (shop.folder / ".git" / "objects").iterdir():
        shutil.rmtree(folder)
    moved = place / "elsewhere"
    shop.folder.rename(moved)
    again = Shop(place, shop.home, store=moved / ".cronicle")

    found = again.json("diff", first, second, "--patch", "--logs")

    assert found == before
    assert "+echo more\n" in found["files"][0]["patch"]


def test_one_task_or_instance_of_each(shop: Shop, first: str) -> None:
    second = changed(shop, {"extract.sh": EXTRACT.replace("rows=3", "rows=4")})

    one = shop.json("diff", f"{first}/summarise", second)
    extract = shop.json("diff", first, f"{second}/extract")
    instances = shop.json("diff", f"{first}/each[rain]", f"{second}/each[wind]", "--logs")

    assert [task["task"] for task in one["tasks"]] == ["summarise"]
    assert one["files"] == []
    assert [file["path"] for file in extract["files"]] == ["extract.sh"]
    assert [(log["task"], log["key"]) for log in instances["logs"]] == [("each", "wind")]
    assert "-rain 1\n+wind 1\n" in instances["logs"][0]["patch"]
    said = shop.cronicle("diff", f"{first}/each[rain]", f"{second}/each")
    said.is_clear_error("cannot be compared", code=64)
    shop.cronicle("diff", first, f"{second}/nothing").is_clear_error("has no task 'nothing'")


@pytest.mark.slow
def test_attempts_of_one_task(shop: Shop) -> None:
    script = "test $CRONICLE_ATTEMPT = 2 || { echo no; exit 4; }; echo yes"
    task = f'  task "t" {{\n    script = "{script}"\n    retry {{\n      attempts = 2\n    }}\n  }}\n'
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": f'workflow "w" {{\n{task}}}\n'})
    tried = run(shop, "w")

    said = shop.good("diff", f"{tried}/t#1", f"{tried}/t#2", "--logs").out

    assert "exit code 4 → 0" in said
    assert "-no\n+yes\n" in said


@pytest.mark.slow
def test_a_renamed_task_is_the_same_one(shop: Shop, first: str) -> None:
    text = WORKFLOW.replace('task "extract"', 'task "fetch"').replace("task.extract", "task.fetch")
    names = "from = workflow.daily.task.extract\n  to   = workflow.daily.task.fetch"
    moved = f"moved {{\n  {names}\n}}\n{text}"
    second = changed(shop, {"daily.hcl": moved})

    for found in (shop.json("diff", first, second, "--logs"), shop.json("diff", second, first, "--logs")):
        assert found["outcome"] == "same"
        assert found["tasks"][0]["task"] == "fetch"
        assert found["logs"] == []
    assert "(was extract)" in shop.good("diff", first, second).out


@pytest.mark.slow
def test_a_stdout_that_is_gone_is_not_the_same(shop: Shop, first: str) -> None:
    second = run(shop)
    for path in (shop.folder / ".cronicle" / "stdout" / first).iterdir():
        path.unlink()

    said = shop.cronicle("diff", first, second, "--exit-code")

    assert said.code == 1
    assert "As far as it is kept, they have come to the same." in said.out
    assert "the stdout of summarise is not kept any more" in said.out
    assert shop.json("diff", first, second)["outcome"] == "unknown"


@pytest.mark.slow
def test_logs_that_are_large_binary_or_gone(shop: Shop) -> None:
    tasks = {
        "large": "yes $CRONICLE_RUN_ID | head -c 1200000",
        "binary": "printf 'a\\\\000'; echo $CRONICLE_RUN_ID",
        "gone": "echo $CRONICLE_RUN_ID",
        "silent": "true",
    }
    text = "".join(f'  task "{name}" {{\n    script = "{script}"\n  }}\n' for name, script in tasks.items())
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": f'workflow "w" {{\n{text}}}\n'})
    first, second = run(shop, "w"), run(shop, "w")
    (shop.folder / ".cronicle" / "logs" / first / "gone.1.log").unlink()

    logs = {log["task"]: log for log in shop.json("diff", first, second, "--logs")["logs"]}

    assert {name: log["problem"] for name, log in logs.items()} == {
        "large": "too large",
        "binary": "binary",
        "gone": "gone",
    }
    said = shop.good("diff", first, second, "--logs").out
    for words in ("(too large)", "(binary)", "(not kept any more)"):
        assert words in said


@pytest.mark.slow
def test_sensitive_values_are_shown_nowhere(shop: Shop) -> None:
    script = "echo it is $TOKEN\n"
    values = 'token = "{}"\n'
    shop.deploy({**FILES, "extract.sh": EXTRACT + script, "local.vars.hcl": values.format(TOKEN)})
    first = run(shop)
    shop.deploy({"local.vars.hcl": values.format(OTHER_TOKEN)})
    second = run(shop)

    words = ("diff", first, second, "--patch", "--logs")
    said: list[Said] = [
        shop.good(*words),
        shop.good(*words, "--json"),
        shop.good("explain", f"{second}/extract"),
    ]

    for one in said:
        for value in (TOKEN, OTHER_TOKEN):
            assert value not in one.out + one.err
    found = json.loads(said[1].out)
    assert [one["name"] for one in found["variables"]] == ["token"]
    assert "(sensitive) changed" in said[0].out
    assert [file["path"] for file in found["files"]] == ["local.vars.hcl"]
    assert "***" in found["files"][0]["patch"]


@pytest.mark.slow
def test_what_a_terminal_would_obey_is_written_out(shop: Shop, terminals: list[Terminal]) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\u202e"
    shop.deploy(FILES, f"first {evil}")
    first = run(shop)
    shop.deploy({"extract.sh": EXTRACT + f"echo '{evil}'\n# {evil}\n"}, f"second {evil}")
    second = run(shop)

    terminals.append(Terminal(shop, "diff", first, second, "--patch", "--logs"))
    assert terminals[-1].end() == 0
    seen = terminals[-1].seen

    assert "\x1b]" not in seen
    assert "\x1b[2J" not in seen
    assert "\u202e" not in seen
    assert "\\x1b]0;title" in seen
    assert "\x1b[32m+" in seen  # what is new is green


@pytest.mark.slow
def test_what_cannot_be_compared_is_said(shop: Shop, first: str) -> None:
    shop.cronicle("diff", first, "ZZZ").is_clear_error("ZZZ")
    shop.cronicle("diff", first).is_clear_error("had not succeeded before")
    assert shop.good("diff", first, first).out.count("They have come to the same") == 1


@pytest.mark.slow
def test_one_run_is_compared_with_the_last_success_before_it(shop: Shop, first: str) -> None:
    shop.deploy({"summarise.sh": "exit 3\n"})
    failed = shop.cronicle("run", *DAY).run
    again = shop.cronicle("run", *DAY).run

    assert f"cronicle diff {failed}" in shop.json("explain", failed)["commands"]
    for run_id in (failed, again):
        found = shop.json("diff", run_id)
        assert (found["old"]["id"], found["new"]["id"]) == (first, run_id)
    assert [task["task"] for task in shop.json("diff", f"{again}/summarise")["tasks"]] == ["summarise"]


@pytest.mark.slow
def test_secrets_are_shown_nowhere(shop: Shop) -> None:
    shop.environ["THE_PASSWORD"] = TOKEN
    workflow = """
    workflow "w" {
      task "t" {
        command = ["sh", "-c", "echo $0 $A $CRONICLE_RUN_ID; exit $1", secret.password, param.code]
        env     = { A = "Bearer ${secret.password}" }
      }
      param "code" {
        default = "0"
      }
    }
    """
    secret = 'secret "password" {\n  env = "THE_PASSWORD"\n}\n'
    shop.deploy({"cronicle.hcl": PROJECT + secret, "w.hcl": workflow})
    first = run(shop, "w")
    shop.environ["THE_PASSWORD"] = OTHER_TOKEN
    second = shop.cronicle("run", "w", "--param", "code=3").run

    words = ("diff", first, second, "--patch", "--logs")
    for one in (shop.good(*words), shop.good(*words, "--json"), shop.good("explain", f"{second}/t")):
        for value in (TOKEN, OTHER_TOKEN):
            assert value not in one.out + one.err
    assert "exit code 0 → 3" in shop.good(*words).out


@pytest.mark.slow
def test_files_of_sources_and_of_preparations(shop: Shop, place: Path) -> None:
    (place / "lib").mkdir()
    lib = Shop(place / "lib", shop.home).init()
    lib.commit({"tools/say.sh": "echo one\n", "other": ""})
    files = {
        "cronicle.hcl": f"""
        project "weather" {{ }}
        source "lib" {{
          git    = "{lib.folder}"
          subdir = "tools"
        }}
        prepare "tool" {{
          command = ["sh", "make.sh"]
        }}
        """,
        "w.hcl": """
        workflow "w" {
          task "t" {
            source  = source.lib
            command = ["sh", "say.sh"]
          }
          task "p" {
            script = "cat ${prepare.tool.path}/made"
          }
        }
        """,
        "make.sh": "echo made > $CRONICLE_PREPARED/made\n",
    }
    shop.deploy(files)
    first = run(shop, "w")
    lib.commit({"tools/say.sh": "echo two\n"})
    shop.deploy({"make.sh": "echo other > $CRONICLE_PREPARED/made\n"})
    second = run(shop, "w")

    found = shop.json("diff", first, second, "--patch", "--logs")
    said = shop.good("diff", first, second, "--stat").out

    files = {one["path"]: one for one in found["files"]}
    assert {path: (one["source"], one["role"], one["used_by"]) for path, one in files.items()} == {
        "make.sh": (None, "prepare", ["tool"]),
        "say.sh": ("lib", "input", ["t"]),
    }
    assert "-echo one\n+echo two\n" in files["say.sh"]["patch"]
    assert [log["task"] for log in found["logs"]] == ["t", "p"]
    assert "lib:say.sh  +1 -1  t" in said
    assert "prepare tool  make.sh changed: 1 line" in said
    assert [one["prepare"] for one in shop.json("plan")["inputs"]] == [None, "tool"]
    # The place of the task has the files of its source, at the commit that was pinned then.
    assert shop.good("shell", f"{first}/t", "--", "cat", "say.sh").out == "echo one\n"
    assert shop.good("shell", f"{first}/t", "--", "cronicle-task").out == "one\n"


@pytest.mark.slow
def test_files_whose_lines_are_not_compared(shop: Shop, first: str) -> None:
    script = 'workflow "w" {\n  task "t" {\n    command = ["sh", "t.sh", "large", "binary"]\n  }\n}\n'
    shop.commit({"w.hcl": script, "t.sh": "true\n", "large": "a\n" * 600_000, "binary": "a\0"})
    shop.good("apply", "--auto-approve")
    before = run(shop, "w")
    (shop.folder / "t.sh").chmod(0o755)
    shop.deploy({"large": "b\n" * 600_000, "binary": "b\0"})
    after = run(shop, "w")

    files = {one["path"]: one for one in shop.json("diff", before, after, "--patch")["files"]}
    said = shop.good("diff", before, after, "--patch").out

    assert {path: (one["problem"], one["patch"]) for path, one in files.items()} == {
        "large": ("too large", None),
        "binary": ("binary", None),
        "t.sh": (None, ""),
    }
    assert (files["t.sh"]["old_mode"], files["t.sh"]["new_mode"]) == ("100644", "100755")
    assert "t.sh has other rights   (inferred input)" in said
    for words in ("+++ b/t.sh\n(100644 → 100755)", "+++ b/large\n  (too large)", "+++ b/binary\n  (binary)"):
        assert words in said


@pytest.mark.slow
def test_a_long_patch_is_cut(shop: Shop, first: str) -> None:
    second = changed(shop, {"summarise.sh": SUMMARISE + "# a line\n" * 3000})

    [file] = shop.json("diff", first, second, "--patch")["files"]

    assert file["added"] == 3000
    assert file["cut"] == 3000 + 3 - 2000
    assert "  … 1,003 more lines" in shop.good("diff", first, second, "--patch").out
