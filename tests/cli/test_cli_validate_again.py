"""`cronicle validate` of what was found valid before: at once, and never after anything has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cronicle.cli.app import run_command_line
from cronicle.operations import propose

WORKFLOW = """
variable "who" {
  type    = string
  default = "world"
}

workflow "w" {
  task "t" {
    script = templatefile("text.sh", { who = var.who })
    inputs = ["data/*.csv"]
  }
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "cronicle.hcl").write_text('project "p" {}\n')
    (folder / "w.hcl").write_text(WORKFLOW)
    (folder / "text.sh").write_text("echo ${who}\n")
    (folder / "data/a.csv").write_text("1\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Has an item for each time that the files were really loaded."""
    loaded: list[None] = []
    load = propose.load_working_directory

    def counting(*arguments):
        loaded.append(None)
        return load(*arguments)

    monkeypatch.setattr(propose, "load_working_directory", counting)
    return loaded


def test_what_was_valid_and_has_not_changed_is_not_loaded_again(
    project: Path, loads: list[None], capsys: pytest.CaptureFixture[str]
):
    assert run_command_line(["validate"]) == run_command_line(["validate"]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == second == "1 workflow in 2 files: valid"
    assert run_command_line(["validate", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert len(loads) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda: Path("w.hcl").write_text(WORKFLOW.replace("script", "skript")), 1),
        (lambda: Path("new.hcl").write_text("workflow {"), 1),
        (lambda: Path("w.hcl").unlink(), 0),
        (lambda: Path("text.sh").write_text("echo ${whom}\n"), 1),
        (lambda: Path("text.sh").unlink(), 1),
        (lambda: Path("data/b.csv").write_text(""), 0),
        (lambda: Path("local.vars.hcl").write_text("who = null\nelse = 1\n"), 1),
        (lambda: Path(".cronicleignore").write_text("w.hcl\n"), 0),
    ],
)
def test_whatever_loading_had_looked_at_has_it_loaded_again_when_it_changes(
    project: Path, loads: list[None], change: Callable[[], object], code: int
):
    assert run_command_line(["validate"]) == 0
    change()

    assert run_command_line(["validate"]) == code
    assert len(loads) == 2


def test_another_environment_or_value_is_another_question(
    project: Path, loads: list[None], monkeypatch: pytest.MonkeyPatch
):
    (project / "production.vars.hcl").write_text("who = [1]\n")

    assert run_command_line(["validate"]) == 0
    assert run_command_line(["validate", "-e", "production"]) == 1
    monkeypatch.setenv("CRONICLE_VAR_who", "everybody")
    assert run_command_line(["validate"]) == 0
    assert len(loads) == 3


def test_what_there_is_to_tell_is_told_each_time(
    project: Path, loads: list[None], capsys: pytest.CaptureFixture[str]
):
    (project / "unused.hcl").write_text('variable "unused" {\n  default = 1\n}\n')

    for _ in range(2):
        assert run_command_line(["validate"]) == 0
        assert "unused" in capsys.readouterr().err
    assert len(loads) == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"files": 1, "workflows": 1, "answers": {"eval x": ""}}']
)
def test_a_damaged_memory_is_as_none(project: Path, tmp_path: Path, loads: list[None], content: bytes):
    assert run_command_line(["validate"]) == 0
    (memory,) = (tmp_path / "cache/cronicle/valid").iterdir()
    memory.write_bytes(content)

    assert run_command_line(["validate"]) == run_command_line(["validate"]) == 0
    assert len(loads) == 2


def test_where_nothing_can_be_remembered_the_files_are_loaded(
    project: Path, tmp_path: Path, loads: list[None], monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "cache").write_text("a file in the place of the folder")
    assert run_command_line(["validate"]) == run_command_line(["validate"]) == 0
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.delenv("HOME")
    assert run_command_line(["validate"]) == run_command_line(["validate"]) == 0

    assert len(loads) == 4
    assert not (project / "relative").exists()
