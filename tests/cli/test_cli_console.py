"""`cronicle console`: values of expressions, in a project and outside, for people and for scripts."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from cronicle.cli.app import run_command_line

PROJECT = """
project "p" { timezone = "America/Los_Angeles" }
variable "station" { default = "seattle" }
locals {
  measures = ["rain", "wind"]
  stamp    = "${run.date}-${var.station}"
}
workflow "daily" {
  schedule {
    cron  = "55 23 * * *"
    start = "2012-01-01"
  }
  param "level" {
    type    = number
    default = 3
  }
  task "extract" { command = ["true"] }
}
workflow "plain" {
  task "t" { command = ["true"] }
}
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is in no project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(outside: Path) -> Path:
    (outside / "cronicle.hcl").write_text(PROJECT)
    (outside / "greeting.txt").write_text("hello\n")
    return outside


def value_of(capsys: pytest.CaptureFixture[str], *words: str) -> object:
    assert run_command_line(["console", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *lines: str) -> list[object]:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    run_command_line(["console", "--jsonl"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 1", 2),
        ('upper("a")', "A"),
        ("null", None),
        ("{ b = [true, null], a = 1.5 }", {"a": 1.5, "b": [True, None]}),
        ('toset(["b", "a", "b"])', ["a", "b"]),
    ],
)
def test_an_expression_has_its_value_as_json(
    outside: Path, expression: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert value_of(capsys, "-e", expression) == value


def test_numbers_are_exact(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["console", "--json", "-e", "123456789012345678901234567890 + 0.125"]) == 0

    assert capsys.readouterr().out == "123456789012345678901234567890.125\n"


def test_people_see_the_value_as_it_would_be_written(
    outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["console", "-e", '{ a = toset([2, 1]), "b c" = "x\\n" }']) == 0

    assert capsys.readouterr().out == '{ a = toset([1, 2]), "b c" = "x\\n" }\n'


def test_an_expression_without_a_value_is_told_and_fails(
    outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["console", "--json", "-e", "1 +", "-e", "2"]) == 1

    said = capsys.readouterr()
    assert said.out == "2\n"
    assert "expected an expression after `+`" in said.err


def test_names_come_from_a_file(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outside / "scope.json").write_text('{"foo": 12345678901234567890.5, "bar": {"x": [1]}}')

    assert value_of(capsys, "--scope", "scope.json", "-e", "foo > 1 ? bar.x[0] : 2") == 1


@pytest.mark.parametrize("content", ["[1]", "{", '{"x": 1e999999999}', "nothing"])
def test_a_scope_that_is_no_object_is_refused(
    outside: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content != "nothing":
        (outside / "scope.json").write_text(content)

    assert run_command_line(["console", "--scope", "scope.json", "-e", "1"]) == 64

    assert "--scope scope.json" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999999999999999", "1e-2000", "1" * 1200])
def test_a_number_out_of_range_is_told_like_any_other_mistake(
    outside: Path, number: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, good = asked(monkeypatch, capsys, f'{{"expr": "x", "vars": {{"x": {number}}}}}', '{"expr": "1"}')

    assert "line 1: a number may have at most 1000 digits" in wrong["error"]["summary"]
    assert good == {"value": 1}


def test_lines_are_answered_in_order(
    outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = asked(
        monkeypatch,
        capsys,
        '{"expr": "a + 1", "vars": {"a": 2}}',
        '{"template": "hi ${n}%{ if true }!%{ endif }", "vars": {"n": "x"}}',
        '{"template": "${n}", "vars": {"n": [1]}}',
        '{"expr": "b"}',
        "no json",
        '{"exp": "b"}',
        '{"expr": "1", "vars": [1]}',
        '{"expr": "x.y", "vars": {"x": {"y": 1e400}}}',
    )

    assert answers[:3] == [{"value": 3}, {"value": "hi x!"}, {"value": [1]}]
    assert [list(answer) for answer in answers[3:7]] == [["error"]] * 4
    assert answers[3]["error"]["code"] == "unknown-name"
    assert len(answers) == 8


def test_what_the_project_knows_is_known(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert value_of(capsys, "-e", "[var.station, local.measures, project.name, environment]") == [
        "seattle",
        ["rain", "wind"],
        "p",
        "local",
    ]
    assert value_of(capsys, "--var", "station=oslo", "-e", "var.station") == "oslo"
    assert value_of(capsys, "-e", 'trimspace(file("greeting.txt"))') == "hello"


def test_a_run_of_a_workflow_is_known_as_far_as_it_can_be(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert value_of(
        capsys, "daily", "--time", "2012-03-11", "-e", "[run.time, run.date, run.interval.start, local.stamp]"
    ) == ["2012-03-11T23:55:00-07:00", "2012-03-11", "2012-03-10T23:55:00-08:00", None]
    assert value_of(capsys, "daily", "--param", "level=7", "-e", "[param.level, run.id]") == [7, None]
    assert run_command_line(["console", "daily", "-e", "task.extract.output.rows"]) == 0
    assert capsys.readouterr().out == "(known after task.extract)\n"


def test_a_workflow_without_a_schedule_has_the_time_that_is_asked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert value_of(capsys, "plain", "--time", "2020-01-02", "-e", "run.date") == "2020-01-02"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dayly", "-e", "1", "-e", "run.id"], "Did you mean daily?"),
        (["--time", "2012-01-01", "-e", "1"], "--time and --param are those of a workflow's run"),
        (["daily", "--time", "2011-01-01", "-e", "run.date"], "daily has no tick at 2011-01-01"),
        (["--jsonl", "-e", "1"], "--jsonl takes its expressions from stdin"),
        (["-e", ""], "error: expected an expression\n"),
        (["daily", "--param", "levle=1", "-e", "param.level"], "Did you mean level?"),
        (["daily", "--param", "level=1e999999999", "-e", "param.level"], "It must be of the type number."),
    ],
)
def test_what_there_is_not_is_said(
    project: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["console", *words]) in (1, 64)

    assert said in capsys.readouterr().err


def test_a_project_with_errors_is_told_where_it_is_needed_only(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "broken.hcl").write_text('workflow "b" {\n')

    assert value_of(capsys, "-e", "1 + 1") == 2
    assert run_command_line(["console", "-e", "var.station"]) == 1
    assert "broken.hcl line 1" in capsys.readouterr().err


def test_lines_of_stdin_are_expressions(
    outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("1 + 1\n\n[1]\n"))

    assert run_command_line(["console"]) == 0

    assert capsys.readouterr().out == "2\n[1]\n"
