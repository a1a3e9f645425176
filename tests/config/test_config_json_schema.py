"""The JSON schema of the language has what the decoder has, since it is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from cronicle.cli.app import run_command_line
from cronicle.config import json_schema
from cronicle.config.schema import FILE, WORKFLOW, blocks_below
from grammar.schema import AttributeSchema
from grammar.types import BOOL


def properties_in(schema: Any) -> Iterator[tuple[str, Any]]:
    """All properties of a schema, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from properties_in(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from properties_in(inner)


def test_every_word_of_the_language_is_in_it_with_its_meaning() -> None:
    found: dict[str, list[str]] = {}
    for name, schema in properties_in(json_schema.language_schema()):
        found.setdefault(name, []).append(str(schema))

    for block in blocks_below(FILE):
        for one in block.attributes.values():
            assert any(one.doc in text for text in found[one.name])
        for inner in block.blocks.values():
            assert any(inner.doc in text for text in found[inner.type])


def test_a_new_attribute_is_in_it_at_once(monkeypatch: Any) -> None:
    new = AttributeSchema("sparkling", BOOL, doc="Whether it sparkles.")
    workflow = evolve(WORKFLOW, attributes=(*WORKFLOW.attributes.values(), new))
    blocks = [workflow if block is WORKFLOW else block for block in FILE.blocks.values()]
    monkeypatch.setattr(json_schema, "FILE", evolve(FILE, blocks=blocks))

    assert "sparkling" in dict(properties_in(json_schema.language_schema()))


def test_labels_are_keys() -> None:
    task = json_schema.language_schema()["properties"]["workflow"]["patternProperties"]
    [inside] = task.values()

    assert "task" in str(inside)
    assert inside["anyOf"][0]["required"] == ["task"]


def test_the_command_line_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["validate", "--schema"]) == 0

    assert json.loads(capsys.readouterr().out) == json_schema.language_schema()
