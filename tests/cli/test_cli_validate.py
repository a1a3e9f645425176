"""`cronicle validate --json`: all that is known of what is wrong, for programs."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from cronicle.cli.app import run_command_line
from cronicle.views.diagnostics import DiagnosticShape

BROKEN = """\
workflow "é" {
  task "🇬🇧" {
    command = ["x", task.extrat]
  }
  task "t" {
    command = [task.x
  }
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cronicle.hcl").write_text('project "p" {}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_a_diagnostic_has_its_place_in_lines_columns_and_bytes(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "a.hcl").write_text('workflow "w" {\n  task "t" { command = ["é🇬🇧", vor.x] }\n}\n', "utf-8")

    assert run_command_line(["validate", "--json"]) == 1

    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out) == [
        {
            "severity": "error",
            "code": "unknown-reference",
            "summary": 'unknown name "vor"',
            "detail": "Did you mean var?",
            "file": "a.hcl",
            "subject": {
                "start": {"line": 2, "column": 31, "byte": 53},
                "end": {"line": 2, "column": 36, "byte": 58},
            },
            "source": '  task "t" { command = ["é🇬🇧", vor.x] }',
            "context": None,
            "within": ['workflow "w"', 'task "t"'],
        }
    ]


def test_lines_of_json_are_the_same_an_object_a_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "a.hcl").write_text(BROKEN, "utf-8")

    assert run_command_line(["validate", "--json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert run_command_line(["validate", "--jsonl"]) == 1
    lines = capsys.readouterr().out.splitlines()

    assert [json.loads(line) for line in lines] == whole
    assert any(one["context"] is not None for one in whole)


def test_what_is_valid_has_an_empty_list_also_the_second_time(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, wanted in ((["--json"], "[]\n"), (["--json"], "[]\n"), (["--jsonl"], "")):
        assert run_command_line(["validate", *words]) == 0
        assert capsys.readouterr().out == wanted


def test_the_output_is_of_the_shape_that_is_documented(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "a.hcl").write_text(BROKEN, "utf-8")
    (project / "b.hcl").write_bytes(b"\xff")

    assert run_command_line(["validate", "--json"]) == 1

    out = capsys.readouterr().out
    shapes = msgspec.json.decode(out, type=list[DiagnosticShape])
    assert msgspec.json.decode(msgspec.json.encode(shapes)) == json.loads(out)
