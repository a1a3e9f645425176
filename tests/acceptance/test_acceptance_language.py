"""The language at work: each attribute that decides what a run does, through real files and real runs."""

from __future__ import annotations

from typing import Any

import pytest
from acceptance_world import Shop

EVERYTHING = """
locals {
  greeting = "on ${run.date}"
  rows     = task.list.output.rows
  loud     = "${local.greeting}!"
}

pool "db" {
  slots = 1
}

workflow "all" {
  schedule {
    cron = "0 4 * * *"
  }
  param "who" {
    type    = string
    one_of  = ["ana", "bob"]
    default = "ana"
  }
  param "n" {
    type    = number
    default = 3
  }
  param "names" {
    type = list(string)
  }

  task "list" {
    script = <<-EOT
      echo '{"rows": 5, "names": ["x", "y z"]}' >> $CRONICLE_OUTPUT
      echo 'k=v' >> $CRONICLE_OUTPUT
    EOT
  }
  task "hello" {
    command = ["echo", local.loud, param.who, param.n + 1, join("+", param.names), local.rows]
  }
  task "each" {
    for_each = toset(task.list.output.names)
    pool     = pool.db
    script   = <<-EOT
      mkdir "$CRONICLE_RUN_DATA/alone"
      echo "$CRONICLE_KEY=$VALUE"
      rmdir "$CRONICLE_RUN_DATA/alone"
    EOT
    env = { VALUE = upper(each.value) }
  }
  task "when_false" {
    when    = task.list.output.rows > 5
    command = ["echo", "no"]
  }
  task "when_true" {
    when    = local.rows == 5
    command = ["echo", "yes"]
  }
  task "below" {
    depends_on = [task.when_false]
    command    = ["echo", "below"]
  }
  task "below_in_any_case" {
    depends_on   = [task.when_false]
    trigger_rule = "all_done"
    command      = ["echo", "after", task.when_false.state]
  }
  task "skips_itself" {
    skip_exit_code = 99
    command        = ["sh", "-c", "exit 99"]
  }
  task "may_fail" {
    allow_failure = true
    command       = ["false"]
  }
  task "after_a_failure" {
    depends_on = [task.may_fail]
    command    = ["echo", "good", task.may_fail.state]
  }
  task "on_trouble" {
    depends_on   = [task.may_fail]
    trigger_rule = "any_failed"
    command      = ["echo", "bad"]
  }
  task "third_time_lucky" {
    script = "echo try $CRONICLE_ATTEMPT; test $CRONICLE_ATTEMPT = 3"
    retry {
      attempts = 3
      delay    = "50ms"
      backoff  = 2
    }
  }
  task "too_slow" {
    command       = ["sleep", "1000"]
    timeout       = "200ms"
    allow_failure = true
  }
  task "piped" {
    command = ["sort"]
    stdin   = [task.hello.stdout, "lines.txt"]
  }
}
"""


@pytest.fixture
def everything(shop: Shop) -> Shop:
    shop.deploy({"cronicle.hcl": 'project "weather" { }\n', "all.hcl": EVERYTHING, "lines.txt": "aaa\n"})
    return shop


def task(run: Any, name: str, key: str | None = None) -> Any:
    return next(one for one in run["tasks"] if (one["task"], one["key"]) == (name, key))


def test_a_run_does_what_the_file_says(everything: Shop) -> None:
    shop = everything
    words = ("--param", 'names=["a","b c"]', "--param", "who=bob", "--param", "n=41")

    run = shop.json("run", "all", "--time", "2020-01-02", *words)

    assert run["params"] == {"who": "bob", "n": 41, "names": ["a", "b c"]}
    ends = {(one["task"], one["key"]): (one["state"], one["reason"]) for one in run["tasks"]}
    assert ends == {
        ("list", None): ("succeeded", None),
        ("hello", None): ("succeeded", None),
        ("each", "x"): ("succeeded", None),
        ("each", "y z"): ("succeeded", None),
        ("when_false", None): ("skipped", "condition_false"),
        ("when_true", None): ("succeeded", None),
        ("below", None): ("skipped", "upstream_skipped"),
        ("below_in_any_case", None): ("succeeded", None),
        ("skips_itself", None): ("skipped", "exit_code"),
        ("may_fail", None): ("failed", "exit_code"),
        ("after_a_failure", None): ("succeeded", None),
        ("on_trouble", None): ("skipped", "nothing_failed"),
        ("third_time_lucky", None): ("succeeded", None),
        ("too_slow", None): ("failed", "timed_out"),
        ("piped", None): ("succeeded", None),
    }
    assert task(run, "list")["output"] == {"rows": 5, "names": ["x", "y z"], "k": "v"}
    assert [one["outcome"] for one in task(run, "third_time_lucky")["attempts"]] == [
        "failed",
        "failed",
        "succeeded",
    ]
    assert [one["outcome"] for one in task(run, "too_slow")["attempts"]] == ["timed_out"]

    def log(name: str) -> str:
        return shop.good("logs", f"{run['id']}/{name}").out

    hello = "on 2020-01-02! bob 42 a+b c 5\n"
    assert log("hello") == hello
    assert log("piped") == f"aaa\n{hello}"
    assert log("each[y z]") == "y z=Y Z\n"
    assert log("below_in_any_case") == "after skipped\n"
    assert log("after_a_failure") == "good failed\n"
    assert log("third_time_lucky#2") == "try 2\n"


def test_parameters_are_checked_before_anything_runs(everything: Shop) -> None:
    shop, names = everything, ("--param", 'names=["a"]')

    for words, what in {
        (): "needs a value for names",
        (*names, "--param", "who=eve"): "is not one of: ana, bob",
        (*names, "--param", "n=x"): 'a number is required, "x" is not a decimal number',
        (*names, "--param", "m=1"): "has no parameter 'm'",
        ("--param", "names"): "NAME=VALUE",
        ("--param", "names=a"): "list(string)",
    }.items():
        shop.cronicle("run", "all", *words).is_clear_error(what, code=64)
    assert shop.json("runs") == []


def test_a_run_says_how_late_it_was_made(everything: Shop) -> None:
    everything.write({"quick.hcl": 'workflow "quick" {\n  task "a" {\n    command = ["true"]\n  }\n}\n'})
    everything.deploy()
    names = ("--param", "names=[]", "--only", "may_fail")

    latest = everything.json("run", "all", *names)
    for_a_time = everything.json("run", "all", "--time", "2020-01-02", *names)
    without_schedule = everything.json("run", "quick")

    assert 0 < latest["lateness"] < 86400 + 60
    assert for_a_time["lateness"] is None  # nobody waited for it
    assert without_schedule["lateness"] is None


def test_a_reference_to_what_is_not_there_fails_its_task_and_names_what_there_is(shop: Shop) -> None:
    shop.deploy(
        {
            "cronicle.hcl": "",
            "w.hcl": """
                workflow "w" {
                  task "a" { script = "echo rows=1 >> $CRONICLE_OUTPUT" }
                  task "b" { command = ["echo", task.a.output.row] }
                  task "c" { command = ["echo", try(task.a.output.row, "none")] }
                }
                """,
        }
    )

    said = shop.cronicle("run", "w")

    assert said.code == 1
    assert "bad reference" in said.err
    assert "Did you mean" in said.err
    assert shop.good("logs", f"{said.run}/c").out == "none\n"
