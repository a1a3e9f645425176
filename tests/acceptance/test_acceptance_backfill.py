"""Backfills through the command line: any range of dates, at the revision that one chooses, as often as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance_world import Shop

WORKFLOW = """
workflow "daily" {
  schedule {
    cron     = "55 23 * * *"
    timezone = "America/Los_Angeles"
    start    = "2020-01-01"
    end      = "2020-02-01"
  }
  task "extract" {
    command = ["python3", "extract.py", run.date]
  }
  task "report" {
    script = <<-EOT
      mkdir -p "$CRONICLE_DATA/reports"
      cat > "$CRONICLE_DATA/reports/$CRONICLE_DATE"
    EOT
    stdin = task.extract.stdout
  }
}
"""
OLD = "import sys\nprint(f'{sys.argv[1]}: mean 4')\n"
NEW = OLD.replace("mean 4", "median 5")
RANGE = ("--from", "2020-01-01", "--to", "2020-01-03")
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]


@pytest.fixture
def revisions(shop: Shop) -> tuple[str, str]:
    """Two deployed revisions, the second of which reports something else."""
    old = shop.deploy({"cronicle.hcl": 'project "weather" { }\n', "daily.hcl": WORKFLOW, "extract.py": OLD})
    return old, shop.deploy({"extract.py": NEW}, "Median instead of mean")


def reports(shop: Shop) -> dict[str, str]:
    folder = shop.folder / ".cronicle" / "data" / "weather" / "local" / "reports"
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_each_revision_makes_its_own_reports_and_repeating_it_does_nothing(
    shop: Shop, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    as_of_old = {day: f"{day}: mean 4\n" for day in DAYS}
    as_of_new = {day: f"{day}: median 5\n" for day in DAYS}

    made = shop.good("backfill", "daily", *RANGE, "--revision", old[:9], "--json")
    assert reports(shop) == as_of_old
    backfill = made.json
    assert (backfill["state"], backfill["revision"], backfill["total"]) == ("succeeded", old, 3)
    assert (backfill["done"], backfill["failed"], backfill["from"]) == (3, 0, "2020-01-01")

    again = shop.good("backfill", "daily", *RANGE, "--revision", old)
    assert "3 have a result at that revision already and are left out" in again.out
    assert len(shop.json("runs")) == 3

    shop.good("backfill", "daily", *RANGE)
    assert reports(shop) == as_of_new
    nothing = shop.json("backfill", "daily", *RANGE, "--revision", new)
    assert (nothing["id"], nothing["total"], nothing["left_out"]) == (None, 0, 3)
    assert backfill.keys() - nothing.keys() <= {
        "project",
        "environment",
        "series",
        "reason",
        "owner",
        "ended_at",
    }

    shop.good("backfill", "daily", *RANGE, "--revision", old)  # there and back again
    assert reports(shop) == as_of_old
    runs = shop.json("runs")
    assert [run["revision"] for run in runs] == [old] * 3 + [new] * 3 + [old] * 3
    assert {run["cause"] for run in runs} == {"backfill"}
    assert [run["date"] for run in runs[:3]] == DAYS[::-1]
    assert all(run["counts"] for run in runs)

    for run, is_result in ((runs[0], True), (runs[3], False)):
        shown = shop.good("show", run["id"]).out
        assert f"revision      {run['revision']}" in shown
        assert ("yes: it is the result" in shown) is is_result
    assert shop.good("show", "daily@2020-01-03").out.splitlines()[0].find(runs[0]["id"]) > 0


def test_intervals_tile_and_carry_the_zone(shop: Shop, revisions: tuple[str, str]) -> None:
    shop.good("backfill", "daily", *RANGE)

    runs = shop.json("runs")[::-1]

    assert [run["logical_time"] for run in runs] == [
        "2020-01-02T07:55:00Z",
        "2020-01-03T07:55:00Z",
        "2020-01-04T07:55:00Z",
    ]
    assert runs[0]["interval_start"] == "2020-01-01T07:55:00Z"  # the first one is a day, too
    assert [run["interval_end"] for run in runs[:2]] == [run["interval_start"] for run in runs[1:]]


def test_what_a_task_does_to_its_files_is_seen_by_nobody_else(shop: Shop, place: Path) -> None:
    shop.deploy(
        {
            "cronicle.hcl": 'project "weather" { }\n',
            "w.hcl": """
                workflow "w" {
                  schedule { cron = "0 4 * * *" }
                  task "scribble" {
                    script = <<-EOT
                      cat value sub/value
                      touch -r value "$CRONICLE_SCRATCH/times"
                      chmod u+w value sub
                      echo 666 > value
                      touch -r "$CRONICLE_SCRATCH/times" value
                      rm sub/value; echo 666 > sub/value
                      touch -r "$CRONICLE_SCRATCH/times" sub/value sub
                      echo new > new
                    EOT
                  }
                  task "after" {
                    depends_on = [task.scribble]
                    script     = "ls; cat value sub/value"
                  }
                }
                """,
            "value": "123\n",
            "sub/value": "456\n",
        }
    )

    shop.good("backfill", "w", "--from", "2020-01-01", "--to", "2020-01-05", "--slots", "1")

    for run in shop.json("runs"):
        assert shop.good("logs", f"{run['id']}/scribble").out == "123\n456\n"
        assert shop.good("logs", f"{run['id']}/after").out == "cronicle.hcl\nsub\nvalue\nw.hcl\n123\n456\n"
    assert (shop.folder / "value").read_text() == "123\n"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(shop: Shop, revisions: tuple[str, str]) -> None:
    said = shop.good("backfill", "daily", *RANGE, "--dry-run")

    assert f"daily   3 ticks, 2020-01-01 to 2020-01-03, at {revisions[1][:7]} (deployed)" in said.out
    assert "3 runs" in said.out
    assert shop.json("backfill", "daily", *RANGE, "--dry-run", "--newest-first")["logical_times"] == [
        "2020-01-04T07:55:00Z",
        "2020-01-03T07:55:00Z",
        "2020-01-02T07:55:00Z",
    ]
    assert shop.json("runs") == []


def test_what_cannot_be_backfilled_is_told_so(shop: Shop, revisions: tuple[str, str]) -> None:
    def refused(*words: str, code: int = 64) -> str:
        said = shop.cronicle("backfill", "daily", *words)
        assert (said.code, said.out) == (code, ""), said
        assert said.err.startswith("error: ")
        return said.err

    assert "has no tick from 2021-01-01 to 2021-01-02" in refused(
        "--from", "2021-01-01", "--to", "2021-01-02"
    )
    assert "is later than" in refused("--from", "2020-01-02", "--to", "2020-01-01")
    assert "2020-13-01" in refused("--from", "2020-13-01", "--to", "2020-01-01")
    assert "exclude each other" in refused(*RANGE, "--all", "--missing")
    assert "--to" in refused("--from", "2020-01-01")
    assert "Did you mean extract?" in refused(*RANGE, "--only", "extrac")


def test_failed_ticks_are_remade_by_failed(shop: Shop, place: Path) -> None:
    shop.deploy(
        {
            "cronicle.hcl": 'project "weather" { }\n',
            "w.hcl": f"""
                workflow "w" {{
                  schedule {{ cron = "0 4 * * *" }}
                  task "a" {{
                    command = ["sh", "-c", "test ! -e '{place}/no-'$CRONICLE_DATE"]
                  }}
                }}
                """,
        }
    )
    (place / "no-2020-01-02").touch()

    said = shop.cronicle("backfill", "w", *RANGE)

    assert said.code == 1
    assert "failed: 3 of 3 done, 1 failed" in said.err
    failed = shop.json("runs", "--backfill", said.backfill, "--state", "failed")
    assert [run["date"] for run in failed] == ["2020-01-02"]
    remake = "cronicle backfill w --from 2020-01-01 --to 2020-01-03 --failed"
    assert remake in said.err
    (place / "no-2020-01-02").unlink()
    assert shop.json(*remake.split()[1:])["total"] == 1
    assert shop.json(*remake.split()[1:])["total"] == 0


def test_too_many_failures_pause_a_backfill_and_resume_goes_on(shop: Shop) -> None:
    shop.deploy(
        {
            "cronicle.hcl": 'project "weather" { }\n',
            "w.hcl": """
                workflow "w" {
                  schedule { cron = "0 4 * * *" }
                  task "a" { command = ["false"] }
                }
                """,
        }
    )

    said = shop.cronicle("backfill", "w", *RANGE, "--max-failures", "2", "--slots", "1")

    assert said.code == 1
    assert "2 runs have failed (--max-failures 2)" in said.err
    assert f"cronicle resume {said.backfill}" in said.err
    shown = shop.show(said.backfill)
    assert (shown["state"], shown["done"], shown["failed"]) == ("paused", 2, 2)
    shop.cronicle("backfill", "w", *RANGE).is_clear_error(
        f"backfill {said.backfill} of w is not finished", f"cronicle resume {said.backfill}"
    )

    resumed = shop.cronicle("resume", said.backfill)
    assert resumed.code == 1
    assert "failed: 3 of 3 done, 3 failed" in resumed.err
    shop.cronicle("resume", said.backfill).is_clear_error(
        "has ended: it failed", "cronicle backfill w --from"
    )
