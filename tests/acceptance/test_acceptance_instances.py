"""Workflows with `for_each`, as a user meets them: each instance is a workflow of its own in every command."""

from __future__ import annotations

import shlex

import pytest
from acceptance_world import Shop

ODD = 'a b/日本 "x"[1]'
"""A key with blanks, slashes, quotes, brackets and letters of another script."""

SYNC = """
variable "regions" {
  type    = map(number)
  default = { eu = 2, us = 3 }
}

workflow "sync" {
  for_each    = var.regions
  description = "Synchronise ${each.key}"

  schedule {
    cron = "0 ${each.value} * * *"
  }

  schedule "often" {
    cron = "H * * * *"
  }

  param "broken" {
    type    = bool
    default = false
  }

  task "load" {
    script = <<-EOT
      echo "$CRONICLE_WORKFLOW/$CRONICLE_INSTANCE/$CRONICLE_KEY $NAME"
      test ${param.broken} = false
    EOT
    env    = { NAME = each.key }
  }

  task "table" {
    for_each   = { for table in ["orders"] : table => each.key }
    depends_on = [task.load]
    command    = ["echo", each.key, each.value]
  }

  on_failure {
    script = "cat >$CRONICLE_DATA/told.json; echo \\"$CRONICLE_INSTANCE\\" >$CRONICLE_DATA/told.key"
  }
}

workflow "total" {
  requires = [workflow.sync]
  task "sum" {
    command = ["true"]
  }
}
"""


def regions(**keys: int) -> str:
    listed = ", ".join(f"{key} = {hour}" for key, hour in keys.items())
    return SYNC.replace("{ eu = 2, us = 3 }", f"{{ {listed} }}")


@pytest.fixture
def sync(shop: Shop) -> Shop:
    shop.deploy({"cronicle.hcl": SYNC})
    return shop


def test_an_instance_is_run_shown_and_listed_by_its_key(sync: Shop) -> None:
    sync.good("run", "sync[eu]")
    sync.good("run", 'sync["us"]')

    (us, eu) = sync.json("runs", "sync")
    assert [(run["workflow"], run["instance"]) for run in (us, eu)] == [("sync", "us"), ("sync", "eu")]
    assert sync.json("runs", 'sync["eu"]') == sync.json("runs", "sync[eu]") == [eu]
    for address in ("sync[eu]@latest", 'sync["eu"]~0', f"sync[eu]@{eu['date']}", eu["id"]):
        assert sync.show(address)["id"] == eu["id"]
    assert sync.good("logs", "sync[eu]@latest/load").out == "sync/eu/ eu\n"
    assert sync.good("logs", "sync[eu]@latest/table[orders]").out == "orders eu\n"
    assert "sync[eu]" in sync.good("runs").out
    assert "sync[eu]@" in sync.good("explain", "sync[eu]@latest").out


@pytest.mark.parametrize(
    "words",
    [
        ("run", "sync"),
        ("backfill", "sync", "--from", "2026-01-01", "--to", "2026-01-02"),
        ("console", "sync", "-e", "each.key"),
        ("show", "sync@latest"),
        ("explain", "sync@2026-01-01"),
        ("mark", "sync@2026-01-01", "--succeeded", "--reason", "x"),
        ("wait", "sync@latest"),
    ],
    ids=lambda words: words[0],
)
def test_where_one_is_needed_the_instances_are_named(sync: Shop, words: tuple[str, ...]) -> None:
    said = sync.cronicle(*words)

    assert said.code in (1, 64)
    assert "workflow 'sync' has several instances" in said.err
    assert "'sync[eu]', 'sync[us]'" in said.err


def test_a_key_that_is_misspelt_proposes_the_nearest(sync: Shop) -> None:
    sync.cronicle("run", "sync[uss]").is_clear_error("no workflow 'sync[uss]'", "Did you mean sync[us]?")


def test_filters_mean_all_instances(sync: Shop) -> None:
    nexts = sync.json("next", "sync", "-n", "2")
    assert {tick["instance"] for tick in nexts} == {"eu", "us"}
    assert {tick["series"] for tick in sync.json("next", "sync", "--series", "often")} == {"often"}

    assert sync.good("pause", "sync", "--reason", "night").out.count("paused") == 2
    paused = {one["instance"] for one in sync.json("status")["workflows"] if one["paused"]}
    assert paused == {"eu", "us"}
    assert sync.good("unpause", "sync[eu]").out.startswith("sync[eu]: goes on")
    assert sync.good("unpause", "sync").out.startswith("sync[us]: goes on")
    assert "is not paused" in sync.cronicle("unpause", "sync").err

    graph = sync.good("graph", "sync").out
    assert graph.splitlines()[0] == "workflow sync (2 instances)"
    assert graph.count("load") == 2  # it, and who waits for it: one drawing for all
    assert sync.good("graph", "sync[eu]").out in graph


def test_each_instance_has_backfills_and_results_of_its_own(sync: Shop) -> None:
    dates = ("--from", "2026-01-01", "--to", "2026-01-02")

    sync.good("backfill", "sync[eu]", *dates)

    assert sync.json("backfill", "sync[us]", *dates, "--dry-run")["total"] == 2
    assert "2 have a result" in sync.good("backfill", "sync[eu]", *dates).out
    (made,) = sync.json("backfills", "sync")
    assert (made["workflow"], made["instance"], made["done"]) == ("sync", "eu", 2)
    assert sync.json("backfills", "sync[us]") == []
    sync.good("mark", "sync[us]@2026-01-01", "--succeeded", "--reason", "by hand")
    assert sync.show("sync[us]@2026-01-01")["instance"] == "us"


def test_a_failure_is_told_to_hooks_with_the_instance_and_retried(sync: Shop) -> None:
    assert sync.cronicle("run", "sync[us]", "--param", "broken=true").code == 1

    (told,) = sync.folder.rglob("told.json")
    assert '"workflow":"sync","instance":"us"' in told.read_text()
    assert told.with_name("told.key").read_text() == "us\n"
    said = sync.cronicle("retry", "sync[us]@latest")
    assert said.code == 1
    assert sync.show("sync[us]@latest")["cause"] == "retry"


def test_a_plan_names_instances_that_come_change_and_go(sync: Shop) -> None:
    sync.good("run", "sync[eu]")
    sync.commit({"cronicle.hcl": regions(asia=4, us=5)})

    said = sync.good("plan").out
    changes = {change["name"]: change["action"] for change in sync.json("plan")["changes"]}

    assert changes == {"sync[asia]": "create", "sync[us]": "update", "sync[eu]": "delete", "total": "update"}
    for line in ('+ workflow sync["asia"]', '~ workflow sync["us"]', '- workflow sync["eu"]'):
        assert line in said
    sync.good("apply", "--auto-approve")
    assert len(sync.json("runs", "sync[eu]")) == 1  # its history stays
    sync.cronicle("run", "sync[eu]").is_clear_error("no workflow 'sync[eu]'")


def test_instances_to_which_the_same_happens_are_told_of_together(shop: Shop) -> None:
    keys = {f"region{number}": 3 for number in range(30)}
    shop.commit({"cronicle.hcl": regions(**keys).replace('description = "Synchronise ${each.key}"', "")})

    said = shop.good("plan").out

    assert '+ workflow sync["region0"], ["region1"], ["region10"], ["region11"], … 30 in all' in said
    assert said.count("+ workflow") == 2


def test_many_instances_that_are_alike_have_one_line_of_status(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": regions(**{f"region{number}": 3 for number in range(8)})})
    shop.good("run", "sync[region3]")
    shop.good("pause", "sync", "--reason", "night")

    said = shop.good("status").out

    assert "sync (8 instances)" in said
    assert "cronicle unpause sync" in said
    assert "sync (7 instances)" in said  # have never run; of the other there is its own line
    assert "sync[region3]" in said
    assert len(shop.json("status")["workflows"]) == 8 * 2 + 1


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_one_workflow_becomes_an_instance_and_goes_back(shop: Shop, times: int) -> None:
    plain = (
        'workflow "load" {\n schedule {\n cron = "0 4 * * *"\n }\n task "t" {\n command = ["true"]\n }\n}\n'
    )
    several = plain.replace('"load" {', '"load" {\n for_each = toset(["eu", "us"])')
    moved = 'moved {\n from = workflow.load\n to = workflow.load["eu"]\n}\n'
    shop.deploy({"cronicle.hcl": plain})
    run = shop.json("run", "load")["id"]
    shop.good("pause", "load")

    shop.deploy({"cronicle.hcl": several + moved})

    assert shop.show("load[eu]@latest")["id"] == run
    assert [one["instance"] for one in shop.json("status")["workflows"] if one["paused"]] == ["eu"]
    assert shop.json("runs", "load[us]") == []
    if times == 2:
        shop.good("rollback", "--auto-approve")
        assert shop.show("load@latest")["id"] == run


def test_a_key_of_any_characters_survives_everywhere(shop: Shop) -> None:
    quoted = ODD.replace('"', '\\"')
    shop.deploy({"cronicle.hcl": SYNC.replace("{ eu = 2,", f'{{ "{quoted}" = 2,')})
    name = f"sync[{ODD}]"

    said = shop.good("run", name)
    shop.good("backfill", name, "--from", "2026-01-01", "--to", "2026-01-01")
    shop.good("pause", name)

    assert shop.good("logs", f"{name}@latest/load").out == f"sync/{ODD}/ {ODD}\n"
    assert {run["instance"] for run in shop.json("runs", name)} == {ODD}
    assert [one["instance"] for one in shop.json("status")["workflows"] if one["paused"]] == [ODD, ODD]
    assert name in said.err
    hint = next(line for line in shop.good("pause", name).err.splitlines() if "unpause" in line)
    words = shlex.split(hint.partition("cronicle ")[2])
    assert shop.good(*words).out.startswith(f"{name}: goes on")
    assert shop.json("console", name, "-e", "each.key") == ODD
    assert shop.good("doctor", "--metrics").out.count("sync[") >= 1
