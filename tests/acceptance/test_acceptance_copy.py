"""`cronicle db copy`: everything goes on in the copy as if nothing had happened, with the files where they were."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from acceptance_world import Bell, Said, Shop, Started

from cronicle.store.copied_tables import TABLES
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.sqlite.connection import Connection

FILES = """
workflow "daily" {
  schedule {
    cron  = "0 3 * * *"
    start = "2020-01-01"
    end   = "2024-01-01"
  }
  task "extract" { command = ["sh", "-c", "echo rows of ${run.date}; echo rows=7 > $CRONICLE_OUTPUT"] }
  task "check" {
    script = <<-EOT
      grep rows
      test ${run.date} != 2020-01-02 || exit 1
      test ${run.date} != 2020-01-03 || echo here > %s
      while [ ${run.date} = 2020-01-03 ] && [ ! -e "$CRONICLE_DATA/go" ]; do sleep 0.05; done
    EOT
    stdin  = task.extract.stdout
  }
}
"""

AGE = re.compile(r"\([^()]* ago\)")


@pytest.fixture
def url(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
def paused(shop: Shop, start: Callable[..., Started], bell: Bell) -> str:
    """The id of a backfill of ten days in a SQLite store, paused after the third; the second has failed."""
    shop.deploy({"w.hcl": FILES % bell.path})
    shop.good("run", "daily", "--time", "2023-06-01")
    days = ("--from", "2020-01-01", "--to", "2020-01-10", "--parallel", "1")
    driving = start("backfill", "daily", *days)
    bell.wait()
    (backfill,) = shop.json("backfills")
    shop.good("pause", backfill["id"])
    next((shop.folder / ".cronicle/data").glob("*/local")).joinpath("go").touch()
    assert driving.end().code == 1
    shown = shop.show(backfill["id"])
    assert (shown["state"], shown["done"], shown["failed"]) == ("paused", 3, 1)
    return str(backfill["id"])


def told(shop: Shop) -> dict[str, Any]:
    """All that is told of the history, as it is."""
    runs = shop.json("runs", "--limit", "1000")
    ids = [run["id"] for run in runs[:6]]
    (backfill,) = shop.json("backfills")
    return {
        "runs": runs,
        "show": shop.good("show", "--json", *ids, backfill["id"]).out,
        "logs": [shop.good("logs", f"{one}/extract").out for one in ids],
        "explain": [AGE.sub("(… ago)", shop.good("explain", one, "--json").out) for one in ids],
        "deployments": shop.json("deployments"),
        "backfills": shop.json("backfills"),
        "status": shop.json("status")["workflows"],
    }


def multiply_runs(store: Path, run_id: str, count: int) -> None:
    """Make copies of a run in a SQLite store, with all their rows, each for a day before the one before it."""
    connection = Connection(store / FILE_NAME)
    with closing(connection), connection.write():
        connection.execute("PRAGMA defer_foreign_keys = ON")
        (run,) = connection.row("SELECT sequence FROM run WHERE id = ?", (run_id,)) or (0,)
        (first,) = connection.row("SELECT max(sequence) FROM run") or (0,)
        (event,) = connection.row("SELECT value FROM counter WHERE name = 'event'") or (0,)
        events = connection.value("SELECT count(*) FROM run_event WHERE run = ?", (run,))
        new = {
            "sequence": f"{first} + n",
            "run": f"{first} + n",
            "id": "printf('X%09d', n)",
            "logical_time": "logical_time - n * 86400000000",
            "interval_start": "interval_start - n * 86400000000",
            "interval_end": "interval_end - n * 86400000000",
            "ended_event": f"{event} + n * {events}",
            "fence": f"fence + n * {events}",
            "body": f"replace(body, '{run_id}', printf('X%09d', n))",
        }
        number = f"{event} + (n - 1) * {events} + row_number() OVER (PARTITION BY n ORDER BY sequence)"
        for table in TABLES:
            if table.name in ("run", "run_event", "task_run", "attempt"):
                values = {column: new.get(column, f'"{column}"') for column in table.columns}
                if table.name == "run_event":
                    values["sequence"] = number
                columns = ", ".join(f'"{column}"' for column in values)
                connection.execute(
                    f"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})"
                    f" INSERT INTO {table.name} ({columns}) SELECT {', '.join(values.values())}"
                    f" FROM n JOIN {table.name} WHERE {'sequence' if table.name == 'run' else 'run'} = {run}"
                )
        connection.execute("UPDATE counter SET value = ? WHERE name = 'event'", (event + count * events,))


def copied(said: Said) -> Any:
    """What `db copy --json` reports, all of it equal."""
    assert said.code == 0, said
    report = said.json
    assert [table["table"] for table in report["tables"]] == [table.name for table in TABLES]
    assert all(table["equal"] and table["checksum"] == table["checksum_copied"] for table in report["tables"])
    return report


def test_a_store_goes_on_in_postgresql_with_its_files_and_the_old_one_says_where_it_went(
    shop: Shop, paused: str, url: str
):
    before = told(shop)

    said = shop.good("db", "copy", ".cronicle", url)

    assert "all tables are equal" in said.out
    assert "  run " in said.out
    assert f"export CRONICLE_STORE={url}" in said.out
    reading = shop.good("runs")
    assert f"this store was copied to {url}" in reading.err
    for words in (("pause", "daily"), ("resume", paused), ("apply", "--auto-approve"), ("plan",)):
        shop.cronicle(*words).is_clear_error(f"was copied to {url}", "CRONICLE_STORE", "cronicle db copy")
    shop.store = url
    assert told(shop) == before
    line = shop.json("audit", "--limit", "1")[0]
    assert (line["act"], line["subject"], line["actor"]["command"]) == (
        "copy",
        "store",
        f"cronicle db copy .cronicle {url}",
    )
    assert shop.cronicle("resume", paused).code == 1  # a day of it has failed
    assert shop.show(paused)["done"] == 10
    assert len({run["date"] for run in shop.json("runs", "--backfill", paused)}) == 10
    assert shop.good("run", "daily", "--time", "2023-06-02").code == 0


@pytest.mark.slow
def test_there_and_back_again_the_files_are_moved_by_hand(shop: Shop, paused: str, url: str, place: Path):
    before = told(shop)
    shop.good("db", "copy", ".cronicle", url)
    report = copied(shop.good("db", "copy", url, str(place / "back"), "--json"))

    assert report["from"] == url
    assert report["files"] == str(shop.folder / ".cronicle")
    shop.cronicle("--store", url, "run", "daily").is_clear_error("belongs to the store", str(place / "back"))
    for folder in report["to_move"]:
        shutil.move(folder, place / "back")
    shop.store = place / "back"
    assert told(shop) == before
    shop.cronicle("resume", paused)
    assert shop.show(paused)["done"] == 10


@pytest.mark.slow
def test_back_in_the_folder_of_before_once_the_old_store_is_out_of_the_way(shop: Shop, paused: str, url: str):
    before = told(shop)
    shop.good("db", "copy", ".cronicle", url)
    shop.cronicle("db", "copy", url, ".cronicle").is_clear_error("is not empty: it has 1 project")
    for path in (shop.folder / ".cronicle").glob("store.sqlite3*"):
        path.rename(path.with_name(f"old-{path.name}"))
    shop.cronicle("apply", "--auto-approve").is_clear_error("has the files of the store", url, "--store")

    report = copied(shop.good("db", "copy", url, ".cronicle", "--json"))

    assert report["to_move"] == []
    assert told(shop) == before
    shop.cronicle("resume", paused)
    assert shop.show(paused)["done"] == 10


def test_between_two_databases_the_files_stay_where_they_are(
    shop: Shop, paused: str, url: str, make_database: Callable[[], str], place: Path
):
    other = make_database()
    shop.good("db", "copy", ".cronicle", url)
    (place / "elsewhere").mkdir()
    refused = shop.cronicle("db", "copy", url, other, cwd=place / "elsewhere")
    refused.is_clear_error("where the files of the store", "--files")
    refused = shop.cronicle("db", "copy", url, other, "--files", str(place / "elsewhere"))
    refused.is_clear_error("does not have the files of the store", "--files")

    copied(shop.good("db", "copy", url, other, "--files", str(shop.folder / ".cronicle"), "--json"))

    shop.store = other
    shop.cronicle("resume", paused)
    assert shop.show(paused)["done"] == 10
    shop.cronicle("--store", url, "run", "daily").is_clear_error(other)


@pytest.mark.slow
def test_one_that_is_interrupted_and_killed_goes_on_and_is_refused_until_it_is_complete(
    shop: Shop, paused: str, url: str, start: Callable[..., Started]
):
    newest = shop.json("runs", "--limit", "1")[0]["id"]
    multiply_runs(shop.folder / ".cronicle", newest, 3000)
    before = told(shop)
    interrupted = start("db", "copy", ".cronicle", url)
    interrupted.until("copied project  ")
    interrupted.interrupt()
    said = interrupted.end()
    assert said.code == 130
    assert "the same command goes on" in said.err
    killed = start("db", "copy", ".cronicle", url)
    killed.until("copied run  ")
    killed.kill()

    refused = shop.cronicle("--store", url, "runs")
    refused.is_clear_error(f"incomplete copy of {shop.folder}/.cronicle", "cronicle db copy")
    assert shop.good("runs", "--limit", "1").err.count("was copied") == 0
    report = copied(shop.good("db", "copy", ".cronicle", url, "--json"))

    assert report["rows"] > 3000 * 10
    shop.store = url
    assert told(shop) == before
    assert len(shop.json("runs", "--limit", "5000")) == 3000 + 4


def test_what_cannot_be_copied_is_refused_in_a_sentence(
    shop: Shop, paused: str, url: str, start: Callable[..., Started], place: Path
):
    shop.cronicle("db", "copy", ".cronicle", str(place / "x")).is_clear_error("both folders", "db backup")
    shop.cronicle("db", "copy", "nowhere", url).is_clear_error("there is no store in")
    shop.cronicle("db", "copy", ".cronicle", f"{url}_none").is_clear_error("does not exist")
    shop.cronicle("db", "copy", ".cronicle", url, "--files", "x").is_clear_error("--files", code=64)
    serving = start("serve")
    serving.until("Leads the ticking")
    shop.cronicle("db", "copy", ".cronicle", url).is_clear_error("works on the store", "cronicle serve")
    serving.process.terminate()
    serving.end()

    copied(shop.good("db", "copy", ".cronicle", url, "--json"))


@pytest.mark.slow
def test_a_hundred_thousand_runs_are_the_same_on_the_other_side_and_the_backfill_goes_on(
    shop: Shop, paused: str, url: str
):
    newest = shop.json("runs", "--limit", "1")[0]["id"]
    multiply_runs(shop.folder / ".cronicle", newest, 100_000)
    before = told(shop)
    listed = shop.good("runs", "--json", "--limit", "200000", patience=600).out
    ids = [run["id"] for run in json.loads(listed)[::10_000]]
    shown = shop.good("show", "--json", *ids).out

    report = copied(shop.good("db", "copy", ".cronicle", url, "--json", patience=1800))

    rows = {table["table"]: table["rows_copied"] for table in report["tables"]}
    assert rows["run"] == 100_000 + 4
    shop.store = url
    assert shop.good("runs", "--json", "--limit", "200000", patience=600).out == listed
    assert shop.good("show", "--json", *ids).out == shown
    assert told(shop) == before
    shop.cronicle("resume", paused)
    assert shop.show(paused)["done"] == 10
