"""Backups of a store that is in use."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from store_values import START, Sample
from test_store_processes import start

from cronicle.store import sqlite
from cronicle.store.interface import Store, StoreError
from cronicle.store.location import back_up, open_reader, open_store, upgrade
from cronicle.store.migrations import NEWEST, migrations
from cronicle.store.records import RunFilter
from cronicle.store.sqlite import FILE_NAME
from cronicle.store.sqlite.connection import Connection
from cronicle.store.sqlite.health import examine
from cronicle.store.sqlite.schema import upgrade as apply_steps


@pytest.fixture
def location(sqlite_location: str) -> str:
    return sqlite_location


def restored(target: Path, folder: Path) -> str:
    """The location of a store that a backup was put into."""
    folder.mkdir(mode=0o700)
    target.rename(folder / FILE_NAME)
    return str(folder)


def test_a_backup_is_the_store_as_it_is(store: Store, sample: Sample, folder: Path) -> None:
    runs = [sample.ended() for _ in range(3)]
    target = folder / "copy.sqlite3"

    report = store.backup(str(target), START)

    assert (report.runs, report.events, report.path) == (3, 9, str(target))
    assert [path.name for path in folder.iterdir() if "copy" in path.name] == ["copy.sqlite3"]
    reader = open_reader(restored(target, folder / "other"))
    assert reader.list_runs(RunFilter()) == store.list_runs(RunFilter())
    assert reader.get_events(runs[0].id) == store.get_events(runs[0].id)
    reader.close()


def test_a_backup_is_for_its_owner_only_whatever_the_umask(store: Store, folder: Path) -> None:
    before = os.umask(0)
    try:
        store.backup(str(folder / "copy"), START)
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / "copy").stat().st_mode) == 0o600


def test_what_is_written_after_a_backup_is_not_in_it(store: Store, sample: Sample, folder: Path) -> None:
    run = sample.ended()
    report = store.backup(str(folder / "copy"), START)
    sample.ended()

    reader = open_reader(restored(folder / "copy", folder / "other"))
    assert [found.id for found in reader.list_runs(RunFilter())] == [run.id]
    assert report.last_event == 3
    reader.close()


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_a_target_that_is_there_is_refused_and_left_as_it_is(store: Store, folder: Path, kind: str) -> None:
    target, other = folder / "copy", folder / "precious"
    other.write_text("precious")
    if kind == "file":
        target.write_text("precious")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(other if kind == "link" else folder / "nowhere")
    before = sorted(folder.iterdir())

    with pytest.raises(StoreError):
        store.backup(str(target), START)

    assert sorted(folder.iterdir()) == before
    assert other.read_text() == "precious"


def test_a_target_that_cannot_be_written_says_so_and_leaves_nothing(store: Store, folder: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written: No such file or directory"):
        store.backup(str(folder / "nowhere" / "copy"), START)


def test_a_copy_that_is_not_sound_is_removed_and_said_to_be_so(
    store: Store, sample: Sample, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.ended()
    take = Connection.take_all_of

    def take_badly(self: Connection, source: Connection) -> None:
        take(self, source)
        self.execute("DELETE FROM run_event WHERE sequence = 2")

    monkeypatch.setattr(Connection, "take_all_of", take_badly)

    with pytest.raises(StoreError, match="is not sound, and was removed: it holds 1 runs and 2 events"):
        store.backup(str(folder / "copy"), START)

    assert [path.name for path in folder.iterdir() if "copy" in path.name] == []


def test_the_last_backup_is_known_to_whoever_examines_the_store(
    store: Store, folder: Path, location: str
) -> None:
    path = Path(location) / FILE_NAME
    assert examine(path).last_backup is None

    store.backup(str(folder / "copy"), START)

    assert examine(path).last_backup == START


def test_a_backup_while_another_process_appends_is_complete_up_to_an_event(folder: Path) -> None:
    location = str(folder / "store")
    open_store(location, create=True).close()
    with start(location, "w", 3000) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        try:
            assert writer.stdout.readline() == "ready\n"
            writer.stdin.write("\n")
            writer.stdin.flush()
            reports = []
            for number in range(5):
                for _ in range(20):
                    writer.stdout.readline()  # it goes on writing between them
                reports.append(back_up(location, folder / f"copy-{number}", START))
        finally:
            writer.kill()

    live = open_reader(location)
    events = [report.last_event for report in reports]
    assert events == sorted(events)
    assert len(set(events)) > 1  # between two of them it may have had no turn
    for number, report in enumerate(reports):
        path = restored(folder / f"copy-{number}", folder / f"restored-{number}")
        assert examine(Path(path) / FILE_NAME).problems == ()
        reader = open_reader(path)
        runs = reader.list_runs(RunFilter(limit=10_000))
        assert len(runs) == report.runs > 0
        events = {run.id: reader.get_events(run.id) for run in runs}
        assert sum(map(len, events.values())) == report.events == report.last_event  # no gap before the last
        for run_id, found in events.items():
            assert found == live.get_events(run_id)[: len(found)]
        reader.close()
    live.close()


def old_store(folder: Path) -> Path:
    """A store as the first release made it."""
    folder.mkdir(mode=0o700)
    path = folder / FILE_NAME
    path.touch(mode=0o600)
    connection = Connection(path)
    connection.execute("PRAGMA journal_mode = WAL")
    apply_steps(connection, migrations("sqlite")[:1])
    connection.close()
    return folder


def test_an_old_store_can_be_backed_up_before_it_is_upgraded(folder: Path) -> None:
    location = str(old_store(folder / "store"))

    assert back_up(location, folder / "copy", START).schema_version == 1
    assert upgrade(location) == (1, NEWEST)
    assert upgrade(location) == (NEWEST, NEWEST)
    assert upgrade(restored(folder / "copy", folder / "other")) == (1, NEWEST)


def test_a_reader_of_an_old_store_names_the_commands(folder: Path) -> None:
    with pytest.raises(StoreError) as caught:
        sqlite.open_reader(old_store(folder / "store"))

    assert "cronicle db backup FILE && cronicle db upgrade" in caught.value.remedy
