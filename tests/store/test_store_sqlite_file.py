"""The file of a SQLite store: how it comes to be, its versions, and what is said when it cannot be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import apsw
import pytest
from store_values import ACTOR, SPEC, START, deployment, project

from cronicle.store import sqlite
from cronicle.store.interface import StoreError, UncertainWriteError, UnknownError
from cronicle.store.location import open_reader, open_store
from cronicle.store.migrations import Migration
from cronicle.store.sqlite import FILE_NAME, connection, filesystem, schema

CHECKSUMS: dict[int, str] = {}
"""Version -> checksum of each migration that a release has had; such a file never changes again."""


@pytest.fixture
def path(folder: Path) -> Path:
    """The file of a store that was made and closed."""
    open_store(str(folder / "store"), create=True).close()
    return folder / "store" / FILE_NAME


def raw(path: Path, sql: str) -> list[tuple[object, ...]]:
    database = apsw.Connection(str(path))
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_where_there_is_no_store_it_is_said_what_to_do(folder: Path) -> None:
    for open_it in (open_reader, lambda place: open_store(place, create=False)):
        with pytest.raises(UnknownError, match="no store in") as caught:
            open_it(str(folder / "none"))
        assert "cronicle apply" in caught.value.remedy
    assert not (folder / "none").exists()


def test_a_new_store_is_for_its_user_only(folder: Path) -> None:
    old = os.umask(0)
    try:
        store = open_store(str(folder / "a" / "store"), create=True)
        store.put_spec(SPEC)
    finally:
        os.umask(old)

    place = folder / "a" / "store"
    assert os.stat(place).st_mode & 0o777 == 0o700
    assert {file.name: os.stat(file).st_mode & 0o777 for file in place.iterdir()} == {
        FILE_NAME: 0o600,
        FILE_NAME + "-wal": 0o600,
        FILE_NAME + "-shm": 0o600,
    }
    store.close()


def test_the_file_is_durable_as_promised(path: Path) -> None:
    opened = connection.Connection(path)

    assert opened.value("PRAGMA journal_mode") == "wal"
    assert opened.value("PRAGMA synchronous") == 2  # FULL
    assert opened.value("PRAGMA foreign_keys") == 1
    assert opened.value("PRAGMA mmap_size") == 0
    assert opened.value("PRAGMA wal_autocheckpoint") == connection.CHECKPOINT_PAGES
    assert opened.value("PRAGMA cache_size") == -connection.CACHE_SIZE // 1024
    opened.close()


def test_what_a_crash_left_of_making_a_store_is_swept_away(folder: Path) -> None:
    place = folder / "store"
    place.mkdir()
    for leftover in (schema.NEW_FILE, schema.NEW_FILE + "-wal"):
        (place / leftover).write_bytes(b"half of a database")

    open_store(str(place), create=True).close()

    assert not [file for file in place.iterdir() if file.name.startswith(schema.NEW_FILE)]
    assert (place / FILE_NAME).exists()


def test_a_reader_cannot_change_anything(path: Path) -> None:
    reader = sqlite.open_reader(path.parent)

    with pytest.raises(StoreError, match="read-only"):
        reader._connection.execute("INSERT INTO spec VALUES ('h', x'00')")
    reader.close()


def test_a_reader_works_while_another_writes(path: Path) -> None:
    store, reader = sqlite.open_store(path.parent, create=False), sqlite.open_reader(path.parent)

    with store._connection.write():
        store._connection.execute("INSERT INTO spec VALUES ('h', x'00')")
        assert reader.list_projects() == ()
        with pytest.raises(UnknownError):
            reader.get_spec("h")

    assert reader.get_spec("h") == b"\x00"
    store.close()
    reader.close()


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET act = 'x'", "DELETE FROM audit", "UPDATE deployment SET revision = 'x'"],
)
def test_what_is_append_only_cannot_be_edited(path: Path, change: str) -> None:
    store = open_store(str(path.parent), create=False)
    store.add_audit(ACTOR, START, "apply", "weather")
    store.bind_project(project(), ACTOR)
    store.add_deployment(deployment(), based_on=None)
    store.close()

    with pytest.raises(apsw.ConstraintError, match=r"append-only|never edited"):
        raw(path, change)


# Versions


def test_the_newest_version_is_that_of_the_last_migration(path: Path) -> None:
    assert schema.migrations("sqlite")[-1].version == schema.NEWEST
    assert raw(path, "PRAGMA user_version") == [(schema.NEWEST,)]
    assert raw(path, "SELECT version, name, checksum FROM migration") == [
        (step.version, step.name, step.checksum) for step in schema.migrations("sqlite")
    ]


def test_a_released_migration_never_changes() -> None:
    known = {step.version: step.checksum for step in schema.migrations("sqlite")}

    assert {version: known.get(version) for version in CHECKSUMS} == CHECKSUMS


NEXT = Migration(schema.NEWEST + 1, "next", "CREATE TABLE next (number INTEGER PRIMARY KEY) STRICT;")


def test_an_old_store_is_brought_up_to_date_when_it_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (*schema.migrations("sqlite"), NEXT)
    monkeypatch.setattr("cronicle.store.sqlite.NEWEST", NEXT.version)
    monkeypatch.setattr(schema, "NEWEST", NEXT.version)
    monkeypatch.setattr("cronicle.store.sqlite.migrations", lambda _: steps)

    with pytest.raises(StoreError, match="older schema version") as caught:
        open_reader(str(path.parent))
    assert "cronicle db upgrade" in caught.value.remedy
    open_store(str(path.parent), create=False).close()

    assert raw(path, "PRAGMA user_version") == [(NEXT.version,)]
    assert raw(path, "SELECT name FROM migration ORDER BY version")[-1] == ("next",)
    open_reader(str(path.parent)).close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(path: Path) -> None:
    broken = Migration(NEXT.version, "broken", "CREATE TABLE half (a INTEGER); SELECT no_such_function();")
    opened = connection.Connection(path)

    with pytest.raises(StoreError, match="no_such_function"):
        schema.upgrade(opened, (*schema.migrations("sqlite"), broken))
    opened.close()

    assert raw(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == [(0,)]
    assert raw(path, "PRAGMA user_version") == [(schema.NEWEST,)]


def test_a_store_made_by_another_text_of_a_migration_is_refused(path: Path) -> None:
    first, *rest = schema.migrations("sqlite")
    opened = connection.Connection(path)

    with pytest.raises(StoreError, match="made by another schema 1"):
        schema.upgrade(opened, (Migration(1, first.name, first.sql + "-- edited"), *rest, NEXT))
    opened.close()


def test_a_store_newer_than_the_program_says_to_upgrade(path: Path) -> None:
    raw(path, f"PRAGMA user_version = {schema.NEWEST + 7}")

    for open_it in (open_reader, lambda place: open_store(place, create=True)):
        with pytest.raises(StoreError, match=f"schema version {schema.NEWEST + 7}") as caught:
            open_it(str(path.parent))
        assert "Upgrade cronicle" in caught.value.remedy


# What cannot be used


def test_a_file_that_is_no_database_is_said_to_be_damaged(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1000)

    with pytest.raises(StoreError, match="not a SQLite database"):
        open_store(str(path.parent), create=False)


def test_a_database_of_somebody_else_is_left_alone(folder: Path) -> None:
    raw(folder / FILE_NAME, "CREATE TABLE theirs (a)")
    before = (folder / FILE_NAME).read_bytes()

    with pytest.raises(StoreError, match="not a store of Cronicle"):
        open_store(str(folder), create=True)

    assert (folder / FILE_NAME).read_bytes() == before


def test_a_file_with_damaged_pages_is_said_to_be_damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 512] = b"\xff" * 512
    path.write_bytes(content)

    with pytest.raises(StoreError, match="damaged"):
        open_store(str(path.parent), create=False).put_spec(SPEC)


def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(folder: Path) -> None:
    (folder / "file").write_text("in the way")

    for place in (folder / "file", folder / "file" / "below"):
        with pytest.raises(StoreError) as caught:
            open_store(str(place), create=True)
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (apsw.ReadOnlyError, "read-only"),
        (apsw.FullError, "is full"),
        (apsw.BusyError, "keeps the store"),
        (apsw.LockedError, "keeps the store"),
        (apsw.NotADBError, "damaged"),
        (apsw.CorruptError, "damaged"),
        (apsw.SQLError, "damaged"),
        (apsw.ConstraintError, "damaged"),
        (apsw.CantOpenError, "cannot be opened"),
        (apsw.PermissionsError, "cannot be opened"),
        (apsw.IOError, "disk of the store"),
        (apsw.NoMemError, "failed"),
        (apsw.Error, "failed"),
    ],
)
def test_every_error_of_sqlite_is_explained(folder: Path, error: type[apsw.Error], said: str) -> None:
    explained = connection.explain(error("details"), folder / FILE_NAME)

    assert said in explained.message
    assert str(folder) in explained.message
    assert explained.remedy


def test_a_full_disk_stores_nothing_and_the_store_lives_on(path: Path) -> None:
    store = sqlite.open_store(path.parent, create=False)
    pages = store._connection.value("PRAGMA page_count")
    store._connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StoreError, match=r"disk of the store .* is full"):
        store.put_spec(b"x" * 10_000_000)

    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.get_spec(store.put_spec(SPEC)) == SPEC
    store.close()


def test_a_commit_whose_sync_failed_is_not_known_to_have_happened(path: Path) -> None:
    """Its process must not go on as if nothing was stored, nor as if all was."""

    class FailingFile(apsw.VFSFile):
        def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
            if broken:
                raise apsw.IOError("the disk is gone")
            super().xSync(flags)

    class FailingDisk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("failing", "")

        def xOpen(self, name: object, flags: list[int]) -> FailingFile:  # noqa: N802 - SQLite's name
            return FailingFile("", name, flags)  # type: ignore[arg-type]

    broken = False
    disk = FailingDisk()
    opened = connection.Connection(path)
    opened._database.close()
    opened._database = apsw.Connection(str(path), vfs="failing", flags=apsw.SQLITE_OPEN_READWRITE)
    opened.execute("PRAGMA synchronous = FULL")

    broken = True
    with pytest.raises(UncertainWriteError, match="disk of the store"), opened.write():
        opened.execute("INSERT INTO spec VALUES ('h', x'00')")

    broken = False
    opened.close()
    del disk


def test_a_store_that_stays_locked_is_an_error_that_names_how_to_find_who(path: Path) -> None:
    blocker = connection.Connection(path)
    waiting = connection.Connection(path, patience=0.01)

    with blocker.write(), pytest.raises(StoreError, match="locked") as caught, waiting.write():
        pass

    assert "fuser" in caught.value.remedy
    blocker.close()
    waiting.close()


# Where it lies


def test_another_url_is_no_location() -> None:
    with pytest.raises(StoreError, match="not a location"):
        open_store("mysql://host/db", create=True)


MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:40 / /mnt/share rw - nfs4 server:/x rw
24 22 0:41 / /mnt/win\040dows rw - cifs //server/x rw
25 22 0:42 / /home/ada/remote rw - fuse.sshfs ada@server: rw
26 22 0:43 / /mnt/share/local rw - ext4 /dev/vdb rw
27 22 0:44 / /mnt/disk rw - fuseblk /dev/sda1 rw
28 22 0:45 / /wsl rw - 9p C: rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/srv/store", "ext4", False),
        ("/mnt/share", "nfs4", True),
        ("/mnt/share/a/b", "nfs4", True),
        ("/mnt/shared", "ext4", False),
        ("/mnt/share/local/a", "ext4", False),
        ("/mnt/win dows/a", "cifs", True),
        ("/home/ada/remote/store", "fuse.sshfs", True),
        ("/mnt/disk/store", "fuseblk", False),
        ("/wsl/store", "9p", True),
    ],
)
def test_network_file_systems_are_told_from_others(path: str, kind: str, network: bool) -> None:
    assert filesystem.file_system_type(path, MOUNTS) == kind
    assert filesystem.is_network(kind) is network


def test_a_store_on_a_network_file_system_is_refused_before_anything_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = folder / "mountinfo"
    mounts.write_text(f"1 0 0:1 / {os.path.realpath(folder)} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", mounts)

    with pytest.raises(StoreError, match=r"network file system \(nfs4\)"):
        open_store(str(folder / "store"), create=True)

    assert not (folder / "store").exists()


def test_a_disk_that_fails_while_the_store_is_made_is_explained(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(schema, "sync_file", full)

    with pytest.raises(StoreError, match="No space left on device"):
        open_store(str(folder / "store"), create=True)

    assert not (folder / "store" / FILE_NAME).exists()
