"""Selectors that speak of what was before: `failed` and `changed`."""

from __future__ import annotations

from acceptance_world import Shop

WORKFLOW = """
project "p" {}

workflow "w" {
  schedule {
    cron  = "0 0 * * *"
    start = "2026-11-01"
  }
  task "extract" {
    command = ["sh", "extract.sh"]
  }
  task "load" {
    depends_on = [task.extract]
    script     = "test ! -e $CRONICLE_DATA/broken"
  }
  task "other" {
    command = ["true"]
  }
  task "report" {
    depends_on = [task.load]
    command    = ["true"]
  }
}
"""
DAY = ("w", "--time", "2026-11-02")


def executed(shop: Shop, run: str) -> set[str]:
    """The tasks of a run that had an attempt in it."""
    return {task["task"] for task in shop.show(run)["tasks"] if task["attempts"]}


def broken(shop: Shop) -> str:
    """A run whose `load` has failed, and is mended since."""
    shop.deploy({"cronicle.hcl": WORKFLOW, "extract.sh": "echo 1\n"})
    data = shop.folder / ".cronicle/data/p/local"
    data.mkdir(parents=True, exist_ok=True)
    (data / "broken").touch()
    failed = shop.cronicle("run", *DAY)
    assert failed.code == 1
    (data / "broken").unlink()
    return failed.run


def test_failed_is_what_failed_in_the_last_run_of_that_time(shop: Shop) -> None:
    broken(shop)

    said = shop.cronicle("run", *DAY, "--only", "failed+")

    assert said.code == 0, said.err
    assert executed(shop, said.run) == {"load", "report"}
    shop.cronicle("run", *DAY, "--only", "failed").is_clear_error("the selectors leave no task")


def test_all_but_what_failed(shop: Shop) -> None:
    broken(shop)

    said = shop.good("run", *DAY, "--except", "failed+")

    assert executed(shop, said.run) == {"extract", "other"}


def test_changed_is_what_the_result_of_that_time_does_not_have_as_it_is_now(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": WORKFLOW, "extract.sh": "echo 1\n"})
    first = shop.good("run", *DAY, "--only", "changed")  # there is no result yet
    assert executed(shop, first.run) == {"extract", "load", "other", "report"}

    shop.deploy({"extract.sh": "echo 2\n"})
    dry = shop.good("run", *DAY, "--only", "changed+", "--dry-run").out
    second = shop.good("run", *DAY, "--only", "changed+")

    assert [word for word in ("extract", "load", "other", "report") if f"  {word}" in dry] == [
        "extract",
        "load",
        "report",
    ]
    assert executed(shop, second.run) == {"extract", "load", "report"}


def test_in_a_backfill_each_day_has_its_own_past(shop: Shop) -> None:
    broken(shop)
    shop.good("run", "w", "--time", "2026-11-03")
    shop.deploy({"extract.sh": "echo 2\n"})
    shop.good("run", "w", "--time", "2026-11-03")

    shop.good("backfill", "w", "--from", "2026-11-02", "--to", "2026-11-03", "--all", "--only", "changed")

    assert executed(shop, "w@2026-11-02") == {"extract", "load", "other", "report"}
    assert executed(shop, "w@2026-11-03") == set()


def test_selectors_come_from_stdin_too_and_none_there_is_not_all(shop: Shop) -> None:
    shop.deploy({"cronicle.hcl": WORKFLOW, "extract.sh": "echo 1\n"})

    said = shop.cronicle("run", *DAY, "--only", "-", stdin="extract\n\nother\n")

    assert executed(shop, said.run) == {"extract", "other"}
    shop.cronicle("run", *DAY, "--only", "-", stdin="\n").is_clear_error("stdin names no task", code=64)
