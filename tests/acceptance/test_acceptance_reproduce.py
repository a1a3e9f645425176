"""Doing runs again, of any age: the same bytes, isolated, from any clone, whatever has become of the branch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pygit2
import pytest
from acceptance_world import Shop
from long_history import production

PROJECT = 'project "weather" { }\n'
DAILY = """
variable "factor" {
  default = 2
}

workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  param "city" {
    type    = string
    default = "oslo"
  }
  task "extract" {
    command = ["python3", "extract.py", run.date, param.city]
  }
  task "scale" {
    for_each = toset(["rain", "wind"])
    command  = ["python3", "scale.py", each.key, tostring(var.factor)]
    stdin    = task.extract.stdout
    produces = ["${each.key}/${run.date}.txt"]
  }
  task "report" {
    depends_on = [task.scale]
    script     = <<-EOT
      cat "$CRONICLE_DATA"/*/"$CRONICLE_DATE.txt" | sha256sum
      echo "lines=$(cat "$CRONICLE_DATA"/*/"$CRONICLE_DATE.txt" | wc -l)" >> "$CRONICLE_OUTPUT"
    EOT
  }
}
"""
EXTRACT = """
import hashlib, sys

for n in range({rows}):
    print(n, hashlib.sha256(f"{{n}} {{sys.argv[1:]}} {version}".encode()).hexdigest())
"""
SCALE = """
import os, pathlib, sys

key, factor = sys.argv[1], int(sys.argv[2])
path = pathlib.Path(os.environ["CRONICLE_DATA"], key, os.environ["CRONICLE_DATE"] + ".txt")
path.parent.mkdir(exist_ok=True)
lines = [f"{key} {int(line.split()[1], 16) * factor}" for line in sys.stdin]
path.write_text("\\n".join(lines) + "\\n")
with open(os.environ["CRONICLE_OUTPUT"], "a") as output:
    print(f"last={lines[-1]}", file=output)
"""


def files(version: int) -> dict[str, str]:
    """The project in one of its versions."""
    return {
        "cronicle.hcl": PROJECT,
        "daily.hcl": DAILY.replace("default = 2", f"default = {version + 2}"),
        "extract.py": EXTRACT.format(rows=3 + version % 4, version=version),
        "scale.py": SCALE + f"# {version}\n",
    }


def outcomes(run: Any) -> list[Any]:
    """What the tasks of a run have come to."""
    return [
        (task["task"], task["key"], task["state"], task["output"], task["products"]) for task in run["tasks"]
    ]


def elsewhere(shop: Shop, place: Path) -> Shop:
    """A clone at another path, over the same store, after the branch was pushed over with something else."""
    assert shop.repository is not None
    root = next(iter(shop.repository.walk(shop.repository.head.target, pygit2.enums.SortMode.REVERSE)))
    who = pygit2.Signature("Eve", "eve@example.org", 1_800_000_000, 0)
    other = shop.repository.create_commit(None, who, who, "Instead", root.tree_id, [root.id])
    shop.repository.references.create("refs/heads/main", other, force=True)
    for name in [*shop.repository.references]:
        if name != "refs/heads/main":
            shop.repository.references.delete(name)
    shop.repository.reset(other, pygit2.enums.ResetMode.HARD)
    folder = place / "elsewhere" / "clone"
    folder.parent.mkdir()
    pygit2.clone_repository(str(shop.folder), str(folder))
    return Shop(folder, shop.home, store=shop.folder / ".cronicle")


def past_of(shop: Shop, versions: int, days: int, chance: random.Random) -> list[Any]:
    """Runs at many revisions, days and parameters; some retried, some of chosen tasks, one dirty."""
    for version in range(versions):
        shop.deploy(files(version), f"Version {version}")
        for day in range(1, days + 1):
            city = chance.choice(["oslo", "rome", "bergen"]) if day > 1 else "oslo"
            shop.good("run", "daily", "--time", f"2020-01-{day:02}", "--param", f"city={city}")
        shop.good("run", "daily", "--time", "2020-01-01", "--only", "report")
    shop.write({"scale.py": SCALE.replace("factor}", "factor + 1}")})
    shop.good("run", "daily", "--time", "2020-01-01", "--dirty")
    shop.write(files(versions - 1))
    return list(shop.json("runs", "--limit", "1000"))


def check_all(shop: Shop, place: Path, runs: list[Any]) -> None:
    originals = {run["id"]: shop.show(run["id"]) for run in runs}
    before = production(shop)
    clone = elsewhere(shop, place)

    for run in runs:
        again = clone.good("reproduce", run["id"], "--logs", "--json").json
        assert again["outcome"] == "same"
        assert again["logs"] == []
        made = clone.show(again["run"]["id"])
        assert outcomes(made) == outcomes(originals[run["id"]])
        assert (made["revision"], made["params"]) == (run["revision"], originals[run["id"]]["params"])
        assert (made["counts"], made["cause"], made["experiment"]["of"]) == (False, "reproduce", run["id"])
        for task in made["tasks"]:
            for product in task["products"]:
                isolated = shop.folder / ".cronicle" / "isolated" / made["id"] / product["path"]
                assert isolated.stat().st_size == product["size"]
    assert production(shop) == before


def test_runs_of_any_age_come_to_the_same_from_another_clone_after_a_forced_push(
    shop: Shop, place: Path
) -> None:
    chance = random.Random(7)
    runs = past_of(shop, versions=2, days=2, chance=chance)

    check_all(shop, place, runs)


@pytest.mark.slow
def test_fifty_random_runs_of_any_age_come_to_the_same(shop: Shop, place: Path) -> None:
    chance = random.Random(50)
    runs = past_of(shop, versions=9, days=8, chance=chance)
    assert len(runs) > 50

    check_all(shop, place, chance.sample(runs, 50))


COUNTING = """
workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  task "count" {
    script = <<-EOT
      echo x >> "$CRONICLE_DATA/seen"
      echo "days=$(wc -l < "$CRONICLE_DATA/seen")" >> "$CRONICLE_OUTPUT"
    EOT
  }
}
"""


def test_what_depends_on_the_data_differs_and_says_how_to_have_it(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": COUNTING})
    shop.good("run", "daily", "--time", "2020-01-01")
    second = shop.good("run", "daily", "--time", "2020-01-02").run

    said = shop.cronicle("reproduce", second)
    assert said.code == 1
    assert f"has come to something else than run {second}:" in said.out
    assert 'count: output.days "2" → "1"' in said.out
    assert f"cronicle reproduce {second} --data copy" in said.out

    copied = shop.cronicle("reproduce", "daily@2020-01-02", "--data", "copy")
    assert copied.code == 1
    assert 'count: output.days "2" → "3"' in copied.out
    seen = shop.folder / ".cronicle" / "data" / "weather" / "local" / "seen"
    assert seen.read_text() == "x\nx\n"


def test_what_is_carried_over_from_another_spec_is_carried_over_again(shop: Shop) -> None:
    chain = 'workflow "w" {\n  task "a" {\n    script = "echo %s; echo v=%s >> $CRONICLE_OUTPUT"\n  }\n'
    chain += '  task "b" {\n    command = ["echo", task.a.output.v, "%s"]\n  }\n}\n'
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": chain % ("one", "one", "old")})
    first = shop.good("run", "w").run
    time = shop.show(first)["logical_time"]
    shop.deploy({"w.hcl": chain % ("two", "two", "new")})
    part = shop.good("run", "w", "--time", time, "--only", "b").run

    again = shop.good("reproduce", part, "--json").json

    assert again["carried_over"] == ["a"]
    made = shop.show(again["run"]["id"])
    assert [task["carried_from"] for task in made["tasks"]] == [first, None]
    assert shop.good("logs", f"{made['id']}/b").out == "one new\n"


@pytest.mark.slow
def test_a_run_of_chosen_tasks_executes_what_it_carried_over_and_did_the_same(shop: Shop) -> None:
    shop.deploy(files(0))
    shop.good("run", "daily", "--time", "2020-01-01")
    part = shop.good("run", "daily", "--time", "2020-01-01", "--only", "report").run

    again = shop.good("reproduce", part, "--json").json

    assert again["carried_over"] == []
    assert {task["carried_from"] for task in shop.show(again["run"]["id"])["tasks"]} == {None}


SECRET = """
secret "key" {
  env = "KEY"
}
workflow "w" {
  task "a" {
    script = <<-EOT
      echo "n=$(printf %s "$KEY" | wc -c)" >> "$CRONICLE_OUTPUT"
    EOT
    env    = { KEY = secret.key }
  }
}
"""


@pytest.mark.slow
def test_secrets_are_withheld_unless_somebody_says_so(shop: Shop) -> None:
    shop.environ["KEY"] = "hunter-22"
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": SECRET})
    run = shop.good("run", "w").run
    shop.commit({"w.hcl": SECRET.replace("wc -c", "wc -c ")})

    for words in (
        ("reproduce", run),
        ("trial", "w", "--revision", "HEAD", "--last", "1"),
        ("run", "w", "--dirty"),
        ("run", "w", "--revision", "HEAD"),
    ):
        shop.cronicle(*words).is_clear_error("secrets (key)", "add --secrets")
    assert len(shop.json("runs")) == 1

    assert shop.good("reproduce", run, "--secrets", "--json").json["outcome"] == "same"
    assert shop.json("run", "w", "--revision", "HEAD", "--secrets")["tasks"][0]["output"] == {"n": "9"}
    shop.cronicle("run", "w", "--secrets").is_clear_error("are for runs that do not count", code=64)


@pytest.mark.slow
def test_what_must_not_be_done_again_is_not(shop: Shop) -> None:
    mail = 'workflow "w" {\n  task "a" {\n    command = ["true"]\n  }\n'
    mail += '  task "mail" {\n    script     = "echo sent >> %s"\n    rerun      = "%s"\n'
    mail += "    depends_on = [task.a]\n  }\n}\n"
    sent = shop.home / "sent"
    shop.deploy({"cronicle.hcl": PROJECT, "w.hcl": mail % (sent, "never")})
    run = shop.good("run", "w").run

    again = shop.good("reproduce", run, "--json").json

    assert sent.read_text() == "sent\n"
    assert again["outcome"] == "same"
    assert shop.show(again["run"]["id"])["tasks"][1]["carried_from"] == run

    shop.deploy({"w.hcl": mail % (sent, "confirm")})
    asked = shop.good("run", "w").run
    shop.cronicle("reproduce", asked).is_clear_error("no terminal to ask", "--auto-approve")
    shop.good("reproduce", asked, "--auto-approve")


@pytest.mark.slow
def test_what_cannot_be_done_again_is_refused(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": COUNTING})
    run = shop.good("run", "daily", "--time", "2020-01-01").run
    shop.good("mark", "daily@2020-01-01", "--failed", "--reason", "wrong")
    marked = shop.json("runs")[0]["id"]

    shop.cronicle("reproduce", marked).is_clear_error("is a mark that somebody has made")
    shop.cronicle("reproduce", run, "--data", "some").is_clear_error("it is `copy` or `empty`", code=64)


@pytest.mark.slow
def test_a_retry_of_an_experiment_is_one_and_never_counts(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": COUNTING.replace("EOT\n    ", "EOT\n    ", 1)})
    run = shop.good("run", "daily", "--time", "2020-01-01").run
    again = shop.json("reproduce", run)["run"]["id"]

    retried = shop.json("retry", again, "--from", "count")

    assert (retried["counts"], retried["experiment"]["of"]) == (False, run)
    assert shop.show("daily@2020-01-01")["id"] == run


@pytest.mark.slow
def test_it_does_not_wait_for_the_live_run_of_its_logical_time(shop: Shop, bell: Any, start: Any) -> None:
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": COUNTING})
    run = shop.good("run", "daily", "--time", "2020-01-01").run
    slow = COUNTING.replace("echo x", f"echo here > {bell.path}; sleep 60; echo x")
    shop.deploy({"daily.hcl": slow})
    live = start("run", "daily", "--time", "2020-01-01")
    bell.wait()

    assert shop.good("reproduce", run).code == 0
    live.interrupt()
    live.end()
