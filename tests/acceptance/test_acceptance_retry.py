"""Retrying through the command line: what succeeded is carried over, with all that the tasks had left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pygit2
from acceptance_world import Shop

PIPELINE = """
workflow "daily" {
  schedule {
    cron = "0 4 * * *"
  }
  task "extract" {
    script = <<-EOT
      echo "rows of $CRONICLE_DATE"
      echo "kept for the run" > "$CRONICLE_RUN_DATA/note"
      echo "rows=3" >> "$CRONICLE_OUTPUT"
      test "$CRONICLE_ATTEMPT" = 2
    EOT
    retry {
      attempts = 2
    }
  }
  task "report" {
    command = ["./report.sh", task.extract.output.rows]
    stdin   = task.extract.stdout
  }
}
"""
REPORT = """#!/bin/sh -eu
cat; cat "$CRONICLE_RUN_DATA/note"; cat "$CRONICLE_DATA/prices"; echo "with $1 rows"
"""
PROJECT = 'project "weather" { }\n'


def failed_pipeline(shop: Shop) -> str:
    """A deployed pipeline whose report lacks a file; the id of its failed run."""
    shop.write({"report.sh": REPORT})
    (shop.folder / "report.sh").chmod(0o755)
    shop.deploy({"cronicle.hcl": PROJECT, "daily.hcl": PIPELINE})
    said = shop.cronicle("run", "daily", "--time", "2020-01-02")
    assert said.code == 1
    assert "cronicle retry" in said.err
    return said.run


def prices_of(shop: Shop) -> Path:
    return (shop.store or shop.folder / ".cronicle") / "data" / "weather" / "local" / "prices"


def tasks_of(shop: Shop, run: str) -> dict[str, dict[str, object]]:
    return {task["task"]: task for task in shop.show(run)["tasks"]}


def test_what_failed_for_a_reason_outside_succeeds_in_a_retry_and_the_rest_is_carried_over(
    shop: Shop,
) -> None:
    first = failed_pipeline(shop)
    before = shop.show(first)
    prices_of(shop).write_text("9 cents\n")

    said = shop.good("retry", first)

    assert "executes report, 1 task carried over" in said.err
    retried = shop.show(said.run)
    tasks = tasks_of(shop, said.run)
    assert (retried["retry_of"], retried["cause"], retried["logical_time"]) == (
        first,
        "retry",
        before["logical_time"],
    )
    assert (tasks["extract"]["carried_from"], tasks["extract"]["attempts"]) == (first, [])
    assert tasks["report"]["carried_from"] is None
    log = shop.good("logs", f"{said.run}/report").out
    assert log == "rows of 2020-01-02\nkept for the run\n9 cents\nwith 3 rows\n"
    assert shop.show(first) == before  # what happened stays as it happened

    again = shop.good("retry", said.run, "--from", "report")
    assert tasks_of(shop, again.run)["extract"]["carried_from"] == first  # where it was executed
    assert shop.good("logs", f"{again.run}/report").out == log


def test_a_carried_task_executes_again_when_its_stdout_is_gone_and_somebody_reads_it(shop: Shop) -> None:
    first = failed_pipeline(shop)
    prices_of(shop).write_text("9 cents\n")
    shutil.rmtree(shop.folder / ".cronicle" / "stdout" / first)

    said = shop.good("retry", first)

    assert "executes extract, report" in said.err
    assert "rows of 2020-01-02" in shop.good("logs", f"{said.run}/report").out


def test_what_a_commit_mended_fails_again_at_its_own_revision_and_succeeds_at_the_deployed_one(
    shop: Shop,
) -> None:
    first = failed_pipeline(shop)
    old = str(shop.show(first)["revision"])
    new = shop.deploy({"report.sh": REPORT.replace('cat "$CRONICLE_DATA/prices"', "echo free")}, "Mend it")
    before = shop.show(first)

    same = shop.cronicle("retry", first)
    assert same.code == 1
    assert f"at {old[:7]} (its own)" in same.err
    assert f"note: report failed, and what is deployed now ({new[:7]}) does something else there" in same.err
    assert f"cronicle retry {first} --revision deployed" in same.err
    assert shop.show(same.run)["revision"] == old

    mended = shop.good("retry", first, "--revision", "deployed")
    assert f"at {new[:7]} (deployed)" in mended.err
    assert shop.show(mended.run)["revision"] == new
    assert tasks_of(shop, mended.run)["extract"]["carried_from"] == first
    assert shop.good("logs", f"{mended.run}/report").out.endswith("free\nwith 3 rows\n")
    assert shop.show(first) == before


def test_history_and_retries_go_on_in_a_new_clone(shop: Shop, place: Path) -> None:
    shop.store = place / "store"
    first = failed_pipeline(shop)
    origin = place / "origin.git"
    pygit2.clone_repository(str(shop.folder), str(origin), bare=True)
    shutil.rmtree(shop.folder)
    clone = Shop(place / "elsewhere" / "checkout", shop.home, store=shop.store)
    clone.folder.parent.mkdir()
    clone.repository = pygit2.clone_repository(str(origin), str(clone.folder))
    prices_of(clone).write_text("9 cents\n")

    assert [run["id"] for run in clone.json("runs")] == [first]
    said = clone.good("retry", first)

    assert "kept for the run\n9 cents\n" in clone.good("logs", f"{said.run}/report").out
    revision = clone.deploy({"more": "more\n"})
    assert [run["id"] for run in clone.json("runs", "daily")] == [said.run, first]
    assert clone.json("run", "daily", "--time", "2020-01-03")["revision"] == revision


def test_a_run_in_which_nothing_failed_is_not_retried(shop: Shop) -> None:
    shop.deploy(
        {"cronicle.hcl": PROJECT, "w.hcl": 'workflow "w" {\n  task "a" {\n    command = ["true"]\n  }\n}\n'}
    )
    run = shop.good("run", "w").run

    shop.cronicle("retry", run).is_clear_error(
        f"nothing of run {run} has failed", f"cronicle retry {run} --from TASK"
    )
    assert len(shop.json("runs")) == 1
