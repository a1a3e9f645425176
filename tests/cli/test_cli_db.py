"""`cronicle db`: prune, backup, upgrade."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cronicle.execute.places import Places, stdout_path
from cronicle.execute.run_files import size_of
from cronicle.runs.retention import Kind
from cronicle.store.acts import AuditFilter
from cronicle.store.migrations import NEWEST, migrations
from cronicle.store.records import RunFilter
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.sqlite.connection import Connection
from cronicle.store.sqlite.schema import upgrade

DAY = timedelta(days=1)
IDS = ("7K2M9QX4TA", "4C0V8E5N2R")


@pytest.fixture
def history(world):
    """A failed run, then the result of its series, each with a log, data and a spooled stdout."""
    world.deploy()
    world.run("2015-12-30", id=IDS[0]).fail()
    world.run("2015-12-31", id=IDS[1]).do("extract", log=b"said\n").succeed()
    with Places(world.folder) as places:
        for run_id in IDS:
            (places.run_data(run_id) / "rows.csv").write_bytes(b"1" * 10_000)
            spooled = stdout_path(world.folder, run_id, "extract", None, 1)
            spooled.parent.mkdir(parents=True)
            spooled.write_bytes(b"2" * 10_000)
    settle(world)
    return world


def settle(world) -> None:
    """The folders were last modified when the world says."""
    for kind in ("logs", "run-data", "stdout", "isolated"):
        for path in (world.folder / kind).glob("*"):
            os.utime(path, (world.now.timestamp(), world.now.timestamp()), follow_symlinks=False)


def left(world, kind: str) -> set[str]:
    return {path.name for path in (world.folder / kind).glob("*")}


def pruned(said) -> tuple[int, int, int]:
    assert said.code == 0, said.err
    found = json.loads(said.out)
    return found["runs"], found["logs"], found["run_data"]


def test_run_data_goes_after_30_days_and_logs_after_400_but_not_those_of_the_latest_result(history, cronicle):
    history.now += 29 * DAY
    assert pruned(cronicle("db", "prune", "--json")) == (0, 0, 0)
    history.now += 2 * DAY
    assert pruned(cronicle("db", "prune", "--json")) == (0, 0, 2)
    assert left(history, "run-data") == left(history, "stdout") == set()
    assert left(history, "logs") == set(IDS)
    history.now += 370 * DAY
    assert pruned(cronicle("db", "prune", "--json")) == (0, 1, 0)
    assert left(history, "logs") == {IDS[1]}
    assert len(history.store.list_runs(RunFilter())) == 2


def test_a_dry_run_says_the_same_and_removes_nothing(history, cronicle):
    history.now += 401 * DAY

    said = cronicle("db", "prune", "--dry-run")

    assert said.out == "would remove 0 runs, the logs of 1, the data of 2 and 0 preparations (0.1 MB)\n"
    assert left(history, "logs") == left(history, "run-data") == left(history, "stdout") == set(IDS)
    assert cronicle("db", "prune").out == said.out.replace("would remove", "removed")
    assert cronicle("db", "prune").out == "nothing is past its time\n"
    (entry,) = history.store.list_audit(AuditFilter(act="prune"))
    assert entry.detail.startswith("the logs of 1 runs, the data of 2, 0 preparations: ")


def test_runs_go_with_all_their_files_when_the_project_says_for_how_long_they_stay(history, cronicle):
    history.deploy(settings={"retention": {"runs": 7 * 86400}})
    history.now += 8 * DAY

    assert pruned(cronicle("db", "prune", "--dry-run", "--json")) == (1, 0, 0)
    assert pruned(cronicle("db", "prune", "--json")) == (1, 1, 1)
    assert [run.id for run in history.store.list_runs(RunFilter())] == [IDS[1]]
    files, runs = history.store.list_audit(AuditFilter(act="prune"))
    assert files.detail.startswith("the logs of 1 runs, the data of 1, ")
    assert (runs.project, runs.environment) == ("weather", "local")
    assert runs.detail.startswith("1 runs that ended before ")
    for kind in ("logs", "run-data", "stdout"):
        assert left(history, kind) == {IDS[1]}
    assert cronicle("runs").code == cronicle("status").code == cronicle("show", IDS[1]).code == 0


def test_beyond_its_total_size_a_project_loses_the_oldest_run_data_first(history, cronicle):
    held = sum(size_of(history.folder, kind, run_id) for kind in Kind for run_id in IDS)
    history.deploy(settings={"retention": {"total_size": held - 1}})
    history.now += DAY

    assert pruned(cronicle("db", "prune", "--json")) == (0, 0, 1)
    assert left(history, "run-data") == {IDS[1]}
    assert left(history, "logs") == set(IDS)


def test_what_a_live_run_needs_stays_however_old_it_is(history, cronicle):
    history.deploy(settings={"retention": {"runs": 0, "logs": 0, "run_data": 0, "total_size": 0}})
    history.run("2015-12-30", id="9XG3T0B1ZZ", retry_of=IDS[0]).begin("extract", b"so far\n")
    with Places(history.folder) as places:
        places.run_data("9XG3T0B1ZZ")
    settle(history)
    history.now += 1000 * DAY

    assert pruned(cronicle("db", "prune", "--json")) == (0, 0, 1)
    assert left(history, "run-data") == {IDS[0], "9XG3T0B1ZZ"}
    assert left(history, "logs") == {*IDS, "9XG3T0B1ZZ"}
    assert len(history.store.list_runs(RunFilter())) == 3


def test_files_of_no_run_go_when_they_are_a_day_old_and_what_is_not_ours_stays(
    history, cronicle, monkeypatch
):
    for name in ("ZZZZZZZZZZ", "not-a-run", "..keep"):
        (history.folder / "logs" / name).mkdir()
    settle(history)
    history.now = datetime.now(UTC) + timedelta(hours=23)
    kept = {"ZZZZZZZZZZ", "not-a-run", "..keep"}
    cronicle("db", "prune")
    assert left(history, "logs") >= kept

    history.now += 2 * timedelta(hours=1)
    cronicle("db", "prune")

    assert left(history, "logs") >= kept - {"ZZZZZZZZZZ"}
    assert "ZZZZZZZZZZ" not in left(history, "logs")


def test_removing_follows_no_link_that_a_task_has_put_in_the_way(history, cronicle, tmp_path: Path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    inside = history.folder / "run-data" / IDS[0]
    (inside / "link").symlink_to(precious)
    (inside / "deep").mkdir()
    (inside / "deep" / "up").symlink_to("../../../..")
    other = history.folder / "run-data" / IDS[1]
    (other / "rows.csv").unlink()
    other.rmdir()
    other.symlink_to(precious)
    settle(history)
    history.now += 31 * DAY

    assert pruned(cronicle("db", "prune", "--json")) == (0, 0, 2)
    assert left(history, "run-data") == set()
    assert (precious / "file").read_text() == "precious"
    assert history.folder.is_dir()


def test_a_folder_of_the_store_that_is_a_link_is_refused(history, cronicle):
    elsewhere = history.folder.parent / "elsewhere"
    (history.folder / "run-data").rename(elsewhere)
    (history.folder / "run-data").symlink_to(elsewhere)
    history.now += 31 * DAY

    said = cronicle("db", "prune")

    assert said.code == 1
    assert "run-data" in said.err
    assert {path.name for path in elsewhere.iterdir()} == set(IDS)


def test_what_cannot_be_removed_is_told_and_the_rest_goes_on(history, cronicle, monkeypatch):
    remove = Places.remove_run_data

    def refuse(self, run_id):
        if run_id == IDS[0]:
            raise PermissionError(13, "Permission denied", "rows\x1b.csv")
        remove(self, run_id)

    monkeypatch.setattr(Places, "remove_run_data", refuse)
    history.now += 31 * DAY

    said = cronicle("db", "prune", "--json")

    assert said.code == 1
    assert json.loads(said.out)["run_data"] == 1
    assert f"the data of run {IDS[0]} cannot be removed" in said.err
    assert "\x1b" not in said.err
    assert left(history, "run-data") == {IDS[0]}


def test_a_backup_says_what_it_holds_and_passes_doctor(history, cronicle, tmp_path: Path):
    said = cronicle("db", "backup", str(tmp_path / "copy"))

    assert said.code == 0
    assert said.out.startswith(f"✓ {tmp_path}/copy: 2 runs, 1 deployment, ")
    again = cronicle("db", "backup", str(tmp_path / "copy"))
    assert again.code == 1
    assert "is there already, and a backup replaces nothing" in again.err
    (tmp_path / "store").mkdir(mode=0o700)
    (tmp_path / "copy").rename(tmp_path / "store" / FILE_NAME)
    history.now = datetime(2026, 11, 23, tzinfo=UTC)
    checks = json.loads(cronicle("doctor", "--store", str(tmp_path / "store"), "--json").out)
    assert [one["said"] for one in checks if one["name"] == "store" and "intact" in one["said"]]
    assert {one["name"] for one in checks if one["grade"] == "bad"} == {
        "deployments"
    }  # their mirrors are files
    assert cronicle("runs", "--store", str(tmp_path / "store")).out == cronicle("runs").out


def test_a_backup_as_json_is_relative_to_the_current_folder(history, cronicle, project_folder):
    report = json.loads(cronicle("db", "backup", "copy", "--json").out)

    assert report["path"] == str(project_folder / "copy")
    assert (report["runs"], report["deployments"], report["schema_version"]) == (2, 1, NEWEST)


def test_an_upgrade_says_from_which_version_to_which(cronicle, tmp_path: Path):
    folder = tmp_path / "old"
    folder.mkdir(mode=0o700)
    (folder / FILE_NAME).touch(mode=0o600)
    connection = Connection(folder / FILE_NAME)
    connection.execute("PRAGMA journal_mode = WAL")
    upgrade(connection, migrations("sqlite")[:1])
    connection.close()

    assert "db upgrade" in cronicle("runs", "--store", str(folder)).err
    said = cronicle("--store", str(folder), "db", "upgrade", "--json")
    assert json.loads(said.out) == {"from": 1, "to": NEWEST}
    again = cronicle("db", "upgrade", "--store", str(folder))
    assert again.out.startswith(f"the store has schema version {NEWEST}")
    assert "nothing of this project" in cronicle("runs", "--store", str(folder)).err
    (line,) = json.loads(cronicle("audit", "--store", str(folder), "--json").out)
    assert (line["act"], line["subject"], line["detail"]) == (
        "upgrade",
        "store",
        f"from version 1 to {NEWEST}",
    )


@pytest.mark.parametrize("words", [("prune",), ("prune", "--dry-run"), ("backup", "copy"), ("upgrade",)])
def test_where_there_is_no_store_each_says_so_and_makes_none(cronicle, tmp_path: Path, words):
    said = cronicle("db", *words, "--store", str(tmp_path / "nowhere"))

    assert said.code == 1
    assert "there is no store in" in said.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_word_after_it_db_tells_its_commands(cronicle):
    said = cronicle("db")

    assert said.code == 64
    assert "cronicle db --help" in said.err
    assert [name for name in ("prune", "backup", "upgrade") if name not in cronicle("db", "--help").out] == []
