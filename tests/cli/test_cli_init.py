"""`cronicle init`: a new project, and nothing of anybody's lost."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import FileStatus

from cronicle.cli.app import run_command_line
from cronicle.operations import init as operation


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one, of somebody whom git does not know."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "CRONICLE_")):
            monkeypatch.delenv(name)
    nowhere = tmp_path / "configuration"
    nowhere.mkdir()
    before = {
        level: pygit2.settings.search_path[level]
        for level in (
            pygit2.enums.ConfigLevel.GLOBAL,
            pygit2.enums.ConfigLevel.XDG,
            pygit2.enums.ConfigLevel.SYSTEM,
        )
    }
    for level in before:
        pygit2.settings.search_path[level] = str(nowhere)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    for level, path in before.items():
        pygit2.settings.search_path[level] = path


@pytest.fixture
def cronicle(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Gives a command; its exit code and what it said."""

    def give(*words: str) -> tuple[int, str, str]:
        code = run_command_line(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return give


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder, without git's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


@pytest.fixture
def in_repository(home: Path) -> pygit2.Repository:
    """A repository with one commit, in the current folder."""
    repository = pygit2.init_repository(str(home), initial_head="main")
    (home / "README.md").write_text("mine\n")
    repository.index.add("README.md")
    who = pygit2.Signature("ana", "ana@pluto")
    repository.create_commit("HEAD", who, who, "Begin", repository.index.write_tree(), [])
    repository.index.write()
    return repository


def test_outside_a_repository_there_is_one_commit_of_all_files_and_nothing_left_over(home, cronicle):
    code, _, err = cronicle("init", "here", "--example", "weather")

    repository = pygit2.Repository(str(home / "here"))
    commit = repository.head.peel(pygit2.Commit)
    assert (code, err) == (0, "")
    assert commit.parents == []
    assert repository.status() == {}
    assert {entry.path for entry in repository.index} == set(content(home / "here"))


def test_a_new_project_can_be_planned_at_once(home, cronicle, monkeypatch):
    cronicle("init", "here")
    monkeypatch.chdir(home / "here")

    code, out, err = cronicle("plan")

    assert (code, err) == (0, "")
    assert "+ workflow hello" in out


def test_who_has_no_identity_for_git_commits_as_user_at_host(home, cronicle):
    code, _, _ = cronicle("init")

    author = pygit2.Repository(str(home)).head.peel(pygit2.Commit).author
    assert code == 0
    assert author.email == f"{author.name}@{os.uname().nodename}"


def test_the_committer_of_the_environment_is_the_author(home, cronicle, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ana")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ana@example.org")

    cronicle("init")

    author = pygit2.Repository(str(home)).head.peel(pygit2.Commit).author
    assert (author.name, author.email) == ("Ana", "ana@example.org")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("sales", "sales"),
        ("my project", "my-project"),
        ("2024", "project-2024"),
        ("ünïcode", "n-code"),
        ("..x", "x"),
        ("日本", "project"),
    ],
)
def test_the_project_is_called_like_its_folder_as_far_as_that_is_a_name(home, cronicle, folder, name):
    cronicle("init", folder)

    assert f'project "{name}" {{' in (home / folder / "cronicle.hcl").read_text()


def test_inside_a_repository_files_are_added_and_the_command_to_commit_them_is_said(
    home, in_repository, cronicle
):
    before = in_repository.head.target

    code, out, _ = cronicle("init", "jobs/daily")

    assert code == 0
    assert in_repository.head.target == before
    assert not (home / "jobs/daily/.git").exists()
    assert in_repository.status(untracked_files="all") == {
        "jobs/daily/cronicle.hcl": FileStatus.WT_NEW,
        "jobs/daily/look.sh": FileStatus.WT_NEW,
    }
    assert "git add cronicle.hcl look.sh && git commit" in out


def test_a_file_that_is_there_is_named_and_nothing_is_written(home, cronicle):
    (home / "daily.hcl").write_text("mine\n")
    (home / "report.py").write_text("mine\n")

    code, out, err = cronicle("init", "--example", "weather")

    assert code == 1
    assert out == ""
    assert f"{home / 'daily.hcl'} is there already and 1 more" in err
    assert content(home) == {"daily.hcl": b"mine\n", "report.py": b"mine\n"}
    assert not (home / ".git").exists()


@pytest.mark.parametrize("what", ["file", "link", "dangling link"])
def test_what_stands_where_a_folder_must_be_is_left_alone(home, tmp_path, cronicle, what):
    if what == "file":
        (home / "data").write_text("mine\n")
    else:
        elsewhere = tmp_path / "elsewhere"
        (home / "data").symlink_to(elsewhere)
        if what == "link":
            elsewhere.mkdir()

    code, _, err = cronicle("init", "--example", "weather")

    assert code == 1
    assert f"{home / 'data'} is there already" in err
    assert not (home / "cronicle.hcl").exists()
    assert not list(tmp_path.glob("elsewhere/*"))


def test_a_second_init_changes_nothing(home, cronicle):
    cronicle("init")
    before = content(home), pygit2.Repository(str(home)).head.target

    code, _, err = cronicle("init")

    assert code == 1
    assert "cronicle.hcl is there already" in err
    assert (content(home), pygit2.Repository(str(home)).head.target) == before


def test_other_files_of_the_folder_are_not_committed(home, cronicle):
    (home / "notes.txt").write_text("mine\n")

    code, _, _ = cronicle("init")

    assert code == 0
    assert pygit2.Repository(str(home)).status() == {"notes.txt": FileStatus.WT_NEW}


def test_an_unknown_example_is_answered_with_those_there_are(home, cronicle):
    code, _, err = cronicle("init", "--example", "wether")

    assert code == 1
    assert "no example 'wether'" in err
    assert "hello, libraries, repo-health, weather" in err
    assert content(home) == {}


@pytest.mark.parametrize("name", ["..", "../../etc", "", "hello/"])
def test_an_example_is_a_name_and_no_path(home, cronicle, name):
    code, _, err = cronicle("init", "--example", name)

    assert code == 1
    assert "no example" in err
    assert content(home) == {}


def test_what_was_written_goes_again_where_something_fails(home, cronicle, monkeypatch):
    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(operation, "_make_executable", no_space)

    code, _, err = cronicle("init", "new/deep", "--example", "weather")

    assert code == 1
    assert "No space left on device" in err
    assert list(home.iterdir()) == []


def test_scripts_can_be_executed_also_if_a_package_has_lost_their_modes(home, cronicle, monkeypatch):
    lost = home / "examples" / "hello"
    lost.mkdir(parents=True)
    for path in (operation.examples_folder() / "hello").iterdir():
        (lost / path.name).write_bytes(path.read_bytes())
        (lost / path.name).chmod(0o644)
    monkeypatch.setattr(operation, "examples_folder", lambda: home / "examples")

    cronicle("init", "new")

    assert stat.S_IMODE((home / "new/look.sh").stat().st_mode) & 0o700 == 0o700
    assert not stat.S_IMODE((home / "new/cronicle.hcl").stat().st_mode) & 0o111
    tree = pygit2.Repository(str(home / "new")).head.peel(pygit2.Commit).tree
    assert tree["look.sh"].filemode == 0o100755


def test_what_lies_about_in_an_example_stays_there(home, cronicle, monkeypatch):
    example = home / "examples" / "hello"
    for name in ("cronicle.hcl", "__pycache__/x.pyc", ".cronicle/store.sqlite3", "data/.hidden", "data/seen"):
        (example / name).parent.mkdir(parents=True, exist_ok=True)
        (example / name).write_text("")
    monkeypatch.setattr(operation, "examples_folder", lambda: home / "examples")

    cronicle("init", "new", "--example", "hello")

    assert sorted(content(home / "new")) == ["cronicle.hcl", "data/seen"]


def test_json_says_what_was_made(home, cronicle):
    _, out, _ = cronicle("init", "new", "--json")

    said = json.loads(out)
    assert said == {
        "folder": str(home / "new"),
        "repository": str(home / "new"),
        "files": ["cronicle.hcl", "look.sh"],
        "revision": str(pygit2.Repository(str(home / "new")).head.target),
    }


def test_the_next_command_quotes_a_folder_that_needs_it(home, cronicle):
    _, out, _ = cronicle("init", "two words")

    assert "cd 'two words'" in out
