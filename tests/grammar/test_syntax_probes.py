"""Verdicts and trees of HashiCorp's own parser, for 725 small texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from probe_form import normal

from grammar.parse import parse
from grammar.source import SourceFile

PROBES = [
    json.loads(line)
    for line in (Path(__file__).parent / "hcl_probes.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("probe", [p for p in PROBES if p["valid"]], ids=lambda probe: repr(probe["src"]))
def test_a_valid_text_has_the_tree_of_the_reference_parser(probe: dict[str, Any]) -> None:
    body, diagnostics = parse(SourceFile("probe.hcl", probe["src"]))

    assert diagnostics == ()
    assert normal(body) == probe["ast"]


@pytest.mark.parametrize("probe", [p for p in PROBES if not p["valid"]], ids=lambda probe: repr(probe["src"]))
def test_an_invalid_text_has_an_error_on_the_line_of_the_reference_parser(probe: dict[str, Any]) -> None:
    _, diagnostics = parse(SourceFile("probe.hcl", probe["src"]))

    assert diagnostics
    first = diagnostics[0]
    assert first.is_error
    # What is never closed is reported where it was opened; its context then ends where the reference parser points.
    lines = {first.subject.line} | ({first.context.end_line} if first.context else set())
    assert probe["error_line"] in lines
