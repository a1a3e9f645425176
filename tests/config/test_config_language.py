"""The language by its fixtures: those in `tests/language` are valid, or wrong exactly where a marker says so.

A marker is a comment `# ERROR: text` (or `# WARNING: text`) on the line of the mistake; the text is part of the
summary of its diagnostic. A line may have several; `# ERROR+1: text` means the next line.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from trees import DictTree

from cronicle.config import (
    calendars,
    checks,
    graph,
    moves,
    named,
    policies,
    reading,
    references,
    schedules,
    secrets,
    sensitive,
    sources,
    tasks,
    variables,
)
from cronicle.config import load as load_module
from cronicle.config.compile import compile_workflow
from cronicle.config.load import Loaded, load_project
from cronicle.config.project import Pinned
from grammar.diagnostics import CODES
from grammar.render import render

LANGUAGE = Path(__file__).parent.parent / "language"
BESIDE = {
    "extract.py": "",
    "summarise.py": "",
    "report.py": "",
    "notify.sh": "",
    "sub/data.txt": "",
    "data.txt": "",
    "holidays.txt": "# of Austria\n2026-12-25\n2026-12-26  # Stephen\n\n",
}
GOLDEN = (
    "cycle",
    "unknown_task",
    "wrong_type",
    "unclosed_block",
    "unclosed_heredoc",
    "duplicate_task",
    "duplicate_attribute",
    "self_local",
    "self_task",
)


def load(path: Path) -> Loaded:
    return load_project(
        DictTree({path.name: path.read_bytes(), **BESIDE}), folder_name="project", version="0.1.0"
    )


def fixtures(kind: str) -> list[Path]:
    found = sorted((LANGUAGE / kind).glob("*.hcl"))
    assert found
    return found


def markers(path: Path, word: str) -> list[tuple[int, str]]:
    return [
        (number + int(further or 0), text.strip())
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for further, text in re.findall(rf"# {word}(\+\d)?: (.*?)(?= # {word}|$)", line)
    ]


def unexplained(loaded: Loaded, expected: list[tuple[int, str]], word: str) -> list[str]:
    """The diagnostics without a marker, and the markers without a diagnostic."""
    left = [
        (each.subject.line if each.subject else 0, each.summary)
        for each in loaded.diagnostics
        if each.severity.value == word
    ]
    missing = []
    for line, text in expected:
        match = next((found for found in left if found[0] == line and text in found[1]), None)
        if match is None:
            missing.append(f"missing: {line}: {text}")
        else:
            left.remove(match)
    return missing + [f"surplus: {line}: {text}" for line, text in left]


@pytest.mark.parametrize("path", fixtures("invalid"), ids=lambda path: path.stem)
def test_invalid_files_are_wrong_exactly_where_they_say(path: Path) -> None:
    loaded = load(path)

    assert loaded.project is None
    assert unexplained(loaded, markers(path, "ERROR"), "error") == []


@pytest.mark.parametrize("path", fixtures("warning"), ids=lambda path: path.stem)
def test_warnings_stand_where_they_say_and_prevent_nothing(path: Path) -> None:
    loaded = load(path)

    assert loaded.project is not None
    assert unexplained(loaded, markers(path, "WARNING"), "warning") == []


@pytest.mark.parametrize("path", fixtures("valid"), ids=lambda path: path.stem)
def test_valid_files_load_and_compile_without_a_word(path: Path) -> None:
    tree = DictTree({path.name: path.read_bytes(), **BESIDE})
    lib = Pinned(git="/lib", revision="a" * 40, tree=DictTree(BESIDE))
    loaded = load_project(tree, folder_name="project", version="0.1.0", pins={"lib": lib})

    assert render(loaded.diagnostics) == ""
    assert loaded.project is not None
    for workflow in loaded.project.workflows.values():
        assert compile_workflow(loaded.project, workflow, tree).tasks


@pytest.mark.parametrize("name", GOLDEN)
def test_rendered_diagnostics_read_as_they_were_approved(name: str) -> None:
    """A changed text is approved by copying it to the golden file; read it first."""
    loaded = load(LANGUAGE / "invalid" / f"{name}.hcl")

    assert render(loaded.diagnostics) == (LANGUAGE / "golden" / f"{name}.txt").read_text()


def test_every_diagnostic_has_a_remedy() -> None:
    for kind in ("invalid", "warning"):
        for path in fixtures(kind):
            for each in load(path).diagnostics:
                assert each.detail.endswith((".", "?", "}", ")")), each


ELSEWHERE = {
    "file-too-large",
    "foreign-file",
    "unreadable-file",
    "required-version",
    "invalid-project-name",
    "unknown-variable",
}
"""Codes that need more than one file, or a large one, or something beside it; other tests have them."""


def test_every_code_of_the_language_has_a_fixture() -> None:
    modules = (
        calendars,
        checks,
        graph,
        load_module,
        moves,
        named,
        policies,
        reading,
        references,
        schedules,
        secrets,
        sensitive,
        sensitive,
        sources,
        tasks,
        variables,
    )
    registered = {
        code
        for module in modules
        for code in re.findall(r'^ +"([a-z-]+)": "', inspect.getsource(module), re.MULTILINE)
    }
    seen = {
        each.code
        for kind in ("invalid", "warning")
        for path in fixtures(kind)
        for each in load(path).diagnostics
    }

    assert (registered & set(CODES)) - seen == ELSEWHERE


@pytest.mark.parametrize("path", fixtures("mistakes"), ids=lambda path: path.stem)
def test_a_mistake_that_people_make_is_explained(path: Path) -> None:
    """One thing is wrong in each file. Read a message that has changed before you replace its golden file."""
    loaded = load(path)

    assert loaded.project is None
    assert render(loaded.diagnostics) == path.with_suffix(".txt").read_text()
