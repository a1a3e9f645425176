"""The pages: generated ones are up to date, links lead somewhere, and commands that are shown exist."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from cronicle.cli.app import COMMANDS
from cronicle.config.schema import FILE, LATER, blocks_below
from grammar.functions import FUNCTIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "editors/*/*.md", "examples/**/*.md", "grammar/*.md")
    for path in ROOT.glob(pattern)
    if ".cronicle" not in path.parts
)
COMMAND = re.compile(r"(?:^ {4}(?:\$ )?|`|&& )cronicle ([a-z]+)", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#([^)\s]*))?\)")

named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def test_the_generated_pages_are_what_the_code_says():
    """Write them anew with `python docs/generate.py`."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@named
def test_links_lead_somewhere(page):
    prose = re.sub(r"^ {4}.*$", "", page.read_text("utf-8"), flags=re.MULTILINE)
    for target, anchor in LINK.findall(prose):
        found = page.parent / target
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found)


def anchors(page: Path) -> set[str]:
    """What may stand after `#`: the headings as web pages of git write them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@named
def test_commands_that_are_shown_exist(page):
    shown = set(COMMAND.findall(page.read_text("utf-8")))
    assert shown <= set(COMMANDS)


@named
def test_files_that_are_named_exist(page):
    """`engine/runner.py` may stand for `cronicle/engine/runner.py`."""
    names = re.findall(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|md|hcl|sh|toml))`", page.read_text("utf-8"))
    names = [name for name in names if "NAME" not in name and not name.startswith((".", "cronicle/settings"))]
    places = (page.parent, ROOT, ROOT / "cronicle")
    assert [name for name in names if not any((place / name).exists() for place in places)] == []


def test_every_command_says_in_the_readme_that_it_is_there():
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`{name}`" not in text and f"cronicle {name}" not in text] == []


def test_the_reference_has_every_word_of_the_language():
    text = (ROOT / "docs/reference/language.md").read_text("utf-8")
    words = {name for block in blocks_below(FILE) for name in (*block.attributes, *block.blocks)}
    missing = [word for word in sorted({*words, *FUNCTIONS}) if not re.search(rf"[`› ]{word}\b", text)]
    assert missing == []
    assert all(f"`{word}`" in text for words in LATER.values() for word in words)


def test_the_reference_has_every_exit_code():
    from cronicle.errors import ExitCode

    text = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    assert re.findall(r"^\| (\d+) \|", text, re.MULTILINE) == [str(code.value) for code in ExitCode]


def test_the_printed_shapes_are_the_schema():
    """What `to_builtins` spells otherwise than the class, the schema spells so, too."""
    page = runpy.run_path(str(ROOT / "docs/generate.py"))["json_page"]()

    assert '"from": {' in page
    assert "from_" not in page


def test_every_folder_of_tests_is_told_of():
    text = (ROOT / "docs/testing.md").read_text("utf-8")
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert folders | {"tests/language"} == set(re.findall(r"`(tests/\w+)`", text.partition("Rules:")[0]))


def test_every_decision_is_listed():
    folder = ROOT / "docs/decisions"
    listed = LINK.findall((folder / "README.md").read_text("utf-8"))
    assert {target for target, _ in listed} == {path.name for path in folder.glob("[0-9]*.md")}


def test_the_readme_has_two_commands_of_one_line_each():
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert [block.count("\n") for block in blocks] == [1, 1]
