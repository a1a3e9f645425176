"""What an editor is told: by a text with a cursor, `│`, in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.editor.completion import completions
from cronicle.editor.context import Context, Header, context_at
from cronicle.editor.found import found_at
from cronicle.editor.hover import hover
from cronicle.editor.index import index_of
from cronicle.editor.navigation import declaration_of
from cronicle.editor.outline import outline
from cronicle.editor.positions import Position, offset_of, position_of
from cronicle.editor.renaming import NotRenamedError, rename_task
from grammar.functions import FUNCTIONS
from grammar.parse import parse
from grammar.source import SourceFile

CURSOR = "│"

PROJECT = """
variable "station" {
  description = "Where it was measured"
  default     = "seattle"
}
locals {
  measures = ["rain"]
}
pool "db" {
  slots = 1
}
secret "token" {
  env = "TOKEN"
}
workflow "daily" {
  param "mode" {
    default = "fast"
  }
  task "extract" {
    description = "Read a day"
    command     = ["extract", var.station]
  }
  task "report" {
    depends_on = [task.extract]
    command    = ["report", task.extract.output.rows, task["extract"].state]
    tags       = [previous.task.extract.output.n, previous.run.date, run.interval.start]
    pool       = pool.db
    env        = { TOKEN = secret.token, MODE = upper(param.mode) }
  }
}
workflow "weekly" {
  after = [workflow.daily]
  task "extract" {
    command = ["true"]
  }
}
workflow "theirs" {
  task "a" {
    source  = source.jobs
    command = ["true", source.jobs.revision]
  }
}
source "jobs" {
  git = "../jobs"
}
"""


def at(text: str) -> tuple[SourceFile, int]:
    """A file and the offset of its cursor."""
    offset = text.index(CURSOR)
    return SourceFile("a.hcl", text.replace(CURSOR, "")), offset


def in_project(before: str, cursor: str) -> tuple[SourceFile, int]:
    """The project with a cursor: `cursor` is a piece of its text with one, the first after `before`."""
    start = PROJECT.index(before)
    piece = cursor.replace(CURSOR, "")
    place = PROJECT.index(piece, start)
    return SourceFile("a.hcl", PROJECT), place + cursor.index(CURSOR)


def proposed(text: str) -> list[str]:
    file, offset = at(text)
    index = index_of([parse(SourceFile("p.hcl", PROJECT))[0], parse(file)[0]])
    return [one.label for one in completions(context_at(file, offset), index, FUNCTIONS)]


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("│", Context((), None, "")),
        ("work│", Context((), None, "work")),
        ('workflow "w" {\n  │\n}\n', Context((Header("workflow", ("w",)),), None, "")),
        (
            'workflow "w" {\n  task "t" {\n    command = [var.│\n',
            Context((Header("workflow", ("w",)), Header("task", ("t",))), "command", "var."),
        ),
        (
            'task "t" {\n  env = {\n    A = task.a["k"].ou│',
            Context((Header("task", ("t",)),), "env", 'task.a["k"].ou'),
        ),
        ("a = 1\nb│", Context((), None, "b")),
        ('a = "x│y"\n', Context((), "a", "x", is_text=True, text="x")),
        ('a = "x ${var.│}"\n', Context((), "a", "var.")),
        ('a = "x" │\n', Context((), "a", "")),
        ("b {\n}\n│", Context((), None, "")),
        ("a = <<E\ntext│\nE\n", Context((), "a", "text", is_text=True)),
    ],
)
def test_a_place_is_known_also_where_nothing_can_be_parsed(text: str, context: Context) -> None:
    assert context_at(*at(text)) == context


@pytest.mark.parametrize(
    ("text", "labels", "without"),
    [
        ("│", {"workflow", "variable", "secret", "locals"}, {"command", "upper"}),
        (
            'workflow "daily" {\n  │\n}\n',
            {"schedule", "task", "overlap", "on_failure", "for_each"},
            {"command", "workflow"},
        ),
        ('workflow "daily" {\n  task "x" {\n    │\n  }\n}\n', {"command", "retry", "env"}, {"cron", "task"}),
        (
            'workflow "daily" {\n  task "x" {\n    command = [│\n',
            {"var", "task", "upper", "true"},
            {"command"},
        ),
        ('workflow "daily" {\n  task "x" {\n    command = [var.│\n', {"station"}, {"measures", "var"}),
        ('workflow "daily" {\n  task "x" {\n    command = [task.│\n', {"extract", "report"}, {"station"}),
        ('workflow "weekly" {\n  task "x" {\n    command = [task.│\n', {"extract"}, {"report"}),
        (
            'workflow "daily" {\n  task "x" {\n    command = [task.extract.│\n',
            {"output", "stdout", "state"},
            set(),
        ),
        ('workflow "daily" {\n  task "x" {\n    command = [run.│\n', {"date", "time", "interval"}, {"start"}),
        ('workflow "daily" {\n  task "x" {\n    command = [run.interval.│\n', {"start", "end"}, {"id"}),
        ('workflow "daily" {\n  task "x" {\n    command = [param.│\n', {"mode"}, set()),
        ('workflow "daily" {\n  task "x" {\n    command = [previous.│\n', {"run", "task"}, {"extract"}),
        ('workflow "daily" {\n  task "x" {\n    command = [previous.run.│\n', {"date", "time"}, {"start"}),
        ('workflow "daily" {\n  task "x" {\n    command = [previous.task.│\n', {"extract"}, {"run"}),
        (
            'workflow "daily" {\n  task "x" {\n    command = [previous.task.extract.│\n',
            {"output"},
            {"stdout"},
        ),
        ('workflow "daily" {\n  task "x" {\n    pool = │\n', {"pool.db"}, {"var"}),
        ('workflow "daily" {\n  task "x" {\n    source = │\n', {"source.jobs"}, {"var"}),
        ('workflow "daily" {\n  task "x" {\n    command = [source.jobs.│\n', {"revision"}, {"jobs"}),
        ('source "other" {\n  │\n}\n', {"git", "ref", "subdir", "key_file"}, {"command"}),
        ('workflow "daily" {\n  task "x" {\n    depends_on = [│\n', {"task.extract"}, {"var"}),
        ('workflow "daily" {\n  after = [│\n', {"workflow.weekly"}, {"var"}),
        ('workflow "daily" {\n  task "x" {\n    script = "echo ${local.│}"\n', {"measures"}, set()),
        ('workflow "daily" {\n  description = "of ${each.│}"\n', {"key", "value"}, {"var"}),
    ],
)
def test_what_may_be_written_is_proposed(text: str, labels: set[str], without: set[str]) -> None:
    found = set(proposed(text))

    assert labels <= found
    assert not without & found


@pytest.mark.parametrize("text", ['a = "x│"\n', "unknown {\n  │\n}\n", "a = <<E\n│x\nE\n"])
def test_nothing_is_proposed_where_nothing_is_known(text: str) -> None:
    assert proposed(text) == []


@pytest.mark.parametrize(
    ("before", "cursor", "parts"),
    [
        ('task "extract"', "comm│and", ["command = a list of strings", "The program and its arguments"]),
        ('workflow "daily"', 'ta│sk "extract"', ['task "NAME" { … }']),
        ("MODE", "up│per", ["upper(", '# "']),
        ('task "extract"', "var.stat│ion", ["var.station", "Where it was measured", "a.hcl, line 2"]),
        ('task "report"', "task.ext│ract", ["task.extract", "Read a day"]),
        ("MODE", "par│am.mode", ["param.mode"]),
        ('task "report"', "task.extract.out│put", ["task.extract.output.rows", "$CRONICLE_OUTPUT"]),
        ('task "report"', "previous.task.ext│ract", ["task.extract", "Read a day"]),
        ('task "report"', "previous.task.extract.out│put", ["$CRONICLE_OUTPUT"]),
        ('task "report"', "prev│ious.task", ["The last succeeded run"]),
        ('task "report"', "previous.run.da│te", ["previous.run.date", "The date of the logical time"]),
        ('task "report"', "previous.r│un.date", ["its id, times"]),
        ('task "report"', "run.inter│val.start", ["The span of time"]),
        ('task "report"', " run.interval.st│art", ["The tick before"]),
    ],
)
def test_what_is_under_the_cursor_is_told(before: str, cursor: str, parts: list[str]) -> None:
    file, offset = in_project(before, cursor)
    body, _ = parse(file)

    text = hover(found_at(body, offset), offset, index_of([body]), FUNCTIONS) or ""

    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize(
    ("before", "cursor", "line"),
    [
        ('task "extract"', "var.stat│ion", 2),
        ('task "report"', "task.ext│ract", 19),
        ('task "report"', 'task["extr│act"]', 19),
        ('task "report"', "pool.d│b", 9),
        ('task "report"', "secret.tok│en", 12),
        ("MODE", "param.mo│de", 16),
        ('workflow "weekly"', "workflow.dai│ly", 15),
        ('workflow "theirs"', "source.jo│bs.revision", 43),
    ],
)
def test_a_reference_leads_to_its_declaration(before: str, cursor: str, line: int) -> None:
    file, offset = in_project(before, cursor)
    body, _ = parse(file)

    declared = declaration_of(found_at(body, offset), index_of([body]))

    assert declared is not None
    assert declared.span.line == line


@pytest.mark.parametrize("cursor", ["workflow.sy│nc[", "ea│ch.key"])
def test_a_reference_to_an_instance_is_one_to_its_workflow(cursor: str) -> None:
    text = """
workflow "sync" {
  description = "Loads"
  for_each    = toset(["eu"])
}
workflow "report" {
  for_each    = toset(["eu"])
  description = "of ${each.key}"
  after       = [workflow.sync["eu"]]
}
"""
    offset = text.index(cursor.replace(CURSOR, "")) + cursor.index(CURSOR)
    body, _ = parse(SourceFile("a.hcl", text))
    index, found = index_of([body]), found_at(body, offset)

    declared = declaration_of(found, index)

    if cursor.endswith("ch.key"):
        assert "workflow with `for_each`" in (hover(found, offset, index, FUNCTIONS) or "")
    else:
        assert declared is not None
        assert (declared.name, declared.span.line) == ("sync", 2)
        assert "Loads" in (hover(found, offset, index, FUNCTIONS) or "")


@pytest.mark.parametrize(
    "cursor", ['task "extr│act"', "[task.extr│act]", 'task["extr│act"]', "previous.task.extr│act"]
)
def test_a_task_is_renamed_everywhere_in_its_workflow_and_nowhere_else(cursor: str) -> None:
    file, offset = in_project('workflow "daily"', cursor)

    replacements = rename_task(found_at(parse(file)[0], offset), offset, "read", [parse(file)[0]])

    text = PROJECT
    for one in sorted(replacements, key=lambda one: -one.span.start):
        text = text[: one.span.start] + one.text + text[one.span.end :]
    first, second = text.split('workflow "weekly"')
    assert "extract" not in first.replace('"extract", var', "")
    assert 'task "extract"' in second
    assert all(text in first for text in ('task "read"', "[task.read]", 'task["read"].state'))


@pytest.mark.parametrize(
    ("cursor", "name", "why"),
    [
        ("var.stat│ion", "x", "Only tasks"),
        ('task "extr│act"', "re port", "no name"),
        ('task "extr│act"', "report", "already"),
    ],
)
def test_what_cannot_be_renamed_is_said(cursor: str, name: str, why: str) -> None:
    file, offset = in_project('workflow "daily"', cursor)

    with pytest.raises(NotRenamedError, match=why):
        rename_task(found_at(parse(file)[0], offset), offset, name, [parse(file)[0]])


def test_the_outline_is_the_blocks() -> None:
    entries = outline(parse(SourceFile("a.hcl", PROJECT))[0])

    assert [one.title for one in entries][:3] == ['variable "station"', "locals", 'pool "db"']
    assert [one.title for one in entries[1].inner] == ["measures"]
    assert [one.title for one in entries[4].inner] == ['param "mode"', 'task "extract"', 'task "report"']


@given(st.text(alphabet="a\n\té日😀", max_size=30), st.data())
def test_places_and_offsets_are_two_names_of_the_same(text: str, data: st.DataObject) -> None:
    file = SourceFile("a", text)
    offset = data.draw(st.integers(0, len(text)))

    assert offset_of(file, position_of(file, offset)) == offset


def test_characters_are_counted_in_utf_16() -> None:
    assert position_of(SourceFile("a", 'x\n"😀é" = 1'), 5) == Position(1, 4)


@given(st.text(alphabet='a ={}[]"$.\n<E', max_size=40), st.data())
def test_no_text_is_too_broken_to_be_asked_about(text: str, data: st.DataObject) -> None:
    file = SourceFile("a.hcl", text)
    offset = data.draw(st.integers(0, len(text)))
    body, _ = parse(file)
    index = index_of([body])

    completions(context_at(file, offset), index, FUNCTIONS)
    found = found_at(body, offset)
    hover(found, offset, index, FUNCTIONS)
    declaration_of(found, index)
    outline(body)


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("  description = │\n", True),
        ("  for_each = │\n", False),
        ('  task "x" {\n    timeout = │\n', True),
        ('  task "x" {\n    for_each = ["a"]\n    timeout = │\n', False),
        ('  task "x" {\n    for_each = │\n', True),
        ("  on_failure {\n    command = │\n", True),
    ],
)
def test_each_is_proposed_where_it_is_that_of_a_workflow(text: str, is_there: bool) -> None:
    file, offset = at(f'workflow "several" {{\n{text}')
    declared = 'workflow "several" {\n  for_each = toset(["eu"])\n}\n'
    index = index_of([parse(SourceFile("p.hcl", declared))[0]])
    context = context_at(file, offset)
    taken = ("for_each", "timeout") if 'for_each = ["a"]' in text else ()

    found = [one.label for one in completions(context, index, FUNCTIONS, taken=taken)]

    assert ("each" in found) is is_there
