"""Where the store and its files are: what says so, what wins, and what is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cronicle.cli.app import COMMANDS, move_leading_options
from cronicle.cli.session import command_line
from cronicle.errors import CronicleError, UsageError
from cronicle.folders import put_file
from cronicle.operations.files_folder import (
    belonging_of,
    check_files,
    check_free,
    give_files,
    take_files,
)
from cronicle.operations.locate import FILES_MARK, look_around
from cronicle.store.files import FilesFolder
from cronicle.store.url import has_password, is_url, shown_url

URL = "postgresql://ana@db.example.org/cronicle"


class Named:
    """A store of which nothing is asked but its id and its files folder."""

    def __init__(self, store_id: str) -> None:
        self.store_id = store_id
        self.folder: FilesFolder | None = None

    def get_store_id(self) -> str:
        return self.store_id

    def find_files_folder(self) -> FilesFolder | None:
        return self.folder

    def bind_files_folder(self, folder: FilesFolder) -> FilesFolder:
        self.folder = self.folder or folder
        return self.folder


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """A folder of a project, which is no repository."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "cronicle.hcl").write_text("")
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "configuration")}


def settings(environ: dict[str, str], text: str) -> Path:
    path = Path(environ["XDG_CONFIG_HOME"]) / "cronicle/settings.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# Which folder it is


def test_the_files_of_a_sqlite_store_lie_in_its_folder_whatever_else_is_said(cwd, environ):
    environ["CRONICLE_FILES"] = "/srv/files"
    settings(environ, 'files = "/srv/others"')

    assert look_around(cwd, environ).files == cwd / ".cronicle"
    assert look_around(cwd, environ, "/srv/store").files == Path("/srv/store")
    assert look_around(cwd, environ).files_are_default
    assert not look_around(cwd, environ, "/srv/store").files_are_default


def test_those_of_a_postgresql_store_lie_where_the_option_the_variable_or_the_settings_say(cwd, environ):
    assert look_around(cwd, environ, URL).files == cwd / ".cronicle"
    assert look_around(cwd, environ, URL).files_are_default
    settings(environ, f'files = "/srv/settings"\nstore = "{URL}"')
    assert look_around(cwd, environ).files == Path("/srv/settings")
    environ["CRONICLE_FILES"] = "variable"
    assert look_around(cwd, environ).files == cwd / "variable"
    found = look_around(cwd, environ, files="../option")
    assert found.files == cwd / "../option"
    assert (found.store, found.files_are_default) == (URL, False)


def test_outside_of_a_project_nobody_knows_until_it_is_said(tmp_path, environ):
    assert look_around(tmp_path, environ, URL).files is None
    assert look_around(tmp_path, environ, URL, "here").files == tmp_path / "here"


def test_files_beside_a_sqlite_store_are_refused(cwd, environ):
    for store in (None, "/srv/store"):
        with pytest.raises(UsageError, match="--files x goes with a PostgreSQL store") as refused:
            look_around(cwd, environ, store, "x")
        assert "leave --files out" in refused.value.remedy


def test_a_setting_that_is_no_text_is_refused(cwd, environ):
    path = settings(environ, "files = 7")
    with pytest.raises(CronicleError, match=f"{path}: `files` must be a text"):
        look_around(cwd, environ)


def test_the_options_of_all_commands_may_stand_before_them():
    assert move_leading_options(["--files", "x", "--store", URL, "runs", "w"]) == [
        *("runs", "--files", "x", "--store", URL, "w")
    ]
    assert move_leading_options(["--files=x", "db", "prune"]) == ["db", "prune", "--files=x"]


WITHOUT_A_STORE = {"fmt", "lsp"}


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"db"} - WITHOUT_A_STORE))
def test_every_command_takes_both_options(cronicle, command):
    said = cronicle(command, "--help").out
    assert "--store" in said
    assert "--files" in said


# Passwords


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("postgresql://ana:s3cret@h/db", "postgresql://ana@h/db"),
        ("postgres://ana:s3cret@h:5432,i:5433/db", "postgres://ana@h:5432,i:5433/db"),
        ("postgresql://ana:s3/cr@et@h/db", "postgresql://ana@h/db"),
        ("postgresql://:s3cret@/db?host=/run", "postgresql://@/db?host=/run"),
        ("postgresql://h/db?user=ana&password=s3cret&x=1", "postgresql://h/db?user=ana&password=…&x=1"),
        ("postgresql://h/db?sslpassword=s3cret", "postgresql://h/db?sslpassword=…"),
        ("mysql://ana:s3cret@h/db", "mysql://ana@h/db"),
    ],
)
def test_a_location_is_shown_without_its_password_and_refused_as_an_argument(cwd, environ, location, shown):
    assert shown_url(location) == shown
    assert shown_url(f"in {location} is") == f"in {shown} is"
    assert has_password(location)
    assert "s3cret" not in command_line(["--store", location, "runs", f"--store={location}"])
    with pytest.raises(UsageError) as refused:
        look_around(cwd, environ, location)
    text = str(refused.value)
    assert shown in text
    for part in ("CRONICLE_STORE", "settings file", "PGPASSWORD", "~/.pgpass"):
        assert part in text
    assert look_around(cwd, environ | {"CRONICLE_STORE": location}).store == location


@pytest.mark.parametrize(
    "location",
    [URL, "postgresql://h:5432/db", "postgresql:///db?host=/run&application_name=a@b", "/srv/a:b@c"],
)
def test_a_location_without_one_is_shown_as_it_is(location):
    assert shown_url(location) == location
    assert not has_password(location)
    assert is_url(location) == location.startswith("postgres")


def test_no_message_has_a_password_not_even_one_about_wrong_usage(cronicle):
    for words in (
        ("runs", "--stor", "postgresql://a:s3cret@h/d"),
        ("db", "prune", "postgresql://a:s3cret@h/d"),
    ):
        said = cronicle(*words)
        assert said.code == 64
        assert "s3cret" not in said.err


# Whose files they are


def test_a_folder_belongs_to_the_first_store_that_is_written_with_it(tmp_path):
    files, store = tmp_path / "files", Named("one")
    take_files(files, store, "postgresql://ana:s3cret@h/one")
    take_files(files, store, "postgresql://elsewhere/one")

    assert belonging_of(files).store == "one"
    assert belonging_of(files).location == "postgresql://ana@h/one"
    assert (files / FILES_MARK).stat().st_mode & 0o777 == 0o600
    assert files.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in files.iterdir()] == [FILES_MARK]
    for refuse in (take_files, check_files):
        with pytest.raises(
            CronicleError, match=r"belongs to the store postgresql://ana@h/one \(id one\)"
        ) as no:
            refuse(files, Named("two"), "postgresql://h/two")
        assert "--files" in no.value.remedy


def test_a_store_has_one_folder_wherever_that_is_moved_or_mounted(tmp_path):
    store = Named("one")
    take_files(tmp_path / "files", store, URL)
    (tmp_path / "files").rename(tmp_path / "moved")
    take_files(tmp_path / "moved", store, URL)

    for refuse in (take_files, check_files):
        with pytest.raises(
            CronicleError, match=f"are in {tmp_path}/files on .*; {tmp_path}/new is another"
        ) as no:
            refuse(tmp_path / "new", store, URL)
    assert not (tmp_path / "new").exists()
    subprocess.run(["/bin/sh", "-c", no.value.remedy.partition("saying so: ")[2]], check=True)
    take_files(tmp_path / "new", store, URL)


def test_two_folders_at_once_are_not_both_taken(tmp_path):
    """Each sees a store without a folder; the store decides."""
    store, late = Named("one"), Named("one")
    take_files(tmp_path / "first", store, URL)
    late.bind_files_folder = store.bind_files_folder

    with pytest.raises(CronicleError, match="second is another folder"):
        take_files(tmp_path / "second", late, URL)


def test_a_sqlite_store_needs_no_mark_and_heeds_that_of_another(tmp_path):
    take_files(tmp_path, Named("one"), str(tmp_path))
    assert belonging_of(tmp_path) is None

    give_files(tmp_path, "two", "postgresql://ana:s3cret@h/two")

    with pytest.raises(CronicleError, match="was copied to postgresql://ana@h/two") as no:
        take_files(tmp_path, Named("one"), str(tmp_path))
    assert "cronicle db copy" in no.value.remedy
    with pytest.raises(CronicleError, match="and no store of its own"):
        check_free(tmp_path, str(tmp_path))
    give_files(tmp_path, "one", str(tmp_path))
    take_files(tmp_path, Named("one"), str(tmp_path))


def test_the_folder_of_a_sqlite_store_is_not_given_to_another_by_accident(tmp_path):
    (tmp_path / "store.sqlite3").touch()
    for refuse in (lambda: check_free(tmp_path, URL), lambda: take_files(tmp_path, Named("one"), URL)):
        with pytest.raises(CronicleError, match="belongs to the SQLite store that lies in it"):
            refuse()
    assert belonging_of(tmp_path) is None


def test_a_folder_that_everybody_may_write_into_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(CronicleError, match="Every user of this machine may write") as no:
        take_files(tmp_path, Named("one"), URL)
    assert f"chmod o-w {tmp_path}" in no.value.remedy


@pytest.mark.parametrize("content", [b"", b"{", b'{"store": 7}', b'{"store": "x", "location": "y"}', b"\xff"])
def test_a_mark_that_cannot_be_read_is_told_with_its_path(tmp_path, content):
    (tmp_path / FILES_MARK).write_bytes(content)
    with pytest.raises(CronicleError, match="cannot be read which store") as no:
        take_files(tmp_path, Named("one"), URL)
    assert str(tmp_path / FILES_MARK) in no.value.remedy


def test_of_two_that_are_faster_only_one_gets_it(tmp_path):
    assert put_file(tmp_path / "file", b"first", replace=False)
    assert not put_file(tmp_path / "file", b"second", replace=False)
    assert (tmp_path / "file").read_bytes() == b"first"
    assert put_file(tmp_path / "file", b"third", replace=True)
    assert (tmp_path / "file").read_bytes() == b"third"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_read_of_a_store_that_was_copied_says_so(world, cronicle):
    world.deploy()
    world.run("2015-12-30", id="7K2M9QX4TA").fail()
    give_files(world.folder, "another", URL)

    said = cronicle("runs")

    assert said.code == 0
    assert "7K2M9QX4TA" in said.out
    assert said.err == f"note: this store was copied to {URL}, which goes on\n"
    checks = {check["name"]: check for check in json.loads(cronicle("doctor", "--json").out)}
    assert checks["files"]["grade"] == "bad"
    assert URL in checks["files"]["said"]
