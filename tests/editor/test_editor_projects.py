"""Files, open and on disk, saved or not, in projects and out of them: what is told of them, and asked across them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from cronicle.editor.answers import Answers
from cronicle.editor.positions import Encoding
from cronicle.editor.protocol import Tongue
from cronicle.editor.renaming import NotRenamedError

CURSOR = "│"

DAILY = """\
workflow "daily" {
  task "extract" {
    command = ["true"]
  }
  task "report" {
    command = ["echo", local.rows, var.station]
  }
}
"""
SHARED = """\
variable "station" {
  description = "Where"
  default     = "seattle"
}
locals {
  rows = task.extract.output.rows
}
"""


class Editor:
    """What an editor does and is told, in one folder."""

    def __init__(self, folder: Path, tongue: Tongue) -> None:
        self.folder = folder
        self.answers = Answers(tongue=tongue)
        self.wrong: dict[str, list[str]] = {}
        self.texts: dict[str, str] = {}

    def uri(self, name: str) -> str:
        return name if ":" in name else (self.folder / name).as_uri()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")

    def open(self, name: str, text: str | None = None) -> None:
        """Open a file with what is on disk, or with another text."""
        self.texts[name] = (self.folder / name).read_bytes().decode() if text is None else text
        self.tell(self.answers.opened(self.uri(name), self.texts[name]))

    def close(self, name: str) -> None:
        self.tell(self.answers.closed(self.uri(name)))

    def change_on_disk(self) -> None:
        self.tell(self.answers.changed_on_disk())

    def tell(self, folders: set[Path]) -> None:
        for folder in sorted(folders):
            self.answers.tell(folder, self._take)

    def _take(self, uri: str, wrong: Any) -> None:
        self.wrong[uri] = [one.message.split("\n")[0] for one in wrong]

    def place(self, name: str, piece: str) -> tuple[lsp.TextDocumentIdentifier, lsp.Position]:
        """The place of the cursor in a piece of an open text."""
        text = self.texts[name]
        before = text[: text.index(piece.replace(CURSOR, "")) + piece.index(CURSOR)]
        encoding = {Encoding.UTF_8: "utf-8", Encoding.UTF_16: "utf-16-le", Encoding.UTF_32: "utf-32-le"}
        units = len(before.rpartition("\n")[2].encode(encoding[self.answers.tongue.encoding]))
        size = {Encoding.UTF_8: 1, Encoding.UTF_16: 2, Encoding.UTF_32: 4}[self.answers.tongue.encoding]
        return lsp.TextDocumentIdentifier(self.uri(name)), lsp.Position(before.count("\n"), units // size)

    def proposed(self, name: str, piece: str) -> list[str]:
        return [
            one.label for one in self.answers.complete(lsp.CompletionParams(*self.place(name, piece))).items
        ]

    def told(self, name: str, piece: str) -> str:
        found = self.answers.hover(lsp.HoverParams(*self.place(name, piece)))
        return "" if found is None else found.contents.value  # type: ignore[union-attr]

    def rename(self, name: str, piece: str, new: str) -> dict[str, list[str]]:
        """What is written into which file."""
        changes = self.answers.rename(lsp.RenameParams(*self.place(name, piece), new)).changes or {}
        return {
            uri.removeprefix(f"{self.folder.as_uri()}/"): [one.new_text for one in edits]
            for uri, edits in changes.items()
        }


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Editor]:
    """An editor in a new folder, which is in no repository, with files on disk."""

    def go(tongue: Tongue = Tongue(), /, **files: str) -> Editor:  # noqa: B008 - never changed
        editor = Editor((tmp_path / "work").resolve(), tongue)
        editor.folder.mkdir()
        for name, text in files.items():
            editor.write(name.replace("__", "/") + ".hcl", text)
        return editor

    return go


def test_what_one_file_declares_another_may_use_before_it_is_saved(make: Callable[..., Editor]) -> None:
    editor = make(cronicle="", daily=DAILY)
    editor.open("daily.hcl")
    assert editor.wrong[editor.uri("daily.hcl")] == ['unknown local "rows"', 'unknown variable "station"']

    editor.open("shared.hcl", SHARED)
    assert editor.wrong[editor.uri("daily.hcl")] == []
    assert editor.wrong[editor.uri("shared.hcl")] == []
    assert editor.told("daily.hcl", "var.stat│ion") == (
        '```hcl\nvar.station\ndefault = "seattle"\n```\n\nWhere\n\nshared.hcl, line 1'
    )

    editor.open("shared.hcl", SHARED.replace("rows", "lines"))
    assert editor.wrong[editor.uri("daily.hcl")] == ['unknown local "rows"']
    editor.close("shared.hcl")
    assert len(editor.wrong[editor.uri("daily.hcl")]) == 2


def test_a_project_without_a_repository_is_found_from_a_folder_below(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED, flows__daily=DAILY)

    editor.open("flows/daily.hcl")

    assert editor.wrong[editor.uri("flows/daily.hcl")] == []
    assert editor.wrong[editor.uri("cronicle.hcl")] == []


def test_projects_beside_each_other_do_not_mix(make: Callable[..., Editor]) -> None:
    editor = make(a__cronicle=SHARED, a__daily=DAILY, b__cronicle="", b__daily=DAILY)
    editor.open("a/daily.hcl")
    editor.open("b/daily.hcl")

    assert editor.wrong[editor.uri("a/daily.hcl")] == []
    assert len(editor.wrong[editor.uri("b/daily.hcl")]) == 2


def test_a_file_that_becomes_part_of_another_project_is_told_of_as_that(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED, sub__daily=DAILY)
    editor.open("sub/daily.hcl")
    assert editor.wrong[editor.uri("sub/daily.hcl")] == []

    editor.open("sub/cronicle.hcl", "")
    assert len(editor.wrong[editor.uri("sub/daily.hcl")]) == 2

    editor.close("sub/cronicle.hcl")
    assert editor.wrong[editor.uri("sub/daily.hcl")] == []


def test_files_that_are_removed_and_renamed_outside_are_noticed(make: Callable[..., Editor]) -> None:
    editor = make(cronicle="", daily=DAILY, shared=SHARED + "x\n")
    editor.open("daily.hcl")
    assert editor.wrong[editor.uri("shared.hcl")] != []

    (editor.folder / "shared.hcl").rename(editor.folder / "common.hcl")
    editor.change_on_disk()
    assert editor.wrong[editor.uri("shared.hcl")] == []
    assert editor.wrong[editor.uri("common.hcl")] != []

    (editor.folder / "common.hcl").unlink()
    editor.change_on_disk()
    assert editor.wrong[editor.uri("common.hcl")] == []
    assert len(editor.wrong[editor.uri("daily.hcl")]) == 2


def test_a_text_that_is_no_file_is_a_project_of_its_own(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED)
    name = "untitled:Untitled-1"

    editor.open(name, DAILY.replace("task.", "tusk.").replace("local.rows, var.station", '"x"'))
    assert editor.wrong == {name: []}
    editor.open(name, "workflow {\n")
    assert editor.wrong[name] != []
    assert editor.proposed(name, "work│flow")


def test_a_file_in_no_project_is_read_with_its_folder_and_alone_told_of(
    make: Callable[..., Editor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronicle.editor.workspace.MOST_OF_ANY_FOLDER", 3)
    editor = make(
        daily=DAILY,
        shared=SHARED,
        z=SHARED.replace("station", "z").replace("rows", "z"),
        **{f"a{number}__x": DAILY for number in range(9)},
    )

    editor.open("daily.hcl")

    assert editor.wrong == {editor.uri("daily.hcl"): []}


def test_values_of_an_environment_are_checked_and_completed_as_such(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED + 'variable "limit" {\n  type = number\n}\n', daily=DAILY)
    editor.open("prod.vars.hcl", 'limit = "many"\n\n')

    assert editor.wrong[editor.uri("prod.vars.hcl")] == ['unsuitable value for variable "limit"']
    assert editor.proposed("prod.vars.hcl", '"many"\n│') == ["station"]
    assert "type = number" in editor.told("prod.vars.hcl", "lim│it")


def test_what_was_declared_before_a_file_was_broken_is_still_proposed(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED, daily=DAILY)
    editor.open("daily.hcl")

    editor.open(
        "daily.hcl", DAILY.replace('command = ["true"]\n', 'depends_on = [task.\n    env = { A = "${"\n')
    )

    assert editor.proposed("daily.hcl", "depends_on = [task.│") == ["extract", "report"]
    assert editor.proposed("daily.hcl", "local.r│") == ["rows"]


def test_what_a_body_has_already_is_not_proposed_again(make: Callable[..., Editor]) -> None:
    text = DAILY.replace('command = ["true"]\n', 'command = ["true"]\n    retry {\n    }\n    co\n')
    editor = make(cronicle=SHARED, daily=text)
    editor.open("daily.hcl")

    found = editor.proposed("daily.hcl", "    co│\n")
    assert {"command", "retry"} & set(found) == set()
    assert {"script", "wait", "limits"} <= set(found)
    assert "command" in editor.proposed("daily.hcl", 'comm│and = ["true"]')


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_places_are_counted_as_the_editor_counts(
    make: Callable[..., Editor], encoding: Encoding, end: str
) -> None:
    text = DAILY.replace('"echo"', '"é日😀"').replace("var.station", "vor.station").replace("\n", end)
    editor = make(Tongue(encoding=encoding), cronicle=SHARED, daily=text)
    wrong: dict[str, Any] = {}
    editor.open("daily.hcl")
    editor.answers.tell(editor.folder, wrong.__setitem__)

    [one] = wrong[editor.uri("daily.hcl")]
    assert one.range.start == editor.place("daily.hcl", "│vor.station")[1]
    assert one.range.end == editor.place("daily.hcl", "vor.station│")[1]
    assert "local.rows" in editor.told("daily.hcl", "local.ro│ws")
    proposal = editor.answers.complete(lsp.CompletionParams(*editor.place("daily.hcl", "local.ro│ws"))).items[
        0
    ]
    assert proposal.text_edit.range.start == editor.place("daily.hcl", "local.│rows")[1]  # type: ignore[union-attr]


def test_places_for_the_cursor_are_written_only_for_editors_that_know_them(
    make: Callable[..., Editor],
) -> None:
    editor = make(Tongue(has_snippets=True), cronicle=SHARED, daily=DAILY + "\n")
    editor.open("daily.hcl")
    place = editor.place("daily.hcl", "  }\n│}\n")

    def written(label: str) -> str:
        items = editor.answers.complete(lsp.CompletionParams(*place)).items
        return next(one.text_edit.new_text for one in items if one.label == label)  # type: ignore[union-attr]

    assert [written(label) for label in ("timeout", "overlap", "after", "task", "on_deploy", "tags")] == [
        'timeout = "$0"',
        'overlap = "${1|allow,skip,queue,cancel|}"',
        "after = [workflow.$0]",
        'task "${1:name}" {\n  $0\n}',
        "on_deploy = $0",
        'tags = ["$0"]',
    ]
    editor.answers.tongue = Tongue()
    assert [written(label) for label in ("timeout", "task")] == ["timeout = ", 'task "name" {']


def test_only_the_name_is_replaced_where_a_value_or_a_body_follows(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED, daily=DAILY)
    editor.open("daily.hcl")

    items = editor.answers.complete(
        lsp.CompletionParams(*editor.place("daily.hcl", 'com│mand = ["true"]'))
    ).items

    assert {one.label: one.text_edit.new_text for one in items}["script"] == "script"  # type: ignore[union-attr]
    assert "retry" not in {one.label for one in items}
    items = editor.answers.complete(
        lsp.CompletionParams(*editor.place("daily.hcl", 'ta│sk "extract" {'))
    ).items
    assert {one.label: one.text_edit.new_text for one in items}["task"] == "task"  # type: ignore[union-attr]


def test_a_task_is_renamed_in_locals_and_moved_blocks_of_other_files(make: Callable[..., Editor]) -> None:
    moved = "moved {\n  from = workflow.daily.task.load\n  to   = workflow.daily.task.extract\n}\n"
    editor = make(
        cronicle=SHARED + 'workflow "other" {\n  task "extract" { command = ["x"] }\n}\n',
        daily=DAILY,
        m=moved,
    )
    editor.open("daily.hcl")
    editor.open("m.hcl")
    everything = {"daily.hcl": ['"read"'], "cronicle.hcl": ["read"], "m.hcl": ["read"]}

    assert editor.rename("daily.hcl", 'task "extr│act"', "read") == everything
    assert editor.rename("m.hcl", "workflow.daily.task.extr│act", "read") == everything


def test_a_task_is_not_renamed_where_a_local_names_one_of_two_workflows(make: Callable[..., Editor]) -> None:
    editor = make(cronicle=SHARED, daily=DAILY, other=DAILY.replace("daily", "other"))
    editor.open("daily.hcl")

    with pytest.raises(
        NotRenamedError, match=r"local\.rows refers to task\.extract, and other workflows use it"
    ):
        editor.rename("daily.hcl", 'task "extr│act"', "read")


def test_what_leads_to_a_workflow_or_its_task_in_a_moved_block_is_completed(
    make: Callable[..., Editor],
) -> None:
    moved = "moved {\n  from = workflow.daily.task.load\n  to   = workflow.daily.task.\n}\n"
    editor = make(cronicle=SHARED, daily=DAILY, m=moved)
    editor.open("m.hcl")

    assert editor.proposed("m.hcl", "to   = workflow.│daily.task.") == ["daily"]
    assert editor.proposed("m.hcl", "to   = workflow.daily.│task.") == ["task"]
    assert editor.proposed("m.hcl", "to   = workflow.daily.task.│") == ["extract", "report"]


def test_parameters_are_proposed_as_keys_of_a_schedules_params(make: Callable[..., Editor]) -> None:
    schedule = 'workflow "daily" {\n  param "mode" {\n  }\n  schedule {\n    params = { mo = 1 }\n  }\n'
    editor = make(cronicle=SHARED, daily=DAILY.replace('workflow "daily" {\n', schedule))
    editor.open("daily.hcl")

    assert editor.proposed("daily.hcl", "params = { mo│ = 1") == ["mode"]
    assert "var" in editor.proposed("daily.hcl", "params = { mo = │1")


def test_formatting_changes_the_lines_that_differ_and_leaves_line_ends_alone(
    make: Callable[..., Editor],
) -> None:
    text = DAILY.replace("    command", "command").replace("\n", "\r\n")
    editor = make(cronicle=SHARED, daily=text)
    editor.open("daily.hcl")
    document = lsp.TextDocumentIdentifier(editor.uri("daily.hcl"))

    edits = editor.answers.format(lsp.DocumentFormattingParams(document, lsp.FormattingOptions(2, True)))

    assert [(one.range.start.line, one.range.end.line) for one in edits] == [(2, 2), (5, 5)]
    assert [one.new_text.strip("\r") for one in edits] == [DAILY.split("\n")[2], DAILY.split("\n")[5]]


def test_a_folder_that_cannot_be_listed_is_a_diagnostic(
    make: Callable[..., Editor], monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = make(cronicle="")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cronicle.git.working.os.scandir", refuse)
    editor.open("cronicle.hcl")

    assert editor.wrong == {editor.uri("cronicle.hcl"): [f"{editor.folder} cannot be read"]}
