"""`cronicle fmt`: which files it formats, what it says, and that it loses nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cronicle.cli.app import run_command_line

BAD = 'workflow "w" {\ntask "t" { command=["true"] }\n}\n'
GOOD = 'workflow "w" {\n  task "t" { command = ["true"] }\n}\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cronicle.hcl").write_text('project "p" {}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_files_of_the_project_are_formatted_and_those_that_change_are_listed(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".git").mkdir()
    (project / "flows").mkdir()
    for name in ("flows/w.hcl", "other.txt", ".hidden.hcl"):
        (project / name).write_text(BAD)
    (project / "prod.vars.hcl").write_text("a=1\n")
    monkeypatch.chdir(project / "flows")

    assert run_command_line(["fmt"]) == 0

    assert capsys.readouterr().out.splitlines() == ["w.hcl", "../prod.vars.hcl"]
    assert (project / "flows/w.hcl").read_text() == GOOD
    assert (project / "prod.vars.hcl").read_text() == "a = 1\n"
    assert (project / "other.txt").read_text() == (project / ".hidden.hcl").read_text() == BAD
    assert run_command_line(["fmt", "--check"]) == 0


def test_check_writes_nothing_and_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "w.hcl").write_text(BAD)

    assert run_command_line(["fmt", "--check"]) == 1

    said = capsys.readouterr()
    assert said.out == "w.hcl\n"
    assert "1 file of 2 not formatted" in said.err
    assert (project / "w.hcl").read_text() == BAD


def test_diff_shows_what_changes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "w.hcl").write_text(BAD)

    assert run_command_line(["fmt", "--check", "--diff"]) == 1

    assert capsys.readouterr().out.splitlines()[:5] == [
        "--- a/w.hcl",
        "+++ b/w.hcl",
        "@@ -1,3 +1,3 @@",
        ' workflow "w" {',
        '-task "t" { command=["true"] }',
    ]


def test_a_broken_file_is_told_and_left_alone_and_the_others_are_formatted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "broken.hcl").write_text('workflow "w" {\n')
    (project / "w.hcl").write_text(BAD)

    assert run_command_line(["fmt"]) == 1

    said = capsys.readouterr()
    assert said.out == "w.hcl\n"
    assert "broken.hcl line 1" in said.err
    assert (project / "broken.hcl").read_text() == 'workflow "w" {\n'


def test_stdin_is_formatted_to_stdout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))

    assert run_command_line(["fmt", "-"]) == 0

    assert capsys.readouterr().out == GOOD


def test_a_link_and_the_rights_of_a_file_stay(project: Path) -> None:
    (project / "real").write_text(BAD)
    (project / "real").chmod(0o640)
    (project / "w.hcl").symlink_to("real")

    assert run_command_line(["fmt", "w.hcl"]) == 0

    assert (project / "w.hcl").is_symlink()
    assert (project / "real").read_text() == GOOD
    assert (project / "real").stat().st_mode & 0o777 == 0o640


def test_a_byte_order_mark_stays(project: Path) -> None:
    (project / "w.hcl").write_bytes(b"\xef\xbb\xbfa=1\n")

    assert run_command_line(["fmt"]) == 0

    assert (project / "w.hcl").read_bytes() == b"\xef\xbb\xbfa = 1\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fmt", "nothing.hcl"], "there is no file or folder nothing.hcl"),
        (["fmt", "other.txt"], "other.txt is no HCL file"),
        (["fmt", "-", "a.hcl"], "- stands for stdin"),
    ],
)
def test_what_cannot_be_meant_is_said(
    project: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "other.txt").write_text("x")

    assert run_command_line(words) == 64

    assert said in capsys.readouterr().err
