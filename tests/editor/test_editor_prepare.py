"""Preparations in an editor: completed, told of, and found."""

from __future__ import annotations

import pytest

from cronicle.editor.completion import completions
from cronicle.editor.context import context_at
from cronicle.editor.found import found_at
from cronicle.editor.hover import hover
from cronicle.editor.index import index_of
from cronicle.editor.navigation import declaration_of
from grammar.functions import FUNCTIONS
from grammar.parse import parse
from grammar.source import SourceFile

PROJECT = """
prepare "venv" {
  command = ["make"]
}
prepare "tool" {
  command = ["make"]
}
workflow "w" {
  task "t" {
    command = [prepare.venv.path]
  }
}
"""


def proposed(written: str) -> set[str]:
    text = PROJECT.replace("prepare.venv.path", written)
    file = SourceFile("a.hcl", text)
    offset = text.index(written) + len(written)
    index = index_of([parse(SourceFile("a.hcl", PROJECT))[0]])
    return {one.label for one in completions(context_at(file, offset), index, FUNCTIONS)}


@pytest.mark.parametrize(
    ("written", "labels"),
    [("prepare.", {"venv", "tool"}), ("prepare.venv.", {"path"}), ('prepare["tool"].', {"path"})],
)
def test_names_and_what_they_have_are_proposed(written: str, labels: set[str]) -> None:
    assert proposed(written) == labels


def test_the_root_and_the_attributes_of_the_block_are_proposed() -> None:
    assert "prepare" in proposed("pre")
    text = 'prepare "x" {\n  \n}\n'
    found = completions(context_at(SourceFile("b.hcl", text), 15), index_of([]), FUNCTIONS)
    assert {one.label for one in found} == {"command", "script", "inputs", "env", "timeout"}


def test_a_reference_leads_to_its_block_and_tells_of_it() -> None:
    file = SourceFile("a.hcl", PROJECT)
    body, _ = parse(file)
    offset = PROJECT.index("venv.path")
    found, index = found_at(body, offset), index_of([body])

    declared = declaration_of(found, index)

    assert declared is not None
    assert declared.span.line == 2
    assert "prepare.venv" in (hover(found, offset, index, FUNCTIONS) or "")
