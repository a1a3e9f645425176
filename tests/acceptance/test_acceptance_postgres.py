"""A PostgreSQL store, used as a new user would: the location is all that differs from a SQLite one."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance_world import Bell, Shop, Started
from long_history import production, write_line

from cronicle.store.migrations import NEWEST

WAITS = """
workflow "w" {
  task "a" { command = ["sh", "-c", "echo from a; echo here > %s; sleep 60"] }
}
workflow "long" {
  schedule { every = "24h" }
  task "a" { command = ["sh", "-c", "echo ${run.date} > %s; sleep 60"] }
}
"""

FAILS = """
workflow "w" {
  task "a" { command = ["sh", "-c", "echo out of a; test -e $CRONICLE_DATA/mended"] }
  task "b" {
    depends_on = [task.a]
    command    = ["true"]
  }
}
"""


@pytest.fixture
def url(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
def on_server(shop: Shop, url: str) -> Shop:
    """The shop with a store in a database, which does not exist yet."""
    shop.store = url
    return shop


def test_a_run_that_failed_is_shown_explained_mended_and_tried_again(on_server: Shop):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    failed = shop.cronicle("run", "w")
    assert failed.code == 1

    shown = shop.show(failed.run)
    assert [(task["task"], task["state"]) for task in shown["tasks"]] == [("a", "failed"), ("b", "skipped")]
    assert shop.good("logs", f"{failed.run}/a").out == "out of a\n"
    assert "upstream" in shop.good("explain", f"{failed.run}/b").out
    assert failed.run in shop.good("status").out
    assert shop.good("runs", "--failed", "--limit", "1").lines[1].split()[0] == failed.run

    data = next((shop.folder / ".cronicle/data").glob("*/local"))
    (data / "mended").touch()
    again = shop.good("retry", failed.run)
    assert shop.show(again.run)["retry_of"] == failed.run
    assert [run["state"] for run in shop.json("runs")] == ["succeeded", "failed"]


def test_a_run_is_cancelled_by_another_command(on_server: Shop, start, bell: Bell):
    shop = on_server
    shop.deploy({"w.hcl": WAITS % (bell.path, bell.path)})
    driving: Started = start("run", "w")
    bell.wait()
    (run,) = shop.json("runs")

    assert "asked the process that drives it" in shop.good("cancel", run["id"]).out
    assert driving.end().code == 1
    assert shop.show(run["id"])["state"] == "cancelled"


def test_a_backfill_whose_process_dies_is_paused_and_resumed(on_server: Shop, start, bell: Bell):
    shop = on_server
    wait = "test $CRONICLE_DATE != 2024-01-03 || while [ ! -e $CRONICLE_DATA/go ]; do sleep 0.05; done"
    shop.deploy({"w.hcl": WAITS.replace("sleep 60", wait) % (bell.path, bell.path)})
    days = ("--from", "2024-01-01", "--to", "2024-01-05")
    driving: Started = start("backfill", "long", *days, "--parallel", "1")
    while "2024-01-03" not in bell.wait():
        pass
    (backfill,) = shop.json("backfills")

    driving.kill()
    assert "no process drove it" in shop.good("pause", backfill["id"], "--reason", "later").out
    assert shop.show(backfill["id"])["state"] == "paused"

    next((shop.folder / ".cronicle/data").glob("*/local")).joinpath("go").touch()
    shop.good("resume", backfill["id"])
    assert shop.show(backfill["id"])["done"] == 5
    outcomes = [
        attempt["outcome"]
        for run in shop.json("runs")
        for attempt in shop.show(run["id"])["tasks"][0]["attempts"]
    ]
    assert sorted(outcomes) == ["lost"] + ["succeeded"] * 5


def test_workflows_are_paused_marked_and_pruned(on_server: Shop):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    shop.good("pause", "w", "--reason", "holidays")
    assert "holidays" in shop.good("status").out
    shop.good("unpause", "w")
    shop.cronicle("run", "w")
    shop.good("mark", "w@latest", "--succeeded", "--reason", "by hand")
    assert shop.json("db", "prune")["runs"] == 0
    assert shop.json("db", "upgrade")["from"] == shop.json("db", "upgrade")["to"]
    shop.cronicle("db", "backup", "copy").is_clear_error("PostgreSQL", "pg_dump")


def test_what_is_deployed_is_planned_rolled_back_and_served(on_server: Shop, start):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    shop.commit({"w.hcl": FAILS.replace('["true"]', '["true", "more"]')})
    assert "~ task b" in shop.good("plan").out
    shop.good("apply", "--auto-approve")
    shop.good("rollback", "--auto-approve")
    assert [one["deployment"] for one in shop.json("deployments")] == [3, 2, 1]

    serving: Started = start("serve")
    serving.until("Leads the ticking")
    left = shop.good("run", "w", "--detach")
    assert shop.cronicle("wait", left.run, "--timeout", "60s").code == 1  # it fails
    serving.process.terminate()
    assert serving.end().code == 0


def test_doctor_looks_at_the_server(on_server: Shop):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})

    found = {check["name"]: check for check in json.loads(shop.cronicle("doctor", "--json").out)}

    assert "PostgreSQL" in found["store"]["said"]
    assert f"schema {NEWEST}" in found["store"]["said"]
    assert found["clocks"]["grade"] == "good"
    assert "pg_dump" in found["backup"]["said"]
    assert str(shop.folder / ".cronicle") in found["files"]["said"]
    assert "cronicle_store_bytes" in shop.good("doctor", "--metrics").out


def test_doctor_says_where_what_is_committed_can_be_lost(on_server: Shop, server: str):
    """The tests' own server does without fsync, to be fast."""
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    checks = json.loads(shop.cronicle("doctor", "--json").out)
    (store,) = [check for check in checks if check["name"] == "store"]

    if "CRONICLE_TEST_POSTGRES" not in os.environ:
        assert store["grade"] == "bad"
        assert "fsync is off" in store["said"]
        assert "fsync = on" in store["remedy"]


# The files folder


def test_the_files_folder_carries_the_id_of_its_store_and_git_does_not_see_it(on_server: Shop):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})

    mark = shop.folder / ".cronicle/belongs-to.json"
    assert json.loads(mark.read_text())["location"] == shop.store
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    assert stat.S_IMODE(mark.parent.stat().st_mode) == 0o700
    assert ".cronicle/" in (shop.folder / ".git/info/exclude").read_text()
    assert (mark.parent / ".git").exists()


def test_the_files_folder_of_another_store_is_refused_with_both_named(
    on_server: Shop, make_database: Callable[[], str], place: Path
):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    first, shop.store = shop.store, make_database()

    for words in (("apply", "--auto-approve"), ("run", "w", "--revision", "HEAD")):
        shop.cronicle(*words).is_clear_error(str(first), str(shop.store), "--files")
    shop.good("apply", "--auto-approve", "--files", str(place / "files"))
    assert (place / "files/mirrors").is_dir()
    shop.cronicle("run", "w", CRONICLE_FILES=str(place / "files"))
    (run,) = shop.json("runs")
    shop.cronicle("logs", run["id"]).is_clear_error("belongs to the store", str(first))
    assert shop.good("--files", str(place / "files"), "logs", f"{run['id']}/a").out == "out of a\n"


def test_all_projects_of_a_store_use_one_files_folder(on_server: Shop, place: Path):
    """Else each would have its files in its own folder, and whoever serves both would miss one of them."""
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    (place / "other").mkdir()
    other = Shop(place / "other", shop.home, store=shop.store).init()
    other.commit({"w.hcl": FAILS}, "Another project")

    refused = other.cronicle("apply", "--auto-approve", "--files", ".cronicle")
    assert refused.code == 1
    assert f"are in {shop.folder}/.cronicle on " in refused.err
    assert not (place / "other/.cronicle/mirrors").exists()
    other.environ |= {"CRONICLE_FILES": f"{shop.folder}/.cronicle"}
    other.good("apply", "--auto-approve")
    assert other.cronicle("run", "w").code == 1  # as the task does
    found = {check["name"]: check for check in json.loads(shop.cronicle("doctor", "--json").out)}
    assert "2 workflows" in found["deployments"]["said"]


def test_the_folder_of_a_sqlite_store_is_not_taken_for_the_files_of_another(on_server: Shop):
    shop = on_server
    url, shop.store = shop.store, None
    shop.deploy({"w.hcl": FAILS})
    shop.store = url

    shop.cronicle("apply", "--auto-approve").is_clear_error(
        "SQLite store that lies in it", "cronicle db copy"
    )


def test_outside_of_a_project_the_files_folder_has_to_be_named(on_server: Shop, place: Path):
    shop = on_server
    shop.deploy({"w.hcl": FAILS})
    (place / "elsewhere").mkdir()

    assert shop.good("runs", cwd=place / "elsewhere").code == 0
    assert shop.good("deployments", cwd=place / "elsewhere").code == 0
    refused = shop.cronicle("serve", cwd=place / "elsewhere")
    refused.is_clear_error("--files", "CRONICLE_FILES")


# Credentials


@pytest.fixture
def secret(url: str) -> str:
    """The URL of the store with a password in it; the tests' server wants none."""
    return url.replace("@", ":s3cret@")


def test_a_password_in_an_argument_is_refused_with_the_places_for_it(shop: Shop, secret: str):
    for words in (("--store", secret, "runs"), ("db", "copy", secret, "x"), ("db", "copy", "x", secret)):
        refused = shop.cronicle(*words)
        refused.is_clear_error("CRONICLE_STORE", "settings file", "PGPASSWORD", "~/.pgpass", code=64)
        assert "s3cret" not in refused.err


def test_a_password_that_was_given_elsewhere_is_neither_shown_nor_recorded(
    shop: Shop, secret: str, place: Path, start
):
    environ = {"CRONICLE_STORE": secret}
    shop.environ |= environ
    shop.deploy({"w.hcl": FAILS})
    failed = shop.cronicle("run", "w")
    serving: Started = start("serve")
    serving.until("Leads the ticking")
    said = [shop.cronicle(*words) for words in (("doctor",), ("status",), ("show", failed.run, "--json"))]
    serving.process.terminate()
    log = serving.end()

    texts = [text for one in (failed, *said, log) for text in (one.out, one.err)]
    texts += [path.read_text(errors="replace") for path in place.rglob("*") if path.is_file()]
    assert not any("s3cret" in text for text in texts)
    assert f"{secret.replace(':s3cret', '')}, PostgreSQL" in said[0].out
    broken = shop.cronicle("runs", CRONICLE_STORE="postgresql://u:s3cret@127.0.0.1:1/none")
    assert broken.code == 1
    assert "s3cret" not in broken.err
    assert "postgresql://u@127.0.0.1:1/none" in broken.err


def test_doctor_warns_of_a_password_that_others_may_read(shop: Shop, secret: str, place: Path):
    settings = place / "settings.toml"
    settings.write_text(f'store = "{secret}"\nfiles = "{place / "files"}"\n')
    shop.environ["CRONICLE_SETTINGS"] = str(settings)
    shop.deploy({"w.hcl": FAILS})
    assert (place / "files/mirrors").is_dir()

    def grade() -> str:
        checks = json.loads(shop.cronicle("doctor", "--json").out)
        return next(check["grade"] for check in checks if check["name"] == "settings")

    settings.chmod(0o644)
    assert grade() == "bad"
    settings.chmod(0o600)
    assert grade() == "good"


def test_experiments_need_no_other_store(on_server: Shop):
    shop = on_server
    history, bad = write_line(shop, "upstream", length=24, at=15, busy=True)
    first = history.commits[0]
    shop.good("apply", "--auto-approve", "--revision", first)
    good = shop.good("run", "daily", "--time", "2020-01-02").run
    shop.good("apply", "--auto-approve")
    assert shop.cronicle("run", "daily", "--time", "2020-01-02").code == 1
    before = production(shop)

    found = shop.json("bisect", "daily", "--good", good, "--bad", "HEAD")
    again = shop.json("bisect", "daily", "--good", good, "--bad", "HEAD")
    same = shop.json("reproduce", good)
    tried = shop.cronicle("trial", "daily", "--last", "1", "--json")

    assert found["first_bad"]["revision"] == bad
    assert 0 < found["executions"] <= 6
    assert again["executions"] == 0
    assert same["outcome"] == "same"
    assert (tried.code, tried.json["outcome"]) == (1, "different")
    assert production(shop) == before
